"""Claims on columns that einsums define, which lookups leave to the einsums' sumcheck.

Such a column is in no commitment. A lookup that reads it ends in claims on its cells at the leaves' point; each
cell is, but for a sign, the einsum's products there less the rest of the left side, and so each claim becomes
one on the products, weighted as the cells were, and one on columns that are committed.
"""

from __future__ import annotations

from typing import NamedTuple

from ..field import Ext
from .axis_weights import Expander, Scalar, Sparse, Weights, dense, eq, within
from .lookup.shared import LookupChallenges, select
from .plan import Deferred, Plan


class Weighted(NamedTuple):
    """The sum that lookups leave of a defined column: ``scale`` times that of cells with ``weights``."""

    scale: Scalar
    weights: Weights


def deferred_weights(
    plan: Plan, expander: Expander, challenges: LookupChallenges, point: list[Ext]
) -> list[Weighted]:
    """Of each of the plan's deferred claims, at the point in the trees' leaves."""
    for claim in plan.deferred:
        listed = (4 << leaf.piece.bits[0] for _, leaf, _, _ in claim.leaves if claim.listed)
        expander.spend(8 * len(claim.leaves) + sum(listed))
    return [_weights(plan, claim, challenges, point) for claim in plan.deferred]


def _weights(
    plan: Plan, claim: Deferred, challenges: LookupChallenges, point: list[Ext]
) -> Weighted:
    node, group_point = point[: plan.lookup_depth], point[plan.lookup_depth :]
    along: dict[int, Scalar] = {}
    total, found = Ext.ZERO, Weights()
    for number, leaf, component, coefficient in claim.leaves:
        piece = leaf.piece
        high, low = node[: len(node) - piece.log_size], node[len(node) - piece.log_size :]
        factor = -coefficient * challenges.betas[component] * select(number, group_point)
        factor = factor * select(leaf.start >> piece.log_size, high)
        total = total + factor
        at = 0
        for axis, offset, bits in zip(claim.axes, piece.offsets, piece.bits, strict=True):
            found[axis] = within(offset, eq(low[at : at + bits]), plan.bits(axis))
            at += bits
        if claim.listed:
            for i, weight in enumerate(dense(eq(low[: piece.bits[0]]), 1 << piece.bits[0])):
                place = piece.offsets[0] + i
                along[place] = along.get(place, 0) + factor * weight
    if not claim.listed:
        return Weighted(total, found)
    return Weighted(1, found | {claim.axes[0]: Sparse(tuple(sorted(along.items())))})
