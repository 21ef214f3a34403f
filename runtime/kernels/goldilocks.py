"""Goldilocks arithmetic on scalars, inlined into every other kernel.

Arguments and results are canonical uint64. The 64x64 product is written as four 32x32 products,
the shape that LLVM turns into vector multiplies (a scalar `mulx` would keep the loop scalar), and
every correction is a select rather than a branch for the same reason.

Constants are typed: in numba an int literal beside a uint64 makes the expression a float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

P = np.uint64(0xFFFF_FFFF_0000_0001)
LOW = np.uint64(0xFFFF_FFFF)
S32 = np.uint64(32)
ZERO = np.uint64(0)
ONE = np.uint64(1)


@njit(inline="always")
def add(a, b):
    c = P - b
    d = a - c
    return d + P if a < c else d


@njit(inline="always")
def sub(a, b):
    d = a - b
    return d + P if a < b else d


@njit(inline="always")
def neg(a):
    return P - a if a != ZERO else a


@njit(inline="always")
def wide(a, b):
    """The 128-bit product as (high, low)."""
    a0, a1, b0, b1 = a & LOW, a >> S32, b & LOW, b >> S32
    low = a0 * b0
    mid = a1 * b0 + (low >> S32)
    mid2 = a0 * b1 + (mid & LOW)
    return a1 * b1 + (mid >> S32) + (mid2 >> S32), (mid2 << S32) | (low & LOW)


@njit(inline="always")
def reduce(high, low):
    """high * 2^64 + low modulo P, canonical."""
    top = high >> S32
    d = low - top
    d = d - LOW if low < top else d
    e = (high & LOW) * LOW
    r = d + e
    r = r + LOW if r < e else r
    return r - P if r >= P else r


@njit(inline="always")
def mul(a, b):
    high, low = wide(a, b)
    return reduce(high, low)


@njit(inline="always")
def times7(a):
    """7a: the product with the non-residue, of which only three bits leave the low word."""
    low = (a << np.uint64(3)) - a
    high = (a >> np.uint64(61)) - (ONE if (a << np.uint64(3)) < a else ZERO)
    e = high * LOW
    r = low + e
    r = r + LOW if r < e else r
    return r - P if r >= P else r


@njit(inline="always")
def kmul(a0, a1, b0, b1):
    """(a0 + a1 X)(b0 + b1 X) in K, as two components."""
    return add(mul(a0, b0), times7(mul(a1, b1))), add(mul(a0, b1), mul(a1, b0))
