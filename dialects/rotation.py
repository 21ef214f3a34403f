"""The angles of rotary position embeddings (Su et al. 2021), as numbers and in the language of tables.

Channels i and i + D/2 of a head, i < D/2, are rotated at position t by t f_i, with f_i = theta^(-2i/D) / factor: a
factor above 1 interpolates between positions.

With a *ramp* (low, high, length) only channels that turn slowly are interpolated, as in Llama 3: of a channel that
turns r_i = length theta^(-2i/D) / 2 pi times in the positions that the model was first trained with, the share
s_i = min(max((r_i - low) / (high - low), 0), 1) stays as it is, f_i = theta^(-2i/D) ((1 - s_i) / factor + s_i).
Where the length is 0 the ramp is one of channels, as in YaRN (Peng et al. 2023): of channel i it is the share
s_i = 1 - min(max((i - low) / (high - low), 0), 1).

Errors: `VerifyException` for numbers that are not positive normal f32, but for 0 as above and as low with it, and
for low >= high.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from xdsl.utils.exceptions import VerifyException

Ramp = tuple[float, float, float]


class Rotation(NamedTuple):
    """A rotary embedding: which angles it has."""

    theta: float
    factor: float = 1.0
    ramp: Ramp | None = None

    def frequencies(self, count: int) -> np.ndarray:
        """f_i for i < D/2 = count, as float64."""
        powers = self.theta ** (-np.arange(count) / count)
        if self.ramp is None:
            return powers / self.factor
        low, high, length = self.ramp
        if length:
            kept = np.clip((length * powers / (2 * math.pi) - low) / (high - low), 0, 1)
        else:
            kept = 1 - np.clip((np.arange(count) - low) / (high - low), 0, 1)
        return powers * ((1 - kept) / self.factor + kept)

    def angle(self, position: str, channel: str, width: int) -> str:
        """The angle as an expression (`table_expr`) of a position and of a channel i < D/2, with D = width."""
        power = f"{_decimal(self.theta)}^(-2 * {channel} / {width})"
        if self.ramp is None:
            return f"{position} * {power} / {_decimal(self.factor)}"
        low, high, length = map(_decimal, self.ramp)
        if self.ramp[2]:
            turns = f"{length} * {power} / (2 * pi)"
            kept = f"min(max(({turns} - {low}) / ({high} - {low}), 0), 1)"
        else:
            kept = f"(1 - min(max(({channel} - {low}) / ({high} - {low}), 0), 1))"
        return f"{position} * {power} * ((1 - {kept}) / {_decimal(self.factor)} + {kept})"

    def verify(self) -> None:
        numbers = {"theta": self.theta, "factor": self.factor}
        if self.ramp:
            low, high, length = self.ramp
            numbers |= {"low": low, "high": high, "length": length} if length else {"high": high}
            if not length and not 0 <= low < 2.0**128:
                raise VerifyException(f"low must be in 0 .. 2^128, got {low}")
            if not self.ramp[0] < self.ramp[1]:
                raise VerifyException(f"a ramp goes up, got {self.ramp[0]} to {self.ramp[1]}")
        for name, value in numbers.items():
            if not 2.0**-126 <= value < 2.0**128:
                raise VerifyException(f"{name} must be in 2^-126 .. 2^128, got {value}")


STILL = Rotation(1.0, 2.0**100)
"""What turns nothing: its angles are too small for any number of bits that is used."""


def _decimal(value: float) -> str:
    return format(Decimal(value), "f")
