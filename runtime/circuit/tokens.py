"""The token ids of a proof, by position and by what is generated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .extents import Shape


def position_ids(shape: Shape, tokens: np.ndarray) -> np.ndarray:
    """The token id at each of ``shape.rows`` positions: the sequence, then the padding token 0.

    Position prompt + generated - 1, where padding makes room for it, holds the last generated
    token.
    """
    ids = np.zeros(shape.rows, np.int64)
    kept = min(shape.rows, len(tokens))
    ids[:kept] = tokens[:kept]
    return ids


class Tokens:
    """The ids of the prompt and of the generated tokens; none, where a circuit holds them in columns.

    ``at`` (rows,) is the id at each position, ``previous`` and ``next`` (generated,) the one before each
    generated token and itself.
    """

    def __init__(self, ids: Sequence[int] | np.ndarray, shape: Shape):
        self.ids = known = np.asarray(ids, np.int64)
        self.shape = shape
        self.at = position_ids(shape, known)
        self.previous = known[shape.prompt - 1 : -1]
        self.next = known[shape.prompt :]
