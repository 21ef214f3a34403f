"""Sums of powers against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels import powers


@pytest.mark.parametrize(
    ("n", "points"), [(1, 1), (8, 3), (1000, 2), (1 << 12, 7), (5 << 12, 2), (64, 1100)]
)
def test_add_powers(n: int, points: int) -> None:
    rng = np.random.default_rng(n)
    x, scales = rng.integers(0, P, points, np.uint64), rng.integers(0, P, (2, points), np.uint64)
    out = rng.integers(0, P, (2, n), np.uint64)
    x[0], scales[:, 0] = P - 1, (P - 1) // 2
    expected = out.copy()
    power = np.ones(points, np.uint64)
    for i in range(n):
        terms = field.mul(scales, power)
        for component in range(2):
            expected[component, i] = (int(out[component, i]) + sum(terms[component].tolist())) % P
        power = field.mul(power, x)
    powers.add_powers(x, scales, out)
    assert (out == expected).all()


def test_limbs_at_their_extremes() -> None:
    """All products of one sign and as large as they get, as many of them as one sum takes."""
    for x in (P // 2, P // 2 + 1, (1 << 43) + (1 << 21) - 1):
        points = np.full(powers.POINTS, x, np.uint64)
        scales = np.full((2, powers.POINTS), x, np.uint64)
        out = np.zeros((2, 2), np.uint64)
        powers.add_powers(points, scales, out)
        assert out.tolist() == [[powers.POINTS * x % P, powers.POINTS * x * x % P]] * 2
