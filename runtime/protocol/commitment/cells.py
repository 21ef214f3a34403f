"""Committed cells of one slab, in runs of one integer type each, so that small integers stay small.

A run begins at a multiple of the slab's rows; a block of a column lies in one run. What is in no run is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import ZklemmaError
from ...kernels.pool import chunks

# The types of runs; each that is used makes its own version of a kernel.
SMALL = (np.dtype(np.int16), np.dtype(np.uint16), np.dtype(np.int32))
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
    """``runs`` in order, in a slab of ``rows`` rows; ``cells[first:end]`` are cells of one run."""

    def __init__(self, runs: Sequence[Run], rows: int):
        self.runs = list(runs)
        self.rows = rows
        self._starts = np.array([run.start for run in self.runs])

    def __getitem__(self, span: slice) -> np.ndarray:
        run = self.runs[int(np.searchsorted(self._starts, span.start, "right")) - 1]
        if not run.start <= span.start <= span.stop <= run.end:
            raise ZklemmaError(f"cells {span.start} to {span.stop} are not in one run")
        return run.cells[span.start - run.start : span.stop - run.start]


def gathered(pieces: Iterable[tuple[int, np.ndarray]], rows: int) -> Cells:
    """Pieces of columns, each with its start in a slab of ``rows`` rows, a multiple of them."""
    runs: list[Run] = []
    copied: list[tuple[int, np.ndarray]] = []
    for start, piece in sorted(pieces, key=lambda item: item[0]):
        viewed = piece.size >= VIEWED and piece.dtype in SMALL and piece.flags.c_contiguous
        if copied and (viewed or _type(piece) != _type(copied[0][1])):
            runs.append(_copy(copied, rows))
            copied = []
        if viewed:
            runs.append(Run(start, piece.reshape(-1)))
        else:
            copied.append((start, piece))
    if copied:
        runs.append(_copy(copied, rows))
    return Cells(runs, rows)


def _copy(pieces: Sequence[tuple[int, np.ndarray]], rows: int) -> Run:
    """One run of pieces in order, with zeros between them."""
    (first, piece), (last, end) = pieces[0], pieces[-1]
    cells = np.zeros(-(-(last + end.size - first) // rows) * rows, _type(piece))
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for start, piece in pieces:
        target = cells[start - first :][: piece.size].reshape(piece.shape)
        rows_apart = piece.ndim > 1 and piece.size >= VIEWED
        parts += zip(target, piece, strict=True) if rows_apart else [(target, piece)]

    def copy(lo: int, hi: int) -> None:
        for target, source in parts[lo:hi]:
            target[...] = source

    chunks(copy, len(parts), 1)
    return Run(first, cells)


def _type(piece: np.ndarray) -> np.dtype:
    return run_type(piece.dtype) if piece.size >= LEAST else LARGE


def run_type(dtype: np.dtype) -> np.dtype:
    """The type of the runs that large pieces of that type are copied to."""
    if dtype in SMALL:
        return dtype
    return SMALL[0] if dtype.itemsize == 1 else LARGE
