"""Rounds of the sumcheck of sum_p w[p] sum_{i, q} e[i] prod_f t_f[m_f[p], i, q] in the bits of i.

The tables t_f are over K, or hold small integers in the first round. A table may lack p, in part or
wholly: its row map m_f says which of its rows belongs to p; and it may lack q. The axis of i has a size n of
its own, 2^(m-1) < n <= 2^m: the second half of a table is shorter than the first, and zero beyond. w and e
do not depend on the variable of the round, so that its polynomial has one degree for each table; e is for
half an axis, or empty if there is none.

Sums are kept as sums of the low and of the high 32 bits, as in `sumcheck`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, ZERO, add, kmul, mul, sub
from .operand import operand
from .pool import chunks

Array = NDArray[np.uint64]
Integers = NDArray[np.int32]

# Cells that are in cache together with all their lines.
BLOCK = 256
GRAIN = 1 << 13
# Tables of a product; kernels are compiled for that many and told how many there are.
MOST = 4
T32 = np.uint64(1 << 32)


@njit(nogil=True)
def _line(t0, t1, low, high, count, pairs, line):
    """A table's lines over a block: values at 0 and steps; the first ``pairs`` cells have a partner."""
    v0, v1, d0, d1 = line[0, :count], line[1, :count], line[2, :count], line[3, :count]
    a0, a1 = t0[low : low + count], t1[low : low + count]
    b0, b1 = t0[high : high + pairs], t1[high : high + pairs]
    for c in range(count):
        v0[c] = a0[c]
        v1[c] = a1[c]
    for c in range(pairs):
        d0[c] = sub(b0[c], a0[c])
        d1[c] = sub(b1[c], a1[c])
    for c in range(pairs, count):
        d0[c] = sub(ZERO, a0[c])
        d1[c] = sub(ZERO, a1[c])


@njit(nogil=True)
def _constant_line(t0, t1, i, half, count, line):
    """The same one line for a whole block."""
    a0, a1 = t0[i], t1[i]
    b0, b1 = (t0[half + i], t1[half + i]) if half + i < t0.size else (ZERO, ZERO)
    d0, d1 = sub(b0, a0), sub(b1, a1)
    for c in range(count):
        line[0, c] = a0
        line[1, c] = a1
        line[2, c] = d0
        line[3, c] = d1


@njit(nogil=True)
def _advance(line, n):
    v0, v1, d0, d1 = line[0, :n], line[1, :n], line[2, :n], line[3, :n]
    for c in range(n):
        v0[c] = add(v0[c], d0[c])
        v1[c] = add(v1[c], d1[c])


@njit(nogil=True)
def _times(x0, x1, v0, v1):
    for c in range(x0.size):
        a, b = kmul(x0[c], x1[c], v0[c], v1[c])
        x0[c] = a
        x1[c] = b


@njit(nogil=True)
def _add_split(x0, x1, sums):
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for c in range(x0.size):
        la += x0[c] & LOW
        ha += x0[c] >> S32
        lb += x1[c] & LOW
        hb += x1[c] >> S32
    sums[0] += la
    sums[1] += ha
    sums[2] += lb
    sums[3] += hb


@njit(nogil=True)
def _move(source, w0, w1, target):
    """Add the sum in ``source`` times a weight to ``target``, and clear it."""
    a, b = add(source[0], mul(source[1], T32)), add(source[2], mul(source[3], T32))
    a, b = kmul(a, b, w0, w1)
    target[0] += a & LOW
    target[1] += a >> S32
    target[2] += b & LOW
    target[3] += b >> S32
    source[:] = ZERO


@njit(cache=True, nogil=True)
def _round(tables, maps, k, n, half, across, w, e, skip, sums, lo, hi):
    """Evaluations at 0..k, but for 1 if ``skip``, of rows lo..hi; tables [2, rows, n * (across or 1)]."""
    lines = np.empty((MOST, 4, BLOCK), np.uint64)
    product = np.empty((2, BLOCK), np.uint64)
    inner = np.zeros((MOST + 1, 4), np.uint64)
    row = np.zeros((MOST + 1, 4), np.uint64)
    # Along i where there is no q; else along q for each i.
    steps, length = (1, half) if across == 1 else (half, across)
    for p in range(lo, hi):
        for i in range(steps):
            for start in range(0, length, BLOCK):
                count = min(BLOCK, length - start)
                left = (n - half - i) * across - start
                pairs = min(count, max(left, 0))
                for f in range(k):
                    table = tables[f]
                    t0, t1 = table[0, maps[f][p]], table[1, maps[f][p]]
                    if t0.size == n * across:
                        low = i * across + start
                        _line(t0, t1, low, low + half * across, count, pairs, lines[f])
                    else:
                        _constant_line(t0, t1, i, half, count, lines[f])
                x0, x1 = product[0, :count], product[1, :count]
                for x in range(k + 1):
                    if x != 1 or not skip:
                        for c in range(count):
                            x0[c] = lines[0, 0, c]
                            x1[c] = lines[0, 1, c]
                        for f in range(1, k):
                            _times(x0, x1, lines[f, 0], lines[f, 1])
                        if across == 1 and e.shape[1]:
                            _times(x0, x1, e[0, start:], e[1, start:])
                        _add_split(x0, x1, inner[x])
                    if x < k:
                        for f in range(k):
                            _advance(lines[f], count)
            if across > 1 and e.shape[1]:
                for x in range(k + 1):
                    _move(inner[x], e[0, i], e[1, i], row[x])
        for x in range(k + 1):
            if across > 1 and e.shape[1]:
                _move(row[x], w[0, p], w[1, p], sums[x])
            else:
                _move(inner[x], w[0, p], w[1, p], sums[x])


