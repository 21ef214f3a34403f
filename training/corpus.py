"""Prose harvested from installed Python sources, filtered to full English sentences.

The docstrings and comment blocks of the standard library and of the installed packages are a
body of text every user of this recipe already has, so nothing is downloaded. A document is one
paragraph. A paragraph is kept when it reads as sentences: it starts with a capital, ends with a
full stop, consists mostly of lower-case words, and holds no code, table, markup or path. What is
kept is ASCII, one line, and unique. `split` holds out two percent by a hash of the text, so that
a paragraph stays on its side whatever else changes.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import io
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    "galois",
    "huggingface_hub",
    "hypothesis",
    "lark",
    "mpmath",
    "networkx",
    "numba",
    "numpy",
    "pip",
    "pydantic",
    "pytest",
    "rich",
    "setuptools",
    "sympy",
    "torch",
    "transformers",
    "typer",
    "xdsl",
)
HOLD_OUT_PERCENT = 2
MIN_CHARS, MAX_CHARS = 50, 900

# Tests hold little prose for their size. Packages under site-packages are visited by name.
_SKIPPED_FOLDERS = {"site-packages", "test", "tests", "idle_test"}

_CODE = re.compile(r">>>|[\[\]{}<>|\\^~@#$%&*=`_]|::|\.\w+\(|\w\.\w|\w/\w|https?:|--|\d{5}|\(\)|;")
_INLINE_MARKUP = re.compile(
    r"(?::[a-z:]+:)?(?P<ticks>`{1,2})(?P<word>[A-Za-z][A-Za-z ]*)(?P=ticks)"
)
_WORD = re.compile(r"[A-Za-z']+")
_NOT_PROSE = re.compile(r"copyright|license|warrant|todo|fixme|xxx|noqa|type: ignore", re.I)
_TYPOGRAPHY = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
# Templated model documentation repeats one sentence hundreds of times with a name exchanged.
_MAX_SAME_OPENING = 12
_OPENING_WORDS = 4


def source_files() -> Iterator[Path]:
    """Every Python file of the standard library and of PACKAGES that are installed, in order."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    roots = [stdlib]
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            roots.extend(Path(place) for place in spec.submodule_search_locations)
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            if _SKIPPED_FOLDERS.isdisjoint(path.relative_to(root).parts):
                yield path


def _texts(source: str) -> Iterator[str]:
    """Docstrings and blocks of comment lines of one module."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            if doc:
                yield inspect.cleandoc(doc)
    block: list[str] = []
    last_row = -2
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type != tokenize.COMMENT or token.line.strip() != token.string.strip():
                continue
            if token.start[0] != last_row + 1:
                yield "\n".join(block)
                block = []
            last_row = token.start[0]
            block.append(token.string.lstrip("#:").strip())
    except (tokenize.TokenError, IndentationError):
        pass
    yield "\n".join(block)


def clean(paragraph: str) -> str | None:
    """The paragraph as one line of plain prose, or None if it is not prose."""
    text = " ".join(paragraph.split()).translate(_TYPOGRAPHY)
    text = _INLINE_MARKUP.sub(lambda match: match["word"], text)
    if not (MIN_CHARS <= len(text) <= MAX_CHARS) or not text.isascii() or not text.isprintable():
        return None
    if not text[0].isupper() or text[-1] not in ".!?" or text.endswith("..."):
        return None
    if _CODE.search(text.replace("e.g.", "").replace("i.e.", "")) or _NOT_PROSE.search(text):
        return None
    words = _WORD.findall(text)
    plain = sum(word.islower() for word in words)
    letters = sum(map(len, words))
    if len(words) < 8 or plain < 0.8 * len(words) or letters < 0.75 * len(text):
        return None
    return text


def paragraphs() -> list[str]:
    """All unique prose paragraphs, in the order in which they are found."""
    seen: set[str] = set()
    openings: dict[str, int] = {}
    found: list[str] = []
    for path in source_files():
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for text in _texts(source):
            for paragraph in re.split(r"\n\s*\n", text):
                line = clean(paragraph)
                if line is None or line in seen:
                    continue
                seen.add(line)
                opening = " ".join(line.split()[:_OPENING_WORDS])
                openings[opening] = openings.get(opening, 0) + 1
                if openings[opening] <= _MAX_SAME_OPENING:
                    found.append(line)
    return found


def is_held_out(text: str) -> bool:
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HOLD_OUT_PERCENT


def split(texts: list[str]) -> tuple[list[str], list[str]]:
    """(training, held-out) texts."""
    return [t for t in texts if not is_held_out(t)], [t for t in texts if is_held_out(t)]
