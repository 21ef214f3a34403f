"""What the lookups of a proof cost: `lookup.prover` and its kernels, counted on the plan.

A leaf is a looked-up tuple, or a row of a table. Layer 0 of a group's tree are its f leaves, layer l has 2^(d - l)
nodes of which at most the first f are not empty; node i of a layer is joined with node i + n of the one below,
n half of that layer. In a layer, L nodes are in the lower half and R in the upper one. Products in K:

    joining two nodes to the one above        3, of R pairs
    sumcheck of a layer, first round          L + 9 pairs of which both are there + 2 of which one is
    folding at a challenge                    2 for each node that is left
    every other round                         6 pairs of which both are there + 1 of which one is

Leaves are read three times: to make layer 1, for the first two rounds (a grid of nine points over eight leaves),
and to fold them at two challenges. `PRODUCTS` has what that takes, by what a leaf is:

    narrow    a lookup of one integer of at most 16 bits: no products, but a small MAC each time, and for
              the grid those of its nine points besides, where products of integers have two halves
    wide      a lookup of more or larger integers: they are folded as sums of halves of 16 bits
    carried   a lookup of a row, which is one element of K
    row       a row of a source, whose numerator is a multiplicity

A component beyond the first takes a small MAC wherever the denominator is made.

A lookup table's share of what is not at the leaves is that of its leaves. Layers that do not fit the prover's
memory are made again from the leaves, which is counted apart (`AGAIN`): it is a price of memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..runtime.kernels.logup import kept_bytes, room_bytes
from ..runtime.protocol.lookup.prover import MEMORY, ROUNDS
from ..runtime.protocol.plan import Leaf, Plan
from .einsum_operations import largest

AGAIN = "layers made again"
NODE_BYTES = 32


class Reads(NamedTuple):
    """Products per leaf to make layer 1 (where the leaf has a partner), for the grid and to fold."""

    join: float
    grid: float
    fold: float


PRODUCTS = {
    "narrow": Reads(0, 0, 0),
    "wide": Reads(1 / 2, 4 / 8 + 18 / 8, 0),
    "carried": Reads(1 / 2, 4 / 8 + 18 / 8, 3 / 4),
    "row": Reads(3 / 2, 4 / 8 + 27 / 8, 6 / 4),
}
# Small MACs of the grid's nine points for each of eight narrow leaves.
POINTS = 2 * 9 / 8


@dataclass(frozen=True)
class Cost:
    """Leaves, and what they take: products in K, small MACs, bytes read and written in tables."""

    leaves: int
    products: int
    macs: int
    moved: int


def lookup_counts(plan: Plan, label: Callable[[Leaf], str]) -> dict[str, Cost]:
    """By what leaves are called; `AGAIN` is one more."""
    filled = np.array(
        [g.leaves[-1].start + (1 << g.leaves[-1].piece.log_size) for g in plan.groups]
    )
    total = int(filled.sum())
    if not total:
        return {}
    depth = plan.lookup_depth
    products, moved = _layers(filled, depth)
    joined = 2 * _upper(filled, 1 << depth) / total
    found: dict[str, list[float]] = {}
    leaves: dict[str, int] = {}
    for group in plan.groups:
        for leaf in group.leaves:
            size, (own, macs) = 1 << leaf.piece.log_size, _at_leaf(plan, leaf, joined)
            name = label(leaf)
            sums = found.setdefault(name, [0.0, 0.0])
            sums[0] += size * own
            sums[1] += size * macs
            leaves[name] = leaves.get(name, 0) + size
    costs = {}
    for name, (own, macs) in found.items():
        share = leaves[name] / total
        costs[name] = Cost(
            leaves[name], round(own + share * products), round(macs), round(share * moved)
        )
    again = _made_again(filled, depth)
    if again:
        costs[AGAIN] = Cost(0, again, 0, 0)
    return costs


def _at_leaf(plan: Plan, leaf: Leaf, joined: float) -> tuple[float, float]:
    """Products and small MACs of one leaf; ``joined`` is the part of all leaves that have a partner."""
    halves = _halves(plan, leaf.table)
    made = (len(halves) - 1) * (joined + 1)
    if leaf.lookup < 0:
        kind, macs = "row", made + len(halves) - 1
    elif plan.sources[leaf.table].carried:
        kind, macs = "carried", 0.0
    elif halves == [1]:
        kind, macs = "narrow", joined + 1 + POINTS + 1
    else:
        kind, macs = "wide", made + sum(halves)
    r = PRODUCTS[kind]
    return joined * r.join + r.grid + r.fold, macs


def _halves(plan: Plan, table: str) -> list[int]:
    """For each integer component of a source's rows how many halves of 16 bits it has."""
    source, least = plan.sources[table], 1 << 15
    if source.entries is None:
        ends = [(int(x.min()), int(x.max())) for x in plan.circuit.data[table].T]
    else:
        most = largest(plan, source.entries)
        ends = [(0, source.rows - 1)] + [(-most, most)] * (not source.carried)
    return [1 if low >= -least and high < 1 << 16 - (low < 0) else 2 for low, high in ends]


