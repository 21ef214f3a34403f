"""What a choice of fraction bits costs: limbs that are committed, and predictions that change.

An operation that rounds an accumulator of fraction a commits, for each element, the limbs of its result and
those of the remainder of a - f bits. A limb of more than 16 bits counts a little more, for wider columns
and a larger table; where that is less than two limbs' cost, `widen-limbs` makes one of 16 bits and one of few.
A table that holds a range has a row for each of its values. Rows of the embedding are rounded where they enter the
residual stream, if they have more fraction bits.
"""

from __future__ import annotations

from collections.abc import Collection

from ...dialects import nn
from ...dialects.interfaces import Rounded
from ...runtime.circuit.program import limb_widths
from .limits import Limits
from .scale import LIMB, WIDE_LIMB, WIDEST_LIMB, Fracs, Scale, nats
from .sensitivity import sensitivity_of

WIDE_CELL = 1.05
"""What a cell of more than 16 bits costs beside one of at most 16: lookups of it take 4 % longer."""
WIDEST_SHARE = 4
"""How many times the rows of the widest limbs' table are counted: few columns have such limbs."""


class Costs:
    """Those of a function's formats, a token."""

    def __init__(self, limits: Limits):
        self.limits, self.scales = limits, limits.scales
        cells = max(1.0, self.scales.tokens * sum(count for _, _, count in self.scales.rounded))
        self.wide = WIDE_CELL + 2.0**WIDE_LIMB / cells
        self.widest = WIDE_CELL + WIDEST_SHARE * 2.0**WIDEST_LIMB / cells
        self._touched: dict[Scale, list[tuple[Rounded, Scale, float]]] = {
            scale: [] for scale in self.scales.all
        }
        embedding = self.scales.embedding
        self.channels = nn.shape_of(embedding.result)[-1]
        self.table = self.scales.scale[embedding.table]
        self.stream = self.scales.scale[embedding.result]
        self.sensitivity = sensitivity_of(embedding)
        for each in self.scales.rounded:
            op, result, _ = each
            for scale in {*limits.read(op), result}:
                self._touched[scale].append(each)

    def cells(self, fracs: Fracs) -> float:
        """Limbs that are committed of all that is rounded."""
        return self._embedding(fracs)[0] + sum(
            self._cells(*each, fracs) for each in self.scales.rounded
        )

    def cells_of(self, group: Collection[Scale], fracs: Fracs) -> float:
        """Those that depend on some scales, their part of the tables of their values, and what wide weights
        cost more."""
        own = self._embedding(fracs)[0] if {*group} & {self.table, self.stream} else 0.0
        touched, share = dict[Rounded, tuple[Rounded, Scale, float]](), 0.0
        for scale in group:
            bits = scale.bits(fracs[scale])
            share += 2.0**bits if scale.exact else scale.weights * (WIDE_CELL - 1) * (bits > LIMB)
            touched |= {each[0]: each for each in self._touched[scale]}
        own += sum(self._cells(*each, fracs) for each in touched.values())
        return share / self.scales.tokens + own

    def error(self, fracs: Fracs) -> float:
        """Nats a position that all roundings cost, were they independent."""
        return self.error_of(self.scales.all, fracs)

    def error_of(self, group: Collection[Scale], fracs: Fracs) -> float:
        """Those that depend on some scales."""
        own = self._embedding(fracs)[1] if {*group} & {self.table, self.stream} else 0.0
        return own + sum(scale.error(fracs[scale]) for scale in group)

    def _embedding(self, fracs: Fracs) -> tuple[float, float]:
        """Limbs and nats of the rows of the embedding, where they are rounded as they enter the stream."""
        cut = self.limits.entering_cut(fracs)
        if cut <= 0:
            return 0.0, 0.0
        kept = self.table.bits(fracs[self.table]) - cut + 1
        limbs = self._limbs(kept) + self._limbs(cut)
        return self.channels * limbs, nats(self.sensitivity, fracs[self.stream])

    def _cells(self, op: Rounded, scale: Scale, count: float, fracs: Fracs) -> float:
        frac = fracs[scale]
        bits = scale.bits(frac)
        if isinstance(op, nn.ActivationOp):
            return count * self._limb(bits)
        kept = self._limb(bits) if scale.exact else self._limbs(bits)
        return count * (kept + self._limbs(self.limits.accumulator(op, fracs) - frac))

    def _limbs(self, bits: int) -> float:
        """What the limbs of a number cost, in columns of at most 16 bits."""
        *first, last = limb_widths(bits) or [0]
        if first and LIMB + last <= WIDEST_LIMB:
            return len(first) - 1 + min(2.0, self.widest)
        return len(first) + (self._limb(last) if last else 0.0)

    def _limb(self, width: int) -> float:
        """What one column of so many bits costs."""
        return 1.0 if width <= LIMB else self.wide
