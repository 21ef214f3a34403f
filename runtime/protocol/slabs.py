"""Committed cells as messages: rows of integers, then mask cells, made a few at a time.

Cell i of a slab is in row i mod 2^r, column i div 2^r. Slabs stand below one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import field
from ..kernels.evaluations import Evaluator
from ..kernels.lift import lift_columns
from .parameters import Parameters


class Slabs:
    """``cells``: the integers of each slab, in any type; ``masks`` (slabs, rows, mask columns) of F;
    ``below``: more rows, of whole messages."""

    def __init__(
        self,
        p: Parameters,
        cells: np.ndarray | Sequence[np.ndarray],
        masks: np.ndarray | Sequence[np.ndarray],
        below: np.ndarray | None = None,
    ):
        self.dimension = 1 << p.log_columns
        self._height = 1 << p.row_bits
        self._data = p.data_columns
        self._grids = [slab.reshape(-1, self._height) for slab in cells]
        self._masks = masks
        self._below = np.empty((0, self.dimension), np.uint64) if below is None else below

    @property
    def rows(self) -> int:
        return len(self._grids) * self._height + len(self._below)

    def fill(self, first: int, out: np.ndarray) -> None:
        done = 0
        while done < len(out):
            slab, row = divmod(first + done, self._height)
            if slab >= len(self._grids):
                start = first + done - len(self._grids) * self._height
                out[done:] = self._below[start : start + len(out) - done]
                break
            count = min(self._height - row, len(out) - done)
            part = out[done : done + count]
            lift_columns(self._grids[slab], row, part[:, : self._data])
            part[:, self._data :] = self._masks[slab][row : row + count]
            done += count

    def at(self, points: np.ndarray) -> np.ndarray:
        evaluator = Evaluator(points, self.dimension)
        shift = field.power(points, self._data)[:, None]
        found = []
        for grid, masks in zip(self._grids, self._masks, strict=True):
            behind = field.mul(shift, evaluator.columns(masks.T))
            found.append(field.add(evaluator.columns(grid), behind))
        if len(self._below):
            found.append(evaluator.columns(self._below.T))
        return np.concatenate(found, axis=1).T
