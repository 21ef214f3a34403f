"""Columns of a codeword without the codeword: evaluations, lifted rows, hashes that come in blocks."""

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.kernels.blake2b import ColumnHash, hash_columns
from zklemma.runtime.kernels.evaluations import evaluate_rows
from zklemma.runtime.kernels.lift import lift_columns
from zklemma.runtime.kernels.ntt import encode
from zklemma.runtime.protocol.opening_verifier import domain_points

LOG_CODE = 15


@pytest.mark.parametrize(
    "low, high, dtype",
    [
        (0, 1 << 8, np.uint8),
        (-(1 << 15), 1 << 15, np.int16),
        (0, 1 << 16, np.uint16),
        (-(1 << 31), 1 << 31, np.int32),
        (-(1 << 40), 1 << 40, np.int64),
        (0, field.P, np.uint64),
    ],
)
def test_evaluations_are_the_codeword(low, high, dtype):
    """Random rows, and constant ones at the ends of the range, over several blocks and one."""
    for size in (9001, 4096, 5):
        rows = np.random.default_rng(size).integers(low, high, (3, size), dtype=dtype)
        rows[0], rows[1] = low, high - 1
        codeword = np.empty((3, 1 << LOG_CODE), np.uint64)
        encode(field.to_field(rows), codeword)
        positions = [0, 1, 77, (1 << LOG_CODE) - 1]
        points = np.array(domain_points(positions, LOG_CODE), np.uint64)
        found = evaluate_rows([rows[:1], rows[1:]], points)
        assert np.array_equal(found, codeword[:, positions])


def test_lifted_columns():
    grid = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (1000, 8), dtype=np.int16)
    out = np.empty((3, 1000), np.uint64)
    lift_columns(grid, 4, out)
    assert np.array_equal(out, field.to_field(grid[:, 4:7].T))
    with pytest.raises(ValueError):
        lift_columns(grid, 6, out)


@pytest.mark.parametrize("rows", [1, 16, 18, 34, 48])
def test_hash_of_blocks_is_the_hash_of_all(rows):
    matrix = np.random.default_rng(rows).integers(0, field.P, (rows, 300), dtype=np.uint64)
    digest = ColumnHash(300, b"test")
    for first in range(0, rows, 16):
        digest.absorb(matrix[first : first + 16], first + 16 >= rows)
    assert np.array_equal(digest.digests(), hash_columns(matrix, b"test"))


def test_hash_refuses_short_blocks():
    with pytest.raises(ValueError):
        ColumnHash(3, b"test").absorb(np.zeros((15, 3), np.uint64), last=False)
