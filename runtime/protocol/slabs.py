"""Committed cells as messages: rows of integers, then mask cells, made a few at a time.

Cell i of a slab is in row i mod 2^r, column i div 2^r. Slabs stand below one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..kernels.lift import lift_columns
from .cells import Cells
from .parameters import Parameters


class Slabs:
    """``cells``: the integers of each slab; ``masks`` (slabs, rows, mask columns) of F; ``below``: more
    rows, of whole messages."""

    def __init__(
        self,
        p: Parameters,
        cells: Sequence[Cells],
        masks: np.ndarray | Sequence[np.ndarray],
        below: np.ndarray | None = None,
    ):
        self.dimension = 1 << p.log_columns
        self._height = 1 << p.row_bits
        self._data = p.data_columns
        self._cells = cells
        self._masks = masks
        self._below = np.empty((0, self.dimension), np.uint64) if below is None else below

    @property
    def rows(self) -> int:
        return len(self._cells) * self._height + len(self._below)

    def fill(self, first: int, out: np.ndarray) -> None:
        done = 0
        while done < len(out):
            slab, row = divmod(first + done, self._height)
            if slab >= len(self._cells):
                start = first + done - len(self._cells) * self._height
                out[done:] = self._below[start : start + len(out) - done]
                break
            count = min(self._height - row, len(out) - done)
            part = out[done : done + count]
            end = 0
            for start, grid in self._grids(slab):
                part[:, end:start] = 0
                end = start + len(grid)
                lift_columns(grid, row, part[:, start:end])
            part[:, end : self._data] = 0
            part[:, self._data :] = self._masks[slab][row : row + count]
            done += count

    def _grids(self, slab: int) -> Iterator[tuple[int, np.ndarray]]:
        """A slab's runs: the first column and the cells, (columns, rows)."""
        for run in self._cells[slab].runs:
            yield run.start // self._height, run.cells.reshape(-1, self._height)
