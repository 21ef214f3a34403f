"""Many polynomials with integer coefficients at a few points, by exact float64 matrix products.

x^(B i + k) = (x^B)^i x^k: blocks of B coefficients are multiplied with the B first powers of all points,
which are cut into signed limbs of 22 bits; what comes out is joined modulo P by Horner's rule. Coefficients
are cut into digits of 16 bits where they are larger.

    sum over 2^12 coefficients of (at most 2^16) (at most 2^21)  <=  2^49
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import field

Array = NDArray[np.uint64]

BLOCK = 1 << 12
DIGIT = 16
LIMB = 22
LIMBS = 3


def evaluate_rows(parts: Sequence[NDArray[np.integer]], points: Array) -> Array:
    """sum_k row[k] x^k for each row of the parts, one below the other, each [rows, n]: [rows, points].

    Unsigned 64-bit input counts as elements of F; other integers are signed.
    """
    n = parts[0].shape[1]
    limbs = _limbs(_powers(points, min(BLOCK, n)))
    step = field.power(points, BLOCK)
    rows = sum(len(part) for part in parts)
    out = np.zeros((rows, points.size), np.uint64)
    for start in reversed(range(0, n, BLOCK)):
        block = np.concatenate([part[:, start : start + BLOCK] for part in parts])
        out = field.add(field.mul(out, step), _product(block, limbs[: block.shape[1]]))
    return out


def _powers(points: Array, count: int) -> Array:
    """[count, points]"""
    out = np.ones((count, points.size), np.uint64)
    done = 1
    while done < count:
        take = min(done, count - done)
        out[done : done + take] = field.mul(out[:take], field.power(points, done))
        done += take
    return out


def _limbs(x: Array) -> NDArray[np.float64]:
    """Elements [n, q] as signed limbs [n, LIMBS * q], lowest first."""
    rest = np.where(x > field.P // 2, x - np.uint64(field.P), x).view(np.int64)
    found = []
    for _ in range(LIMBS - 1):
        limb = ((rest + (1 << LIMB - 1)) & (1 << LIMB) - 1) - (1 << LIMB - 1)
        found.append(limb)
        rest = (rest - limb) >> LIMB
    return np.concatenate([*found, rest], axis=1).astype(np.float64)


def _product(block: NDArray[np.integer], limbs: NDArray[np.float64]) -> Array:
    """Digits of the block, one after the other, times the limbs."""
    total = np.zeros((len(block), limbs.shape[1] // LIMBS), np.uint64)
    shift = 0
    while True:
        whole = block.dtype.itemsize * 8 <= DIGIT or (
            block.min() >= -(1 << DIGIT) and block.max() <= 1 << DIGIT
        )
        digits = block if whole else block & block.dtype.type((1 << DIGIT) - 1)
        sums = (digits.astype(np.float64) @ limbs).astype(np.int64)
        for k, part in enumerate(np.split(sums, LIMBS, axis=1)):
            unit = pow(2, shift + LIMB * k, field.P)
            total = field.add(total, field.mul(field.to_field(part), np.uint64(unit)))
        if whole:
            return total
        block = block >> block.dtype.type(DIGIT)
        shift += DIGIT
