"""Tensor products of weight pairs as tables over K, and sums of scaled tables."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .goldilocks import add, kmul
from .pool import chunks

Array = NDArray[np.uint64]

GRAIN = 1 << 13


@njit(cache=True, nogil=True)
def _double(table, size, low, high, lo, hi):
    """table[size + i] = high * table[i], then table[i] *= low."""
    l0, l1, h0, h1 = low[0], low[1], high[0], high[1]
    a0, a1 = table[0, lo:hi], table[1, lo:hi]
    b0, b1 = table[0, size + lo : size + hi], table[1, size + lo : size + hi]
    for i in range(hi - lo):
        u, v = a0[i], a1[i]
        b0[i], b1[i] = kmul(u, v, h0, h1)
        a0[i], a1[i] = kmul(u, v, l0, l1)


def tensor(pairs: Array) -> Array:
    """prod_k pairs[k, bit k of x] for all x, as (2, 2^m), for pairs [m, 2, 2] over K; bit 0 of the
    list is the top bit of x."""
    bits = pairs.shape[0]
    table = np.empty((2, 1 << bits), np.uint64)
    table[:, 0] = 1, 0
    for k in range(bits):
        low, high = pairs[bits - 1 - k]
        chunks(
            lambda lo, hi, k=k, a=low, b=high: _double(table, 1 << k, a, b, lo, hi), 1 << k, GRAIN
        )
    return table


@njit(cache=True, nogil=True)
def _add_scaled(out, table, scale, start, lo, hi):
    s0, s1 = scale[0], scale[1]
    o0, o1 = out[0, start + lo : start + hi], out[1, start + lo : start + hi]
    t0, t1 = table[0, lo:hi], table[1, lo:hi]
    for i in range(hi - lo):
        a, b = kmul(t0[i], t1[i], s0, s1)
        o0[i] = add(o0[i], a)
        o1[i] = add(o1[i], b)


def add_scaled(out: Array, table: Array, scale: Array, start: int = 0) -> None:
    """out[:, start : start + n] += scale * table, for out (2, N), table (2, n), scale (2,) of K."""
    scale = np.ascontiguousarray(scale)
    chunks(lambda lo, hi: _add_scaled(out, table, scale, start, lo, hi), table.shape[1], GRAIN)
