"""The LogUp trees of all groups, and the sumchecks of their layers, without the lowest layers in memory.

Node i of a layer of n nodes is the sum of the fractions p/q at nodes i and i + n of the layer below. A layer
is read a block of consecutive nodes at a time: from a table, or made anew from the leaves under it. Empty
leaves (0/1) are all at the end of a group; only the nodes before them are in tables or are visited.

A sumcheck is over x of sum eq(x) (p0 q1 + p1 q0 + lam q0 q1)(x), where p0, q0 and p1, q1 are the halves of a
layer, for all groups at once, weighted. The form lam q0 joins p0 for good. Variables are bound from the
top bit of x down. What is not visited has the value lam everywhere, so that a pass returns, beside its sums,
how much weight it visited.

A table of K elements in this module is (2k, n): the rows are the components of k values by turns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ...errors import ZklemmaError
from .. import field
from .blocks import (
    I0,
    I1,
    I2,
    add_in,
    add_scaled,
    cross,
    cross_in,
    extend,
    finite,
    fold_in,
    gather,
    load_block,
    multiply,
    multiply_add,
    multiply_in,
    set_block,
    store_block,
    subtract,
    sum_of,
    ternary,
)
from .goldilocks import ONE, ZERO, add, kmul
from .leaves import ANY, EMPTY, ONES, Leaves, leaf_block
from .pool import chunks
from .small_leaves import OTHER, limbs_of, small_fold, small_grid, small_pair
from .sumcheck import eq_table

Array = NDArray[np.uint64]
Ints = NDArray[np.int64]

# Nodes that are in cache together, with all that is made of them.
BLOCK = 512
# Blocks of a chunk that is worth a thread.
GRAIN = 16


class Layer(NamedTuple):
    """A layer of ``size`` nodes a group, ``level`` above the leaves. Where it is ``kept`` the nodes of group
    g are columns at[g] to at[g + 1] of ``table`` (p, q: 4 rows), and those beyond are empty."""

    leaves: Leaves
    level: int
    size: int
    kept: bool
    table: Array
    at: Ints

    @staticmethod
    def unkept(leaves: Leaves, level: int, depth: int) -> Layer:
        size = 1 << (depth - level)
        return Layer(leaves, level, size, False, np.empty((4, 0), np.uint64), np.zeros(1, np.int64))


class Halves(NamedTuple):
    """p0 + lam q0, q0 in ``left`` and p1, q1 in ``right`` (4 rows each), after some variables are bound:
    group g has columns left_at[g] to left_at[g + 1] and right_at[g] to right_at[g + 1]."""

    left: Array
    left_at: Ints
    right: Array
    right_at: Ints


class Scratch(NamedTuple):
    """Room to make blocks of nodes in."""

    parts: Array
    stack: Array
    kinds: Ints
    values: Ints
    small: NDArray[np.int32]
    other: NDArray[np.int32]
    terms: Ints


class Bound(NamedTuple):
    """What the first v variables are fixed to, r (v, 2), and eq(r, .), (2^v, 2)."""

    r: Array
    eq: Array


class Weights(NamedTuple):
    """eq over the variables that are summed over: of the position in a block, of the block, of the group."""

    low: Array
    high: Array
    group: Array


# Nodes.


@njit(nogil=True)
def _settle(kind, p, q):
    """Write out what a kind says."""
    if kind == EMPTY:
        set_block(p, ZERO)
        set_block(q, ONE)
    elif kind == ONES:
        set_block(p, ONE)


@njit(nogil=True)
def _join(kind, p, q, other, p2, q2):
    """p/q += p2/q2; returns what that is. What comes after an empty block is empty."""
    if other == EMPTY:
        return kind
    if kind == ONES and other == ONES:
        sum_of(q, q2, p)
    elif kind == ONES:
        multiply_add(p2, q, q2, p)
    elif other == ONES:
        multiply_in(p, q2)
        add_in(p, q)
    else:
        cross_in(p, q2, p2, q)
    multiply_in(q, q2)
    return ANY


@njit(nogil=True)
def _scratch(layer, variables, n):
    return Scratch(
        np.empty((1 << variables, 2, 2, n), np.uint64),
        np.empty((layer.level + 1, 2, 2, n), np.uint64),
        np.empty(layer.level + 1, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty((4, n), np.int64),
    )


@njit(nogil=True)
def _node_block(layer, group, start, p, q, scratch):
    """Nodes start.. of a group into p, q (2, n), and what they are (as `leaf_block`)."""
    if layer.kept:
        first = layer.at[group] + start
        if first >= layer.at[group + 1]:
            return EMPTY
        load_block(layer.table, I0, first, p)
        load_block(layer.table, I2, first, q)
        return ANY
    if layer.level == 0:
        return leaf_block(layer.leaves, group, start, p, q, scratch.values)
    stack, kinds, depth = scratch.stack, scratch.kinds, 0
    for number in range(0, 1 << layer.level, 2):
        first, bits = 0, number
        for _ in range(layer.level):
            first, bits = 2 * first + (bits & 1), bits >> 1
        at, step = start + first * layer.size, layer.size << (layer.level - 1)
        kind = small_pair(layer.leaves, group, at, step, stack[depth], scratch)
        if kind == OTHER:
            for k in range(2):
                own = stack[depth + k]
                kinds[depth + k] = leaf_block(
                    layer.leaves, group, at + k * step, own[0], own[1], scratch.values
                )
            a, b = stack[depth], stack[depth + 1]
            kind = _join(kinds[depth], a[0], a[1], kinds[depth + 1], b[0], b[1])
        kinds[depth] = kind
        if number == 0 and kind == EMPTY:
            return EMPTY
        depth += 1
        number >>= 1
        while number & 1:
            depth -= 1
            a, b = stack[depth - 1], stack[depth]
            kinds[depth - 1] = _join(kinds[depth - 1], a[0], a[1], kinds[depth], b[0], b[1])
            number >>= 1
    if kinds[0] == ANY:
        store_block(stack[0, 0], p, I0, I0)
    store_block(stack[0, 1], q, I0, I0)
    return kinds[0]


@njit(nogil=True)
def _bound_block(layer, side, bound, group, start, width, p, q, scratch):
    """`_node_block` of half ``side`` of a layer with its first variables fixed to ``bound``, to ``width``
    nodes."""
    base = side * (layer.size // 2) + start
    if bound.r.shape[0] == 0:
        return _node_block(layer, group, base, p, q, scratch)
    if layer.level == 0 and not layer.kept:
        kind = small_fold(layer.leaves, group, base, width, bound.eq, p, q, scratch)
        if kind != OTHER:
            return kind
    parts, ones, runs = scratch.parts, True, bound.eq.shape[0]
    for b in range(runs):
        part = parts[b]
        kind = _node_block(layer, group, base + b * width, part[0], part[1], scratch)
        if b == 0:
            if kind == EMPTY:
                return EMPTY
            ones = kind == ONES
        if ones and kind != ONES:
            ones = False
            for k in range(b):
                set_block(parts[k, 0], ONE)
        if not ones:
            _settle(kind, part[0], part[1])
    for t in range(bound.r.shape[0]):
        r0, r1 = bound.r[t, 0], bound.r[t, 1]
        runs //= 2
        for b in range(runs):
            low, high = parts[b], parts[b + runs]
            fold_in(low[1], high[1], r0, r1)
            if not ones:
                fold_in(low[0], high[0], r0, r1)
    store_block(parts[0, 1], q, I0, I0)
    if not ones:
        store_block(parts[0, 0], p, I0, I0)
    return ONES if ones else ANY


@njit(cache=True, nogil=True)
def _keep(layer, blocks, n, table, at, lo, hi):
    block, scratch = np.empty((2, 2, n), np.uint64), _scratch(layer, I0, n)
    p, q = block[0], block[1]
    group = 0
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        start = (item - blocks[group]) * n
        kind = _node_block(layer, group, start, p, q, scratch)
        _settle(kind, p, q)
        first = at[group] + start
        store_block(p, table, I0, first)
        store_block(q, table, I2, first)


@njit(cache=True, nogil=True)
def _halve(below, below_at, size, blocks, n, table, at, lo, hi):
    """A kept layer of ``size`` nodes from the kept one below it."""
    parts = np.empty((4, 2, n), np.uint64)
    p, q, p2, q2 = parts[0], parts[1], parts[2], parts[3]
    group = 0
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        start = (item - blocks[group]) * n
        first = below_at[group] + start
        load_block(below, I0, first, p)
        load_block(below, I2, first, q)
        first += size
        if first < below_at[group + 1]:
            load_block(below, I0, first, p2)
            load_block(below, I2, first, q2)
            _join(ANY, p, q, ANY, p2, q2)
        first = at[group] + start
        store_block(p, table, I0, first)
        store_block(q, table, I2, first)


# Sumchecks.


@njit(cache=True, nogil=True)
def _grid(layer, bound, variables, lam, weights, blocks, sums, lo, hi):
    low = weights.low
    n, points, runs = low.shape[1], 3**variables, 1 << variables
    width = (layer.size // 2) >> bound.r.shape[0]
    step = width >> variables
    grids = np.empty((4, points, 2, n), np.uint64)
    p0, q0, p1, q1 = grids[0], grids[1], grids[2], grids[3]
    product = np.empty((2, n), np.uint64)
    scratch = _scratch(layer, bound.r.shape[0], n)
    right = np.empty(runs, np.int64)
    small = layer.level == 0 and not layer.kept and bound.r.shape[0] == 0
    limbs = limbs_of(low)
    drawn = np.empty((2, points if small else 0, n), np.int32)
    group = 0
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        block = item - blocks[group]
        w0, w1 = kmul(
            weights.high[0, block],
            weights.high[1, block],
            weights.group[0, group],
            weights.group[1, group],
        )
        sums[points, 0] = add(sums[points, 0], w0)
        sums[points, 1] = add(sums[points, 1], w1)
        if small and small_grid(
            layer, group, block * n, step, variables, lam, limbs, w0, w1, drawn, sums
        ):
            continue
        some, ones = False, True
        for b in range(runs):
            u, at = ternary(b, variables), b * step + block * n
            kind = _bound_block(layer, I0, bound, group, at, width, p0[u], q0[u], scratch)
            _settle(kind, p0[u], q0[u])
            add_scaled(p0[u], q0[u], lam[0], lam[1])
            right[b] = _bound_block(layer, I1, bound, group, at, width, p1[u], q1[u], scratch)
            some = some or right[b] != EMPTY
            ones = ones and right[b] == ONES
        if not some:
            for b in range(runs):
                u = ternary(b, variables)
                gather(low, p0[u], w0, w1, sums[u])
            continue
        if not ones:
            for b in range(runs):
                u = ternary(b, variables)
                _settle(right[b], p1[u], q1[u])
            extend(q0, variables)
            extend(p1, variables)
        extend(p0, variables)
        extend(q1, variables)
        for u in range(points):
            if not ones:
                cross(p0[u], q1[u], p1[u], q0[u], product)
            elif finite(u):
                multiply_add(p0[u], q1[u], q0[u], product)
            else:
                multiply(p0[u], q1[u], product)
            gather(low, product, w0, w1, sums[u])


@njit(nogil=True)
def _folded_rows(table, row, first, start, width, end, r, out, other):
    """A value of a table at start.. of a group whose columns 0 to ``end`` begin at ``first``, folded to
    ``width``, into ``out``, which holds what is beyond ``end``. ``other`` is scratch."""
    if start + width < end:
        load_block(table, row, first + start + width, other)
    else:
        store_block(out, other, I0, I0)
    load_block(table, row, first + start, out)
    fold_in(out, other, r[0], r[1])


@njit(nogil=True)
def _beyond(block, lam):
    """What a block of (p0 + lam q0, q0, p1, q1) is where there are no leaves."""
    block[0, 0, :] = lam[0]
    block[0, 1, :] = lam[1]
    set_block(block[1], ONE)
    set_block(block[2], ZERO)
    set_block(block[3], ONE)


@njit(cache=True, nogil=True)
def _fold_round(layer, bound, fresh, width, lam, halves, weights, blocks, sums, lo, hi):
    low = weights.low
    n, pairs = low.shape[1], max(1, width // 2)
    two = 2 if width > 1 else 1
    work = np.empty((2, 4, 2, n), np.uint64)
    steps = np.empty((4, 2, n), np.uint64)
    product = np.empty((2, n), np.uint64)
    scratch = _scratch(layer, bound.r.shape[0], n)
    group = 0
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        block = item - blocks[group]
        left_at, right_at = halves.left_at[group], halves.right_at[group]
        left_size = halves.left_at[group + 1] - left_at
        right_size = halves.right_at[group + 1] - right_at
        some = False
        for h in range(two):
            start = block * n + h * pairs
            x = work[h]
            _beyond(x, lam)
            if fresh:
                left = _bound_block(layer, I0, bound, group, start, width, x[0], x[1], scratch)
                right = _bound_block(layer, I1, bound, group, start, width, x[2], x[3], scratch)
                if left != EMPTY:
                    _settle(left, x[0], x[1])
                    add_scaled(x[0], x[1], lam[0], lam[1])
                _settle(right, x[2], x[3])
            else:
                right = EMPTY
                for k in range(4):
                    table = halves.left if k < 2 else halves.right
                    first = left_at if k < 2 else right_at
                    end = min(left_size if k < 2 else right_size, 2 * width)
                    if start < end:
                        row = k % 2 * 2
                        _folded_rows(
                            table, row, first, start, width, end, bound.r[0], x[k], product
                        )
                        right = EMPTY if k < 2 else ANY
            if start < min(left_size, width):
                store_block(x[0], halves.left, I0, left_at + start)
                store_block(x[1], halves.left, I2, left_at + start)
            if start < min(right_size, width):
                store_block(x[2], halves.right, I0, right_at + start)
                store_block(x[3], halves.right, I2, right_at + start)
            some = some or right != EMPTY
        if width == 1:
            continue
        w0, w1 = kmul(
            weights.high[0, block],
            weights.high[1, block],
            weights.group[0, group],
            weights.group[1, group],
        )
        sums[2, 0] = add(sums[2, 0], w0)
        sums[2, 1] = add(sums[2, 1], w1)
        x, y = work[0], work[1]
        if not some:
            gather(low, x[0], w0, w1, sums[0])
            continue
        cross(x[0], x[3], x[2], x[1], product)
        gather(low, product, w0, w1, sums[0])
        for k in range(4):
            subtract(y[k], x[k], steps[k])
        cross(steps[0], steps[3], steps[2], steps[1], product)
        gather(low, product, w0, w1, sums[1])


# What is called.


def block_size(nodes: int) -> int:
    return min(BLOCK, nodes)


def offsets(lengths: Ints) -> Ints:
    """Where parts of those lengths begin, and the end."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def prefixes(filled: Ints, nodes: int, skipped: int = 0) -> Ints:
    """How many of ``nodes`` nodes after ``skipped`` to keep of each group, whose nodes from ``filled`` on are
    empty: whole blocks."""
    n = block_size(nodes)
    return np.minimum(-(-np.maximum(filled - skipped, 0) // n) * n, nodes)


def _summed(kernel: Callable[[Array, int, int], None], blocks: int, values: int) -> Array:
    """The K elements (values, 2) that ``kernel`` adds up over blocks lo to hi, all added up."""

    def run(lo: int, hi: int) -> Array:
        sums = np.zeros((values, 2), np.uint64)
        kernel(sums, lo, hi)
        return sums

    return reduce(field.add, chunks(run, blocks, GRAIN))


def _bound(r: Array) -> Bound:
    return Bound(np.ascontiguousarray(r), np.ascontiguousarray(eq_table(r.T).T))


def _weights(point: Array, group: Array) -> Weights:
    """eq at a point (2, m) over positions, by blocks."""
    bits = block_size(1 << point.shape[1]).bit_length() - 1
    cut = point.shape[1] - bits
    return Weights(eq_table(point[:, cut:]), eq_table(point[:, :cut]), group)


def keep(layer: Layer, filled: Ints) -> Layer:
    """The layer as a table."""
    lengths = prefixes(filled, layer.size)
    at, n = offsets(lengths), block_size(layer.size)
    table = np.empty((4, at[-1]), np.uint64)
    blocks = at // n
    chunks(lambda lo, hi: _keep(layer, blocks, n, table, at, lo, hi), int(blocks[-1]), GRAIN)
    return layer._replace(kept=True, table=table, at=at)


def halve(below: Layer, filled: Ints) -> Layer:
    """The layer above a kept one."""
    size = below.size // 2
    at, n = offsets(prefixes(filled, size)), block_size(size)
    table = np.empty((4, at[-1]), np.uint64)
    blocks = at // n

    def run(lo: int, hi: int) -> None:
        _halve(below.table, below.at, size, blocks, n, table, at, lo, hi)

    chunks(run, int(blocks[-1]), GRAIN)
    return below._replace(level=below.level + 1, size=size, table=table, at=at)


def _check_point(point: Array, nodes: int) -> None:
    if nodes != 1 << point.shape[1]:
        raise ZklemmaError(f"{nodes} nodes at a point of {point.shape[1]} variables")


def grid(
    layer: Layer, filled: Ints, bound: Array, variables: int, lam: Array, point: Array, group: Array
) -> Array:
    """The sums over all but the next ``variables`` variables, after the first were fixed to ``bound`` (v, 2), at
    each of these 0, 1 or, third, the square's coefficient, first variable first: [3^variables, 2]; then the
    weight that was visited. ``point`` (2, m) weighs the other variables, ``group`` (2, groups) the groups."""
    nodes = layer.size >> (1 + len(bound) + variables)
    _check_point(point, nodes)
    weights = _weights(point, group)
    blocks = offsets(prefixes(filled, nodes) // block_size(nodes))
    operands = layer, _bound(bound), variables, lam, weights, blocks
    return _summed(
        lambda sums, lo, hi: _grid(*operands, sums, lo, hi), int(blocks[-1]), 3**variables + 1
    )


def _columns(filled: Ints, size: int, variables: int) -> tuple[Ints, Ints]:
    """Columns for each group in `Halves` of a layer of ``size`` nodes after that many variables."""
    width = size >> (1 + variables)
    return prefixes(filled, width), prefixes(filled, width, size // 2)


def kept_bytes(filled: Ints, size: int) -> int:
    """What a kept layer of ``size`` nodes takes."""
    return 32 * int(prefixes(filled, size).sum())


def room_bytes(filled: Ints, size: int, variables: int) -> int:
    """What `Folding` takes after that many variables."""
    return 32 * sum(int(lengths.sum()) for lengths in _columns(filled, size, variables))


class Folding:
    """A layer's halves as tables, from when its first variables are fixed to ``bound`` (v, 2)."""

    def __init__(self, layer: Layer, filled: Ints, bound: Array, lam: Array, group: Array):
        left, right = (offsets(lengths) for lengths in _columns(filled, layer.size, len(bound)))
        tables = [np.empty((4, at[-1]), np.uint64) for at in (left, right)]
        self.halves = Halves(tables[0], left, tables[1], right)
        self.width = layer.size >> (1 + len(bound))
        self._layer, self._bound, self._lam, self._group = layer, bound, lam, group

    def start(self, point: Array) -> Array:
        """As `fold`, for the tables as they begin."""
        sums = self._round(self._layer, self._bound, True, point)
        # What the tables were made from is not needed any more, and takes room.
        self._layer = Layer.unkept(self._layer.leaves, 0, 0)
        return sums

    def fold(self, r: Array, point: Array) -> Array:
        """Fix the next variable to r. The sums [3, 2] for the variable after it at 0 and of the square's
        coefficient, and the weight that was visited; ``point`` (2, m) weighs the others. Zeros where no
        variable is left."""
        self.width //= 2
        return self._round(self._layer, r[None], False, point)

    def _round(self, layer: Layer, bound: Array, fresh: bool, point: Array) -> Array:
        pairs = max(1, self.width // 2)
        _check_point(point, pairs)
        weights = _weights(point, self._group)
        visited = np.minimum(np.diff(self.halves.left_at), pairs)
        blocks = offsets(visited // block_size(pairs))
        operands = layer, _bound(bound), fresh, self.width, self._lam, self.halves, weights, blocks
        return _summed(
            lambda sums, lo, hi: _fold_round(*operands, sums, lo, hi), int(blocks[-1]), 3
        )

    def ends(self) -> tuple[Array, Array, Array, Array]:
        """p0 + lam q0, p1, q0, q1 of each group, (2, groups), when all variables are fixed."""
        if self.width != 1:
            raise ZklemmaError(f"{self.width} nodes are left where variables should be fixed")
        groups = len(self.halves.left_at) - 1
        p0, q0, p1, q1 = np.zeros((4, 2, groups), np.uint64)
        left, right = self.halves.left_at, self.halves.right_at
        p0[:], q0[:] = self.halves.left[:2, left[:-1]], self.halves.left[2:, left[:-1]]
        q1[0] = 1
        there = np.flatnonzero(np.diff(right))
        columns = right[:-1][there]
        p1[:, there] = self.halves.right[:2, columns]
        q1[:, there] = self.halves.right[2:, columns]
        return p0, p1, q0, q1
