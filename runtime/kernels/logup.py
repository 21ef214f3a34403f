"""The leaves of the LogUp trees: fingerprints of tuples of small integers, and counts of table rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .goldilocks import P, mul, sub
from .operand import operand

Array = NDArray[np.uint64]


@njit(cache=True, nogil=True, inline="always")
def _lift(x):
    return np.uint64(x) if x >= 0 else P - np.uint64(-x)


@njit(cache=True, nogil=True)
def _start(values, base, q0, q1, at, step):
    first, second = base[0], base[1]
    for i in range(values.size):
        q0[at + i * step] = sub(first, _lift(values[i]))
        q1[at + i * step] = second


@njit(cache=True, nogil=True)
def _subtract(values, beta, q0, q1, at, step):
    first, second = beta[0], beta[1]
    for i in range(values.size):
        y = _lift(values[i])
        j = at + i * step
        q0[j] = sub(q0[j], mul(first, y))
        q1[j] = sub(q1[j], mul(second, y))


def narrow(values: NDArray[np.integer]) -> NDArray[np.integer]:
    """Integers in the narrowest of the types that there are kernels for."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low >= 0 and high < 1 << 16:
        return operand(values, np.uint16)
    return operand(values, np.int32 if low >= -(1 << 31) and high < 1 << 31 else np.int64)


def denominators(
    values: Sequence[NDArray[np.integer]],
    betas: Sequence[Array],
    base: Array,
    q: Array,
    at: int,
    step: int,
) -> None:
    """q[:, at + i step] = base - values[0][i] - sum_k betas[k] values[k][i], k >= 1, for q (2, n) with
    contiguous rows and values as `narrow` gives them."""
    _start(values[0], base, q[0], q[1], at, step)
    for column, beta in zip(values[1:], betas[1:], strict=True):
        _subtract(column, beta, q[0], q[1], at, step)