def _upper(filled: np.ndarray, size: int) -> int:
    return int(np.clip(filled - size // 2, 0, size // 2).sum())


def _layers(filled: np.ndarray, depth: int) -> tuple[int, int]:
    """Products in K above the leaves and after their folding, and bytes moved."""
    products = moved = 0
    for level in range(depth):
        size = 1 << (depth - level)
        half = size // 2
        left, right = np.minimum(filled, half), np.clip(filled - half, 0, half)
        if level:
            products += 3 * int(right.sum())
            # Made, read to make the next, read twice for the sumcheck.
            moved += 4 * NODE_BYTES * int((left + right).sum())
            if half == 1:
                products += int(left.sum())
                continue
            products += int(left.sum()) + _pairs(left, right, half // 2, 9, 2)
        bound = min(1 if level else ROUNDS, half.bit_length() - 1)
        width = half >> bound
        left, right = np.minimum(left, width), np.minimum(right, width)
        if level:
            products += 2 * int((left + right).sum())
        products += int(left.sum())
        own, folded = _rounds(left, right, width)
        products += own
        moved += 2 * NODE_BYTES * folded
    return products, moved


def _pairs(left: np.ndarray, right: np.ndarray, pairs: int, both: int, one: int) -> int:
    there = int(np.minimum(right, pairs).sum())
    return both * there + one * (int(np.minimum(left, pairs).sum()) - there)


def _rounds(left: np.ndarray, right: np.ndarray, width: int) -> tuple[int, int]:
    """Products of the rounds over tables of ``width``, and how many nodes they fold to."""
    products = nodes = 0
    while width > 1:
        width //= 2
        products += _pairs(left, right, width, 6, 1)
        left, right = np.minimum(left, width), np.minimum(right, width)
        folded = int((left + right).sum())
        products += 2 * folded
        nodes += folded
    return products, nodes


def _made_again(filled: np.ndarray, depth: int) -> int:
    """Products in K to make layers that are not kept from the leaves again."""
    sizes = [kept_bytes(filled, 1 << (depth - level)) for level in range(depth + 1)]
    first = next((n for n in range(1, depth + 1) if sum(sizes[n:]) <= MEMORY), depth)
    total = chain = 0
    for level in range(1, first):
        # Leaves whose numerators are 1 take one product a pair, or small ones.
        chain += (1 if level == 1 else 3) * _upper(filled, 1 << (depth - level + 1))
        times = 1
        if 1.5 * sizes[level] > MEMORY:
            before, size = 1, 1 << (depth - level)
            while before < depth - level - 1 and room_bytes(filled, size, before) > MEMORY:
                before += 1
            times = -(-before // ROUNDS) + 1
        total += times * chain
    return total
