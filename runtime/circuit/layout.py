"""Where cells live: tensors cut into power-of-two blocks, blocks packed without waste.

Each axis is cut by the binary expansion of its size (640 = 512 + 128); the product of the cuts are the
tensor's *pieces*, row-major inside. Pieces sorted by size, largest first, are laid one after the other,
so each lies at a multiple of its own size and a claim on a piece is a tensor-product form over the index
bits of the whole vector: free low bits, constant high bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Piece:
    """A sub-box: for each axis, its ``offset`` and the log2 of its size."""

    offsets: tuple[int, ...]
    bits: tuple[int, ...]

    @property
    def log_size(self) -> int:
        return sum(self.bits)

    @property
    def slices(self) -> tuple[slice, ...]:
        return tuple(slice(o, o + (1 << b)) for o, b in zip(self.offsets, self.bits, strict=True))

    def halves(self, axis: int) -> tuple[Piece, Piece]:
        """Along an axis that is longer than one."""
        bits = tuple(b - (i == axis) for i, b in enumerate(self.bits))
        first, second = (
            tuple(o + (i == axis) * shift for i, o in enumerate(self.offsets))
            for shift in (0, 1 << bits[axis])
        )
        return Piece(first, bits), Piece(second, bits)


@dataclass(frozen=True)
class Block:
    """Piece ``piece`` of the tensor named ``name`` at cells [start, start + 2^log_size).

    ``log_size`` may exceed the piece's own: the rest, at the end, is padding.
    """

    name: str
    piece: Piece
    start: int
    log_size: int


def cut(size: int) -> list[tuple[int, int]]:
    """The (offset, log2 length) of the powers of two in ``size``, largest first."""
    parts, offset = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            parts.append((offset, bit))
            offset += 1 << bit
    return parts


def pieces(sizes: Iterable[int]) -> Iterator[Piece]:
    """All pieces of a tensor of the given sizes, in row-major order of their offsets."""
    for parts in product(*(cut(size) for size in sizes)):
        yield Piece(tuple(o for o, _ in parts), tuple(b for _, b in parts))


def pack(tensors: Iterable[tuple[str, Iterable[Piece]]], least: int = 0) -> tuple[list[Block], int]:
    """Lay tensors out, each told by its name and pieces; return blocks and the number of cells used.

    ``least``: the log2 of the smallest block; smaller pieces are padded to it.
    """
    found = [(name, piece) for name, parts in tensors for piece in parts]
    found.sort(key=lambda item: -max(least, item[1].log_size))
    blocks, start = [], 0
    for name, piece in found:
        log_size = max(least, piece.log_size)
        blocks.append(Block(name, piece, start, log_size))
        start += 1 << log_size
    return blocks, start
