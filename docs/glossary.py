"""Fills in where the words of docs/glossary.md live: the file that defines each symbol, found in the syntax trees.

A row of that page is a word, a sentence, a symbol in backquotes, and a link. The symbol is a class, a function, a
method (`Class.method`) or a constant; where there are several of its name, a folder before it says which one
(`runtime:Form`). ``python docs/glossary.py`` (or ``make docs``) writes the links, again after files have moved; a
test checks that they are what it would write.

Errors: `SystemExit` for a symbol that is defined nowhere, or more than once.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "glossary.md"
FOLDERS = ("compiler", "dialects", "runtime", "tools")
ROW = re.compile(r"^\| (.+?) \| (.+?) \| `([\w.:/]+)`(?: in \[.*\))? \|$", re.MULTILINE)


def definitions() -> dict[str, list[str]]:
    """The files that define each symbol, as paths from the root."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in _symbols(ast.parse(path.read_text(encoding="utf-8")), ""):
                found[name].append(path.relative_to(ROOT).as_posix())
    return found


def _symbols(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for part in node.body:
        if isinstance(part, ast.ClassDef | ast.FunctionDef):
            yield prefix + part.name
            if isinstance(part, ast.ClassDef):
                yield from _symbols(part, f"{part.name}.")
        elif isinstance(part, ast.Assign | ast.AnnAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            names = [name for target in targets for name in ast.walk(target)]
            yield from (prefix + name.id for name in names if isinstance(name, ast.Name))


def linked(page: str) -> str:
    """The page with the link of each row."""
    found = definitions()

    def row(match: re.Match[str]) -> str:
        word, sentence, symbol = match.groups()
        folder, _, name = symbol.rpartition(":")
        files = [path for path in found[name] if path.startswith(folder)]
        if len(files) != 1:
            where = ", ".join(files) or "no file"
            raise SystemExit(f"{PAGE.name}: {word}: {symbol} is defined in {where}")
        return f"| {word} | {sentence} | `{symbol}` in [{files[0]}](../{files[0]}) |"

    return ROW.sub(row, page)


if __name__ == "__main__":
    PAGE.write_text(linked(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