@njit(cache=True, nogil=True)
def _fold(table, out, r, half, lo, hi):
    """Rows lo..hi of [2, rows, n] folded to [2, rows, half], the first of each half with each other."""
    r0, r1 = r[0], r[1]
    pairs = table.shape[2] - half
    for p in range(lo, hi):
        a0, a1 = table[0, p, :half], table[1, p, :half]
        b0, b1 = table[0, p, half:], table[1, p, half:]
        out0, out1 = out[0, p], out[1, p]
        for i in range(pairs):
            u0, u1 = a0[i], a1[i]
            c0, c1 = kmul(sub(b0[i], u0), sub(b1[i], u1), r0, r1)
            out0[i] = add(u0, c0)
            out1[i] = add(u1, c1)
        for i in range(pairs, half):
            u0, u1 = a0[i], a1[i]
            c0, c1 = kmul(u0, u1, r0, r1)
            out0[i] = sub(u0, c0)
            out1[i] = sub(u1, c1)


@njit(inline="always")
def _lift(x):
    u = np.uint64(x)
    return u - LOW if x < 0 else u


@njit(inline="always")
def _add_sums(la, ha, lb, hb, sums):
    sums[0] += la
    sums[1] += ha
    sums[2] += lb
    sums[3] += hb


@njit(inline="always")
def _add_value(low, high, sums):
    value = add(low, mul(_lift(high), T32))
    sums[0] += value & LOW
    sums[1] += value >> S32


@njit(nogil=True)
def _plain_products(a, b, c, d, row):
    # Signed products in halves: the low ones add up as they are, the high ones with their sign.
    l0, h0 = ZERO, np.int64(0)
    l1, h1 = ZERO, np.int64(0)
    l2, h2 = ZERO, np.int64(0)
    for i in range(c.size):
        u, v, s, t = np.int64(a[i]), np.int64(b[i]), np.int64(c[i]), np.int64(d[i])
        x, y, z = u * v, s * t, (s - u) * (t - v)
        l0 += np.uint64(x) & LOW
        h0 += x >> 32
        l1 += np.uint64(y) & LOW
        h1 += y >> 32
        l2 += np.uint64(z) & LOW
        h2 += z >> 32
    for i in range(c.size, a.size):
        x = np.int64(a[i]) * np.int64(b[i])
        l0 += np.uint64(x) & LOW
        h0 += x >> 32
        l2 += np.uint64(x) & LOW
        h2 += x >> 32
    _add_value(l0, h0, row[0])
    _add_value(l1, h1, row[1])
    _add_value(l2, h2, row[2])


@njit(nogil=True)
def _weighted_products(a, b, c, d, e0, e1, row):
    la0, ha0, lb0, hb0 = ZERO, ZERO, ZERO, ZERO
    la1, ha1, lb1, hb1 = ZERO, ZERO, ZERO, ZERO
    la2, ha2, lb2, hb2 = ZERO, ZERO, ZERO, ZERO
    for i in range(c.size):
        u, v, s, t = np.int64(a[i]), np.int64(b[i]), np.int64(c[i]), np.int64(d[i])
        x = _lift(u * v)
        y = mul(x, e0[i])
        la0 += y & LOW
        ha0 += y >> S32
        y = mul(x, e1[i])
        lb0 += y & LOW
        hb0 += y >> S32
        x = _lift(s * t)
        y = mul(x, e0[i])
        la1 += y & LOW
        ha1 += y >> S32
        y = mul(x, e1[i])
        lb1 += y & LOW
        hb1 += y >> S32
        x = _lift((s - u) * (t - v))
        y = mul(x, e0[i])
        la2 += y & LOW
        ha2 += y >> S32
        y = mul(x, e1[i])
        lb2 += y & LOW
        hb2 += y >> S32
    for i in range(c.size, a.size):
        x = _lift(np.int64(a[i]) * np.int64(b[i]))
        y = mul(x, e0[i])
        la0 += y & LOW
        ha0 += y >> S32
        la2 += y & LOW
        ha2 += y >> S32
        y = mul(x, e1[i])
        lb0 += y & LOW
        hb0 += y >> S32
        lb2 += y & LOW
        hb2 += y >> S32
    _add_sums(la0, ha0, lb0, hb0, row[0])
    _add_sums(la1, ha1, lb1, hb1, row[1])
    _add_sums(la2, ha2, lb2, hb2, row[2])


