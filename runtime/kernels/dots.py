"""Exact products of integers with a matrix of 16-bit integers, or of a few bits more, as that lies in memory.

x is cut into digits so short that what they make with the matrix adds up in 32 bits; the digits' sums are put
together in 64. A matrix of wider numbers is cut in two as well, on its way into a panel. Processors have an
instruction for just this (in each lane, two products of 16 bits and their sum), which yields twice the
rate of float64 BLAS and needs no copy of the matrix as floats. LLVM does not find it in a loop over numbers, so
the inner loop is written over vectors; these are no particular processor's, and one without the instruction
gets what LLVM makes of them.

Numbers of 18 bits on both sides are six products of digits. There BLAS is faster, where x has rows enough to be
worth a copy of the matrix: floats of 53 bits hold all sums of such numbers exactly, in whatever order it adds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .operand import operand
from .pool import chunks

# Rows of either side in a tile: as many sums as leave registers for the rows they are of.
SIDE = 4
# Numbers of 16 bits in a vector.
VECTOR = 32
# Bits of a digit: times a number of 16 bits it is at most 2^22, and fewer than 2^9 of those add up in 32 bits.
DIGIT = 8
HALF = 1 << DIGIT - 1
# Terms added up in 32 bits, where a lane has a fourth of them.
TERMS = 4 * 511 // VECTOR * VECTOR
# Rows of the matrix that stay in cache while all of x passes.
PANEL = 64
# What float64 holds all integers of, and the products of digits that take the time of one by BLAS.
EXACT = 53
FLOATS = 2
# Rows of x from which on a copy of the matrix pays.
MANY = 32
# Multiply-accumulates, and numbers to cut, that make a chunk worth a thread.
GRAIN = 1 << 19
CUT = 1 << 14


def _dots_of_tile(typingctx, x, y, out):
    """out[r, c] = sum_k x[r, k] y[c, k] for SIDE rows of each, whose length is a multiple of VECTOR."""

    def codegen(context, builder, signature, args):
        narrow, index = ir.IntType(16), ir.IntType(32)

        def array(i):
            return context.make_array(signature.args[i])(context, builder, args[i])

        def rows(array):
            stride, _ = cgutils.unpack_tuple(builder, array.strides, 2)
            start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
            return [builder.gep(start, [builder.mul(stride, stride.type(r))]) for r in range(SIDE)]

        def load(row, at):
            vector = ir.VectorType(narrow, VECTOR)
            pointer = builder.gep(row, [builder.mul(at, at.type(2 * VECTOR))])
            numbers = builder.load(builder.bitcast(pointer, vector.as_pointer()), align=2)
            return builder.sext(numbers, ir.VectorType(ir.IntType(32), VECTOR))

        def pick(u, v, which):
            return builder.shuffle_vector(
                u, v, ir.Constant(ir.VectorType(index, len(which)), [*which])
            )

        def pairs(u, v, count):
            """Sums of two neighbours: the first ``count`` in u and then v."""
            even, odd = range(0, 2 * count, 2), range(1, 2 * count, 2)
            return builder.add(pick(u, v, even), pick(u, v, odd))

        xs, ys, lanes = array(0), array(1), VECTOR // 2
        zero = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
        sums = [cgutils.alloca_once_value(builder, zero) for _ in range(SIDE * SIDE)]
        _, length = cgutils.unpack_tuple(builder, xs.shape, 2)
        left, right = rows(xs), rows(ys)
        with cgutils.for_range(builder, builder.udiv(length, length.type(VECTOR))) as loop:
            a, b = ([load(row, loop.index) for row in side] for side in (left, right))
            for i, total in enumerate(sums):
                products = builder.mul(a[i // SIDE], b[i % SIDE])
                both = pairs(products, products, lanes)
                builder.store(builder.add(builder.load(total), both), total)
        # Join two vectors into one, until a single one has the sum of each in its lane.
        parts = [builder.load(total) for total in sums]
        while len(parts) > 1:
            if len(parts) == len(sums) // 4:
                wide = ir.VectorType(ir.IntType(64), lanes)
                parts = [builder.sext(part, wide) for part in parts]
            parts = [pairs(u, v, lanes) for u, v in zip(parts[::2], parts[1::2], strict=True)]
        for r, row in enumerate(rows(array(2))):
            part = pick(parts[0], parts[0], range(SIDE * r, SIDE * (r + 1)))
            builder.store(part, builder.bitcast(row, part.type.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(x, y, out), codegen


_tile: Any = intrinsic(_dots_of_tile)


@njit(cache=True, nogil=True)
def _digits(x, out, lo, hi):
    """out[r, d, k] = digit d of x[r, k], the lowest first; the last one is all that is left."""
    for r in range(lo, hi):
        rest = x[r].copy()
        for d in range(out.shape[1] - 1):
            row = out[r, d]
            for k in range(rest.size):
                above = (rest[k] + HALF) >> DIGIT
                row[k] = rest[k] - (above << DIGIT)
                rest[k] = above
        row = out[r, out.shape[1] - 1]
        for k in range(rest.size):
            row[k] = rest[k]


@njit(cache=True, nogil=True)
def _dots(x, digits, matrix, low, mask, out, lo, hi):
    """out[r, i] += sum_d 2^(DIGIT d + low) (x[r digits + d] @ part[i]), for lo <= i < hi, of the matrix's
    part (matrix >> low) & mask."""
    panel = np.empty((PANEL, min(TERMS, x.shape[1])), np.int16)
    sums = np.empty((SIDE, PANEL), np.int64)
    for first in range(0, x.shape[1], TERMS):
        columns = x[:, first : min(first + TERMS, x.shape[1])]
        for i in range(lo, hi, PANEL):
            count = min(PANEL, hi - i)
            for c in range(count):
                numbers, row = matrix[i + c, first : first + TERMS], panel[c]
                for k in range(numbers.size):
                    row[k] = (numbers[k] >> low) & mask
                row[numbers.size :] = 0
            short = panel[:, : columns.shape[1]]
            for j in range(0, len(x), SIDE):
                for c in range(0, count, SIDE):
                    _tile(columns[j : j + SIDE], short[c : c + SIDE], sums[:, c : c + SIDE])
                for r in range(min(SIDE, len(out) * digits - j)):
                    target = out[(j + r) // digits, i : i + count]
                    shift = DIGIT * ((j + r) % digits) + low
                    for c in range(count):
                        target[c] += sums[r, c] << shift


def _length(x: NDArray[np.int64], bits: int = DIGIT) -> int:
    """How many digits all numbers have room in: each at most 2^(bits - 1) in magnitude."""
    least, most, count, half = int(x.min(initial=0)), int(x.max(initial=0)), 1, 1 << bits - 1
    while least < -half or most > half:
        least, most, count = least + half >> bits, most + half >> bits, count + 1
    return count


def _float_digit(matrix: NDArray[Any]) -> int:
    """Bits of a digit whose products with a row of the matrix add up exactly in float64."""
    most = max(-int(matrix.min(initial=0)), int(matrix.max(initial=0)))
    return EXACT + 1 - (most * matrix.shape[1]).bit_length()


def _by_floats(
    x: NDArray[np.int64], matrix: NDArray[Any], bits: int, digits: int
) -> NDArray[np.int64]:
    """x @ matrix.T, of digits of x that float64 has room for."""
    columns, out = matrix.T.astype(np.float64), np.zeros((len(x), len(matrix)), np.int64)
    for d in range(digits):
        above = (x + (1 << bits - 1)) >> bits if d < digits - 1 else np.zeros_like(x)
        out += ((x - (above << bits)).astype(np.float64) @ columns).astype(np.int64) << bits * d
        x = above
    return out


def dots(x: NDArray[np.int64], matrix: NDArray[np.int16] | NDArray[np.int32]) -> NDArray[np.int64]:
    """x @ matrix.T for x [r, k] and a matrix [n, k], where the results are below 2^63.

    The magnitude of x is at most 2^62; numbers of 32 bits in the matrix are below 2^23. Sums on the way are
    modulo 2^64, so only results count.
    """
    fits = matrix.dtype in (np.int16, np.int32) and x.shape[1] == matrix.shape[1]
    if x.dtype != np.int64 or not fits:
        raise ValueError(f"cannot multiply {x.dtype} {x.shape} with {matrix.dtype} {matrix.shape}")
    x, matrix = operand(x, np.int64), operand(matrix, matrix.dtype)
    (rows, length), digits, whole = x.shape, _length(x), matrix.dtype == np.int16
    products = digits if whole else 2 * digits
    if rows >= MANY and products > FLOATS:
        bits = _float_digit(matrix)
        floats = _length(x, bits)
        if products > FLOATS * floats:
            return _by_floats(x, matrix, bits, floats)
    cut = np.zeros((-(-rows * digits // SIDE) * SIDE, -(-length // VECTOR) * VECTOR), np.int16)
    split = cut[: rows * digits].reshape(rows, digits, cut.shape[1])
    chunks(lambda lo, hi: _digits(x, split, lo, hi), rows, max(1, CUT // max(1, length)))
    cut.flags.writeable = False
    out = np.zeros((rows, len(matrix)), np.int64)
    grain = max(SIDE, GRAIN // max(1, cut.size))
    for low, mask in ((0, -1),) if whole else ((0, (1 << DIGIT) - 1), (DIGIT, -1)):
        chunks(
            lambda lo, hi, low=low, mask=mask: _dots(cut, digits, matrix, low, mask, out, lo, hi),
            len(matrix),
            grain,
        )
    return out
