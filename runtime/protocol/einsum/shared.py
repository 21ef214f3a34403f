"""Where left sides and factors are evaluated, on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Tensor, Weight, eq
from ..plan import Instance, Plan


def draw_point(plan: Plan, challenges) -> dict[str, list[Ext]]:
    return {axis: challenges(plan.bits(axis)) for axis in plan.point_axes}


def factor_weights(
    plan: Plan, instance: Instance, factor: Expr, point: dict[str, list[Ext]], r: Sequence[Ext]
) -> dict[str, Weight]:
    """Where a factor is evaluated in the end: variables at the sumcheck's challenges, other axes at the
    point if the left side has them, summed if not."""
    segments = split(plan, instance, r)
    weights: dict[str, Weight] = {}
    for axis in factor.axes:
        if axis in segments:
            weights[axis] = eq(segments[axis])
        elif axis in instance.einsum.lhs.axes:
            weights[axis] = eq(point[axis])
        else:
            weights[axis] = Tensor(((1, 1),) * plan.bits(axis))
    return weights


def split(plan: Plan, instance: Instance, r: Sequence[Ext]) -> dict[str, Sequence[Ext]]:
    """The instance's challenges, the last of r, by axis."""
    at, out = len(r) - instance.rounds, {}
    for axis in instance.variables:
        out[axis] = r[at : at + plan.bits(axis)]
        at += plan.bits(axis)
    return out
