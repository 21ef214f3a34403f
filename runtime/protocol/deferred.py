"""Claims on columns that einsums define, which lookups leave to the einsums' sumcheck.

Such a column is in no commitment. A lookup that reads it ends in claims on its cells at the leaves' point; each
cell is, but for a sign, the einsum's products there less the rest of the left side, and so each claim becomes
one on the products, weighted as the cells were, and one on columns that are committed.
"""

from __future__ import annotations

from ..field import Ext
from .axis_weights import Expander, Scalar, Sparse, Weights, dense, eq, within
from .lookup.shared import LookupChallenges, select
from .plan import Deferred, Plan


def deferred_weights(
    plan: Plan, expander: Expander, challenges: LookupChallenges, point: list[Ext]
) -> list[Weights]:
    """The weights of each of the plan's deferred claims, at the point in the trees' leaves."""
    for claim in plan.deferred:
        expander.spend(sum(8 + (4 << leaf.piece.bits[0]) for _, leaf, _, _ in claim.leaves))
    return [_weights(plan, claim, challenges, point) for claim in plan.deferred]


def _weights(
    plan: Plan, claim: Deferred, challenges: LookupChallenges, point: list[Ext]
) -> Weights:
    node, group_point = point[: plan.lookup_depth], point[plan.lookup_depth :]
    first, *others = claim.axes
    along: dict[int, Scalar] = {}
    found: Weights = {}
    for number, leaf, place, coefficient in claim.leaves:
        piece = leaf.piece
        high, low = node[: len(node) - piece.log_size], node[len(node) - piece.log_size :]
        factor = -coefficient * challenges.betas[place] * select(number, group_point)
        factor = factor * select(leaf.start >> piece.log_size, high)
        for i, weight in enumerate(dense(eq(low[: piece.bits[0]]), 1 << piece.bits[0])):
            along[piece.offsets[0] + i] = factor * weight
        at = piece.bits[0]
        for axis, offset, bits in zip(others, piece.offsets[1:], piece.bits[1:], strict=True):
            found[axis] = within(offset, eq(low[at : at + bits]), plan.bits(axis))
            at += bits
    return {first: Sparse(tuple(sorted(along.items()))), **found}
