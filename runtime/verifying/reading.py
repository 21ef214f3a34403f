"""What a statement's tokens say to people, and whether the text that they read says which tokens it was.

Tokens are *canonical* if the tokenizer makes just these of the text that they decode to, special tokens written as
their text, with the start that it gives every text. Then the text says all: no other canonical tokens have it. A
prompt must be canonical, as whoever proves chooses it: the same text cut into other tokens, or without its start,
may have another answer. An answer is the model's; where its text does not say which tokens it is made of (the
model chose others, ids that no token has, the start of a character), they are shown beside it.

An answer ends at the first of the key's ``eos`` tokens. That one and what follows are no part of its text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from ...turns import MARKS, Marks
from ..visible import quote

Pieces = list[tuple[int, str | None]]


class Canonical(Protocol):
    """What says whether tokens are canonical."""

    def tokenize(self, text: str) -> list[int]: ...
    def text(self, tokens: Sequence[int]) -> str: ...


class Words(Canonical, Protocol):
    """What turns tokens into text: a `VerifyingKey`."""

    @property
    def eos(self) -> Sequence[int]: ...
    @property
    def frame(self) -> tuple[list[int], list[int]]: ...
    def pieces(self, tokens: Sequence[int]) -> Pieces: ...
    def continuation(self, prompt: Sequence[int], output: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class Said:
    """An answer: its text, how many of its tokens make that, and the id that ended it, None if nothing did."""

    text: str
    length: int
    end: int | None


def fault(key: Canonical, prompt: Sequence[int]) -> str | None:
    """Why a prompt's tokens are not canonical, None if they are."""
    text, ids = key.text(prompt), list(prompt)
    wanted = key.tokenize(text)
    if wanted == ids:
        return None
    pairs = list(zip(ids, wanted, strict=False))
    at = next((i for i, (found, other) in enumerate(pairs) if found != other), len(pairs))
    found, other = (f"{x[at]}" if at < len(x) else "none" for x in (ids, wanted))
    return (
        f"the prompt's tokens are not those that the tokenizer makes of its text ({quote(text[:40])}): number "
        f"{at + 1} is {found}, not {other}"
    )


def said(key: Words, prompt: Sequence[int], output: Sequence[int]) -> Said:
    """What an output says after a prompt, which is empty if it is not known."""
    length = next((i for i, token in enumerate(output) if token in key.eos), len(output))
    end = output[length] if length < len(output) else None
    return Said(key.continuation(prompt, output[:length]), length, end)


def describe(
    key: Words, prompt: Sequence[int] | None, output: Sequence[int] | None, canonical: bool
) -> dict[str, Any]:
    """Plain data about those two that are known; ``canonical`` is whether the prompt is.

    ``prompt`` and ``output``: their texts; ``turns`` of a prompt that is a conversation: who speaks, what, and
    whether the turn is over; ``ended``, ``end`` and ``after_end``: whether the answer was ended, by which id with
    which text, and how many tokens follow; ``pieces``: ids and texts of all tokens of what its text does not
    determine; ``inside_character``: whether the answer was cut inside one.
    """
    report: dict[str, Any] = {
        **dict.fromkeys(("prompt", "output", "turns", "ended", "end", "after_end")),
        "pieces": {},
        "inside_character": False,
    }
    if prompt is not None:
        report["prompt"] = key.text(prompt)
        if canonical:
            report["turns"] = _turns(key, prompt, report["prompt"])
        else:
            report["pieces"]["prompt"] = key.pieces(prompt)
    if output is not None:
        found = said(key, prompt or (), output)
        shown = list(output[: found.length])
        start, end = key.frame
        if shown and key.tokenize(found.text) != [*start, *shown, *end]:
            report["pieces"]["output"] = key.pieces(shown)
            report["inside_character"] = found.text.endswith("\N{REPLACEMENT CHARACTER}")
        report |= {
            "output": found.text,
            "ended": found.end is not None,
            "end": None if found.end is None else key.pieces([found.end])[0],
            "after_end": max(0, len(output) - found.length - 1),
        }
    return report


def _turns(key: Words, prompt: Sequence[int], text: str) -> list[tuple[str, str, bool]] | None:
    """The turns of a canonical prompt that is nothing but turns, as special tokens mark them: who speaks, what, and
    whether the turn is over."""
    for marks in MARKS:
        found = list(_turn(marks).finditer(text))
        if found and "".join(turn[0] for turn in found) == text:
            words = marks.begin, marks.end
            if all(_token_count(key, prompt, word) == text.count(word) for word in words):
                return [(turn[1], turn[2], bool(turn[3])) for turn in found]
    return None


@cache
def _turn(marks: Marks) -> re.Pattern[str]:
    begin, end = re.escape(marks.begin), re.escape(marks.end)
    return re.compile(rf"{begin}([a-z]{{1,16}})\n((?:(?!{begin}|{end}).)*)({end}\n|\Z)", re.DOTALL)


def _token_count(key: Words, tokens: Sequence[int], word: str) -> int | None:
    """How many of the tokens are a word's, None if it is not one token."""
    start, end = key.frame
    ids = key.tokenize(word)
    inner = ids[len(start) : len(ids) - len(end)]
    return list(tokens).count(inner[0]) if len(inner) == 1 else None
