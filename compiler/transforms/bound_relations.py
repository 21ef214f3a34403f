"""`bound-relations`: writes the no-wrap bound of `analysis.ranges` on every einsum and linear, and
checks that gathered values have the ranges of what they are gathered from.

It runs before `virtualize`: a value and its limbs are one column then, whose interval is tight.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.zk import EinsumOp, GatherOp, LinearOp, MagnitudeAttr, SystemOp
from ..analysis.ranges import SystemRanges
from ..modules import systems
from .sweeping import sweep


@dataclass(frozen=True)
class BoundRelations(ModulePass):
    """Shows that no relation of a `zk.system` wraps around the prime."""

    name = "bound-relations"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            ranges = SystemRanges.of(system)
            for relation in system.relations:
                if isinstance(relation, GatherOp):
                    ranges.gather(relation)
            sweep(system.constrain, WriteBound(ranges))


@dataclass
class WriteBound(RewritePattern):
    """Writes on a relation what its two sides add up to at most."""

    ranges: SystemRanges

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: EinsumOp | LinearOp, rewriter: PatternRewriter) -> None:
        op.bound = MagnitudeAttr(self.ranges.relation(op))
        rewriter.notify_op_modified(op)
