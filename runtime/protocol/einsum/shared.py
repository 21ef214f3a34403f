"""Where left sides are claimed, and what of factors is bound at once, on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Tensor, Weights
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


def bound_weights(plan: Plan, instance: Instance, factor: Expr, at: Weights) -> Weights:
    """How a factor's axes that are no variables are bound: where the left side is claimed if it has them,
    summed if not."""
    return {
        axis: at[axis] if axis in instance.einsum.lhs.axes else Tensor(((1, 1),) * plan.bits(axis))
        for axis in factor.axes
        if axis not in instance.variables
    }
