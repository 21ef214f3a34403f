"""Columns of small signed integers as rows of field elements."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from .goldilocks import LOW
from .pool import chunks

# Rows of the input that stay in cache while each of its columns is read.
TILE = 256


@njit(cache=True, nogil=True)
def _lift_columns(cells, apart, width, rows, first, out, lo, hi):
    places = np.empty(TILE, np.int64)
    for start in range(lo, hi, TILE):
        count = min(TILE, hi - start)
        for c in range(count):
            part, at = divmod(start + c, width)
            places[c] = part * apart + at * rows + first
        for r in range(out.shape[0]):
            row = out[r, start : start + count]
            for c in range(count):
                x = np.int64(cells[places[c] + r])
                row[c] = np.uint64(x) - LOW if x < 0 else np.uint64(x)


def lift_columns(grid: NDArray[np.integer], first: int, out: NDArray[np.uint64]) -> None:
    """out[r, i] = column[first + r] in F of the i-th column of ``grid`` (parts, columns, rows), of integers
    |x| < p, not of type uint64. What is in a part lies together."""
    parts, width, rows = grid.shape
    if parts * width != out.shape[1] or first + out.shape[0] > rows:
        raise ValueError(f"cannot lift columns {first}.. of {grid.shape} into {out.shape}")
    if not grid.flags.c_contiguous and (parts < 2 or not grid[0].flags.c_contiguous):
        raise ValueError("the columns of a part do not lie together")
    apart = grid.strides[0] // grid.itemsize
    # One kind of array for all distances, so that there is one version of the kernel.
    cells = as_strided(
        grid, ((parts - 1) * apart + width * rows,), (grid.itemsize,), writeable=False
    )
    chunks(
        lambda lo, hi: _lift_columns(cells, apart, width, rows, first, out, lo, hi),
        out.shape[1],
        TILE,
    )
