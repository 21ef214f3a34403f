"""Committed cells as messages: rows of integers, then mask cells, made a few at a time.

Cell i of a slab is in row i mod 2^r, column i div 2^r. Slabs stand below one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import field
from ..kernels.evaluations import evaluate_rows
from ..kernels.lift import lift_columns
from .cells import Cells
from .parameters import Parameters


class Slabs:
    """``cells``: the integers of each slab; ``masks`` (slabs, rows, mask columns) of F."""

    def __init__(self, p: Parameters, cells: Sequence[Cells], masks: np.ndarray):
        self._height = 1 << p.row_bits
        self._data = p.data_columns
        self._cells = cells
        self._masks = masks

    @property
    def rows(self) -> int:
        return len(self._cells) * self._height

    def fill(self, first: int, out: np.ndarray) -> None:
        done = 0
        while done < len(out):
            slab, row = divmod(first + done, self._height)
            count = min(self._height - row, len(out) - done)
            part = out[done : done + count]
            part[:, : self._data] = 0
            for start, grid in self._grids(slab):
                lift_columns(grid, row, part[:, start : start + len(grid)])
            part[:, self._data :] = self._masks[slab, row : row + count]
            done += count

    def at(self, points: np.ndarray) -> np.ndarray:
        data = np.zeros((self.rows, len(points)), np.uint64)
        for slab, part in enumerate(np.split(data, len(self._cells))):
            for start, grid in self._grids(slab):
                values = field.mul(field.power(points, start), evaluate_rows([grid.T], points))
                part[...] = field.add(part, values)
        masks = evaluate_rows(list(self._masks), points)
        return field.add(data, field.mul(field.power(points, self._data), masks))

    def _grids(self, slab: int) -> Iterator[tuple[int, np.ndarray]]:
        """A slab's runs: the first column and the cells, (columns, rows)."""
        for run in self._cells[slab].runs:
            yield run.start // self._height, run.cells.reshape(-1, self._height)
