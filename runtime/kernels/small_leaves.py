"""LogUp's leaves while their values are small integers: sums of them times constants, reduced once.

For blocks of lookups of few bits, and of none; what is not of these is `OTHER`, and made as elements of K.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .. import field
from .blocks import I1, extend, finite, ternary
from .goldilocks import ONE, ZERO, P, add, kdot, kmul, mul, sub
from .leaves import ANY, BITS16, BITS32, EMPTY, ONES, find_leaf, integers, lift

TWO16, TWO20, TWO32 = np.uint64(1 << 16), np.uint64(1 << 20), np.uint64(1 << 32)
HALF = np.uint64((field.P - 1) // 2)
# That a block is not of the kind that something is for.
OTHER = -1


@njit(nogil=True)
def _cut(x):
    """A field element as two signed limbs of 32 bits."""
    signed = np.int64(x if x < HALF else x - P)
    low = np.int32(signed)
    return low, np.int32((signed - np.int64(low)) >> 32)


@njit(nogil=True)
def limbs_of(block):
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
def small_pair(leaves, group, start, step, out, scratch):
    """The sum of leaves start.. and those ``step`` after, into ``out`` (p and q), and what it is. `OTHER` if
    they are not lookups of one component of at most 16 bits, or none."""
    n = out.shape[2]
    leaf, begin = _narrow_lookup(leaves, group, start, n, BITS16, I1)
    if leaf == -1:
        return EMPTY
    other, other_begin = _narrow_lookup(leaves, group, start + step, n, BITS16, I1)
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
def small_fold(leaves, group, base, width, eq, p, q, scratch):
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
def small_grid(layer, group, start, step, variables, lam, limbs, w0, w1, drawn, sums):
    """A block's part of a grid's sums, if it is of lookups of one component of at most 16 bits and of empty
    leaves. With p and the part a of q = a - v that does not depend on the position, the sums needed are
    of v and of products of two v."""
    leaves, n, runs = layer.leaves, limbs.shape[1], 1 << variables
    half, points = layer.size // 2, drawn.shape[1]
    for side in range(2):
        for b in range(runs):
            at = side * half + b * step + start
            leaf, _ = _narrow_lookup(leaves, group, at, n, BITS16, I1)
            if leaf == -2:
                return False
    # p, a and the sum of v, by side.
    scalars = np.zeros((2, 3, points, 2, 1), np.uint64)
    some = False
    for side in range(2):
        for b in range(runs):
            u, at = ternary(b, variables), side * half + b * step + start
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
            extend(scalars[side, k], variables)
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


@njit(nogil=True)
def _extend_small(values, variables):
    """`extend` of integers (3^v, n)."""
    step = values.shape[0]
    for _ in range(variables):
        step //= 3
        for u in range(values.shape[0]):
            if u // step % 3 == 2 and finite(u % step):
                high, low, out = values[u - step], values[u - 2 * step], values[u]
                for i in range(out.size):
                    out[i] = high[i] - low[i]
