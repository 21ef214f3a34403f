"""Positions of codewords against the whole codeword, and sums of powers against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.kernels.ntt import encode
from zklemma.runtime.kernels.positions import add_positions, at_positions


@pytest.mark.parametrize("log_code", [1, 4, 7, 12, 13, 14, 17])
@pytest.mark.parametrize("rate", [0.2, 0.26, 0.5, 0.77, 1])
def test_positions(log_code: int, rate: float) -> None:
    n = 1 << log_code
    rng = np.random.default_rng(log_code)
    messages = rng.integers(0, field.P, (3, max(1, int(rate * n))), np.uint64)
    messages[0] = field.P - 1
    code = np.empty((3, n), np.uint64)
    encode(messages, code)
    positions = [0, n - 1, *rng.integers(0, n, 300).tolist()]
    for count in (1, 3, 40, 302):
        found = at_positions(messages, positions[:count], log_code)
        assert (found == code[:, positions[:count]]).all()
    assert at_positions(messages, [], log_code).shape == (3, 0)


def test_what_is_not_in_the_code() -> None:
    for size, positions in ((8, [8]), (8, [-1]), (9, [1])):
        with pytest.raises(ValueError, match="cannot take"):
            at_positions(np.zeros((1, size), np.uint64), positions, 3)
        with pytest.raises(ValueError, match="cannot take"):
            add_positions(positions, np.zeros((2, 1), np.uint64), 3, np.zeros((2, size), np.uint64))


@pytest.mark.parametrize("log_code", [1, 4, 7, 12, 13, 14, 17])
@pytest.mark.parametrize("rate", [0.2, 0.26, 0.5, 0.77, 1])
@pytest.mark.parametrize("count", [0, 1, 3, 300])
def test_sums_of_powers(log_code: int, rate: float, count: int) -> None:
    n = 1 << log_code
    rng = np.random.default_rng(log_code)
    positions = [n - 1, *rng.integers(0, n, count).tolist()][:count]
    scales = rng.integers(0, field.P, (2, count), np.uint64)
    before = rng.integers(0, field.P, (2, max(1, int(rate * n))), np.uint64)
    out = before.copy()
    add_positions(positions, scales, log_code, out)
    root = field.root_of_unity(log_code)
    points = [7 * pow(root, j, field.P) % field.P for j in positions]
    for i in {0, out.shape[1] // 3, out.shape[1] - 1}:
        powers = np.array([pow(x, i, field.P) for x in points], np.uint64)
        for k in range(2):
            total = int(before[k, i]) + sum(field.mul(scales[k], powers).tolist())
            assert out[k, i] == total % field.P
