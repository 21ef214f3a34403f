"""Committed cells of one slab, in runs of one integer type each, so that small integers stay small.

A run begins at a multiple of the slab's rows; a block of a column lies in one run. What is in no run is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# The types of runs; each that is used makes its own version of a kernel.
SMALL = (np.dtype(np.int16), np.dtype(np.uint16))
LARGE = np.dtype(np.int64)
# Smaller pieces are not worth a run of their own.
LEAST = 1 << 12
# A piece of at least this many cells that lies together in its column is not copied.
VIEWED = 1 << 18


@dataclass(frozen=True)
class Run:
    start: int
    cells: np.ndarray

    @property
    def end(self) -> int:
        return self.start + self.cells.size


class Cells:
    """``runs`` in order; ``cells[first:end]`` are cells of one run."""

    def __init__(self, runs: Sequence[Run]):
        self.runs = list(runs)
        self._starts = np.array([run.start for run in self.runs])

    def __getitem__(self, span: slice) -> np.ndarray:
        run = self.runs[int(np.searchsorted(self._starts, span.start, "right")) - 1]
        assert run.start <= span.start and span.stop <= run.end
        return run.cells[span.start - run.start : span.stop - run.start]


def gathered(pieces: Iterable[tuple[int, np.ndarray]], unit: int) -> Cells:
    """Pieces of columns, each with its start in the slab, which are ``unit`` cells or a multiple apart."""
    runs: list[Run] = []
    open_: list[tuple[int, np.ndarray]] = []

    def close() -> None:
        if open_:
            start, (last, piece) = open_[0][0], open_[-1]
            size = -(-(last + piece.size - start) // unit) * unit
            cells = np.zeros(size, _type(open_[0][1]))
            for at, piece in open_:
                cells[at - start : at - start + piece.size].reshape(piece.shape)[...] = piece
            runs.append(Run(start, cells))
            open_.clear()

    for start, piece in sorted(pieces, key=lambda item: item[0]):
        if piece.size >= VIEWED and piece.dtype in SMALL and piece.flags.c_contiguous:
            close()
            runs.append(Run(start, piece.reshape(-1)))
            continue
        if open_ and _type(piece) != _type(open_[0][1]):
            close()
        open_.append((start, piece))
    close()
    return Cells(runs)


def _type(piece: np.ndarray) -> np.dtype:
    if piece.size < LEAST:
        return LARGE
    if piece.dtype in SMALL:
        return piece.dtype
    return SMALL[0] if piece.dtype.itemsize == 1 else LARGE
