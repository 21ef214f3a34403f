"""Sumcheck and LogUp-GKR passes over tables of K elements, shape (2, n).

The first variable is the top bit of the index: fixing it to r maps the halves (t_lo, t_hi) to
t_lo + r (t_hi - t_lo). Tables may be views, such as a half of a table: only their two rows must each
be contiguous. Sources: Thaler, "Proofs, Arguments, and Zero-Knowledge", chapter 4; Papini and
Haboeck, "Improving logarithmic derivative lookups using GKR", ePrint 2023/1284.

A round's sums are kept as sums of the low and of the high 32 bits of each term (exact below 2^32
terms), which vectorises where a chain of modular additions would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, ZERO, add, kmul, sub
from .operand import operand, rows
from .pool import chunks

Array = NDArray[np.uint64]

GRAIN = 1 << 13


@njit(cache=True, nogil=True)
def _fold(table, r, out, lo, hi):
    half = out[0].size
    r0, r1 = r[0], r[1]
    a0, a1 = table[0][lo:hi], table[1][lo:hi]
    b0, b1 = table[0][half + lo : half + hi], table[1][half + lo : half + hi]
    out0, out1 = out[0][lo:hi], out[1][lo:hi]
    for i in range(hi - lo):
        u0, u1 = a0[i], a1[i]
        c0, c1 = kmul(sub(b0[i], u0), sub(b1[i], u1), r0, r1)
        out0[i] = add(u0, c0)
        out1[i] = add(u1, c1)


@njit(cache=True, nogil=True)
def _inner_round(f, g, sums, lo, hi):
    half = f[0].size // 2
    f0, f1 = f[0][lo:hi], f[1][lo:hi]
    g0, g1 = g[0][lo:hi], g[1][lo:hi]
    d0, d1 = f[0][half + lo : half + hi], f[1][half + lo : half + hi]
    e0, e1 = g[0][half + lo : half + hi], g[1][half + lo : half + hi]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    lc, hc, ld, hd = ZERO, ZERO, ZERO, ZERO
    for i in range(hi - lo):
        u0, u1, v0, v1 = f0[i], f1[i], g0[i], g1[i]
        x0, x1 = kmul(u0, u1, v0, v1)
        la += x0 & LOW
        ha += x0 >> S32
        lb += x1 & LOW
        hb += x1 >> S32
        s0, s1 = d0[i], d1[i]
        t0, t1 = e0[i], e1[i]
        s0, s1 = add(s0, sub(s0, u0)), add(s1, sub(s1, u1))
        t0, t1 = add(t0, sub(t0, v0)), add(t1, sub(t1, v1))
        x0, x1 = kmul(s0, s1, t0, t1)
        lc += x0 & LOW
        hc += x0 >> S32
        ld += x1 & LOW
        hd += x1 >> S32
    sums[0], sums[1], sums[2], sums[3] = la, ha, lb, hb
    sums[4], sums[5], sums[6], sums[7] = lc, hc, ld, hd


@njit(cache=True, nogil=True)
def _eq_step(table, size, r, lo, hi):
    """Extend the table of the last variables by one in front: cells lo..hi of each half."""
    r0, r1 = r[0], r[1]
    low0, low1 = table[0, lo:hi], table[1, lo:hi]
    high0, high1 = table[0, size + lo : size + hi], table[1, size + lo : size + hi]
    for i in range(hi - lo):
        u0, u1 = low0[i], low1[i]
        v0, v1 = kmul(u0, u1, r0, r1)
        high0[i] = v0
        high1[i] = v1
        low0[i] = sub(u0, v0)
        low1[i] = sub(u1, v1)


@njit(inline="always")
def _cross(p00, p01, p10, p11, q00, q01, q10, q11, w0, w1):
    """w (p0 q1 + p1 q0)."""
    x0, x1 = kmul(p00, p01, q10, q11)
    y0, y1 = kmul(p10, p11, q00, q01)
    return kmul(add(x0, y0), add(x1, y1), w0, w1)


@njit(cache=True, nogil=True)
def _logup_round(eq, p0, p1, q0, q1, lam, sums, lo, hi):
    """The sums for X = 0, X = 1 and the coefficient of X^2, with lam q1 joined to p1."""
    half = eq[0].size
    lam0, lam1 = lam[0], lam[1]
    w0, w1 = eq[0][lo:hi], eq[1][lo:hi]
    a0, a1, b0, b1 = p0[0][lo:hi], p0[1][lo:hi], p1[0][lo:hi], p1[1][lo:hi]
    c0, c1, d0, d1 = q0[0][lo:hi], q0[1][lo:hi], q1[0][lo:hi], q1[1][lo:hi]
    start, stop = half + lo, half + hi
    e0, e1, f0, f1 = p0[0][start:stop], p0[1][start:stop], p1[0][start:stop], p1[1][start:stop]
    g0, g1, h0, h1 = q0[0][start:stop], q0[1][start:stop], q1[0][start:stop], q1[1][start:stop]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    lc, hc, ld, hd = ZERO, ZERO, ZERO, ZERO
    le, he, lf, hf = ZERO, ZERO, ZERO, ZERO
    for i in range(hi - lo):
        u0, u1 = w0[i], w1[i]
        pa0, pa1, qa0, qa1, qb0, qb1 = a0[i], a1[i], c0[i], c1[i], d0[i], d1[i]
        pb0, pb1 = kmul(qb0, qb1, lam0, lam1)
        pb0, pb1 = add(pb0, b0[i]), add(pb1, b1[i])
        x0, x1 = _cross(pa0, pa1, pb0, pb1, qa0, qa1, qb0, qb1, u0, u1)
        la += x0 & LOW
        ha += x0 >> S32
        lb += x1 & LOW
        hb += x1 >> S32
        sa0, sa1, ta0, ta1, tb0, tb1 = e0[i], e1[i], g0[i], g1[i], h0[i], h1[i]
        sb0, sb1 = kmul(tb0, tb1, lam0, lam1)
        sb0, sb1 = add(sb0, f0[i]), add(sb1, f1[i])
        x0, x1 = _cross(sa0, sa1, sb0, sb1, ta0, ta1, tb0, tb1, u0, u1)
        lc += x0 & LOW
        hc += x0 >> S32
        ld += x1 & LOW
        hd += x1 >> S32
        sa0, sa1, sb0, sb1 = sub(sa0, pa0), sub(sa1, pa1), sub(sb0, pb0), sub(sb1, pb1)
        ta0, ta1, tb0, tb1 = sub(ta0, qa0), sub(ta1, qa1), sub(tb0, qb0), sub(tb1, qb1)
        x0, x1 = _cross(sa0, sa1, sb0, sb1, ta0, ta1, tb0, tb1, u0, u1)
        le += x0 & LOW
        he += x0 >> S32
        lf += x1 & LOW
        hf += x1 >> S32
    sums[0], sums[1], sums[2], sums[3] = la, ha, lb, hb
    sums[4], sums[5], sums[6], sums[7] = lc, hc, ld, hd
    sums[8], sums[9], sums[10], sums[11] = le, he, lf, hf


def _total(kernel: Callable[[Array, int, int], None], n: int, values: int) -> Array:
    """The K values [values, 2] whose split sums `kernel` writes for each chunk of range(n)."""

    def run(lo: int, hi: int) -> Array:
        sums = np.zeros(4 * values, np.uint64)
        kernel(sums, lo, hi)
        return sums

    split = [[int(x) for x in sums] for sums in chunks(run, n, GRAIN)]
    totals = [sum(column) for column in zip(*split, strict=True)]
    joined = [(low + (high << 32)) % field.P for low, high in zip(*[iter(totals)] * 2, strict=True)]
    return np.array(joined, np.uint64).reshape(values, 2)


def _half(*tables: Array) -> int:
    n = tables[0].shape[-1]
    if n % 2 or any(t.shape[-2:] != (2, n) for t in tables):
        raise ValueError(f"tables do not pair up: {[t.shape for t in tables]}")
    return n // 2


def fold(table: Array, r: Array) -> Array:
    """Fix the first variable of a table (2, n) to r (2,): (2, n/2)."""
    return fold_many([table], r)[0]


def fold_many(tables: Array | Sequence[Array], r: Array) -> Array:
    """`fold` of each of k tables (2, n), given as [k, 2, n] or one by one: [k, 2, n/2]."""
    half = _half(*tables)
    sources, r = [rows(t) for t in tables], operand(r)
    out = np.empty((len(sources), 2, half), np.uint64)

    def run(lo: int, hi: int) -> None:
        for source, folded in zip(sources, out, strict=True):
            _fold(source, r, (folded[0], folded[1]), lo, hi)

    chunks(run, half, GRAIN)
    return out


def inner_round(f: Array, g: Array) -> Array:
    """sum_x f(X, x) g(X, x) at X = 0 and 2, as [2, 2], for tables (2, n)."""
    half = _half(f, g)
    left, right = rows(f), rows(g)
    return _total(lambda sums, lo, hi: _inner_round(left, right, sums, lo, hi), half, 2)


def eq_table(point: Array) -> Array:
    """eq(point, x) for all x in {0,1}^m as (2, 2^m); the first coordinate is the top bit of x."""
    variables = point.shape[1]
    table = np.empty((2, 1 << variables), np.uint64)
    table[:, 0] = 1, 0
    for i in range(variables):
        r = operand(point[:, variables - 1 - i])
        chunks(lambda lo, hi, i=i, r=r: _eq_step(table, 1 << i, r, lo, hi), 1 << i, GRAIN)
    return table


def logup_round(eq: Array, p0: Array, p1: Array, q0: Array, q1: Array, lam: Array) -> Array:
    """sum_x eq(x) [p0 q1 + p1 q0 + lam q0 q1](X, x) at X = 0, 1, 2, as [3, 2].

    eq (2, h) covers the variables after X; the others (2, 2h) have X as their first variable.
    """
    half = _half(p0, p1, q0, q1)
    if eq.shape != (2, half):
        raise ValueError(f"eq has shape {eq.shape}, not {(2, half)}")
    tables, lam = (rows(eq), rows(p0), rows(p1), rows(q0), rows(q1)), operand(lam)
    totals = _total(lambda sums, lo, hi: _logup_round(*tables, lam, sums, lo, hi), half, 3).tolist()
    at0, at1, square = totals
    at2 = [(2 * y - x + 2 * z) % field.P for x, y, z in zip(at0, at1, square, strict=True)]
    return np.array([at0, at1, at2], np.uint64)
