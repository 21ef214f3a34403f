"""What the tokenizer of a key may be made of: the parts of Gemma's, Llama's and GPT-2's.

A tokenizer's file can ask the tokenizers' library for any regular expression and for texts that double at each
of many steps; the library then takes all time or ends the process. A part is known by its name here, in a flat
sequence of few; regular expressions are those of known models, and what steps can add and take is bounded by
`cost`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST_PARTS = 8
# Of patterns, of what takes their place, and of templates.
LONGEST = 32
MOST_ADDED = 1 << 14
LONGEST_ADDED = 255
# Times that all steps of a kind together can lengthen a text.
MOST_GROWTH = 512

_SEQUENCES = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "post_processor": "processors",
    "decoder": "decoders",
}
# By how much each can lengthen a text, in bytes, where that does not depend on its settings.
_KINDS: dict[str, dict[str, int | None]] = {
    "normalizer": {
        **{"NFC": 3, "NFD": 4, "NFKC": 12, "NFKD": 12, "Lowercase": 2, "Strip": 1},
        **{"Replace": None, "Prepend": None},
    },
    # A mark before each word; bytes as characters of two.
    "pre_tokenizer": {
        **{"Metaspace": 4, "ByteLevel": 3, "Split": None, "Digits": 1, "Punctuation": 1},
        **{"Whitespace": 1, "WhitespaceSplit": 1},
    },
    "post_processor": {"TemplateProcessing": None, "ByteLevel": 1},
    "decoder": {
        **{"ByteFallback": 3, "Fuse": 1, "Strip": None, "ByteLevel": 3, "Metaspace": 1},
        "Replace": None,
    },
}
_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_LATER = (
    r"(?i:" + _CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# GPT-2, Llama 3, Qwen 2.
_EXPRESSIONS = (
    _CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    _LATER % "{1,3}",
    _LATER % "",
)


def cost(whole: Mapping[str, Any]) -> int:
    """By how much encoding or decoding can lengthen a text, times the parts that then go over it, of a tokenizer's
    JSON; ValueError for parts that are not allowed."""
    found, steps = {}, {}
    for kind, name in _SEQUENCES.items():
        part = whole.get(kind)
        parts = [] if part is None else [part]
        if isinstance(part, Mapping) and part.get("type") == "Sequence":
            parts = part.get(name)
        if not isinstance(parts, list) or len(parts) > MOST_PARTS:
            raise ValueError(f"its {kind} is not one of at most {MOST_PARTS} parts")
        found[kind] = math.prod(_growth(kind, part) for part in parts)
        steps[kind] = len(parts)
    ways = ("normalizer", "pre_tokenizer"), ("decoder",)
    growths = [math.prod(found[kind] for kind in kinds) for kinds in ways]
    if max(growths) > MOST_GROWTH:
        raise ValueError(f"its parts can make a text more than {MOST_GROWTH} times as long")
    counts = [max(1, sum(steps[kind] for kind in kinds)) for kinds in ways]
    return max(growth * count for growth, count in zip(growths, counts, strict=True))


def check_added(contents: Sequence[Any]) -> None:
    """ValueError for too many added tokens, or too long ones."""
    if len(contents) > MOST_ADDED:
        raise ValueError(f"it has more than {MOST_ADDED} added tokens")
    if not all(_short(content, LONGEST_ADDED) for content in contents):
        raise ValueError(f"an added token is not a text of 1 to {LONGEST_ADDED} bytes")


def _growth(kind: str, part: Any) -> int:
    name = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(name, str) or name not in _KINDS[kind]:
        raise ValueError(f"its {kind} is of a kind that is not allowed: {name}")
    known = _KINDS[kind][name]
    if known is not None:
        return known
    try:
        fits, times = _SETTINGS[name](part)
    except (KeyError, TypeError, AttributeError):
        fits, times = False, 1
    if not fits:
        raise ValueError(f"its {kind} {name} has settings that are not allowed")
    return times


def _replace(part: Mapping[str, Any]) -> tuple[bool, int]:
    pattern, content = _string(part["pattern"]), part["content"]
    if not _short(pattern) or not (content == "" or _short(content)):
        return False, 1
    return True, max(1, -(-len(content.encode()) // len(pattern.encode())))


def _prepend(part: Mapping[str, Any]) -> tuple[bool, int]:
    # It may stand before each character, where others are added tokens.
    fits = _short(part["prepend"])
    return fits, 1 + len(part["prepend"].encode()) if fits else 1


def _split(part: Mapping[str, Any]) -> tuple[bool, int]:
    pattern = part["pattern"]
    known = isinstance(pattern, Mapping) and pattern.get("Regex") in _EXPRESSIONS
    return (known and len(pattern) == 1) or _short(_string(pattern)), 1


def _strip(part: Mapping[str, Any]) -> tuple[bool, int]:
    counts = [part["start"], part["stop"]]
    # The library panics where what it strips at both ends overlaps.
    return 0 in counts and all(type(x) is int and 0 <= x <= LONGEST for x in counts), 1


def _template(part: Mapping[str, Any]) -> tuple[bool, int]:
    """A text stands in its template once, a pair of them once each, beside few special tokens."""
    single, pair, special = part["single"], part["pair"], part["special_tokens"]
    fits = all(isinstance(x, list) and len(x) <= LONGEST for x in (single, pair))
    fits = fits and isinstance(special, Mapping) and len(special) <= LONGEST
    fits = fits and all(len(x["ids"]) <= LONGEST for x in special.values())
    return fits and sum("Sequence" in x for x in single) <= 1, 1


_SETTINGS = {
    "Replace": _replace,
    "Prepend": _prepend,
    "Split": _split,
    "Strip": _strip,
    "TemplateProcessing": _template,
}


def _string(pattern: Any) -> Any:
    """The text that a pattern is, if it is one."""
    return pattern["String"] if isinstance(pattern, Mapping) and [*pattern] == ["String"] else None


def _short(text: Any, most: int = LONGEST) -> bool:
    return isinstance(text, str) and 0 < len(text.encode()) <= most
