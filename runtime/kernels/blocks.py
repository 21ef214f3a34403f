"""Arithmetic on blocks of K elements, (2, n) and contiguous, that are in cache; called from other kernels.

Loops write few arrays, and none that they read: those are vectorised.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .goldilocks import LOW, S32, ZERO, add, kdot, kmul, mul, sub

TWO32 = np.uint64(1 << 32)
# Rows, and other small arguments: numba compiles a function anew for each number that is written out in a call.
I0, I1, I2 = np.int64(0), np.int64(1), np.int64(2)


@njit(nogil=True)
def load_block(table, row, first, out):
    for k in range(2):
        source, target = table[row + k, first : first + out.shape[1]], out[k]
        for i in range(target.size):
            target[i] = source[i]


@njit(nogil=True)
def store_block(block, table, row, first):
    for k in range(2):
        source, target = block[k], table[row + k, first : first + block.shape[1]]
        for i in range(source.size):
            target[i] = source[i]


@njit(nogil=True)
def set_block(x, value):
    x[0, :] = value
    x[1, :] = ZERO


@njit(nogil=True)
def sum_of(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        o0[i] = add(a0[i], b0[i])
        o1[i] = add(a1[i], b1[i])


@njit(nogil=True)
def add_in(a, b):
    """a += b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        a0[i] = add(a0[i], b0[i])
        a1[i] = add(a1[i], b1[i])


@njit(nogil=True)
def subtract(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        o0[i] = sub(a0[i], b0[i])
        o1[i] = sub(a1[i], b1[i])


@njit(nogil=True)
def multiply(a, b, out):
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        o0[i] = x
        o1[i] = y


@njit(nogil=True)
def multiply_add(a, b, c, out):
    """a b + c."""
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    c0, c1 = c[0, :n], c[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        o0[i] = add(x, c0[i])
        o1[i] = add(y, c1[i])


@njit(nogil=True)
def cross(a, b, c, d, out):
    """a b + c d."""
    n = out.shape[1]
    a0, a1, b0, b1, o0, o1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n], out[0, :n], out[1, :n]
    c0, c1, d0, d1 = c[0, :n], c[1, :n], d[0, :n], d[1, :n]
    for i in range(n):
        x, y = kdot(a0[i], a1[i], b0[i], b1[i], c0[i], c1[i], d0[i], d1[i])
        o0[i] = x
        o1[i] = y


# In place, in functions of their own: loops over arrays that are found to overlap are not vectorised.


@njit(nogil=True)
def multiply_in(a, b):
    """a *= b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        a0[i] = x
        a1[i] = y


@njit(nogil=True)
def cross_in(a, b, c, d):
    """a = a b + c d."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    c0, c1, d0, d1 = c[0, :n], c[1, :n], d[0, :n], d[1, :n]
    for i in range(n):
        x, y = kdot(a0[i], a1[i], b0[i], b1[i], c0[i], c1[i], d0[i], d1[i])
        a0[i] = x
        a1[i] = y


@njit(nogil=True)
def add_scaled(a, b, r0, r1):
    """a += r b."""
    n = b.shape[1]
    a0, a1, b0, b1 = a[0, :n], a[1, :n], b[0, :n], b[1, :n]
    for i in range(n):
        x, y = kmul(b0[i], b1[i], r0, r1)
        a0[i] = add(a0[i], x)
        a1[i] = add(a1[i], y)


@njit(nogil=True)
def fold_in(low, high, r0, r1):
    """low += r (high - low)."""
    n = high.shape[1]
    a0, a1, b0, b1 = low[0, :n], low[1, :n], high[0, :n], high[1, :n]
    for i in range(n):
        u0, u1 = a0[i], a1[i]
        x, y = kmul(sub(b0[i], u0), sub(b1[i], u1), r0, r1)
        a0[i] = add(u0, x)
        a1[i] = add(u1, y)


@njit(nogil=True)
def gather(weights, values, w0, w1, total):
    """total (2,) += w sum_i weights_i values_i."""
    n = values.shape[1]
    a0, a1, b0, b1 = values[0, :n], values[1, :n], weights[0, :n], weights[1, :n]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for i in range(n):
        x, y = kmul(a0[i], a1[i], b0[i], b1[i])
        la += x & LOW
        ha += x >> S32
        lb += y & LOW
        hb += y >> S32
    x, y = kmul(add(la, mul(ha, TWO32)), add(lb, mul(hb, TWO32)), w0, w1)
    total[0] = add(total[0], x)
    total[1] = add(total[1], y)


# Grids: values at each of several variables, whose digits to base 3 number them; digit 2 stands for the
# coefficient of the square, or of a linear polynomial the difference.


@njit(nogil=True)
def ternary(b, variables):
    """The number with the digits of b to base 3, the top one first."""
    out = 0
    for t in range(variables):
        out = 3 * out + (b >> (variables - 1 - t) & 1)
    return out


@njit(nogil=True)
def extend(values, variables):
    """From values (3^v, 2, n) at digits 0 and 1 to the coefficients of squares' place, 2: the difference."""
    step = values.shape[0]
    for _ in range(variables):
        step //= 3
        for u in range(values.shape[0]):
            if u // step % 3 == 2 and finite(u % step):
                subtract(values[u - step], values[u - 2 * step], values[u])


@njit(nogil=True)
def finite(u):
    """Whether all digits to base 3 are 0 or 1."""
    while u:
        if u % 3 == 2:
            return False
        u //= 3
    return True
