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
    for i in range(lo, hi):
        a, b = table[0, i], table[1, i]
        c0, c1 = kmul(a, b, high[0], high[1])
        table[0, size + i] = c0
        table[1, size + i] = c1
        d0, d1 = kmul(a, b, low[0], low[1])
        table[0, i] = d0
        table[1, i] = d1


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
    for i in range(lo, hi):
        a, b = kmul(table[0, i], table[1, i], scale[0], scale[1])
        out[0, start + i] = add(out[0, start + i], a)
        out[1, start + i] = add(out[1, start + i], b)


def add_scaled(out: Array, table: Array, scale: Array, start: int = 0) -> None:
    """out[:, start : start + n] += scale * table, for out (2, N), table (2, n), scale (2,) of K."""
    chunks(lambda lo, hi: _add_scaled(out, table, scale, start, lo, hi), table.shape[1], GRAIN)
