"""A few vectors times a matrix of small integers, as it lies in memory.

To generate a token, each weight is read for one position only: converting the weights to floats for BLAS
would move several times the memory that this does.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .contract import _short
from .operand import operand
from .pool import chunks

# Multiply-accumulates that make a chunk worth a thread.
GRAIN = 1 << 17


@njit(cache=True, nogil=True)
def _dots(x, matrix, out, lo, hi):
    for i in range(lo, hi):
        row = matrix[i]
        for j in range(x.shape[0]):
            vector = x[j]
            total = np.int64(0)
            for k in range(row.size):
                total += _short(vector[k]) * _short(row[k])
            out[j, i] = total


def dots(x: NDArray[np.int32], matrix: NDArray[np.integer]) -> NDArray[np.int64]:
    """x @ matrix.T for x [r, k] and a matrix [n, k] of at most 32 bits; sums stay below 2^63."""
    if x.dtype != np.int32 or matrix.dtype.itemsize > 4 or matrix.dtype == np.uint32:
        raise ValueError(f"cannot multiply {x.dtype} with {matrix.dtype}")
    x, matrix = operand(x, np.int32), operand(matrix, matrix.dtype)
    out = np.empty((x.shape[0], matrix.shape[0]), np.int64)
    each = max(1, x.shape[0] * x.shape[1])
    chunks(lambda lo, hi: _dots(x, matrix, out, lo, hi), len(matrix), max(1, GRAIN // each))
    return out
