"""Rounding shifts of many integers, with what is committed of them, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .pool import chunks

# Bits of a limb but for the last one, which has what is left.
LIMB = 16
LOW = (1 << LIMB) - 1
GRAIN = 1 << 14


@njit(cache=True, nogil=True)
def _rounded_shift(x, shift, half, limbs, rests, lo, hi):
    """Over [lo, hi) of `rounded_shift`; the least and the largest y."""
    rounding, mask = 1 << shift >> 1, (1 << shift) - 1
    x = x[lo:hi]
    for i in range(len(rests)):
        rest = rests[i, lo:hi]
        kept = mask >> i * LIMB if i + 1 == len(rests) else LOW
        for k in range(x.size):
            rest[k] = (x[k] + rounding) >> i * LIMB & kept
    least, most = np.int64((1 << 63) - 1), np.int64(-1 << 63)
    for k in range(x.size):
        x[k] = (x[k] + rounding) >> shift
        least, most = min(least, x[k]), max(most, x[k])
    for i in range(len(limbs)):
        limb = limbs[i, lo:hi]
        kept = 2 * half - 1 >> i * LIMB if i + 1 == len(limbs) else LOW
        for k in range(x.size):
            limb[k] = (x[k] + half) >> i * LIMB & kept
    return least, most


def rounded_shift(
    x: NDArray[np.int64],
    shift: int,
    bits: int,
    limbs: NDArray[np.uint32],
    rests: NDArray[np.uint32],
) -> tuple[int, int]:
    """Put y = (x + 2^shift / 2) >> shift in place of x, and return the least and the largest.

    ``limbs`` [m, n] are the limbs of y + 2^(bits - 1), and ``rests`` those of what is shifted out, for x [n],
    which is contiguous: of 16 bits, the last one of what is left. They may be none.
    """
    half = 1 << bits - 1
    found = chunks(
        lambda lo, hi: _rounded_shift(x, shift, half, limbs, rests, lo, hi), len(x), GRAIN
    )
    least, most = zip(*found, strict=True)
    return min(least), max(most)
