"""Interpolation, eq, and the verifier's rounds, against polynomials written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol.channel import Affine, Channel, Reader
from zklemma.runtime.protocol.rounds import clear_round, eq_at, lagrange, masked_round
from zklemma.runtime.protocol.transcript import Transcript


def elements(count: int, seed: int) -> list[Ext]:
    rng = np.random.default_rng(seed)
    return [Ext(int(a), int(b)) for a, b in rng.integers(0, P, (count, 2), np.uint64)]


def horner(coefficients: list[Ext], x: Ext | int) -> Ext:
    value = Ext.ZERO
    for c in reversed(coefficients):
        value = value * x + c
    return value


@pytest.mark.parametrize("degree", range(6))
def test_lagrange(degree: int) -> None:
    coefficients, (r,) = elements(degree + 1, degree), elements(1, 99)
    weights = lagrange(r, degree)
    assert len(weights) == degree + 1
    total = sum((w * horner(coefficients, i) for i, w in enumerate(weights)), Ext.ZERO)
    assert total == horner(coefficients, r)
    for i in range(degree + 1):
        assert lagrange(Ext(i), degree) == [Ext(int(i == j)) for j in range(degree + 1)]


def test_eq() -> None:
    for x, y in product(product((0, 1), repeat=3), repeat=2):
        assert eq_at([Ext(b) for b in x], [Ext(b) for b in y]) == int(x == y)
    x, y = elements(4, 1), elements(4, 2)
    total = Ext.ZERO
    for corner in product((0, 1), repeat=4):
        term = Ext.ONE
        for a, b, bit in zip(x, y, corner, strict=True):
            term = term * (a * b if bit else (1 - a) * (1 - b))
        total = total + term
    assert eq_at(x, y) == total


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
@pytest.mark.parametrize("error", [0, 1])
def test_rounds(degree: int, error: int) -> None:
    """The claim goes over to g(r) when it was g(0) + g(1), and is wrong when it was not."""
    g = elements(degree + 1, degree)
    claim = horner(g, 0) + horner(g, 1) + error
    sent = b"".join(horner(g, x).to_bytes() for x in [0, *range(2, degree + 1)])

    def channel() -> Channel:
        return Channel(Transcript("test"), Reader(sent), hiding=False)

    value, r = clear_round(channel(), "round", claim, degree)
    assert (value == horner(g, r)) == (not error)
    masked, s = masked_round(channel(), "round", Affine(claim), degree)
    assert s == r and masked.constant == value
