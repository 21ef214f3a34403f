"""Sumcheck, the parts both sides share: Lagrange weights and the verifier's rounds.

A round's polynomial g of degree d is sent as g(0), g(2), ..., g(d); the claim gives g(1) = claim - g(0).
(Lund, Fortnow, Karloff, Nisan 1992; sending d values instead of d + 1 is folklore.)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..field import Ext, P
from .channel import Affine, Channel


@cache
def _denominators(degree: int) -> tuple[int, ...]:
    out = []
    for i in range(degree + 1):
        value = 1
        for j in range(degree + 1):
            if j != i:
                value = value * (i - j) % P
        out.append(pow(value, -1, P))
    return tuple(out)


def lagrange(r: Ext, degree: int) -> list[Ext]:
    """Weights w with g(r) = sum_i w[i] * g(i) for polynomials of that degree."""
    weights = []
    for i, inverse in enumerate(_denominators(degree)):
        value = Ext(inverse)
        for j in range(degree + 1):
            if j != i:
                value = value * (r - j)
        weights.append(value)
    return weights


def eq_at(x: Sequence[Ext], y: Sequence[Ext]) -> Ext:
    """prod_i (x_i y_i + (1 - x_i)(1 - y_i))."""
    out = Ext.ONE
    for a, b in zip(x, y, strict=True):
        ab = a * b
        out = out * (1 - a - b + ab + ab)
    return out


def masked_round(channel: Channel, label: str, claim: Affine, degree: int) -> tuple[Affine, Ext]:
    """Read one round's polynomial; return the claim at the challenge, and the challenge."""
    values = channel.masked(label, degree)
    r = channel.challenge()
    w = lagrange(r, degree)
    terms = [(w[0] - w[1], values[0]), (w[1], claim)]
    terms += [(w[i], values[i - 1]) for i in range(2, degree + 1)]
    return channel.combine(*terms), r


def clear_round(channel: Channel, label: str, claim: Ext, degree: int) -> tuple[Ext, Ext]:
    """The same over values sent in clear."""
    values = channel.clear(label, degree)
    r = channel.challenge()
    w = lagrange(r, degree)
    total = (w[0] - w[1]) * values[0] + w[1] * claim
    for i in range(2, degree + 1):
        total = total + w[i] * values[i - 1]
    return total, r
