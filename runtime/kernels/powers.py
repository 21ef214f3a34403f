"""Sums of powers of many points: the linear form of a batch of evaluations of one polynomial."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .goldilocks import add, mul
from .pool import chunks

Array = NDArray[np.uint64]

BLOCK = 1 << 10
_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def _add_powers(points, scales, out, lo, hi):
    for j in range(points.shape[0]):
        start, base, e = _ONE, points[j], lo
        while e:
            if e & 1:
                start = mul(start, base)
            base = mul(base, base)
            e >>= 1
        a, b = mul(scales[0, j], start), mul(scales[1, j], start)
        x = points[j]
        for i in range(lo, hi):
            out[0, i] = add(out[0, i], a)
            out[1, i] = add(out[1, i], b)
            a = mul(a, x)
            b = mul(b, x)


def add_powers(points: Array, scales: Array, out: Array) -> None:
    """out (2, n) += sum_j scales[:, j] * points[j]^i, for points (q,) of F, scales (2, q) of K."""

    def run(lo: int, hi: int) -> None:
        for start in range(lo, hi, BLOCK):
            _add_powers(points, scales, out, start, min(hi, start + BLOCK))

    chunks(run, out.shape[1], BLOCK)
