"""Contractions of integers, or of field elements, with weights in K; reduction delayed.

A weight's component, as the integer of least absolute value in its class modulo P, is cut into
signed limbs, so that an integer of the input times a limb is one 32x32-bit multiply and many such
products add up in 64 bits before any reduction. The input is read once in its own narrow type.

    input             limbs per component   product below   terms between reductions
    8 or 16 bits      2 of 32 bits          2^47            2^15
    32 bits           3 of 22 bits          2^53            2^9
    64 bits           none: full products modulo P
    F (two halves)    3 of 22 bits          2^54            2^9
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, P, add, mul
from .operand import operand
from .pool import chunks

Array = NDArray[np.uint64]

# Columns per accumulator block, in first-level cache with all its limbs.
BLOCK = 256
NARROW_TERMS = 1 << 15
WIDE_TERMS = 1 << 9
# Below this many columns the transposed input goes through the dot-product kernels instead.
FEW_COLUMNS = 16
# Multiply-accumulates that make a chunk worth a thread.
GRAIN = 1 << 17

T22 = np.uint64(1 << 22)
T32 = np.uint64(1 << 32)
T44 = np.uint64(1 << 44)
T54 = np.uint64(1 << 54)
T76 = np.uint64(pow(2, 76, field.P))


def _signed(w: Array) -> NDArray[np.int64]:
    """Representatives in [-(P+1)/2, (P-1)/2), a range that signed 32-bit limbs just cover."""
    return np.where(w < np.uint64((field.P - 1) // 2), w, w - P).view(np.int64)


def _limbs(w: Array, bits: int, count: int) -> NDArray[np.int32]:
    """Signed limbs [2 * count, B] of w [2, B], lowest first, component 0 before component 1."""
    out = np.empty((2, count, w.shape[1]), np.int32)
    rest = _signed(w)
    half = np.int64(1 << (bits - 1))
    for i in range(count):
        low = ((rest + half) & np.int64((1 << bits) - 1)) - half if i + 1 < count else rest
        out[:, i] = low
        rest = (rest - low) >> np.int64(bits)
    return out.reshape(2 * count, -1)


@njit(inline="always")
def _lift(x):
    """A signed 64-bit integer as a field element."""
    u = np.uint64(x)
    return u - LOW if x < 0 else u


@njit(inline="always")
def _join2(l0, l1):
    return add(_lift(l0), mul(_lift(l1), T32))


@njit(inline="always")
def _join3(l0, l1, l2):
    return add(add(_lift(l0), mul(_lift(l1), T22)), mul(_lift(l2), T44))


@njit(cache=True, nogil=True)
def _narrow_columns(x, limbs, out, block, terms, lo, hi):
    """Blocks lo..hi of the [A, ceil(C / BLOCK)] grid for x [A, B, C] of at most 16 bits."""
    rows, columns = x.shape[1], x.shape[2]
    across = (columns + block - 1) // block
    acc = np.empty(4 * BLOCK, np.int64)
    for task in range(lo, hi):
        a, start = task // across, task % across * block
        count = min(block, columns - start)
        out0 = out[0, a, start : start + count]
        out1 = out[1, a, start : start + count]
        out0[:] = np.uint64(0)
        out1[:] = np.uint64(0)
        for first in range(0, rows, terms):
            last = min(first + terms, rows)
            acc[:] = 0
            b = first
            while b + 2 <= last:
                x0 = x[a, b, start : start + count]
                x1 = x[a, b + 1, start : start + count]
                p0, q0, r0, s0 = limbs[0, b], limbs[1, b], limbs[2, b], limbs[3, b]
                p1, q1, r1, s1 = limbs[0, b + 1], limbs[1, b + 1], limbs[2, b + 1], limbs[3, b + 1]
                for c in range(count):
                    u, v = np.int64(x0[c]), np.int64(x1[c])
                    acc[c] += u * np.int64(p0) + v * np.int64(p1)
                    acc[BLOCK + c] += u * np.int64(q0) + v * np.int64(q1)
                    acc[2 * BLOCK + c] += u * np.int64(r0) + v * np.int64(r1)
                    acc[3 * BLOCK + c] += u * np.int64(s0) + v * np.int64(s1)
                b += 2
            if b < last:
                x0 = x[a, b, start : start + count]
                for c in range(count):
                    u = np.int64(x0[c])
                    acc[c] += u * np.int64(limbs[0, b])
                    acc[BLOCK + c] += u * np.int64(limbs[1, b])
                    acc[2 * BLOCK + c] += u * np.int64(limbs[2, b])
                    acc[3 * BLOCK + c] += u * np.int64(limbs[3, b])
            for c in range(count):
                out0[c] = add(out0[c], _join2(acc[c], acc[BLOCK + c]))
                out1[c] = add(out1[c], _join2(acc[2 * BLOCK + c], acc[3 * BLOCK + c]))


@njit(cache=True, nogil=True)
def _narrow_dots(x, limbs, out, terms, lo, hi):
    """Rows lo..hi of x [A, B], of at most 16 bits, against the limbs."""
    size = x.shape[1]
    for a in range(lo, hi):
        total0, total1 = np.uint64(0), np.uint64(0)
        for first in range(0, size, terms):
            last = min(first + terms, size)
            row = x[a, first:last]
            p, q = limbs[0, first:last], limbs[1, first:last]
            r, s = limbs[2, first:last], limbs[3, first:last]
            sp, sq, sr, ss = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
            for b in range(last - first):
                u = np.int64(row[b])
                sp += u * np.int64(p[b])
                sq += u * np.int64(q[b])
                sr += u * np.int64(r[b])
                ss += u * np.int64(s[b])
            total0 = add(total0, _join2(sp, sq))
            total1 = add(total1, _join2(sr, ss))
        out[0, a] = total0
        out[1, a] = total1


@njit(cache=True, nogil=True)
def _wide_columns(x, limbs, out, block, terms, lo, hi):
    """As _narrow_columns, for 32 bits and three limbs."""
    rows, columns = x.shape[1], x.shape[2]
    across = (columns + block - 1) // block
    acc = np.empty(3 * BLOCK, np.int64)
    for task in range(lo, hi):
        a, start = task // across, task % across * block
        count = min(block, columns - start)
        for component in range(2):
            total = out[component, a, start : start + count]
            total[:] = np.uint64(0)
            limb = limbs[3 * component : 3 * component + 3]
            for first in range(0, rows, terms):
                acc[:] = 0
                for b in range(first, min(first + terms, rows)):
                    row = x[a, b, start : start + count]
                    p, q, r = np.int64(limb[0, b]), np.int64(limb[1, b]), np.int64(limb[2, b])
                    for c in range(count):
                        u = np.int64(row[c])
                        acc[c] += u * p
                        acc[BLOCK + c] += u * q
                        acc[2 * BLOCK + c] += u * r
                for c in range(count):
                    value = _join3(acc[c], acc[BLOCK + c], acc[2 * BLOCK + c])
                    total[c] = add(total[c], value)


@njit(cache=True, nogil=True)
def _wide_dots(x, limbs, out, terms, lo, hi):
    """As _narrow_dots, for 32 bits and three limbs."""
    size = x.shape[1]
    for a in range(lo, hi):
        for component in range(2):
            total = np.uint64(0)
            for first in range(0, size, terms):
                last = min(first + terms, size)
                row = x[a, first:last]
                p = limbs[3 * component, first:last]
                q = limbs[3 * component + 1, first:last]
                r = limbs[3 * component + 2, first:last]
                sp, sq, sr = np.int64(0), np.int64(0), np.int64(0)
                for b in range(last - first):
                    u = np.int64(row[b])
                    sp += u * np.int64(p[b])
                    sq += u * np.int64(q[b])
                    sr += u * np.int64(r[b])
                total = add(total, _join3(sp, sq, sr))
            out[component, a] = total


@njit(cache=True, nogil=True)
def _full_columns(x, w, out, block, lo, hi):
    """As _narrow_columns, for 64-bit integers and whole weights."""
    rows, columns = x.shape[1], x.shape[2]
    across = (columns + block - 1) // block
    for task in range(lo, hi):
        a, start = task // across, task % across * block
        count = min(block, columns - start)
        out0 = out[0, a, start : start + count]
        out1 = out[1, a, start : start + count]
        out0[:] = np.uint64(0)
        out1[:] = np.uint64(0)
        for b in range(rows):
            row = x[a, b, start : start + count]
            w0, w1 = w[0, b], w[1, b]
            for c in range(count):
                u = _lift(row[c])
                out0[c] = add(out0[c], mul(u, w0))
                out1[c] = add(out1[c], mul(u, w1))


@njit(cache=True, nogil=True)
def _full_dots(x, w, out, lo, hi):
    """As _narrow_dots, for 64-bit integers and whole weights."""
    for a in range(lo, hi):
        row = x[a]
        for component in range(2):
            weights = w[component]
            low, high = np.uint64(0), np.uint64(0)
            for b in range(row.size):
                value = mul(_lift(row[b]), weights[b])
                low += value & LOW
                high += value >> S32
            out[component, a] = add(low if low < P else low - P, mul(high, T32))


@njit(cache=True, nogil=True)
def _fold_rows(matrix, limbs, out, lo, hi):
    """Columns lo..hi of sum_r w[r] matrix[r, :] over field elements, each as two 32-bit halves."""
    rows = matrix.shape[0]
    acc = np.empty(6 * BLOCK, np.uint64)
    for start in range(lo, hi, BLOCK):
        count = min(BLOCK, hi - start)
        for component in range(2):
            total = out[component, start : start + count]
            total[:] = np.uint64(0)
            for first in range(0, rows, WIDE_TERMS):
                acc[:] = np.uint64(0)
                for r in range(first, min(first + WIDE_TERMS, rows)):
                    row = matrix[r, start : start + count]
                    w0 = np.uint64(limbs[3 * component, r])
                    w1 = np.uint64(limbs[3 * component + 1, r])
                    w2 = np.uint64(limbs[3 * component + 2, r])
                    for c in range(count):
                        low, high = row[c] & LOW, row[c] >> S32
                        acc[c] += low * w0
                        acc[BLOCK + c] += low * w1
                        acc[2 * BLOCK + c] += low * w2
                        acc[3 * BLOCK + c] += high * w0
                        acc[4 * BLOCK + c] += high * w1
                        acc[5 * BLOCK + c] += high * w2
                for c in range(count):
                    value = acc[c]
                    value = add(value if value < P else value - P, mul(acc[BLOCK + c], T22))
                    value = add(value, mul(acc[2 * BLOCK + c], T44))
                    value = add(value, mul(acc[3 * BLOCK + c], T32))
                    value = add(value, mul(acc[4 * BLOCK + c], T54))
                    value = add(value, mul(acc[5 * BLOCK + c], T76))
                    total[c] = add(total[c], value)


def contract(x: NDArray[np.integer], w: Array) -> Array:
    """sum_b x[a, b, c] w[b] in K as [2, A, C], for integers x [A, B, C], |x| < 2^60, w [2, B]."""
    size_a, size_b, size_c = x.shape
    if w.shape != (2, size_b) or x.dtype.kind not in "iu" or x.dtype == np.uint64:
        raise ValueError(f"cannot contract {x.dtype} {x.shape} with {w.shape}")
    out = np.zeros((2, size_a, size_c), np.uint64)
    if not x.size:
        return out
    if 1 < size_c < FEW_COLUMNS:
        return contract(operand(x.swapaxes(1, 2), x.dtype).reshape(-1, size_b, 1), w).reshape(
            out.shape
        )
    x = operand(x, x.dtype)
    bits = 8 * x.dtype.itemsize
    weights = _limbs(w, 32, 2) if bits <= 16 else _limbs(w, 22, 3) if bits == 32 else operand(w)
    terms = NARROW_TERMS if bits <= 16 else WIDE_TERMS
    if size_c == 1:
        flat, result = x.reshape(size_a, size_b), out.reshape(2, size_a)
        dots = _narrow_dots if bits <= 16 else _wide_dots
        if bits == 64:
            chunks(lambda lo, hi: _full_dots(flat, weights, result, lo, hi), size_a, _grain(size_b))
        else:
            chunks(
                lambda lo, hi: dots(flat, weights, result, terms, lo, hi), size_a, _grain(size_b)
            )
        return out
    tasks, grain = size_a * -(-size_c // BLOCK), _grain(size_b * min(BLOCK, size_c))
    columns = _narrow_columns if bits <= 16 else _wide_columns
    if bits == 64:
        chunks(lambda lo, hi: _full_columns(x, weights, out, BLOCK, lo, hi), tasks, grain)
    else:
        chunks(lambda lo, hi: columns(x, weights, out, BLOCK, terms, lo, hi), tasks, grain)
    return out


def fold_rows(matrix: Array, w: Array) -> Array:
    """sum_r w[r] matrix[r, :] as [2, n], for field elements [rows, n] and w [2, rows] in K."""
    rows, n = matrix.shape
    if w.shape != (2, rows):
        raise ValueError(f"cannot fold {matrix.shape} with {w.shape}")
    out = np.zeros((2, n), np.uint64)
    limbs = np.empty((2, 3, rows), np.uint64)
    limbs[:, 0] = w & np.uint64((1 << 22) - 1)
    limbs[:, 1] = (w >> np.uint64(22)) & np.uint64((1 << 22) - 1)
    limbs[:, 2] = w >> np.uint64(44)
    weights = limbs.reshape(6, rows)
    matrix = operand(matrix)
    chunks(lambda lo, hi: _fold_rows(matrix, weights, out, lo, hi), n, _grain(rows))
    return out


def _grain(each: int) -> int:
    return max(1, GRAIN // max(each, 1))
