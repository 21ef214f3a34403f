"""Tables over K: products, inner products and contractions, for what is no longer small integers.

Sums are kept as sums of the low and of the high 32 bits, as in `sumcheck`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, ZERO, add, kmul, mul, sub
from .operand import operand
from .pool import chunks

Array = NDArray[np.uint64]

GRAIN = 1 << 13
T32 = np.uint64(1 << 32)


@njit(cache=True, nogil=True)
def _columns(x, w, each, out, lo, hi):
    for a in range(lo, hi):
        v = w[:, a // each]
        out0, out1 = out[0, a], out[1, a]
        for b in range(x.shape[2]):
            w0, w1 = v[0, b], v[1, b]
            x0, x1 = x[0, a, b], x[1, a, b]
            for c in range(out0.size):
                y0, y1 = kmul(x0[c], x1[c], w0, w1)
                out0[c] = add(out0[c], y0)
                out1[c] = add(out1[c], y1)


@njit(cache=True, nogil=True)
def _dots(x, w, each, out, lo, hi):
    for a in range(lo, hi):
        w0, w1 = w[0, a // each], w[1, a // each]
        x0, x1 = x[0, a, :, 0], x[1, a, :, 0]
        la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
        for b in range(x0.size):
            y0, y1 = kmul(x0[b], x1[b], w0[b], w1[b])
            la += y0 & LOW
            ha += y0 >> S32
            lb += y1 & LOW
            hb += y1 >> S32
        out[0, a, 0] = add(la, mul(ha, T32))
        out[1, a, 0] = add(lb, mul(hb, T32))


@njit(cache=True, nogil=True)
def _multiply(x, y, out, lo, hi):
    x0, x1, y0, y1 = x[0, lo:hi], x[1, lo:hi], y[0, lo:hi], y[1, lo:hi]
    out0, out1 = out[0, lo:hi], out[1, lo:hi]
    for i in range(hi - lo):
        a, b = kmul(x0[i], x1[i], y0[i], y1[i])
        out0[i] = a
        out1[i] = b


def multiply(x: Array, y: Array) -> Array:
    """The products of tables (2, ...) over K, broadcast together."""
    x, y = np.broadcast_arrays(x, y)
    out = np.empty(x.shape, np.uint64)
    x, y, flat = operand(x.reshape(2, -1)), operand(y.reshape(2, -1)), out.reshape(2, -1)
    chunks(lambda lo, hi: _multiply(x, y, flat, lo, hi), flat.shape[1], GRAIN)
    return out


def contract_extension(x: Array, w: Array) -> Array:
    """sum_b x[a, b, c] w[b] as [2, A, C], for x [2, A, B, C] and w [2, B] over K.

    With w [2, W, B] each of W runs of A / W slices x[a] has its own weights.
    """
    _, size_a, size_b, size_c = x.shape
    sets = w.shape[1] if w.ndim == 3 else 1
    if w.shape not in ((2, size_b), (2, sets, size_b)) or not sets or size_a % sets:
        raise ValueError(f"cannot contract {x.shape} with {w.shape}")
    out = np.zeros((2, size_a, size_c), np.uint64)
    if x.size:
        x, w, each = operand(x), operand(w.reshape(2, sets, size_b)), size_a // sets
        kernel = _dots if size_c == 1 else _columns
        grain = max(1, GRAIN // (size_b * size_c))
        chunks(lambda lo, hi: kernel(x, w, each, out, lo, hi), size_a, grain)
    return out


@njit(cache=True, nogil=True)
def _inner(f, g, sums, lo, hi):
    f0, f1, g0, g1 = f[0, lo:hi], f[1, lo:hi], g[0, lo:hi], g[1, lo:hi]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for i in range(hi - lo):
        a, b = kmul(f0[i], f1[i], g0[i], g1[i])
        la += a & LOW
        ha += a >> S32
        lb += b & LOW
        hb += b >> S32
    sums[0], sums[1], sums[2], sums[3] = la, ha, lb, hb


@njit(cache=True, nogil=True)
def _inner_beyond(f, f_next, g, g_next, sums, lo, hi):
    """The inner product of 2 f_next - f and 2 g_next - g."""
    f0, f1, g0, g1 = f[0, lo:hi], f[1, lo:hi], g[0, lo:hi], g[1, lo:hi]
    s0, s1, t0, t1 = f_next[0, lo:hi], f_next[1, lo:hi], g_next[0, lo:hi], g_next[1, lo:hi]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for i in range(hi - lo):
        u0, u1 = add(s0[i], sub(s0[i], f0[i])), add(s1[i], sub(s1[i], f1[i]))
        v0, v1 = add(t0[i], sub(t0[i], g0[i])), add(t1[i], sub(t1[i], g1[i]))
        a, b = kmul(u0, u1, v0, v1)
        la += a & LOW
        ha += a >> S32
        lb += b & LOW
        hb += b >> S32
    sums[0], sums[1], sums[2], sums[3] = la, ha, lb, hb


@njit(cache=True, nogil=True)
def _fold_into(low, high, r, lo, hi):
    r0, r1 = r[0], r[1]
    a0, a1, b0, b1 = low[0, lo:hi], low[1, lo:hi], high[0, lo:hi], high[1, lo:hi]
    for i in range(hi - lo):
        u0, u1 = a0[i], a1[i]
        c0, c1 = kmul(sub(b0[i], u0), sub(b1[i], u1), r0, r1)
        a0[i] = add(u0, c0)
        a1[i] = add(u1, c1)


@njit(cache=True, nogil=True)
def _scale(table, w, lo, hi):
    w0, w1 = w[0], w[1]
    a0, a1 = table[0, lo:hi], table[1, lo:hi]
    for i in range(hi - lo):
        u, v = kmul(a0[i], a1[i], w0, w1)
        a0[i] = u
        a1[i] = v


def inner(f: Array, g: Array) -> tuple[int, int]:
    """The inner product of two tables (2, n)."""
    f, g = operand(f), operand(g)
    return _total(lambda sums, lo, hi: _inner(f, g, sums, lo, hi), f.shape[1])


def inner_beyond(f: Array, f_next: Array, g: Array, g_next: Array) -> tuple[int, int]:
    """The inner product at 2 of tables (2, n) that are f, g at 0 and f_next, g_next at 1."""
    tables = operand(f), operand(f_next), operand(g), operand(g_next)
    return _total(lambda sums, lo, hi: _inner_beyond(*tables, sums, lo, hi), f.shape[1])


def fold_into(low: Array, high: Array, r: Array) -> None:
    """low += r (high - low) for tables (2, n)."""
    high, r = operand(high), operand(r)
    chunks(lambda lo, hi: _fold_into(low, high, r, lo, hi), low.shape[1], GRAIN)


def scale(table: Array, w: Array) -> None:
    """table *= w for a table (2, n)."""
    w = operand(w)
    chunks(lambda lo, hi: _scale(table, w, lo, hi), table.shape[1], GRAIN)


def _total(kernel: Callable[[Array, int, int], None], n: int) -> tuple[int, int]:
    """The sum over range(n) whose split sums ``kernel`` writes for each chunk."""

    def run(lo: int, hi: int) -> Array:
        sums = np.zeros(4, np.uint64)
        kernel(sums, lo, hi)
        return sums

    la, ha, lb, hb = (
        sum(column) for column in zip(*(x.tolist() for x in chunks(run, n, GRAIN)), strict=True)
    )
    return (la + (ha << 32)) % field.P, (lb + (hb << 32)) % field.P