@njit(cache=True, nogil=True)
def _integer_round(f, g, half, w, e, sums, lo, hi):
    """The products' values at 0 and 1 and their leading coefficients, for rows lo..hi of [rows, n]."""
    pairs = f.shape[1] - half
    weighted = e.shape[1] > 0
    row = np.zeros((3, 4), np.uint64)
    for p in range(lo, hi):
        for start in range(0, half, BLOCK):
            end = min(start + BLOCK, half)
            meet = min(max(pairs, start), end)
            a, b = f[p, start:end], g[p, start:end]
            c, d = f[p, half + start : half + meet], g[p, half + start : half + meet]
            if weighted:
                _weighted_products(a, b, c, d, e[0, start:end], e[1, start:end], row)
            else:
                _plain_products(a, b, c, d, row)
        for x in range(3):
            _move(row[x], w[0, p], w[1, p], sums[x])


@njit(cache=True, nogil=True)
def _integer_fold(table, out, r, half, lo, hi):
    r0, r1 = r[0], r[1]
    pairs = table.shape[1] - half
    for p in range(lo, hi):
        a, b, out0, out1 = table[p, :half], table[p, half:], out[0, p], out[1, p]
        for i in range(pairs):
            d = _lift(np.int64(b[i]) - np.int64(a[i]))
            out0[i] = add(_lift(np.int64(a[i])), mul(d, r0))
            out1[i] = mul(d, r1)
        for i in range(pairs, half):
            u = _lift(np.int64(a[i]))
            out0[i] = sub(u, mul(u, r0))
            out1[i] = sub(ZERO, mul(u, r1))


def half_of(n: int) -> int:
    """The size of the first half of an axis of size n > 1."""
    return 1 << (n - 1).bit_length() - 1


def round_values(
    tables: Sequence[Array], maps: Sequence[NDArray[np.int64]], w: Array, e: Array, skip: bool
) -> list[tuple[int, int]]:
    """The round's polynomial at 0..k, without 1 if ``skip``, for k tables [2, rows, n, size of q or 1],
    a row map for each, w (2, P) and e (2, half) or (2, 0)."""
    k, n = len(tables), tables[0].shape[2]
    across, half = max(t.shape[3] for t in tables), half_of(n)
    flat = [operand(t.reshape(2, t.shape[1], -1)) for t in tables]
    spare = MOST - k
    inputs = (*flat, *flat[:1] * spare), (*map(_map, maps), *[_map(maps[0])] * spare)
    w, e = operand(w), operand(e)

    def run(lo: int, hi: int) -> Array:
        sums = np.zeros((MOST + 1, 4), np.uint64)
        _round(*inputs, k, n, half, across, w, e, skip, sums, lo, hi)
        return sums

    grain = max(1, GRAIN // (half * across))
    totals = _total(chunks(run, w.shape[1], grain))
    return [totals[x] for x in range(k + 1) if x != 1 or not skip]


def integer_round_values(f: Integers, g: Integers, w: Array, e: Array) -> list[tuple[int, int]]:
    """The round's polynomial at 0 and 1 and its leading coefficient, for two tables [P, n] of int32,
    |x| < 2^30."""
    half = half_of(f.shape[1])
    f, g, w, e = operand(f, np.int32), operand(g, np.int32), operand(w), operand(e)

    def run(lo: int, hi: int) -> Array:
        sums = np.zeros((3, 4), np.uint64)
        _integer_round(f, g, half, w, e, sums, lo, hi)
        return sums

    return _total(chunks(run, len(f), max(1, GRAIN // half)))


def fold_axis(table: Array, r: Array) -> Array:
    """Fix the round's variable of a table [2, rows, n, q] to r (2,): [2, rows, half, q]."""
    _, rows, n, across = table.shape
    half = half_of(n)
    out = np.empty((2, rows, half, across), np.uint64)
    flat, target, r = operand(table.reshape(2, rows, -1)), out.reshape(2, rows, -1), operand(r)
    grain = max(1, GRAIN // (half * across))
    chunks(lambda lo, hi: _fold(flat, target, r, half * across, lo, hi), rows, grain)
    return out


def fold_integers(table: Integers, r: Array) -> Array:
    """The same for a table of int32 [rows, n]: [2, rows, half, 1]."""
    rows, n = table.shape
    half = half_of(n)
    out = np.empty((2, rows, half), np.uint64)
    table, r = operand(table, np.int32), operand(r)
    chunks(lambda lo, hi: _integer_fold(table, out, r, half, lo, hi), rows, max(1, GRAIN // half))
    return out[..., None]


def _map(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return operand(rows, np.int64)


def _total(parts: Sequence[Array]) -> list[tuple[int, int]]:
    """The K values whose split sums, exact below 2^32 terms, the parts hold."""
    out = []
    for sums in np.stack(parts).swapaxes(0, 1).tolist():
        la, ha, lb, hb = (sum(column) for column in zip(*sums, strict=True))
        out.append(((la + (ha << 32)) % field.P, (lb + (hb << 32)) % field.P))
    return out
