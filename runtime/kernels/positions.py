"""A few positions of Reed-Solomon codewords, without the others.

Position j of the code is the value at x = 7 w^j. With i = i1 n2 + i2, x^n2 has only n1 values: transforms of
length n1 along i1, the first layers of `ntt.encode`, leave for each j modulo n1 a polynomial in x of n2
coefficients, and each position needs one of these. The sums over i2 for as many positions as n1 cost less than
those layers do.
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

LOG_SPLIT = 8
TWO32 = np.uint64(1 << 32)


@lru_cache(maxsize=8)
def _tables(log_n: int, log_1: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Powers of 7^n2, of the root of order n1, and where the transform leaves its outputs."""
    n1 = 1 << log_1
    scale = field.powers(pow(field.GENERATOR, 1 << (log_n - log_1), field.P), n1)
    return scale, field.powers(field.root_of_unity(log_1), n1), bit_reversal(log_1)


@njit(cache=True, nogil=True)
def _values(messages, n2, scale, twiddles, rows, low, stride, out, lo, hi):
    """For messages lo..hi: low (positions, WIDTH) are the first powers of x, stride their next one."""
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


def at_positions(messages: Array, positions: Sequence[int], log_code: int) -> Array:
    """out[r, k] = sum_i messages[r, i] (7 w^j)^i for j = positions[k], w of order 2^log_code."""
    n = 1 << log_code
    if messages.shape[1] > n or not all(0 <= j < n for j in positions):
        raise ValueError(f"cannot take {len(positions)} positions of {n} from {messages.shape}")
    log_1 = LOG_SPLIT if log_code >= LOG_SPLIT + 5 else 0
    scale, twiddles, reversal = _tables(log_code, log_1)
    root = field.root_of_unity(log_code)
    found = [field.GENERATOR * pow(root, j, field.P) % field.P for j in positions]
    points = np.array(found, np.uint64)
    low = np.stack([field.power(points, k) for k in range(WIDTH)], axis=1)
    stride = field.power(points, WIDTH)
    rows = reversal[np.array(positions, np.int64) & ((1 << log_1) - 1)]
    messages, out = operand(messages), np.zeros((len(messages), len(positions)), np.uint64)
    args = n >> log_1, scale, twiddles, rows, low, stride, out
    chunks(lambda lo, hi: _values(messages, *args, lo, hi), len(messages), 1)
    return out
