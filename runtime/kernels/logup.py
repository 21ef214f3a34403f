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

from .. import field
from .goldilocks import LOW, ONE, S32, ZERO, P, add, kdot, kmul, mul, sub
from .leaves import (
    ANY,
    BITS16,
    BITS32,
    EMPTY,
    ONES,
    Leaves,
    find_leaf,
    integers,
    leaf_block,
    lift,
)
from .pool import chunks
from .sumcheck import eq_table

Array = NDArray[np.uint64]
Ints = NDArray[np.int64]

# Nodes that are in cache together, with all that is made of them.
BLOCK = 512
# Blocks of a chunk that is worth a thread.
GRAIN = 16

TWO16, TWO20, TWO32 = np.uint64(1 << 16), np.uint64(1 << 20), np.uint64(1 << 32)
HALF = np.uint64((field.P - 1) // 2)
# That a block is not of the kind that something is for.
OTHER = -1


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


# Blocks of K elements are (2, n), contiguous; rows of tables are copied in and out.


@njit(nogil=True)
def _load(table, row, first, out):
    for k in range(2):
        source, target = table[row + k, first : first + out.shape[1]], out[k]
        for i in range(target.size):
            target[i] = source[i]


@njit(nogil=True)
def _store(block, table, row, first):
    for k in range(2):
        source, target = block[k], table[row + k, first : first + block.shape[1]]
        for i in range(source.size):
            target[i] = source[i]


@njit(nogil=True)
def _set(x, value):
    x[0, :] = value
    x[1, :] = ZERO


@njit(nogil=True)
def _sum(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        o0[i] = add(a0[i], b0[i])
        o1[i] = add(a1[i], b1[i])


@njit(nogil=True)
def _add(a, b):
    """a += b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        a0[i] = add(a0[i], b0[i])
        a1[i] = add(a1[i], b1[i])


@njit(nogil=True)
def _difference(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        o0[i] = sub(a0[i], b0[i])
        o1[i] = sub(a1[i], b1[i])


@njit(nogil=True)
def _product(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        o0[i] = x
        o1[i] = y


@njit(nogil=True)
def _product_plus(a, b, c, out):
    """a b + c."""
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    c0, c1 = c[0, :n], c[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        o0[i] = add(x, c0[i])
        o1[i] = add(y, c1[i])


@njit(nogil=True)
def _cross(a, b, c, d, out):
    """a b + c d."""
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    c0, c1, d0, d1 = c[0, :n], c[1, :n], d[0, :n], d[1, :n]
    for i in range(n):
        x, y = kdot(a0[i], a1[i], b0[i], b1[i], c0[i], c1[i], d0[i], d1[i])
        o0[i] = x
        o1[i] = y


# In place, in functions of their own: loops over arrays that are found to overlap are not vectorised.


@njit(nogil=True)
def _times(a, b):
    """a *= b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        a0[i] = x
        a1[i] = y


@njit(nogil=True)
def _cross_in(a, b, c, d):
    """a = a b + c d."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    c0, c1, d0, d1 = c[0, :n], c[1, :n], d[0, :n], d[1, :n]
    for i in range(n):
        x, y = kdot(a0[i], a1[i], b0[i], b1[i], c0[i], c1[i], d0[i], d1[i])
        a0[i] = x
        a1[i] = y


@njit(nogil=True)
def _add_scaled(a, b, r0, r1):
    """a += r b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        x, y = kmul(b0[i], b1[i], r0, r1)
        a0[i] = add(a0[i], x)
        a1[i] = add(a1[i], y)


@njit(nogil=True)
def _fold(low, high, r0, r1):
    """low += r (high - low)."""
    n = high.shape[1]
    a0, a1, b0, b1 = low[0, :n], low[1, :n], high[0, :n], high[1, :n]
    for i in range(n):
        u0, u1 = a0[i], a1[i]
        x, y = kmul(sub(b0[i], u0), sub(b1[i], u1), r0, r1)
        a0[i] = add(u0, x)
        a1[i] = add(u1, y)


@njit(nogil=True)
def _gather(weights, values, w0, w1, total):
    """total (2,) += w sum_i weights_i values_i."""
    n = values.shape[1]
    a0, a1, b0, b1 = values[0, :n], values[1, :n], weights[0, :n], weights[1, :n]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        la += x & LOW
        ha += x >> S32
        lb += y & LOW
        hb += y >> S32
    x, y = kmul(add(la, mul(ha, TWO32)), add(lb, mul(hb, TWO32)), w0, w1)
    total[0] = add(total[0], x)
    total[1] = add(total[1], y)


# Nodes.


@njit(nogil=True)
def _settle(kind, p, q):
    """Write out what a kind says."""
    if kind == EMPTY:
        _set(p, ZERO)
        _set(q, ONE)
    elif kind == ONES:
        _set(p, ONE)


@njit(nogil=True)
def _join(kind, p, q, other, p2, q2):
    """p/q += p2/q2; returns what that is. What comes after an empty block is empty."""
    if other == EMPTY:
        return kind
    if kind == ONES and other == ONES:
        _sum(q, q2, p)
    elif kind == ONES:
        _product_plus(p2, q, q2, p)
    elif other == ONES:
        _times(p, q2)
        _add(p, q)
    else:
        _cross_in(p, q2, p2, q)
    _times(q, q2)
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
        _load(layer.table, 0, first, p)
        _load(layer.table, 2, first, q)
        return ANY
    if layer.level == 0:
        return leaf_block(layer.leaves, group, start, p, q, scratch.values)
    stack, kinds, depth = scratch.stack, scratch.kinds, 0
    for number in range(0, 1 << layer.level, 2):
        first, bits = 0, number
        for _ in range(layer.level):
            first, bits = 2 * first + (bits & 1), bits >> 1
        at, step = start + first * layer.size, layer.size << (layer.level - 1)
        kind = _small_pair(layer.leaves, group, at, step, stack[depth], scratch)
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
        _store(stack[0, 0], p, 0, 0)
    _store(stack[0, 1], q, 0, 0)
    return kinds[0]


@njit(nogil=True)
def _bound_block(layer, side, bound, group, start, width, p, q, scratch):
    """`_node_block` of half ``side`` of a layer with its first variables fixed to ``bound``, to ``width``
    nodes."""
    base = side * (layer.size // 2) + start
    if bound.r.shape[0] == 0:
        return _node_block(layer, group, base, p, q, scratch)
    if layer.level == 0 and not layer.kept:
        kind = _small_fold(layer.leaves, group, base, width, bound.eq, p, q, scratch)
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
                _set(parts[k, 0], ONE)
        if not ones:
            _settle(kind, part[0], part[1])
    for t in range(bound.r.shape[0]):
        r0, r1 = bound.r[t, 0], bound.r[t, 1]
        runs //= 2
        for b in range(runs):
            low, high = parts[b], parts[b + runs]
            _fold(low[1], high[1], r0, r1)
            if not ones:
                _fold(low[0], high[0], r0, r1)
    _store(parts[0, 1], q, 0, 0)
    if not ones:
        _store(parts[0, 0], p, 0, 0)
    return ONES if ones else ANY


@njit(cache=True, nogil=True)
def _keep(layer, blocks, n, table, at, lo, hi):
    block, scratch = np.empty((2, 2, n), np.uint64), _scratch(layer, 0, n)
    p, q = block[0], block[1]
    group = np.searchsorted(blocks, lo, "right") - 1
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        start = (item - blocks[group]) * n
        kind = _node_block(layer, group, start, p, q, scratch)
        _settle(kind, p, q)
        first = at[group] + start
        _store(p, table, 0, first)
        _store(q, table, 2, first)


@njit(cache=True, nogil=True)
def _halve(below, below_at, size, blocks, n, table, at, lo, hi):
    """A kept layer of ``size`` nodes from the kept one below it."""
    parts = np.empty((4, 2, n), np.uint64)
    p, q, p2, q2 = parts[0], parts[1], parts[2], parts[3]
    group = np.searchsorted(blocks, lo, "right") - 1
    for item in range(lo, hi):
        while blocks[group + 1] <= item:
            group += 1
        start = (item - blocks[group]) * n
        first = below_at[group] + start
        _load(below, 0, first, p)
        _load(below, 2, first, q)
        first += size
        if first < below_at[group + 1]:
            _load(below, 0, first, p2)
            _load(below, 2, first, q2)
            _join(ANY, p, q, ANY, p2, q2)
        first = at[group] + start
        _store(p, table, 0, first)
        _store(q, table, 2, first)


# While values are small integers: blocks of lookups of few bits, and of none.


@njit(nogil=True)
def _cut(x):
    """A field element as two signed limbs of 32 bits."""
    signed = np.int64(x if x < HALF else x - P)
    low = np.int32(signed)
    return low, np.int32((signed - np.int64(low)) >> 32)


@njit(nogil=True)
def _limbs(block):
    """Limbs of elements of K (2, n): (4, n)."""
    out = np.empty((4, block.shape[1]), np.int32)
    for k in range(2):
        for i in range(block.shape[1]):
            out[2 * k, i], out[2 * k + 1, i] = _cut(block[k, i])
    return out


@njit(nogil=True, inline="always")
def _joined(low, high):
    """low + 2^32 high, of signed integers, in F."""
    return add(lift(low), mul(lift(high), TWO32))


@njit(nogil=True)
def _accumulate(small, w0, w1, terms):
    """terms (4, n) += small times the limbs of (w0, w1)."""
    n = small.size
    a, b = _cut(w0)
    c, d = _cut(w1)
    t0, t1, t2, t3 = terms[0, :n], terms[1, :n], terms[2, :n], terms[3, :n]
    for i in range(n):
        x = np.int64(small[i])
        t0[i] += x * np.int64(a)
        t1[i] += x * np.int64(b)
        t2[i] += x * np.int64(c)
        t3[i] += x * np.int64(d)


@njit(nogil=True)
def _narrow_lookup(leaves, group, start, n, bits, parts):
    """The leaf that leaves start.. are in, if that is a lookup of at most ``parts`` components of types below
    ``bits``; -1 if they are empty; else -2."""
    leaf, begin = find_leaf(leaves, group, start)
    if leaf < 0:
        return -1, begin
    own = leaves.leaf[leaf]
    if not own.lookup or start + n > own.stop or own.parts > parts:
        return -2, begin
    for c in range(own.part, own.part + own.parts):
        if leaves.part[c].kind >= bits:
            return -2, begin
    return leaf, begin


@njit(nogil=True)
def _less_both(base, x, y, out):
    """base - x - y."""
    n = out.size
    x0, y0 = x[:n], y[:n]
    for i in range(n):
        out[i] = sub(base, lift(np.int64(x0[i]) + np.int64(y0[i])))


@njit(nogil=True)
def _less_scaled(base, x, y, a0, a1, b0, b1, out):
    """base - a x - b y for a, b in limbs."""
    n = out.size
    x0, y0 = x[:n], y[:n]
    for i in range(n):
        u, v = np.int64(x0[i]), np.int64(y0[i])
        low, high = u * np.int64(a0) + v * np.int64(b0), u * np.int64(a1) + v * np.int64(b1)
        out[i] = sub(base, _joined(low, high))


@njit(nogil=True)
def _less_scaled_plus_product(base, x, y, a0, a1, b0, b1, out):
    """base - a x - b y + x y for a, b in limbs."""
    n = out.size
    x0, y0 = x[:n], y[:n]
    for i in range(n):
        u, v = np.int64(x0[i]), np.int64(y0[i])
        low, high = u * np.int64(a0) + v * np.int64(b0), u * np.int64(a1) + v * np.int64(b1)
        out[i] = sub(base, _joined(low - u * v, high))


@njit(nogil=True)
def _base_less(base, low, high, out):
    """base - (low + 2^32 high)."""
    n = out.size
    l0, h0 = low[:n], high[:n]
    for i in range(n):
        out[i] = sub(base, _joined(l0[i], h0[i]))


@njit(nogil=True)
def _small_pair(leaves, group, start, step, out, scratch):
    """The sum of leaves start.. and those ``step`` after, into ``out`` (p and q), and what it is. `OTHER` if
    they are not lookups of one component of at most 16 bits, or none."""
    n = out.shape[2]
    leaf, begin = _narrow_lookup(leaves, group, start, n, BITS16, 1)
    if leaf == -1:
        return EMPTY
    other, other_begin = _narrow_lookup(leaves, group, start + step, n, BITS16, 1)
    if leaf == -2 or other < 0:
        return OTHER
    left, right = leaves.leaf[leaf], leaves.leaf[other]
    integers(leaves.part[left.part], leaves.outer[left.part], start - begin, scratch.small)
    at = start + step - other_begin
    integers(leaves.part[right.part], leaves.outer[right.part], at, scratch.other)
    p0, p1 = add(left.base0, right.base0), add(left.base1, right.base1)
    q0, q1 = kmul(left.base0, left.base1, right.base0, right.base1)
    a0, a1 = _cut(left.base0)
    a2, a3 = _cut(left.base1)
    b0, b1 = _cut(right.base0)
    b2, b3 = _cut(right.base1)
    x, y = scratch.small, scratch.other
    _less_both(p0, x, y, out[0, 0])
    out[0, 1, :] = p1
    # (a - u) (b - v) = a b - a v - b u + u v.
    _less_scaled_plus_product(q0, x, y, b0, b1, a0, a1, out[1, 0])
    _less_scaled(q1, x, y, b2, b3, a2, a3, out[1, 1])
    return ANY


@njit(nogil=True)
def _small_fold(leaves, group, base, width, eq, p, q, scratch):
    """`_bound_block` of leaves: sums over runs of small integers times constants, reduced once. `OTHER` if
    it is not for these."""
    n, runs = q.shape[1], eq.shape[0]
    for b in range(runs):
        leaf, begin = _narrow_lookup(leaves, group, base + b * width, n, BITS32, n)
        if leaf == -2:
            return OTHER
        if leaf == -1 and b == 0:
            return EMPTY
    small, values, terms = scratch.small, scratch.values, scratch.terms
    terms[:] = 0
    p0, p1, q0, q1, ones = ZERO, ZERO, ZERO, ZERO, True
    for b in range(runs):
        leaf, begin = find_leaf(leaves, group, base + b * width)
        w0, w1 = eq[b, 0], eq[b, 1]
        if leaf < 0:
            ones = False
            q0, q1 = add(q0, w0), add(q1, w1)
            continue
        own = leaves.leaf[leaf]
        p0, p1 = add(p0, w0), add(p1, w1)
        x, y = kmul(own.base0, own.base1, w0, w1)
        q0, q1 = add(q0, x), add(q1, y)
        for c in range(own.part, own.part + own.parts):
            part = leaves.part[c]
            if c > own.part:
                x, y = kmul(part.w0, part.w1, w0, w1)
            else:
                x, y = w0, w1
            if part.kind < BITS16:
                integers(part, leaves.outer[c], base + b * width - begin, small)
                _accumulate(small, x, y, terms)
                continue
            integers(part, leaves.outer[c], base + b * width - begin, values)
            for i in range(n):
                small[i] = values[i] & 0xFFFF
            _accumulate(small, x, y, terms)
            for i in range(n):
                small[i] = values[i] >> 16
            _accumulate(small, mul(x, TWO16), mul(y, TWO16), terms)
    _base_less(q0, terms[0], terms[1], q[0])
    _base_less(q1, terms[2], terms[3], q[1])
    if ones:
        return ONES
    p[0, :] = p0
    p[1, :] = p1
    return ANY


@njit(nogil=True)
def _small_sum(limbs, small):
    """sum_i eq_i small_i in K, for limbs of eq."""
    n = small.size
    l0, l1, l2, l3 = limbs[0, :n], limbs[1, :n], limbs[2, :n], limbs[3, :n]
    a, b, c, d = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(n):
        x = np.int64(small[i])
        a += x * np.int64(l0[i])
        b += x * np.int64(l1[i])
        c += x * np.int64(l2[i])
        d += x * np.int64(l3[i])
    return _joined(a, b), _joined(c, d)


@njit(nogil=True)
def _small_products(limbs, left, right):
    """sum_i eq_i left_i right_i in K; the products of integers, below 2^50, are cut in two again."""
    n = left.size
    l0, l1, l2, l3 = limbs[0, :n], limbs[1, :n], limbs[2, :n], limbs[3, :n]
    a, b, c, d = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    e, f, g, h = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(n):
        product = np.int64(left[i]) * np.int64(right[i])
        low, high = np.int32(product & 0xFFFFF), np.int32(product >> 20)
        x, y = np.int64(low), np.int64(high)
        a += x * np.int64(l0[i])
        b += x * np.int64(l1[i])
        c += x * np.int64(l2[i])
        d += x * np.int64(l3[i])
        e += y * np.int64(l0[i])
        f += y * np.int64(l1[i])
        g += y * np.int64(l2[i])
        h += y * np.int64(l3[i])
    return (
        add(_joined(a, b), mul(_joined(e, f), TWO20)),
        add(_joined(c, d), mul(_joined(g, h), TWO20)),
    )


@njit(nogil=True)
def _small_grid(layer, group, start, step, variables, lam, limbs, w0, w1, drawn, sums):
    """A block's part of a grid's sums, if it is of lookups of one component of at most 16 bits and of empty
    leaves. With p and the part a of q = a - v that does not depend on the position, the sums needed are
    of v and of products of two v."""
    leaves, n, runs = layer.leaves, limbs.shape[1], 1 << variables
    half, points = layer.size // 2, drawn.shape[1]
    for side in range(2):
        for b in range(runs):
            at = side * half + b * step + start
            leaf, _ = _narrow_lookup(leaves, group, at, n, BITS16, 1)
            if leaf == -2:
                return False
    # p, a and the sum of v, by side.
    scalars = np.zeros((2, 3, points, 2, 1), np.uint64)
    some = False
    for side in range(2):
        for b in range(runs):
            u, at = _ternary(b, variables), side * half + b * step + start
            own, small = scalars[side], drawn[side, u]
            leaf, begin = find_leaf(leaves, group, at)
            if leaf < 0:
                own[1, u, 0, 0] = ONE
                small[:] = 0
                continue
            some = some or side == 1
            record = leaves.leaf[leaf]
            own[0, u, 0, 0] = ONE
            own[1, u, 0, 0], own[1, u, 1, 0] = record.base0, record.base1
            integers(leaves.part[record.part], leaves.outer[record.part], at - begin, small)
            own[2, u, 0, 0], own[2, u, 1, 0] = _small_sum(limbs, small)
        for k in range(3):
            _extend(scalars[side, k], variables)
    if some:
        for side in range(2):
            _extend_small(drawn[side], variables)
    for u in range(points):
        total0, total1 = ZERO, ZERO
        if some:
            total0, total1 = _small_products(limbs, drawn[0, u], drawn[1, u])
        # p0 q1 + p1 q0 + lam q0 q1 with q = a - v, the products of two v last.
        a0, a1 = scalars[0, 1, u], scalars[1, 1, u]
        v0, v1 = scalars[0, 2, u], scalars[1, 2, u]
        x, y = kmul(a0[0, 0], a0[1, 0], a1[0, 0], a1[1, 0])
        total0, total1 = add(total0, x), add(total1, y)
        x, y = kdot(a0[0, 0], a0[1, 0], v1[0, 0], v1[1, 0], a1[0, 0], a1[1, 0], v0[0, 0], v0[1, 0])
        total0, total1 = kmul(sub(total0, x), sub(total1, y), lam[0], lam[1])
        x, y = kdot(
            scalars[0, 0, u, 0, 0],
            scalars[0, 0, u, 1, 0],
            sub(a1[0, 0], v1[0, 0]),
            sub(a1[1, 0], v1[1, 0]),
            scalars[1, 0, u, 0, 0],
            scalars[1, 0, u, 1, 0],
            sub(a0[0, 0], v0[0, 0]),
            sub(a0[1, 0], v0[1, 0]),
        )
        x, y = kmul(add(total0, x), add(total1, y), w0, w1)
        sums[u, 0] = add(sums[u, 0], x)
        sums[u, 1] = add(sums[u, 1], y)
    return True


# Sumchecks.


@njit(nogil=True)
def _ternary(b, variables):
    """The number with the digits of b to base 3, the top one first."""
    out = 0
    for t in range(variables):
        out = 3 * out + (b >> (variables - 1 - t) & 1)
    return out


@njit(nogil=True)
def _extend(values, variables):
    """From values (3^v, 2, n) at digits 0 and 1 to the coefficients of squares' place, 2: the difference."""
    step = values.shape[0]
    for _ in range(variables):
        step //= 3
        for u in range(values.shape[0]):
            if u // step % 3 == 2 and _finite(u % step):
                _difference(values[u - step], values[u - 2 * step], values[u])


@njit(nogil=True)
def _extend_small(values, variables):
    """`_extend` of integers (3^v, n)."""
    step = values.shape[0]
    for _ in range(variables):
        step //= 3
        for u in range(values.shape[0]):
            if u // step % 3 == 2 and _finite(u % step):
                high, low, out = values[u - step], values[u - 2 * step], values[u]
                for i in range(out.size):
                    out[i] = high[i] - low[i]


@njit(nogil=True)
def _finite(u):
    """Whether all digits to base 3 are 0 or 1."""
    while u:
        if u % 3 == 2:
            return False
        u //= 3
    return True


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
    limbs = _limbs(low)
    drawn = np.empty((2, points if small else 0, n), np.int32)
    group = np.searchsorted(blocks, lo, "right") - 1
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
        if small and _small_grid(
            layer, group, block * n, step, variables, lam, limbs, w0, w1, drawn, sums
        ):
            continue
        some, ones = False, True
        for b in range(runs):
            u, at = _ternary(b, variables), b * step + block * n
            kind = _bound_block(layer, 0, bound, group, at, width, p0[u], q0[u], scratch)
            _settle(kind, p0[u], q0[u])
            _add_scaled(p0[u], q0[u], lam[0], lam[1])
            right[b] = _bound_block(layer, 1, bound, group, at, width, p1[u], q1[u], scratch)
            some = some or right[b] != EMPTY
            ones = ones and right[b] == ONES
        if not some:
            for b in range(runs):
                u = _ternary(b, variables)
                _gather(low, p0[u], w0, w1, sums[u])
            continue
        if not ones:
            for b in range(runs):
                u = _ternary(b, variables)
                _settle(right[b], p1[u], q1[u])
            _extend(q0, variables)
            _extend(p1, variables)
        _extend(p0, variables)
        _extend(q1, variables)
        for u in range(points):
            if not ones:
                _cross(p0[u], q1[u], p1[u], q0[u], product)
            elif _finite(u):
                _product_plus(p0[u], q1[u], q0[u], product)
            else:
                _product(p0[u], q1[u], product)
            _gather(low, product, w0, w1, sums[u])


@njit(nogil=True)
def _folded_rows(table, row, first, start, width, end, r, out, other):
    """A value of a table at start.. of a group whose columns 0 to ``end`` begin at ``first``, folded to
    ``width``, into ``out``, which holds what is beyond ``end``. ``other`` is scratch."""
    if start + width < end:
        _load(table, row, first + start + width, other)
    else:
        _store(out, other, 0, 0)
    _load(table, row, first + start, out)
    _fold(out, other, r[0], r[1])


@njit(nogil=True)
def _beyond(block, lam):
    """What a block of (p0 + lam q0, q0, p1, q1) is where there are no leaves."""
    block[0, 0, :] = lam[0]
    block[0, 1, :] = lam[1]
    _set(block[1], ONE)
    _set(block[2], ZERO)
    _set(block[3], ONE)


@njit(cache=True, nogil=True)
def _fold_round(layer, bound, fresh, width, lam, halves, weights, blocks, sums, lo, hi):
    low = weights.low
    n, pairs = low.shape[1], max(1, width // 2)
    two = 2 if width > 1 else 1
    work = np.empty((2, 4, 2, n), np.uint64)
    steps = np.empty((4, 2, n), np.uint64)
    product = np.empty((2, n), np.uint64)
    scratch = _scratch(layer, bound.r.shape[0], n)
    group = np.searchsorted(blocks, lo, "right") - 1
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
                left = _bound_block(layer, 0, bound, group, start, width, x[0], x[1], scratch)
                right = _bound_block(layer, 1, bound, group, start, width, x[2], x[3], scratch)
                if left != EMPTY:
                    _settle(left, x[0], x[1])
                    _add_scaled(x[0], x[1], lam[0], lam[1])
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
                _store(x[0], halves.left, 0, left_at + start)
                _store(x[1], halves.left, 2, left_at + start)
            if start < min(right_size, width):
                _store(x[2], halves.right, 0, right_at + start)
                _store(x[3], halves.right, 2, right_at + start)
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
            _gather(low, x[0], w0, w1, sums[0])
            continue
        _cross(x[0], x[3], x[2], x[1], product)
        _gather(low, product, w0, w1, sums[0])
        for k in range(4):
            _difference(y[k], x[k], steps[k])
        _cross(steps[0], steps[3], steps[2], steps[1], product)
        _gather(low, product, w0, w1, sums[1])


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


def grid(
    layer: Layer, filled: Ints, bound: Array, variables: int, lam: Array, point: Array, group: Array
) -> Array:
    """The sums over all but the next ``variables`` variables, after the first were fixed to ``bound`` (v, 2), at
    each of these 0, 1 or, third, the square's coefficient, first variable first: [3^variables, 2]; then the
    weight that was visited. ``point`` (2, m) weighs the other variables, ``group`` (2, groups) the groups."""
    nodes = layer.size >> (1 + len(bound) + variables)
    assert nodes == 1 << point.shape[1]
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
        assert pairs == 1 << point.shape[1]
        weights = _weights(point, self._group)
        visited = np.minimum(np.diff(self.halves.left_at), pairs)
        blocks = offsets(visited // block_size(pairs))
        operands = layer, _bound(bound), fresh, self.width, self._lam, self.halves, weights, blocks
        return _summed(
            lambda sums, lo, hi: _fold_round(*operands, sums, lo, hi), int(blocks[-1]), 3
        )

    def ends(self) -> tuple[Array, Array, Array, Array]:
        """p0 + lam q0, p1, q0, q1 of each group, (2, groups), when all variables are fixed."""
        assert self.width == 1
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
