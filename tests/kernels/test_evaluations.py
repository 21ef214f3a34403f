"""Columns of a codeword without the codeword: evaluations, lifted rows, hashes that come in blocks."""

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.kernels import evaluations
from zklemma.runtime.kernels.blake2b import ColumnHash, hash_columns
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
@pytest.mark.parametrize("size", [1 << 13, 7001, 3000, 5])
def test_evaluations_are_the_codeword(low, high, dtype, size, monkeypatch):
    """Random rows, constant ones at the ends of the range, and zeros; one block and several."""
    monkeypatch.setattr(evaluations, "WIDTH", 8)
    rows = np.random.default_rng(size).integers(low, high, (4, size), dtype=dtype)
    rows[0], rows[1], rows[:, size // 2 :] = low, high - 1, 0
    codeword = np.empty((4, 1 << LOG_CODE), np.uint64)
    encode(field.to_field(rows), codeword)
    positions = [0, 1, 77, (1 << LOG_CODE) - 1]
    points = np.array(domain_points(positions, LOG_CODE), np.uint64)
    found = evaluations.Evaluator(points, size).columns(rows.T)
    assert np.array_equal(found, codeword[:, positions].T)


def test_sums_of_a_whole_block_are_exact():
    """The largest coefficients and powers of one sign, as many as there can be."""
    block = evaluations.BLOCK
    rows = np.full((block, 2), [[-(1 << 16), 1 << 16]], np.int64)
    for point in (1, field.P - 1, 1 << 21, pow(2, 96, field.P)):
        total = sum(pow(point, k, field.P) for k in range(block))
        expected = [int(x) * total % field.P for x in rows[0]]
        evaluator = evaluations.Evaluator(np.array([point], np.uint64), block << 3)
        assert evaluator.columns(rows)[0].tolist() == expected


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
