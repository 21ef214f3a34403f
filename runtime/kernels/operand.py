"""Kernel inputs in one form, so that each kernel is compiled once and not per kind of array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def operand(x: ArrayLike, dtype: DTypeLike = np.uint64) -> NDArray[Any]:
    """x as a contiguous, read-only view (a copy only if it is strided or of another type).

    numba compiles anew for each layout and mutability; a mapped file, a slice and a fresh array
    would make three versions of a kernel.
    """
    view = np.ascontiguousarray(x, dtype).view()
    view.flags.writeable = False
    return view


def rows(x: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The two rows of a table (2, n), each contiguous and read-only; no copy of a half of a table."""
    if x.strides[-1] != x.itemsize:
        x = np.ascontiguousarray(x)
    view = x.view()
    view.flags.writeable = False
    return view[0], view[1]
