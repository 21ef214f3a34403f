"""A few positions of Reed-Solomon codewords without the others, and the transpose: sums of powers.

Position j of the code is the value at x = 7 w^j. With i = i1 n2 + i2, x^n2 has only n1 values: transforms of
length n1 along i1, the first layers of `ntt.encode`, leave for each j modulo n1 a polynomial in x of n2
coefficients, and each position needs one of these. The sums over i2 for as many positions as n1 cost less than
those layers do. Backwards the same steps make sum_k s_k x_k^i for all i, the form whose value on a message
is a sum of its positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .. import field
from .goldilocks import LOW, S32, ZERO, add, mul
from .ntt import WIDTH, bit_reversal, decimate_frequency
from .operand import operand
from .pool import chunks

Array = NDArray[np.uint64]

# log2 of n1 at most and at least: panels of n1 x WIDTH stay in cache, and are long enough to be quick.
LOG_SPLIT = 7
LEAST_SPLIT = 3
# Panels that are worth a thread.
GRAIN = 4
TWO32 = np.uint64(1 << 32)


@lru_cache(maxsize=8)
def _tables(log_n: int, log_1: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Powers of 7^n2, of the root of order n1, and where the transform leaves its outputs."""
    n1 = 1 << log_1
    scale = field.powers(pow(field.GENERATOR, 1 << (log_n - log_1), field.P), n1)
    return scale, field.powers(field.root_of_unity(log_1), n1), bit_reversal(log_1)


def log_split(positions: int, log_code: int) -> int:
    """log2 of n1: about as many as there are positions, and a few layers at least; none on short codes."""
    log_1 = min(LOG_SPLIT, max(LEAST_SPLIT, positions.bit_length()))
    return log_1 if log_code - log_1 >= WIDTH.bit_length() - 1 else 0


class _Points:
    """The points of positions, with their first powers ``low`` (points, WIDTH) and the next one."""

    def __init__(self, positions: Sequence[int], log_code: int, size: int) -> None:
        n = 1 << log_code
        if size > n or not all(0 <= j < n for j in positions):
            raise ValueError(f"cannot take {len(positions)} positions of {n} for rows of {size}")
        log_1 = log_split(len(positions), log_code)
        self.n2 = n >> log_1
        self.scale, self.twiddles, self.reversal = _tables(log_code, log_1)
        self.points = np.array(field.domain_points(positions, log_code), np.uint64)
        self.low = field.powers_of(self.points, WIDTH)
        self.stride = field.power(self.points, WIDTH)
        self.residues = np.array(positions, np.int64) & ((1 << log_1) - 1)


@njit(cache=True, nogil=True)
def _values(messages, n2, scale, twiddles, rows, low, stride, out, lo, hi):
    """For messages lo..hi; ``rows``: where a point's polynomial is."""
    n1, size, points = scale.size, messages.shape[1], rows.size
    panel = np.empty(n1 * WIDTH, np.uint64)
    for r in range(lo, hi):
        message, sums = messages[r], out[r]
        factor = np.ones(points, np.uint64)
        for column in range(0, min(n2, size), WIDTH):
            for i in range(n1):
                source = i * n2 + column
                count = min(max(size - source, 0), min(WIDTH, n2 - column))
                s = scale[i]
                row = panel[i * WIDTH : (i + 1) * WIDTH]
                for c in range(count):
                    row[c] = mul(message[source + c], s)
                for c in range(count, WIDTH):
                    row[c] = ZERO
            decimate_frequency(panel, n1, twiddles)
            for k in range(points):
                row, power = panel[rows[k] * WIDTH : (rows[k] + 1) * WIDTH], low[k]
                part, high = ZERO, ZERO
                for c in range(WIDTH):
                    x = mul(row[c], power[c])
                    part += x & LOW
                    high += x >> S32
                value = add(part, mul(high, TWO32))
                sums[k] = add(sums[k], mul(value, factor[k]))
                factor[k] = mul(factor[k], stride[k])


@njit(cache=True, nogil=True)
def _add_sums(factors, n2, scale, twiddles, reversal, residues, low, stride, out, lo, hi):
    """Panels lo..hi; ``factors`` (2, points): the scales, times the powers at panel lo."""
    n1, size, points = scale.size, out.shape[1], residues.size
    panel = np.empty(n1 * WIDTH, np.uint64)
    for k in range(2):
        factor, target = factors[k].copy(), out[k]
        for block in range(lo, hi):
            column = block * WIDTH
            panel[:] = ZERO
            for j in range(points):
                row, power = panel[residues[j] * WIDTH : (residues[j] + 1) * WIDTH], low[j]
                f = factor[j]
                for c in range(WIDTH):
                    row[c] = add(row[c], mul(power[c], f))
                factor[j] = mul(f, stride[j])
            decimate_frequency(panel, n1, twiddles)
            for i in range(n1):
                start = i * n2 + column
                count = min(max(size - start, 0), min(WIDTH, n2 - column))
                s, row = scale[i], panel[reversal[i] * WIDTH : (reversal[i] + 1) * WIDTH]
                for c in range(count):
                    target[start + c] = add(target[start + c], mul(row[c], s))


def at_positions(messages: Array, positions: Sequence[int], log_code: int) -> Array:
    """out[r, k] = sum_i messages[r, i] (7 w^j)^i for j = positions[k], w of order 2^log_code."""
    p = _Points(positions, log_code, messages.shape[1])
    messages, out = operand(messages), np.zeros((len(messages), len(positions)), np.uint64)
    args = p.n2, p.scale, p.twiddles, p.reversal[p.residues], p.low, p.stride, out
    chunks(lambda lo, hi: _values(messages, *args, lo, hi), len(messages), 1)
    return out


def add_positions(positions: Sequence[int], scales: Array, log_code: int, out: Array) -> None:
    """out[:, i] += sum_k scales[:, k] (7 w^j)^i for j = positions[k]; scales (2, k) and out (2, n) of K."""
    p = _Points(positions, log_code, out.shape[1])
    args = p.n2, p.scale, p.twiddles, p.reversal, p.residues, p.low, p.stride, out

    def run(lo: int, hi: int) -> None:
        _add_sums(field.mul(scales, field.power(p.points, lo * WIDTH)), *args, lo, hi)

    chunks(run, -(-min(p.n2, out.shape[1]) // WIDTH), GRAIN)
