"""Dot products of vectors with a matrix of small integers."""

import numpy as np
import pytest
from zklemma.runtime.kernels.dots import dots


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32])
@pytest.mark.parametrize("rows", [1, 5])
def test_agrees_with_numpy(dtype, rows):
    """Extreme values too."""
    limits, rng = np.iinfo(dtype), np.random.default_rng(rows)
    matrix = rng.integers(limits.min, limits.max, (700, 33), dtype=dtype, endpoint=True)
    x = rng.integers(-(1 << 23), 1 << 23, (rows, 33)).astype(np.int32)
    matrix[0], x[0] = limits.min, -(1 << 23)
    assert np.array_equal(dots(x, matrix), x.astype(np.int64) @ matrix.astype(np.int64).T)


def test_refuses_what_does_not_fit():
    for matrix in (np.zeros((2, 3), np.int64), np.zeros((2, 3), np.uint32)):
        with pytest.raises(ValueError):
            dots(np.zeros((1, 3), np.int32), matrix)
