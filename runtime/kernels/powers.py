"""Sums of powers of many points: the linear form of a batch of evaluations of one polynomial.

x^(B h + l) = (x^B)^h x^l: the sum over points is a product of matrices over F, by exact float64 products
of signed limbs of 22 bits. The products of limbs that have the same weight are summed in one product,
since the limbs of the left factor lie in order beside those of the right one in reverse:

    sum over 3 pairs of limbs and 2^9 points of (at most 2^21) (at most 2^21)  <=  2^53
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, add, mul
from .pool import chunks

Array = NDArray[np.uint64]
Floats = NDArray[np.float64]

# Low powers of a point, rows of high ones at a time, and points in one sum.
BLOCK = 1 << 12
ROWS = 1 << 6
POINTS = 1 << 9
LIMB = 22
GRAIN = 1 << 13
T22, T44, T66, T88 = (np.uint64(pow(2, LIMB * k, field.P)) for k in (1, 2, 3, 4))


@njit(inline="always")
def _lift(x):
    y = np.int64(x)
    u = np.uint64(y)
    return u - LOW if y < 0 else u


@njit(cache=True, nogil=True)
def _add_joined(sums, out, lo, hi):
    """out += sum_k sums[k] 2^(22 k), for integers |x| <= 2^53 as floats, [5, n]."""
    for i in range(lo, hi):
        value = add(_lift(sums[0, i]), mul(_lift(sums[1, i]), T22))
        value = add(value, mul(_lift(sums[2, i]), T44))
        value = add(value, mul(_lift(sums[3, i]), T66))
        value = add(value, mul(_lift(sums[4, i]), T88))
        out[i] = add(out[i], value)


def add_powers(points: Array, scales: Array, out: Array) -> None:
    """out (2, n) += sum_j scales[:, j] * points[j]^i, for points (q,) of F, scales (2, q) of K."""
    n = out.shape[1]
    block = min(n, BLOCK)
    for first in range(0, points.size, POINTS):
        x, s = points[first : first + POINTS], scales[:, first : first + POINTS]
        low = _limbs(_powers(x, block))
        low = np.concatenate(low[::-1]).astype(np.float64)
        high = _powers(field.power(x, block), -(-n // block)).T
        for start in range(0, len(high), ROWS):
            rows = high[start : start + ROWS]
            for component in range(2):
                scaled = _limbs(field.mul(rows, s[component]))
                sums = _products(np.concatenate(scaled, axis=1).astype(np.float64), low)
                target = out[component, start * block : (start + ROWS) * block]
                chunks(
                    lambda lo, hi, a=sums, b=target: _add_joined(a, b, lo, hi), target.size, GRAIN
                )


def _products(left: Floats, right: Floats) -> Floats:
    """The products of each weight, [5, rows * columns], of limbs side by side [rows, 3 q] with limbs in
    reverse one below the other [3 q, columns]."""
    q = left.shape[1] // 3
    out = np.empty((5, len(left), right.shape[1]))
    for k in range(5):
        first, last, start = max(0, k - 2) * q, min(k + 1, 3) * q, max(0, 2 - k) * q
        np.matmul(left[:, first:last], right[start : start + last - first], out=out[k])
    return out.reshape(5, -1)


def _powers(points: Array, count: int) -> Array:
    """[points, count]"""
    out = np.ones((points.size, count), np.uint64)
    done = 1
    while done < count:
        take = min(done, count - done)
        out[:, done : done + take] = field.mul(out[:, :take], field.power(points, done)[:, None])
        done += take
    return out


def _limbs(x: Array) -> list[NDArray[np.int64]]:
    """Elements as three signed limbs, lowest first."""
    rest = np.where(x > field.P // 2, x - np.uint64(field.P), x).view(np.int64)
    out = []
    for _ in range(2):
        limb = ((rest + (1 << LIMB - 1)) & (1 << LIMB) - 1) - (1 << LIMB - 1)
        out.append(limb)
        rest = (rest - limb) >> LIMB
    return [*out, rest]
