"""Where left sides and factors are evaluated, on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Tensor, Weight, Weights, eq, within
from ..deferred import Weighted
from ..plan import Instance, Plan


def draw_point(plan: Plan, challenges) -> dict[str, list[Ext]]:
    return {axis: challenges(plan.bits(axis)) for axis in plan.point_axes}


def places(plan: Plan, at_point: Weights, deferred: Sequence[Weighted]) -> list[Weights]:
    """Where each instance's left side is claimed: the weights of its axes."""
    own = [
        weights
        for claim, (_, weights) in zip(plan.deferred, deferred, strict=True)
        for _ in claim.einsum.products
    ]
    return [at_point] * (len(plan.instances) - len(own)) + own


def factor_weights(
    plan: Plan, instance: Instance, factor: Expr, at: Mapping[str, Weight], r: Sequence[Ext]
) -> Weights:
    """Where a factor is evaluated in the end: variables at the sumcheck's challenges, other axes where the
    left side is claimed if it has them, summed if not."""
    segments = split(plan, instance, r)
    weights: Weights = {}
    for axis in factor.axes:
        if axis in segments:
            weights[axis] = segments[axis]
        elif axis in instance.einsum.lhs.axes:
            weights[axis] = at[axis]
        else:
            weights[axis] = Tensor(((1, 1),) * plan.bits(axis))
    return weights


def split(plan: Plan, instance: Instance, r: Sequence[Ext]) -> dict[str, Tensor]:
    """The instance's challenges, the last of r, by axis: eq there, on the part of the axis that it is about."""
    at, out = len(r) - instance.rounds, {}
    for axis, bits in zip(instance.variables, instance.bits, strict=True):
        offset = instance.box.get(axis, (0, 0))[0]
        out[axis] = within(offset, eq(r[at : at + bits]), plan.bits(axis))
        at += bits
    return out
