"""`choose-bits`: the formats of least cost among those that keep the predictions.

A value of b bits whose accumulator had s more fraction bits is committed as the limbs of both.
What a bit costs so depends on its neighbours: the product of two 16-bit numbers takes two limbs,
whether it is kept whole or rounded to 16 bits and a remainder of 16; a bit less in a weight may save
the remainder's second limb. And a bit is worth what the predictions lose by it, which differs by orders
of magnitude between values (`analysis.sensitivity`).

This pass minimises the limbs of a token, plus lambda times the nats a position that rounding costs, by
coordinate descent over the fraction bits of all scales, and searches the least lambda for which the
nats are within `nats`, or as close as they come. It is a form of the mixed-precision search of Dong et
al. (HAWQ-V2, 2020), with the Fisher information in place of the Hessian's trace. Without sensitivities
it leaves the module as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..analysis.scales import Scale, Scales
from ..modules import main_function
from .options import check_options
from .plan_scales import default_fracs, scales_of, write

# Fraction bits below the most that are tried, and sweeps over all scales at most.
DEPTH = 24
SWEEPS = 8
# Where the widest formats cost more than is asked for, what others may cost in comparison.
SLACK = 1.1
# Binary logarithm of the price of a nat, in limbs, from which on a limb buys less than 4e-12 nats.
DEAREST = 38.0


@dataclass(frozen=True)
class ChooseBits(ModulePass):
    """Replaces the formats that `plan-scales` wrote."""

    name = "choose-bits"
    nats: float = 5e-6

    def __post_init__(self) -> None:
        check_options(self, nats=(0.0, 1.0))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        scales = scales_of(main_function(op))
        if any(scale.sensitivity for scale in scales.all):
            write(scales, choose(scales, self.nats))


def choose(scales: Scales, nats: float) -> dict[Scale, int]:
    """Fraction bits of least cost whose errors add up to at most ``nats``, or to little more than the
    widest formats' where that is not to be had."""
    low, high = 0.0, DEAREST
    best = _descend(scales, 2.0**high)
    nats = max(nats, SLACK * scales.error(best))
    while high - low > 0.5:
        middle = (low + high) / 2
        found = _descend(scales, 2.0**middle)
        if scales.error(found) <= nats:
            best, high = found, middle
        else:
            low = middle
    return best


def _descend(scales: Scales, price: float) -> dict[Scale, int]:
    fracs = default_fracs(scales)
    # The final norm and the tables are of one size whatever they cost: few positions pay for them.
    fixed = {scales.scale[scales.output.x], scales.scale[scales.output.w]}
    fixed.add(scales.scale[scales.embedding.table])
    for _ in range(SWEEPS):
        before = dict(fracs)
        for scale in scales.all:
            if scale not in fixed:
                _improve(scales, scale, fracs, price)
        if fracs == before:
            break
    return fracs


def _improve(scales: Scales, scale: Scale, fracs: dict[Scale, int], price: float) -> None:
    """Sets one scale's fraction bits to those that cost least, the others being as they are, but for
    reciprocal roots that have to be shorter then."""
    bounded = scales.bounded_by(scale)
    best, least = {other: fracs[other] for other in bounded}, math.inf
    roots = {other: best[other] for other in bounded if other in scales.norm and other is not scale}
    first = scales.limit(scale, fracs)
    for frac in (fracs[scale], *range(first, first - DEPTH, -1)):
        if price * scale.error(frac) > least:
            break  # Fewer bits only lose more.
        fracs |= {scale: frac, **roots}
        for root in roots:
            fracs[root] = min(fracs[root], scales.limit(root, fracs))
        if any(
            not scales.least(other) <= fracs[other] <= scales.limit(other, fracs)
            for other in bounded
        ):
            continue
        nats = sum(other.error(fracs[other]) for other in (scale, *roots))
        cost = scales.cells_of(scale, fracs) + price * nats
        if cost < least:
            best, least = {other: fracs[other] for other in bounded}, cost
    fracs |= best
