"""Committed cells of one slab, in runs of one integer type each, so that small integers stay small.

A run begins at a multiple of the slab's rows; a block of a column lies in one run. What is in no run is zero.
A large block of a column is not copied where it lies in parts of one length at one distance, as a part of the
channels of all tokens does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import ZklemmaError
from ...kernels.pool import chunks
from ..plan import Placed

# The types of runs; each that is used makes its own version of a kernel.
SMALL = (np.dtype(np.int16), np.dtype(np.uint16), np.dtype(np.int32))
LARGE = np.dtype(np.int64)
# Smaller pieces are not worth a run of their own.
LEAST = 1 << 12
# A piece of at least this many cells is not copied, if it lies in parts.
VIEWED = 1 << 18
# Cells of parts that are copied together at a time, where they have to be.
TOGETHER = 1 << 20


@dataclass(frozen=True)
class Run:
    """``cells`` (parts, cells of a part); those of a part lie together."""

    start: int
    cells: np.ndarray

    @property
    def end(self) -> int:
        return self.start + self.cells.size

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """The cells in order, some at a time, lying together, each with its start."""
        parts, length = self.cells.shape
        step = max(1, TOGETHER // length)
        for first in range(0, parts, step):
            yield self.start + first * length, self.cells[first : first + step].reshape(-1)

    def __getitem__(self, span: slice) -> np.ndarray:
        length = self.cells.shape[1]
        first, last = span.start - self.start, span.stop - self.start
        low, high = first // length, -(-last // length)
        return self.cells[low:high].reshape(-1)[first - low * length : last - low * length]


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
        return run[span]


def gathered(pieces: Iterable[tuple[int, np.ndarray]], rows: int) -> Cells:
    """Pieces of columns, each with its start in a slab of ``rows`` rows, a multiple of them."""
    runs: list[Run] = []
    copied: list[tuple[int, np.ndarray]] = []
    for start, piece in sorted(pieces, key=lambda item: item[0]):
        strides = [stride // piece.itemsize for stride in piece.strides]
        viewed = parts(piece.dtype, piece.shape, strides, rows)
        if copied and (viewed or _type(piece) != _type(copied[0][1])):
            runs.append(_copy(copied, rows))
            copied = []
        if viewed:
            runs.append(Run(start, piece.reshape(viewed)))
        else:
            copied.append((start, piece))
    if copied:
        runs.append(_copy(copied, rows))
    return Cells(runs, rows)


def parts(
    dtype: np.dtype, shape: Sequence[int], strides: Sequence[int], rows: int
) -> tuple[int, int] | None:
    """How many parts of how many cells a piece lies in, if it is not to be copied; strides in cells."""
    if dtype not in SMALL or math.prod(shape) < VIEWED:
        return None
    axes = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size > 1]
    length = 1
    while axes and axes[-1][1] == length:
        length *= axes.pop()[0]
    count, apart = 1, axes[-1][1] if axes else length
    if apart < length:
        return None
    for size, stride in reversed(axes):
        if stride != apart * count:
            return None
        count *= size
    return (count, length) if length % rows == 0 else None


def _copy(pieces: Sequence[tuple[int, np.ndarray]], rows: int) -> Run:
    """One run of pieces in order, with zeros between them."""
    (first, piece), (last, end) = pieces[0], pieces[-1]
    cells = np.zeros(-(-(last + end.size - first) // rows) * rows, _type(piece))
    copies: list[tuple[np.ndarray, np.ndarray]] = []
    for start, piece in pieces:
        target = cells[start - first :][: piece.size].reshape(piece.shape)
        rows_apart = piece.ndim > 1 and piece.size >= VIEWED
        copies += zip(target, piece, strict=True) if rows_apart else [(target, piece)]

    def copy(lo: int, hi: int) -> None:
        for target, source in copies[lo:hi]:
            target[...] = source

    chunks(copy, len(copies), 1)
    return Run(first, cells.reshape(1, -1))


def _type(piece: np.ndarray) -> np.dtype:
    return run_type(piece.dtype) if piece.size >= LEAST else LARGE


def run_type(dtype: np.dtype) -> np.dtype:
    """The type of the runs that large pieces of that type are copied to."""
    if dtype in SMALL:
        return dtype
    return SMALL[0] if dtype.itemsize == 1 else LARGE


def lay_out(
    placed: Mapping[str, list[Placed]],
    columns: Mapping[str, np.ndarray],
    first_slab: int,
    slabs: Sequence[int],
) -> list[Cells]:
    """Columns in their places, the cells of each slab; ``slabs`` are the log2 of their rows."""
    pieces: list[list[tuple[int, np.ndarray]]] = [[] for _ in slabs]
    for name, array in columns.items():
        for block in placed[name]:
            pieces[block.slab - first_slab].append((block.start, array[block.piece.slices]))
    return [gathered(found, 1 << bits) for found, bits in zip(pieces, slabs, strict=True)]
