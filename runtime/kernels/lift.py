"""Columns of small signed integers as rows of field elements."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .goldilocks import LOW
from .operand import operand
from .pool import chunks

# Rows of the input that stay in cache while each of its columns is read.
TILE = 256


@njit(cache=True, nogil=True)
def _lift_columns(grid, first, out, lo, hi):
    for start in range(lo, hi, TILE):
        end = min(start + TILE, hi)
        for r in range(out.shape[0]):
            row = out[r]
            for c in range(start, end):
                x = np.int64(grid[c, first + r])
                row[c] = np.uint64(x) - LOW if x < 0 else np.uint64(x)


def lift_columns(grid: NDArray[np.integer], first: int, out: NDArray[np.uint64]) -> None:
    """out[r, c] = grid[c, first + r] in F, for integers |x| < p, not of type uint64."""
    if grid.shape[0] != out.shape[1] or first + out.shape[0] > grid.shape[1]:
        raise ValueError(f"cannot lift columns {first}.. of {grid.shape} into {out.shape}")
    grid = operand(grid, grid.dtype)
    chunks(lambda lo, hi: _lift_columns(grid, first, out, lo, hi), out.shape[1], TILE)
