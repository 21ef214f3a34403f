"""The challenges that fingerprints are made with, and where leaves lie, on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from ...field import Ext
from ..axis_weights import Scalar, Weight, eq, one_hot
from ..plan import Leaf, Plan


@dataclass(frozen=True)
class LookupChallenges:
    """alpha, one beta for each component of a tuple (the first is 1), the tag's beta, and the point that
    gathered rows are evaluated at (the last of it, where a row is shorter)."""

    alpha: Ext
    betas: list[Scalar]
    tag: Ext
    row: list[Ext]

    def carried(self, plan: Plan, leaf: Leaf) -> dict[str, Weight]:
        """The weights of the axis that the rows of a leaf's source are over."""
        axes = plan.sources[leaf.table].carried
        return {axis: eq(self.row[len(self.row) - plan.bits(axis) :]) for axis in axes}


def draw(plan: Plan, channel_challenges) -> LookupChallenges:
    arity = max((len(lookup.exprs) for lookup in plan.lookups), default=1)
    alpha, tag, *rest = channel_challenges(arity + 1 + plan.carried_bits)
    return LookupChallenges(alpha, [1, *rest[: arity - 1]], tag, rest[arity - 1 :])


def select(index: int, point: list[Ext]) -> Ext:
    """eq of a point and the bits of an index."""
    out = Ext.ONE
    for (a, _), z in zip(one_hot(index, len(point)).pairs, point, strict=True):
        out = out * (1 - z if a else z)
    return out
