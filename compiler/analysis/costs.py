"""What a choice of fraction bits costs: limbs that are committed, and predictions that change.

An operation that rounds an accumulator of fraction a commits, for each element, the limbs of its result and
those of the remainder of a - f bits. A limb of more than 16 bits counts a little more, for wider columns
and a larger table. A table that holds a range has a row for each of its values.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...dialects import nn
from ...dialects.interfaces import Rounded
from ...runtime.circuit.program import limb_widths
from .limits import Limits
from .scale import LIMB, WIDE_LIMB, Fracs, Scale

WIDE_CELL = 1.05
"""What a cell of more than 16 bits costs beside one of at most 16: lookups of it take 4 % longer."""


class Costs:
    """Those of a function's formats, a token."""

    def __init__(self, limits: Limits):
        self.limits, self.scales = limits, limits.scales
        cells = self.scales.tokens * sum(count for _, _, count in self.scales.rounded)
        self.wide = WIDE_CELL + 2.0**WIDE_LIMB / max(1.0, cells)
        self._touched: dict[Scale, list[tuple[Rounded, Scale, float]]] = {
            scale: [] for scale in self.scales.all
        }
        for each in self.scales.rounded:
            op, result, _ = each
            for scale in {*limits.read(op), result}:
                self._touched[scale].append(each)

    def cells(self, fracs: Fracs) -> float:
        """Limbs that are committed of all that is rounded."""
        return sum(self._cells(*each, fracs) for each in self.scales.rounded)

    def cells_of(self, scale: Scale, fracs: Fracs) -> float:
        """Those that depend on a scale, its part of the table of its values, and what wide weights cost more."""
        bits = scale.bits(fracs[scale])
        own = 2.0**bits if scale.exact else scale.weights * (WIDE_CELL - 1) * (bits > LIMB)
        touched = sum(self._cells(*each, fracs) for each in self._touched[scale])
        return own / self.scales.tokens + touched

    def error(self, fracs: Fracs) -> float:
        """Nats a position that all roundings cost, were they independent."""
        return sum(scale.error(fracs[scale]) for scale in self.scales.all)

    def _cells(self, op: Rounded, scale: Scale, count: float, fracs: Fracs) -> float:
        frac = fracs[scale]
        bits = scale.bits(frac)
        if isinstance(op, nn.ActivationOp):
            return count * self._limbs([bits])
        kept = [bits] if scale.exact else limb_widths(bits)
        remainder = limb_widths(self.limits.accumulator(op, fracs) - frac)
        return count * self._limbs([*kept, *remainder])

    def _limbs(self, widths: Sequence[int]) -> float:
        """What columns of so many bits cost, in those of at most 16."""
        return sum(1.0 if width <= LIMB else self.wide for width in widths)
