"""A band of the square that two axes of one extent make: the blocks of cells that there are.

A position of causal attention sees itself and earlier ones, perhaps only those in a window: half of the square of
positions and what they see is masked, or nearly all. A circuit may say that such cells do not exist, in blocks.
A cell (i, j) is in the band if its block of 2^block by 2^block cells has one with 0 <= i - j < window, any i >= j
where the window is 0. Outside the band columns of the witness are zero and not committed to, and lookups look
nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from .layout import Piece, pieces

# log2 of a block's side: smaller blocks are many pieces and save little.
LEAST_BLOCK, LARGEST_BLOCK = 4, 20


@dataclass(frozen=True)
class Band:
    """``rows`` and ``columns`` are the axes of i and j."""

    rows: str
    columns: str
    window: int
    block: int

    def cells(self, size: int) -> int:
        """Of the square of two axes of that size."""
        side = 1 << self.block
        behind = self.window + side - 2 >> self.block if self.window else size
        ends = [min(start + side, size) for start in range(0, size, side)]
        return sum(
            (end - (row << self.block)) * (end - (max(0, row - behind) << self.block))
            for row, end in enumerate(ends)
        )

    def holds(self, i: tuple[int, int], j: tuple[int, int]) -> bool | None:
        """Whether cells of i in [first, end) and j in [first, end) are in the band: all, none or some (None)."""
        first_i, last_i = i[0] >> self.block, i[1] - 1 >> self.block
        first_j, last_j = j[0] >> self.block, j[1] - 1 >> self.block
        # By how many blocks j may be behind i.
        behind = self.window + (1 << self.block) - 2 >> self.block if self.window else last_i
        if last_i < first_j or first_i - last_j > behind:
            return False
        return True if first_i >= last_j and last_i - first_j <= behind else None

    def pieces(self, piece: Piece, row: int, column: int) -> Iterator[Piece]:
        """The parts of a piece that are in the band, halved no more than that takes; ``row`` and ``column`` are
        the places of the band's axes."""
        i, j = (
            (piece.offsets[axis], piece.offsets[axis] + (1 << piece.bits[axis]))
            for axis in (row, column)
        )
        held = self.holds(i, j)
        if held:
            yield piece
        elif held is None:
            for half in piece.halves(row if piece.bits[row] >= piece.bits[column] else column):
                yield from self.pieces(half, row, column)


def band_of(bands: Iterable[Band], axes: Sequence[str]) -> Band | None:
    """The one that cells over these axes are in, if they are in any."""
    return next((band for band in bands if band.rows in axes and band.columns in axes), None)


def cells(bands: Iterable[Band], axes: Sequence[str], sizes: Sequence[int]) -> int:
    """How many cells a tensor over these axes has: all, or those in its band."""
    band = band_of(bands, axes)
    if band is None:
        return prod(sizes)
    square = {axes.index(band.rows), axes.index(band.columns)}
    others = prod(size for place, size in enumerate(sizes) if place not in square)
    return others * band.cells(sizes[axes.index(band.rows)])


def parts(bands: Iterable[Band], axes: Sequence[str], sizes: Iterable[int]) -> Iterator[Piece]:
    """The pieces of a tensor over these axes: all, or what is in its band."""
    band = band_of(bands, axes)
    for piece in pieces(sizes):
        if band is None:
            yield piece
        else:
            yield from band.pieces(piece, axes.index(band.rows), axes.index(band.columns))
