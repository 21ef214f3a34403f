"""`choose-bits`: the formats of least cost among those that keep the predictions.

A value of b bits whose accumulator had s more fraction bits is committed as the limbs of both.
What a bit costs so depends on its neighbours: the product of two 16-bit numbers takes two limbs,
whether it is kept whole or rounded to 16 bits and a remainder of 16; a bit less in a weight may save
the remainder's second limb. And a bit is worth what the predictions lose by it, which differs by orders
of magnitude between values (`analysis.sensitivity`).

This pass minimises the limbs of a token, plus lambda times the nats a position that rounding costs, by
coordinate descent over the fraction bits of all scales, and searches the least lambda for which the
nats are within `nats`, or as close as they come. Scales that share the bits of an accumulator
(`delay-requantize`) exchange them; where these are too few for `nats`, the product is rounded after all.
It is a form of the mixed-precision search of Dong et
al. (HAWQ-V2, 2020), with the Fisher information in place of the Hessian's trace. Without sensitivities
it leaves the module as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.passes import ModulePass

from ..analysis.costs import Costs
from ..analysis.plan import UNROUNDED
from ..analysis.scale import Scale
from ..modules import main_function
from .options import check_options
from .plan_scales import default_fracs, limits_of, write

# Fraction bits below the most that are tried, and sweeps over all scales at most.
DEPTH = 24
SWEEPS = 8
# Where the widest formats lose more than is asked for, what others may lose in comparison.
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
        function = main_function(op)
        costs = Costs(limits_of(function))
        if not any(scale.sensitivity for scale in costs.scales.all):
            return
        found = choose(costs, self.nats)
        unrounded = [op for op in function.walk() if UNROUNDED in op.attributes]
        if unrounded and costs.error(found) > self.nats:
            for product in unrounded:
                del product.attributes[UNROUNDED]
            rounding = Costs(limits_of(function))
            rounded = choose(rounding, self.nats)
            if SLACK * rounding.error(rounded) < costs.error(found):
                return write(rounding.limits, rounded)
            for product in unrounded:
                product.attributes[UNROUNDED] = UnitAttr()
        write(costs.limits, found)


def choose(costs: Costs, nats: float) -> dict[Scale, int]:
    """Fraction bits of least cost whose errors add up to at most ``nats``, or to little more than the
    widest formats' where that is not to be had."""
    low, high = 0.0, DEAREST
    best = _descend(costs, 2.0**high)
    nats = max(nats, SLACK * costs.error(best))
    while high - low > 0.5:
        middle = (low + high) / 2
        found = _descend(costs, 2.0**middle)
        if costs.error(found) <= nats:
            best, high = found, middle
        else:
            low = middle
    return best


def _descend(costs: Costs, price: float) -> dict[Scale, int]:
    scales, fracs = costs.scales, default_fracs(costs.limits)
    # The final norm and the tables are of one size whatever they cost: few positions pay for them.
    fixed = {scales.scale[scales.output.x], scales.scale[scales.output.w]}
    fixed.add(scales.scale[scales.embedding.table])
    for _ in range(SWEEPS):
        before = dict(fracs)
        for scale in scales.all:
            if scale not in fixed:
                _improve(costs, scale, fracs, price)
        for _, shared in scales.together:
            for giver, taker in permutations(shared, 2):
                while _exchange(costs, giver, taker, fracs, price):
                    pass
        if fracs == before:
            break
    return fracs


def _fits(costs: Costs, scales: Iterable[Scale], fracs: dict[Scale, int]) -> bool:
    """Whether scales have fraction bits between their limits."""
    limits = costs.limits
    return all(limits.least(each) <= fracs[each] <= limits.most(each, fracs) for each in scales)


def _exchange(
    costs: Costs, giver: Scale, taker: Scale, fracs: dict[Scale, int], price: float
) -> bool:
    """Moves a bit between scales that share an accumulator's, if that costs less."""

    def cost() -> float:
        nats = giver.error(fracs[giver]) + taker.error(fracs[taker])
        return costs.cells_of(giver, fracs) + costs.cells_of(taker, fracs) + price * nats

    before = cost()
    fracs[giver] -= 1
    fracs[taker] += 1
    bounded = {*costs.limits.bounded_by(giver), *costs.limits.bounded_by(taker)}
    if _fits(costs, bounded, fracs) and cost() < before:
        return True
    fracs[giver] += 1
    fracs[taker] -= 1
    return False


def _improve(costs: Costs, scale: Scale, fracs: dict[Scale, int], price: float) -> None:
    """Sets one scale's fraction bits to those that cost least, the others being as they are, but for
    reciprocal roots that have to be shorter then."""
    limits = costs.limits
    bounded = limits.bounded_by(scale)
    best, least = {other: fracs[other] for other in bounded}, math.inf
    norms = costs.scales.norm
    roots = {other: best[other] for other in bounded if other in norms and other is not scale}
    first = limits.most(scale, fracs)
    for frac in (fracs[scale], *range(first, first - DEPTH, -1)):
        if price * scale.error(frac) > least:
            break  # Fewer bits only lose more.
        fracs |= {scale: frac, **roots}
        for root in roots:
            fracs[root] = min(fracs[root], limits.most(root, fracs))
        if not _fits(costs, bounded, fracs):
            continue
        nats = sum(other.error(fracs[other]) for other in (scale, *roots))
        cost = costs.cells_of(scale, fracs) + price * nats
        if cost < least:
            best, least = {other: fracs[other] for other in bounded}, cost
    fracs |= best
