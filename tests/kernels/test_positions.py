"""Positions of codewords against the whole codeword."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.kernels.ntt import encode
from zklemma.runtime.kernels.positions import at_positions


@pytest.mark.parametrize("log_code", [1, 4, 7, 12, 13, 14, 17])
@pytest.mark.parametrize("rate", [0.2, 0.26, 0.5, 0.77, 1])
def test_positions(log_code: int, rate: float) -> None:
    n = 1 << log_code
    rng = np.random.default_rng(log_code)
    messages = rng.integers(0, field.P, (3, max(1, int(rate * n))), np.uint64)
    messages[0] = field.P - 1
    code = np.empty((3, n), np.uint64)
    encode(messages, code)
    positions = [0, n - 1, *rng.integers(0, n, 40).tolist()]
    assert (at_positions(messages, positions, log_code) == code[:, positions]).all()
    assert at_positions(messages, [], log_code).shape == (3, 0)


def test_what_is_not_in_the_code() -> None:
    for size, positions in ((8, [8]), (8, [-1]), (9, [1])):
        with pytest.raises(ValueError, match="cannot take"):
            at_positions(np.zeros((1, size), np.uint64), positions, 3)
