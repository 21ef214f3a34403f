"""Reads of a column as few products: those that agree on its first axes are one, with an array of weights on more.

A read weighs a column by a product over its axes. A window that moves over an image makes a read for each of its
taps, with weights of its own along rows and columns and the same along the axes before them: their sum is one
product over those, and an array over rows and columns. Where arrays begin is a matter of cost alone, as the sum of
all reads stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from ... import field
from ..axis_weights import Read, Sparse, Weight
from ..plan import Plan
from ..public import as_ext, vector
from ..work_limits import NUMBERS, require_few

FORM = 1 << 12
"""What a form on a block costs, in products of elements of arrays."""


@dataclass(frozen=True)
class Tail:
    """A column weighed by a product of ``weights`` over its first axes and ``rest`` (2, ...) over the others."""

    column: str
    weights: tuple[Weight, ...]
    rest: np.ndarray


def summed(plan: Plan, columns: Iterable[Sequence[Read]]) -> list[Read | Tail]:
    """The cheapest parts of reads, given by column, of which no two of one have the same weights."""
    found: list[Read | Tail] = []
    steps = 0
    for reads in columns:
        for branch in _cheapest(plan, reads):
            steps += branch.steps + prod(branch.sizes) if branch.whole else 0
            require_few(steps, NUMBERS)
            found.append(branch.tail() if branch.whole else branch.reads[0])
    return found


def _cheapest(plan: Plan, reads: Sequence[Read]) -> Iterator[_Branch]:
    blocks = plan.placed[reads[0].column]
    ends = [
        [o + (1 << b) for o, b in zip(block.piece.offsets, block.piece.bits, strict=True)]
        for block in blocks
    ]
    sizes = [max(of_axis) for of_axis in zip(*ends, strict=True)]
    forms = [
        sum(1 << max(0, sum(b.piece.bits[depth:]) - plan.all_slabs[b.slab]) for b in blocks)
        for depth in range(len(sizes))
    ]
    return _Branch(reads, sizes, forms).parts()


class _Branch:
    """Reads that agree on a column's first ``depth`` axes, and what becomes of them by their weights on the next.

    ``sizes`` are the column's, and ``forms`` those of an array from each of its axes on. ``steps`` are the products
    that the array of all takes, ``cost`` is that of the cheapest parts, and ``whole`` says that this is the array.
    """

    def __init__(
        self, reads: Sequence[Read], sizes: Sequence[int], forms: Sequence[int], depth: int = 0
    ):
        self.reads = reads
        self.sizes = sizes[depth:]
        self.depth = depth
        alike: dict[Weight, list[Read]] = {}
        for read in reads if self.sizes else ():
            alike.setdefault(read.weights[depth], []).append(read)
        self.below = {w: _Branch(some, sizes, forms, depth + 1) for w, some in alike.items()}
        cells = prod(self.sizes[1:])
        self.steps = sum(b.steps + cells * self._entries(w) for w, b in self.below.items())
        apart = sum(branch.cost for branch in self.below.values())
        if not self.sizes:
            entries = (len(w.entries) for w in reads[0].weights if isinstance(w, Sparse))
            apart = FORM * prod(entries)
        array = self.steps + FORM * forms[depth] if self.sizes else apart
        self.whole = array < apart
        self.cost = min(array, apart)

    def _entries(self, weight: Weight) -> int:
        return len(weight.entries) if isinstance(weight, Sparse) else self.sizes[0]

    def parts(self) -> Iterator[_Branch]:
        if self.whole or not self.sizes:
            yield self
        else:
            for branch in self.below.values():
                yield from branch.parts()

    def tail(self) -> Tail:
        read = self.reads[0]
        return Tail(read.column, read.weights[: self.depth], self.array())

    def array(self) -> np.ndarray:
        """The sum of the reads' weights on the other axes, times their coefficients: (2, ...)."""
        if not self.sizes:
            return np.array(as_ext(self.reads[0].coefficient))
        total = np.zeros((2, *self.sizes), np.uint64)
        for weight, branch in self.below.items():
            along, values = _listed(weight, self.sizes[0])
            values = values.reshape(*values.shape, *(1,) * (len(self.sizes) - 1))
            part = field.kmul(values, branch.array()[:, None])
            total[:, along] = field.kadd(total[:, along], part)
        return total


def _listed(weight: Weight, size: int) -> tuple[slice | np.ndarray, np.ndarray]:
    """Places on an axis, and the weights (2, n) there."""
    if not isinstance(weight, Sparse):
        return slice(None), vector(weight, size)
    places = np.array([i for i, _ in weight.entries], np.int64)
    flat = [(x.a, x.b) for x in (as_ext(w) for _, w in weight.entries)]
    return places, np.array(flat, np.uint64).reshape(-1, 2).T
