"""How conversations are written: the special tokens that begin and end a turn, by template."""

from __future__ import annotations

from typing import NamedTuple


class Marks(NamedTuple):
    """A turn is ``begin``, who speaks, a line end, what is said, ``end`` and a line end."""

    begin: str
    end: str
    model: str
    """Who speaks in the model's turns."""


GEMMA = Marks("<start_of_turn>", "<end_of_turn>", "model")
CHAT_ML = Marks("<|im_start|>", "<|im_end|>", "assistant")
MARKS = (GEMMA, CHAT_ML)
