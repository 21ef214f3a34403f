"""Texts of many kinds: prose, programs, languages, conversations, numbers, odd characters, stories.

One set is what ranges are calibrated on, the other what fidelity is measured on; they share nothing.
A file is a kind, named after it. ``chat`` is written in Gemma's template of turns, so that a tokenizer
which has its marks makes one token of each; ``stories`` is what the shipped checkpoint was made for.

Errors: `UserError` for a user's file that holds no text.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import UserError

CALIBRATION = "calibration"
HELD_OUT = "heldout"


def kinds(set_name: str) -> dict[str, str]:
    """The texts of a set by their kind, in alphabetical order."""
    folder = Path(__file__).parent / set_name
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}


def read_text(path: Path) -> str:
    """The text of a user's file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8: give a text file") from None
    if not text.strip():
        raise UserError(f"{path}: the file holds no text")
    return text
