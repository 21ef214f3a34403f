"""`dedup-lookups`: each fact is looked up once.

A `zk.range` is dropped where the same expression stands in another range that is no wider, or in
columns of `zk.lookup` whose tables have only entries in the range there. It runs after
`virtualize`, which makes equal expressions equal texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.zk import RangeOp, SystemOp
from ...runtime.circuit.relations import Expr
from ..analysis.looked_up import intervals
from ..analysis.ranges import Interval
from ..modules import systems
from .sweeping import sweep


@dataclass(frozen=True)
class DedupLookups(ModulePass):
    """Drops ranges that other lookups imply."""

    name = "dedup-lookups"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            narrowest = _narrowest(system)
            sweep(system.constrain, DropImplied(intervals(system, narrowest), narrowest))


@dataclass
class DropImplied(RewritePattern):
    """Erases a range that tables imply, or a range that stays."""

    in_tables: Mapping[Expr, Interval]
    narrowest: Mapping[Expr, RangeOp]
    """Of each expression's ranges."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RangeOp, rewriter: PatternRewriter) -> None:
        expr, top = op.expr.data, (1 << op.bits.value.data) - 1
        low, high = self.in_tables.get(expr, (-1, top))
        if (low >= 0 and high <= top) or op is not self.narrowest[expr]:
            rewriter.erase(op)


def _narrowest(system: SystemOp) -> dict[Expr, RangeOp]:
    """Of all ranges of an expression the first one that no other is narrower than."""
    found: dict[Expr, RangeOp] = {}
    for op in system.relations:
        if isinstance(op, RangeOp):
            best = found.setdefault(op.expr.data, op)
            if op.bits.value.data < best.bits.value.data:
                found[op.expr.data] = op
    return found
