"""`choose-bits`: the formats of least cost among those that keep the predictions.

A value of b bits whose accumulator had s more fraction bits is committed as the limbs of both.
What a bit costs so depends on its neighbours: the product of two 16-bit numbers takes two limbs,
whether it is kept whole or rounded to 16 bits and a remainder of 16; a bit less in a weight may save
the remainder's second limb. And a bit is worth what the predictions lose by it, which differs by orders
of magnitude between values (`analysis.sensitivity`).

This pass minimises the limbs of a token, plus lambda times the nats a position that rounding costs, by
coordinate descent over the fraction bits of all scales, and searches the least lambda for which the
nats are within `nats`, or as close as they come. In the end scales that meet in an operation are changed in
pairs: a limb is often saved by a bit of each. Where the bits of an accumulator that several scales share
(`delay-requantize`) are too few for `nats`, the product is rounded after all.
It is a form of the mixed-precision search of Dong et
al. (HAWQ-V2, 2020), with the Fisher information in place of the Hessian's trace. Without sensitivities
it leaves the module as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.passes import ModulePass

from ..analysis.costs import Costs
from ..analysis.plan import UNROUNDED
from ..analysis.scale import Fracs, Scale
from ..modules import main_function, takes_tensors
from .options import check_options
from .plan_scales import default_fracs, limits_of, write

# Fraction bits below the most that are tried, and sweeps over all scales at most.
DEPTH = 24
SWEEPS = 8
# Fraction bits more or fewer that are tried in pairs.
REACH = 2
# Where the widest formats lose more than is asked for, what others may lose in comparison.
SLACK = 1.1
# Binary logarithm of the price of a nat, in limbs, from which on a limb buys less than 4e-12 nats.
DEAREST = 38.0


Joint = tuple[Scale, ...]


@dataclass(frozen=True)
class ChooseBits(ModulePass):
    """Replaces the formats that `plan-scales` wrote."""

    name = "choose-bits"
    nats: float = 5e-6

    def __post_init__(self) -> None:
        check_options(self, nats=(0.0, 1.0))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if takes_tensors(op):
            return
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
    found = _descend(costs, 2.0**high, _meeting(costs))
    return found if costs.error(found) <= nats and costs.cells(found) < costs.cells(best) else best


def _descend(costs: Costs, price: float, pairs: Sequence[Joint] = ()) -> dict[Scale, int]:
    """Fraction bits that no change of one scale makes better, nor of those pairs."""
    scales, fracs = costs.scales, default_fracs(costs.limits)
    # The final norm and the head are of one size whatever they cost: few positions pay for them.
    fixed = {scales.scale[scales.output.x], scales.scale[scales.output.w]}
    groups: list[Joint] = [(scale,) for scale in scales.all]
    groups += [pair for _, shared in scales.together for pair in combinations(shared, 2)]
    for _ in range(SWEEPS):
        before = dict(fracs)
        for group in (*groups, *pairs):
            if fixed.isdisjoint(group):
                _improve(costs, group, fracs, price)
        if fracs == before:
            break
    return fracs


def _meeting(costs: Costs) -> list[Joint]:
    """The pairs of scales that meet in an operation."""
    found: dict[Joint, None] = {}
    for op, result, _ in costs.scales.rounded:
        found |= dict.fromkeys(combinations(dict.fromkeys([*costs.limits.read(op), result]), 2))
    return list(found)


def _improve(costs: Costs, group: Joint, fracs: dict[Scale, int], price: float) -> None:
    """Sets the fraction bits of some scales to those that cost least, the others being as they are, but for
    reciprocal roots that have to be shorter then."""
    limits = costs.limits
    bounded = list(dict.fromkeys(each for scale in group for each in limits.bounded_by(scale)))
    best, least = {other: fracs[other] for other in bounded}, math.inf
    roots = {r: best[r] for r in bounded if r in costs.scales.norm and r not in group}
    for chosen in _candidates(costs, group, fracs):
        fracs |= {**roots, **dict(zip(group, chosen, strict=True))}
        if price * sum(scale.error(fracs[scale]) for scale in group) > least:
            continue
        for root in roots:
            fracs[root] = min(fracs[root], limits.most(root, fracs))
        nats = costs.error_of((*group, *roots), fracs)
        cost = costs.cells_of(group, fracs) + price * nats
        if cost < least and _fits(costs, bounded, fracs):
            best, least = {other: fracs[other] for other in bounded}, cost
    fracs |= best


def _candidates(costs: Costs, group: Joint, fracs: Fracs) -> list[tuple[int, ...]]:
    """What is tried, what there is first: for one scale all, for several what is near."""
    now = tuple(fracs[scale] for scale in group)
    if len(group) == 1:
        most = costs.limits.most(group[0], fracs)
        return [now, *((frac,) for frac in range(most, most - DEPTH, -1))]
    near = (
        range(frac - REACH, min(frac + REACH, s.most) + 1)
        for frac, s in zip(now, group, strict=True)
    )
    return [now, *product(*near)]


def _fits(costs: Costs, scales: Iterable[Scale], fracs: Fracs) -> bool:
    """Whether scales have fraction bits between their limits."""
    limits = costs.limits
    return all(limits.least(each) <= fracs[each] <= limits.most(each, fracs) for each in scales)
