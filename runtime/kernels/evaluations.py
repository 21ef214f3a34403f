"""Many polynomials with integer coefficients at a few points, by exact float64 matrix products.

x^(B i + k) = (x^B)^i x^k: blocks of B coefficients are multiplied with the B first powers of all points,
which are cut into signed limbs of 22 bits; what comes out is joined modulo P by Horner's rule. Coefficients
are cut into digits of 16 bits where they are larger.

    sum over 2^12 coefficients of (at most 2^16) (at most 2^21)  <=  2^49
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, add, mul

Array = NDArray[np.uint64]

# Coefficients of a block; short polynomials have shorter ones, for which fewer powers are made.
BLOCK = 1 << 12
LEAST_BLOCK = 1 << 10
# Columns of a matrix product: enough for it to be fast.
WIDTH = 256
DIGIT = 16
LIMB = 22
LIMBS = 3


class Evaluator:
    """Evaluates polynomials, of ``length`` coefficients or about as many, at ``points`` (q,) of F."""

    def __init__(self, points: Array, length: int) -> None:
        self._points = points
        self._block = min(BLOCK, max(LEAST_BLOCK, length >> 3))
        self._step = field.power(points, self._block)[:, None]
        self._limbs = _limbs(_powers(points, self._block))
        self._buffer = np.empty(0)

    def columns(self, grid: NDArray[np.integer]) -> Array:
        """sum_k column[k] x^k for each column of the grid [n, c]: [q, c].

        Unsigned 64-bit input counts as elements of F; other integers are signed.
        """
        n, c = grid.shape
        out = np.zeros((self._points.size, c), np.uint64)
        at_once = max(1, WIDTH // c)
        blocks = -(-n // self._block)
        for first in reversed(range(0, blocks, at_once)):
            part = grid[first * self._block : (first + at_once) * self._block]
            count = min(at_once, blocks - first)
            values = self._values(part, count)
            for i in reversed(range(count)):
                out = field.mul(out, self._step)
                if values is not None:
                    out = field.add(out, values[:, i])
        return out

    def _values(self, part: NDArray[np.integer], count: int) -> Array | None:
        """The values [q, blocks, c] of that many blocks; None for zeros."""
        if not part.any():
            return None
        c = part.shape[1]
        total = np.zeros((self._points.size, count * c), np.uint64)
        if self._buffer.size < self._block * count * c:
            self._buffer = np.empty(self._block * count * c)
        block = self._buffer[: self._block * count * c].reshape(self._block, count, c)
        shift = 0
        while True:
            whole = part.dtype.itemsize * 8 <= DIGIT or (
                part.min() >= -(1 << DIGIT) and part.max() <= 1 << DIGIT
            )
            digits = part if whole else part & part.dtype.type((1 << DIGIT) - 1)
            for i in range(count):
                own = digits[i * self._block : (i + 1) * self._block]
                block[: len(own), i] = own
                block[len(own) :, i] = 0
            sums = self._limbs @ block.reshape(self._block, -1)
            units = [pow(2, shift + LIMB * k, field.P) for k in range(LIMBS)]
            _join(sums, np.array(units, np.uint64), total)
            if whole:
                return total.reshape(-1, count, c)
            part = part >> part.dtype.type(DIGIT)
            shift += DIGIT


@njit(cache=True, nogil=True)
def _join(sums, units, total):
    """total[q] += sum_k units[k] sums[k * points + q], exact integers below 2^53."""
    points = total.shape[0]
    for k in range(units.size):
        for q in range(points):
            row, out = sums[k * points + q], total[q]
            for i in range(out.size):
                x = np.int64(row[i])
                u = np.uint64(x)
                out[i] = add(out[i], mul(u - LOW if x < 0 else u, units[k]))


def _powers(points: Array, count: int) -> Array:
    """[points, count]"""
    out = np.ones((points.size, count), np.uint64)
    done = 1
    while done < count:
        take = min(done, count - done)
        step = field.power(points, done)[:, None]
        out[:, done : done + take] = field.mul(out[:, :take], step)
        done += take
    return out


def _limbs(x: Array) -> NDArray[np.float64]:
    """Elements [q, n] as signed limbs [LIMBS * q, n], lowest first."""
    rest = np.where(x > field.P // 2, x - np.uint64(field.P), x).view(np.int64)
    found = []
    for _ in range(LIMBS - 1):
        limb = ((rest + (1 << LIMB - 1)) & (1 << LIMB) - 1) - (1 << LIMB - 1)
        found.append(limb)
        rest = (rest - limb) >> LIMB
    return np.concatenate([*found, rest]).astype(np.float64)
