"""Committed cells as messages: rows of integers, then mask cells, made a few at a time.

Cell i of a slab of 2^b rows is in row i mod 2^b, column i div 2^b. Slabs stand below one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...kernels.lift import lift_columns
from ..parameters import Parameters
from .cells import Cells


class Slabs:
    """``cells``: the integers of each slab; ``masks`` (rows, mask columns) of F, of all slabs; ``below``:
    more rows, of whole messages."""

    def __init__(
        self,
        p: Parameters,
        cells: Sequence[Cells],
        masks: np.ndarray,
        below: np.ndarray | None = None,
    ):
        self.dimension = 1 << p.log_columns
        self._data = p.data_columns
        self._cells = cells
        self._masks = masks
        self._below = np.empty((0, self.dimension), np.uint64) if below is None else below

    def __iter__(self) -> Iterator[tuple[Cells, np.ndarray]]:
        """The slabs with their masks, (rows, mask columns) each."""
        end = 0
        for cells in self._cells:
            start, end = end, end + cells.rows
            yield cells, self._masks[start:end]

    @property
    def rows(self) -> int:
        return len(self._masks) + len(self._below)

    def fill(self, first: int, out: np.ndarray) -> None:
        start, last = 0, first + len(out)
        for cells, masks in self:
            low, high = max(first - start, 0), min(last - start, cells.rows)
            if low < high:
                part = out[start + low - first : start + high - first]
                self._fill(cells, low, part)
                part[:, self._data :] = masks[low:high]
            start += cells.rows
        if last > start:
            low = max(first - start, 0)
            out[start + low - first :] = self._below[low : last - start]

    def _fill(self, cells: Cells, row: int, out: np.ndarray) -> None:
        """The data of a slab's rows from ``row`` on."""
        end = 0
        for run in cells.runs:
            start = run.start // cells.rows
            grid = run.cells.reshape(len(run.cells), -1, cells.rows)
            out[:, end:start] = 0
            end = run.end // cells.rows
            lift_columns(grid, row, out[:, start:end])
        out[:, end : self._data] = 0
