"""Committed cells as messages: rows of integers, then mask cells, made a few at a time.

Cell i of a slab is in row i mod 2^r, column i div 2^r. Slabs stand below one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import field
from ..kernels.evaluations import evaluate_rows
from ..kernels.lift import lift_columns
from .parameters import Parameters


class Slabs:
    """``cells``: the integers of each slab, in any type; ``masks`` (slabs, rows, mask columns) of F."""

    def __init__(self, p: Parameters, cells: np.ndarray | Sequence[np.ndarray], masks: np.ndarray):
        self._height = 1 << p.row_bits
        self._data = p.data_columns
        self._grids = [slab.reshape(-1, self._height) for slab in cells]
        self._masks = masks

    @property
    def rows(self) -> int:
        return len(self._grids) * self._height

    def fill(self, first: int, out: np.ndarray) -> None:
        done = 0
        while done < len(out):
            slab, row = divmod(first + done, self._height)
            count = min(self._height - row, len(out) - done)
            part = out[done : done + count]
            lift_columns(self._grids[slab], row, part[:, : self._data])
            part[:, self._data :] = self._masks[slab, row : row + count]
            done += count

    def at(self, points: np.ndarray) -> np.ndarray:
        data = evaluate_rows([grid.T for grid in self._grids], points)
        masks = evaluate_rows(list(self._masks), points)
        return field.add(data, field.mul(field.power(points, self._data), masks))
