"""Contractions of integers, or of field elements, with weights in K; reduction delayed.

A weight's component, as the integer of least absolute value in its class modulo P, is cut into
signed limbs, so that an integer of the input times a limb is one 32x32-bit multiply and many such
products add up in 64 bits before any reduction. The input is read once, in its own type.

    input                   limbs per component   a product is below   terms between reductions
    up to 16 bits           2 of 32 bits          2^47                 2^15
    up to 32 bits           3 of 22 bits          2^53                 2^9
    more                    none: full products modulo P
    F, as two halves        3 of 22 bits          2^54                 2^9

64-bit input is looked at a tile at a time, and takes the first row that its values allow. Slices
x[a] may have weights of their own, which a kernel finds at a // each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, ZERO, P, add, mul
from .operand import operand
from .pool import chunks, cores

Array = NDArray[np.uint64]

# Columns of an accumulator block, in first-level cache with all its limbs.
BLOCK = 256
NARROW_TERMS = 1 << 15
WIDE_TERMS = 1 << 9
# Rows and elements of a tile of 64-bit input, which is read twice while it is in cache.
TILE_ROWS = 1 << 7
TILE_SIZE = 1 << 12
# Below this many columns the transposed input goes through the dot-product kernels instead.
FEW_COLUMNS = 16
# Fewer integers than this are contracted as 64-bit ones, whatever they are.
FEW = 1 << 16
# Up to this many terms rows are turned over.
FEW_TERMS = 64
# Multiply-accumulates that make a chunk worth a thread.
GRAIN = 1 << 17

T22 = np.uint64(1 << 22)
T32 = np.uint64(1 << 32)
T44 = np.uint64(1 << 44)
T54 = np.uint64(1 << 54)
T76 = np.uint64(pow(2, 76, field.P))
HALF = np.uint64((field.P - 1) // 2)
MASK22 = np.uint64((1 << 22) - 1)
S22 = np.uint64(22)
S44 = np.uint64(44)


@njit(cache=True, nogil=True)
def _cut(w, narrow, wide):
    """Limbs of w [W, 2, B], lowest first, component 0 before 1: narrow [W, 4, B] and wide [W, 6, B]."""
    for a in range(w.shape[0]):
        _cut_one(w[a], narrow[a], wide[a])


@njit(nogil=True)
def _cut_one(w, narrow, wide):
    for component in range(2):
        weights = w[component]
        n0, n1 = narrow[2 * component], narrow[2 * component + 1]
        w0, w1, w2 = wide[3 * component], wide[3 * component + 1], wide[3 * component + 2]
        for b in range(weights.size):
            u = weights[b]
            # In [-(P+1)/2, (P-1)/2): just what two signed 32-bit limbs cover.
            x = np.int64(u if u < HALF else u - P)
            low = np.int32(x)
            n0[b] = low
            n1[b] = np.int32((x - np.int64(low)) >> 32)
            first = ((x + (1 << 21)) & ((1 << 22) - 1)) - (1 << 21)
            rest = (x - first) >> 22
            second = ((rest + (1 << 21)) & ((1 << 22) - 1)) - (1 << 21)
            w0[b] = np.int32(first)
            w1[b] = np.int32(second)
            w2[b] = np.int32((rest - second) >> 22)


def _as_short(typingctx, x):
    """An integer as int64; one of 64 bits is known to fit 32, and the multiplier is told so."""

    def codegen(context, builder, signature, args):
        value = args[0]
        if x.bitwidth == 64:
            value = builder.trunc(value, ir.IntType(32))
        extend = builder.sext if x.signed else builder.zext
        return extend(value, ir.IntType(64))

    return types.int64(x), codegen


_short: Any = intrinsic(_as_short)


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


# Tiles. x is [A, B, C]; a tile is rows first..last of x[a] on the columns from `start` that
# out0 and out1 cover, and adds to these. acc is scratch. Dots are the same for C = 1 and out [2].


@njit(nogil=True)
def _narrow_tile(x, a, first, last, start, narrow, out0, out1, acc):
    count = out0.size
    acc[: 4 * BLOCK] = 0
    b = first
    while b < last:
        # Two rows at a time halve the traffic to the accumulators; an odd last row meets zeros.
        second = b + 1 if b + 1 < last else b
        even = np.int32(1 if b + 1 < last else 0)
        x0, x1 = x[a, b, start : start + count], x[a, second, start : start + count]
        p0, q0, r0, s0 = narrow[0, b], narrow[1, b], narrow[2, b], narrow[3, b]
        p1, q1 = narrow[0, second] * even, narrow[1, second] * even
        r1, s1 = narrow[2, second] * even, narrow[3, second] * even
        for c in range(count):
            u, v = _short(x0[c]), _short(x1[c])
            acc[c] += u * _short(p0) + v * _short(p1)
            acc[BLOCK + c] += u * _short(q0) + v * _short(q1)
            acc[2 * BLOCK + c] += u * _short(r0) + v * _short(r1)
            acc[3 * BLOCK + c] += u * _short(s0) + v * _short(s1)
        b += 2
    for c in range(count):
        out0[c] = add(out0[c], _join2(acc[c], acc[BLOCK + c]))
        out1[c] = add(out1[c], _join2(acc[2 * BLOCK + c], acc[3 * BLOCK + c]))


@njit(nogil=True)
def _wide_tile(x, a, first, last, start, wide, out0, out1, acc):
    count = out0.size
    acc[: 6 * BLOCK] = 0
    for b in range(first, last):
        row = x[a, b, start : start + count]
        p0, q0, r0, p1, q1, r1 = (
            wide[0, b],
            wide[1, b],
            wide[2, b],
            wide[3, b],
            wide[4, b],
            wide[5, b],
        )
        for c in range(count):
            u = _short(row[c])
            acc[c] += u * _short(p0)
            acc[BLOCK + c] += u * _short(q0)
            acc[2 * BLOCK + c] += u * _short(r0)
            acc[3 * BLOCK + c] += u * _short(p1)
            acc[4 * BLOCK + c] += u * _short(q1)
            acc[5 * BLOCK + c] += u * _short(r1)
    for c in range(count):
        out0[c] = add(out0[c], _join3(acc[c], acc[BLOCK + c], acc[2 * BLOCK + c]))
        value = _join3(acc[3 * BLOCK + c], acc[4 * BLOCK + c], acc[5 * BLOCK + c])
        out1[c] = add(out1[c], value)


@njit(nogil=True)
def _full_tile(x, a, first, last, start, w, out0, out1):
    count = out0.size
    for b in range(first, last):
        row = x[a, b, start : start + count]
        w0, w1 = w[0, b], w[1, b]
        for c in range(count):
            u = _lift(row[c])
            out0[c] = add(out0[c], mul(u, w0))
            out1[c] = add(out1[c], mul(u, w1))


@njit(nogil=True)
def _narrow_dot(row, narrow, first, out):
    n = row.size
    p, q = narrow[0, first : first + n], narrow[1, first : first + n]
    r, s = narrow[2, first : first + n], narrow[3, first : first + n]
    sp, sq, sr, ss = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for b in range(n):
        u = _short(row[b])
        sp += u * _short(p[b])
        sq += u * _short(q[b])
        sr += u * _short(r[b])
        ss += u * _short(s[b])
    out[0] = add(out[0], _join2(sp, sq))
    out[1] = add(out[1], _join2(sr, ss))


@njit(nogil=True)
def _wide_dot(row, wide, first, out):
    n = row.size
    p0, q0 = wide[0, first : first + n], wide[1, first : first + n]
    r0, p1 = wide[2, first : first + n], wide[3, first : first + n]
    q1, r1 = wide[4, first : first + n], wide[5, first : first + n]
    sp0, sq0, sr0 = np.int64(0), np.int64(0), np.int64(0)
    sp1, sq1, sr1 = np.int64(0), np.int64(0), np.int64(0)
    for b in range(n):
        u = _short(row[b])
        sp0 += u * _short(p0[b])
        sq0 += u * _short(q0[b])
        sr0 += u * _short(r0[b])
        sp1 += u * _short(p1[b])
        sq1 += u * _short(q1[b])
        sr1 += u * _short(r1[b])
    out[0] = add(out[0], _join3(sp0, sq0, sr0))
    out[1] = add(out[1], _join3(sp1, sq1, sr1))


@njit(nogil=True)
def _full_dot(row, w, first, out):
    n = row.size
    w0, w1 = w[0, first : first + n], w[1, first : first + n]
    la, ha, lb, hb = ZERO, ZERO, ZERO, ZERO
    for b in range(n):
        u = _lift(row[b])
        x, y = mul(u, w0[b]), mul(u, w1[b])
        la += x & LOW
        ha += x >> S32
        lb += y & LOW
        hb += y >> S32
    out[0] = add(out[0], add(la, mul(ha, T32)))
    out[1] = add(out[1], add(lb, mul(hb, T32)))


@njit(nogil=True)
def _magnitude(row):
    """All bits that |x| or |x| - 1 has anywhere in the row."""
    bits = np.int64(0)
    for c in range(row.size):
        x = np.int64(row[c])
        bits |= x ^ (x >> 63)
    return bits


# Kernels. They take tasks lo..hi of the [A, ceil(C / BLOCK)] grid (or rows lo..hi of x [A, B]) over
# the terms first..last.


@njit(cache=True, nogil=True)
def _narrow_columns(x, narrow, each, out, first, last, lo, hi):
    across = (x.shape[2] + BLOCK - 1) // BLOCK
    acc = np.empty(4 * BLOCK, np.int64)
    for task in range(lo, hi):
        a, start = task // across, task % across * BLOCK
        out0, out1 = out[0, a, start : start + BLOCK], out[1, a, start : start + BLOCK]
        limbs = narrow[a // each]
        for b in range(first, last, NARROW_TERMS):
            _narrow_tile(x, a, b, min(b + NARROW_TERMS, last), start, limbs, out0, out1, acc)


@njit(cache=True, nogil=True)
def _wide_columns(x, wide, each, out, first, last, lo, hi):
    across = (x.shape[2] + BLOCK - 1) // BLOCK
    acc = np.empty(6 * BLOCK, np.int64)
    for task in range(lo, hi):
        a, start = task // across, task % across * BLOCK
        out0, out1 = out[0, a, start : start + BLOCK], out[1, a, start : start + BLOCK]
        limbs = wide[a // each]
        for b in range(first, last, WIDE_TERMS):
            _wide_tile(x, a, b, min(b + WIDE_TERMS, last), start, limbs, out0, out1, acc)


@njit(cache=True, nogil=True)
def _any_columns(x, narrow, wide, w, each, out, first, last, lo, hi):
    across = (x.shape[2] + BLOCK - 1) // BLOCK
    acc = np.empty(6 * BLOCK, np.int64)
    for task in range(lo, hi):
        a, start = task // across, task % across * BLOCK
        out0, out1 = out[0, a, start : start + BLOCK], out[1, a, start : start + BLOCK]
        for b in range(first, last, TILE_ROWS):
            end = min(b + TILE_ROWS, last)
            bits = np.int64(0)
            for i in range(b, end):
                bits |= _magnitude(x[a, i, start : start + BLOCK])
            if bits < 1 << 16:
                _narrow_tile(x, a, b, end, start, narrow[a // each], out0, out1, acc)
            elif bits < 1 << 31:
                _wide_tile(x, a, b, end, start, wide[a // each], out0, out1, acc)
            else:
                _full_tile(x, a, b, end, start, w[a // each], out0, out1)


@njit(cache=True, nogil=True)
def _narrow_dots(x, narrow, each, out, first, last, lo, hi):
    for a in range(lo, hi):
        for b in range(first, last, NARROW_TERMS):
            _narrow_dot(x[a, b : min(b + NARROW_TERMS, last)], narrow[a // each], b, out[:, a])


@njit(cache=True, nogil=True)
def _short_dots(x, narrow, each, out, first, last, lo, hi):
    """`_narrow_dots` where rows are too short to fill a register: a block of them is turned over."""
    turned = np.empty((1, last - first, BLOCK), x.dtype)
    acc = np.empty(4 * BLOCK, np.int64)
    for start in range(lo, hi, BLOCK):
        end = min(start + BLOCK, hi)
        for a in range(start, end):
            for b in range(first, last):
                turned[0, b - first, a - start] = x[a, b]
        limbs = narrow[0, :, first:last]
        _narrow_tile(
            turned, 0, 0, last - first, 0, limbs, out[0, start:end], out[1, start:end], acc
        )


@njit(cache=True, nogil=True)
def _wide_dots(x, wide, each, out, first, last, lo, hi):
    for a in range(lo, hi):
        for b in range(first, last, WIDE_TERMS):
            _wide_dot(x[a, b : min(b + WIDE_TERMS, last)], wide[a // each], b, out[:, a])


@njit(cache=True, nogil=True)
def _any_dots(x, narrow, wide, w, each, out, first, last, lo, hi):
    for a in range(lo, hi):
        for b in range(first, last, TILE_SIZE):
            row = x[a, b : min(b + TILE_SIZE, last)]
            bits = _magnitude(row)
            if bits < 1 << 16:
                _narrow_dot(row, narrow[a // each], b, out[:, a])
            elif bits < 1 << 31:
                for i in range(0, row.size, WIDE_TERMS):
                    _wide_dot(row[i : i + WIDE_TERMS], wide[a // each], b + i, out[:, a])
            else:
                _full_dot(row, w[a // each], b, out[:, a])


@njit(cache=True, nogil=True)
def _fold_rows(matrix, w, out, lo, hi):
    """Columns lo..hi of sum_r w[r] matrix[r, :] over field elements, each as two 32-bit halves."""
    rows = matrix.shape[0]
    acc = np.empty(6 * BLOCK, np.uint64)
    for start in range(lo, hi, BLOCK):
        end = min(start + BLOCK, hi)
        count = end - start
        for component in range(2):
            weights = w[component]
            total = out[component, start:end]
            for first in range(0, rows, WIDE_TERMS):
                acc[:] = ZERO
                last = min(first + WIDE_TERMS, rows)
                for r in range(first, last, 2):
                    # Two rows at a time halve the traffic to the accumulators; an odd last row
                    # is paired with itself at weight zero.
                    second = r + 1 if r + 1 < last else r
                    u, v = weights[r], weights[second] if r + 1 < last else ZERO
                    u0, u1, u2 = u & MASK22, (u >> S22) & MASK22, u >> S44
                    v0, v1, v2 = v & MASK22, (v >> S22) & MASK22, v >> S44
                    x, y = matrix[r, start:end], matrix[second, start:end]
                    for c in range(count):
                        xl, xh, yl, yh = x[c] & LOW, x[c] >> S32, y[c] & LOW, y[c] >> S32
                        acc[c] += xl * u0 + yl * v0
                        acc[BLOCK + c] += xl * u1 + yl * v1
                        acc[2 * BLOCK + c] += xl * u2 + yl * v2
                        acc[3 * BLOCK + c] += xh * u0 + yh * v0
                        acc[4 * BLOCK + c] += xh * u1 + yh * v1
                        acc[5 * BLOCK + c] += xh * u2 + yh * v2
                for c in range(count):
                    value = add(acc[c], mul(acc[BLOCK + c], T22))
                    value = add(value, mul(acc[2 * BLOCK + c], T44))
                    value = add(value, mul(acc[3 * BLOCK + c], T32))
                    value = add(value, mul(acc[4 * BLOCK + c], T54))
                    value = add(value, mul(acc[5 * BLOCK + c], T76))
                    total[c] = add(total[c], value)


def contract(x: NDArray[np.integer], w: Array) -> Array:
    """sum_b x[a, b, c] w[b] in K as [2, A, C], for integers x [A, B, C], |x| < 2^60, w [2, B].

    With w [2, W, B] each of W runs of A / W slices x[a] has its own weights.
    """
    size_a, size_b, size_c = x.shape
    sets = w.shape[1] if w.ndim == 3 else 1
    if w.shape not in ((2, size_b), (2, sets, size_b)) or not sets or size_a % sets:
        raise ValueError(f"cannot contract {x.shape} with {w.shape}")
    if x.dtype.kind not in "iu" or x.dtype == np.uint64:
        raise ValueError(f"cannot contract {x.dtype}")
    shape = (2, size_a, size_c)
    if not x.size:
        return np.zeros(shape, np.uint64)
    if 1 < size_c < FEW_COLUMNS:
        x, size_a, size_c = x.swapaxes(1, 2).reshape(-1, size_b, 1), size_a * size_c, 1
    x = operand(x, _type(x))
    w = operand(w.reshape(2, sets, size_b).swapaxes(0, 1))
    narrow = np.empty((sets, 4, size_b), np.int32)
    wide = np.empty((sets, 6, size_b), np.int32)
    _cut(w, narrow, wide)
    short = size_b <= FEW_TERMS and sets == 1
    kernel, weights = _kernel(x.dtype, size_c == 1, short, (narrow, wide, w))
    each = size_a // sets
    if size_c == 1:
        x, tasks, cells = x.reshape(size_a, size_b), size_a, 1
    else:
        tasks, cells = size_a * -(-size_c // BLOCK), min(BLOCK, size_c)

    out = np.zeros((2, size_a) if size_c == 1 else (2, size_a, size_c), np.uint64)
    if tasks >= cores():
        grain = max(1, GRAIN // (size_b * cells))
        chunks(lambda lo, hi: kernel(x, *weights, each, out, 0, size_b, lo, hi), tasks, grain)
        return out.reshape(shape)

    # Too few tasks for the cores: share out the terms, and add the partial sums.
    def partial(first: int, last: int) -> Array:
        part = np.zeros(out.shape, np.uint64)
        kernel(x, *weights, each, part, first, last, 0, tasks)
        return part

    for part in chunks(partial, size_b, max(1, GRAIN // cells)):
        out = field.add(out, part)
    return out.reshape(shape)


def _type(x: NDArray[np.integer]) -> np.dtype:
    """The type to contract integers in: few types make few versions of a kernel."""
    if x.size >= FEW and x.dtype in (np.int16, np.uint16, np.int32):
        return x.dtype
    return np.dtype(np.int16 if x.size >= FEW and x.dtype.itemsize == 1 else np.int64)


def _kernel(
    dtype: np.dtype, dots: bool, short: bool, weights: tuple[Any, Any, Any]
) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The kernel for an input type, and those of narrow limbs, wide limbs and w that it takes."""
    narrow, wide, _ = weights
    if dtype.itemsize <= 2:
        dot = _short_dots if short else _narrow_dots
        return (dot if dots else _narrow_columns), (narrow,)
    if dtype.itemsize == 4:
        return (_wide_dots if dots else _wide_columns), (wide,)
    return (_any_dots if dots else _any_columns), weights


def fold_rows(matrix: Array, w: Array) -> Array:
    """sum_r w[r] matrix[r, :] as [2, n], for field elements [rows, n] and w [2, rows] in K."""
    rows, n = matrix.shape
    if w.shape != (2, rows):
        raise ValueError(f"cannot fold {matrix.shape} with {w.shape}")
    matrix, w = operand(matrix), operand(w)
    out = np.zeros((2, n), np.uint64)
    chunks(lambda lo, hi: _fold_rows(matrix, w, out, lo, hi), n, max(1, GRAIN // max(rows, 1)))
    return out
