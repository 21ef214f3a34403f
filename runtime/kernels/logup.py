"""The leaves of the LogUp trees: fingerprints of tuples of small integers, and counts of table rows."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .goldilocks import P, add, mul, sub
from .pool import chunks

Array = NDArray[np.uint64]

GRAIN = 1 << 13


@njit(cache=True, nogil=True, inline="always")
def _lift(x):
    return np.uint64(x) if x >= 0 else P - np.uint64(-x)


@njit(cache=True, nogil=True)
def _start(values, base, out, lo, hi):
    first, second = base[0], base[1]
    x, a, b = values[lo:hi], out[0, lo:hi], out[1, lo:hi]
    for i in range(hi - lo):
        a[i] = sub(first, _lift(x[i]))
        b[i] = second


@njit(cache=True, nogil=True)
def _subtract(values, beta, out, lo, hi):
    first, second = beta[0], beta[1]
    x, a, b = values[lo:hi], out[0, lo:hi], out[1, lo:hi]
    for i in range(hi - lo):
        y = _lift(x[i])
        a[i] = sub(a[i], mul(first, y))
        b[i] = sub(b[i], mul(second, y))


def denominators(
    values: list[NDArray[np.int64]], betas: list[Array], base: Array, out: Array
) -> None:
    """out (2, n) = base - values[0] - sum_i betas[i] * values[i], i >= 1; |values| < p, each (n,)."""
    n = out.shape[1]
    chunks(lambda lo, hi: _start(values[0], base, out, lo, hi), n, GRAIN)
    for column, beta in zip(values[1:], betas[1:], strict=True):
        chunks(lambda lo, hi, c=column, b=beta: _subtract(c, b, out, lo, hi), n, GRAIN)


@njit(cache=True, nogil=True)
def _half_sums(table, out, lo, hi):
    half = out.shape[1]
    for k in range(2):
        a, b, c = table[k, lo:hi], table[k, half + lo : half + hi], out[k, lo:hi]
        for i in range(hi - lo):
            c[i] = add(a[i], b[i])


def half_sums(table: Array) -> Array:
    """The sum of the halves of a table (2, n): eq(point[1:], .) from eq(point, .)."""
    out = np.empty((2, table.shape[1] // 2), np.uint64)
    chunks(lambda lo, hi: _half_sums(table, out, lo, hi), out.shape[1], GRAIN)
    return out
