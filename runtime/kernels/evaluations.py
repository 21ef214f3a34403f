"""Many polynomials with integer coefficients at a few points, by exact float64 matrix products.

x^(B i + k) = (x^B)^i x^k: blocks of B coefficients are multiplied with the B first powers of all points,
which are cut into signed limbs of 22 bits; what comes out is joined modulo P by Horner's rule. Coefficients
are cut into digits of 16 bits where they are larger.

    sum over 2^14 coefficients of (at most 2^16) (at most 2^21)  <=  2^51
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import field

Array = NDArray[np.uint64]

BLOCK = 1 << 14
DIGIT = 16
LIMB = 22
LIMBS = 3


def evaluate_columns(parts: Sequence[NDArray[np.integer]], points: Array) -> Array:
    """sum_k column[k] x^k for each column of the parts, side by side, each [n, columns]: [columns, points].

    Unsigned 64-bit input counts as elements of F; other integers are signed.
    """
    n = parts[0].shape[0]
    limbs = _limbs(_powers(points, min(BLOCK, n)))
    step = field.power(points, BLOCK)[:, None]
    out = np.zeros((points.size, sum(part.shape[1] for part in parts)), np.uint64)
    for start in reversed(range(0, n, BLOCK)):
        block = np.concatenate([part[start : start + BLOCK] for part in parts], axis=1)
        out = field.mul(out, step)
        if block.any():
            out = field.add(out, _product(limbs[:, : len(block)], block))
    return out.T


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


def _product(limbs: NDArray[np.float64], block: NDArray[np.integer]) -> Array:
    """The limbs times digits of the block, one after the other."""
    total = np.zeros((len(limbs) // LIMBS, block.shape[1]), np.uint64)
    shift = 0
    while True:
        whole = block.dtype.itemsize * 8 <= DIGIT or (
            block.min() >= -(1 << DIGIT) and block.max() <= 1 << DIGIT
        )
        digits = block if whole else block & block.dtype.type((1 << DIGIT) - 1)
        sums = (limbs @ digits.astype(np.float64)).astype(np.int64)
        for k, part in enumerate(np.split(sums, LIMBS)):
            unit = pow(2, shift + LIMB * k, field.P)
            total = field.add(total, field.mul(field.to_field(part), np.uint64(unit)))
        if whole:
            return total
        block = block >> block.dtype.type(DIGIT)
        shift += DIGIT
