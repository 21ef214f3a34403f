"""Polynomials that the verifier of pads evaluates."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime.field import P
from zklemma.runtime.protocol.pads import verifier as pads_verifier


def test_few_points_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    coefficients = rng.integers(0, P, (2, 200), np.uint64)
    points = [int(x) for x in rng.integers(0, P, 7, np.uint64)]
    whole = pads_verifier.evaluate(coefficients, points)
    for row, values in zip(coefficients.tolist(), whole.tolist(), strict=True):
        for x, value in zip(points, values, strict=True):
            assert value == sum(c * pow(x, i, P) for i, c in enumerate(row)) % P
    monkeypatch.setattr(pads_verifier, "TOGETHER", 9)
    assert (pads_verifier.evaluate(coefficients, points) == whole).all()
