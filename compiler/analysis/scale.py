"""A scale: a number of fraction bits that one or several operations share, and the widths that it may have.

A value of magnitude m (the largest calibrated, times the headroom) can have the most fraction bits f for
which m 2^f fits its widest type. Rounding to f fraction bits adds noise of variance 4^-f / 12, and so
1/2 sensitivity 4^-f / 12 nats of divergence (`sensitivity`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.ir import Operation

from ...runtime.circuit.program import LAST_LIMB_BITS, LIMB_BITS, WIDEST_LIMB_BITS

LIMB, WIDE_LIMB, WIDEST_LIMB = LIMB_BITS, LAST_LIMB_BITS, WIDEST_LIMB_BITS
CACHED = 1 << 16
"""Answers that are kept: a search asks for the same ones over and over."""


@functools.lru_cache(CACHED)
def most_frac(magnitude: float, bits: int) -> int:
    """The most fraction bits with which `magnitude` fits a signed number of `bits` bits."""
    if magnitude <= 0:
        return bits - 1
    limit = (1 << (bits - 1)) - 1
    frac = math.floor(math.log2(limit / magnitude))
    while math.floor(magnitude * 2.0**frac + 0.5) > limit:
        frac -= 1
    return frac


def nats(sensitivity: float, frac: int) -> float:
    """Nats a position that rounding to ``frac`` bits costs what has a sensitivity."""
    return sensitivity * 4.0**-frac / 24


@dataclass(eq=False)
class Scale:
    """Fraction bits to be chosen, of what ``path`` names."""

    path: str
    magnitude: float
    most_bits: int
    ops: list[Operation] = field(default_factory=list)
    """The operations that round to it."""
    sensitivity: float = 0.0
    weights: int = 0
    """How many weights it is of."""
    exact: bool = False
    """Whether its type has the bits that it needs and no more, as a table has all its values: a gain,
    or what is looked up."""
    shared: bool = False
    """Whether others have what bits it leaves, so that none are headroom."""
    squared: bool = False
    """Whether a norm squares it: rows of odd text outgrow what was calibrated, and a second limb is headroom."""

    @property
    def most(self) -> int:
        return most_frac(self.magnitude, self.most_bits)

    def error(self, frac: int) -> float:
        """Nats a position that rounding to ``frac`` bits costs."""
        return nats(self.sensitivity, frac)

    def bits(self, frac: int) -> int:
        """The bits of its type: whole limbs, as what they do not need is headroom, or as few as it takes."""
        every = self.exact or self.shared
        return _type_bits(self.magnitude, frac, self.most_bits, every, self.squared)


@functools.lru_cache(CACHED)
def _type_bits(magnitude: float, frac: int, most_bits: int, every: bool, squared: bool) -> int:
    narrow = (LIMB, WIDE_LIMB) if squared else (LIMB, WIDE_LIMB, WIDEST_LIMB)
    widths = range(LIMB, most_bits) if every else narrow
    fitting = (bits for bits in widths if most_frac(magnitude, bits) >= frac)
    return min(next(fitting, most_bits), most_bits)


Fracs: TypeAlias = Mapping[Scale, int]
