"""Patterns over a system, whose names hold it together as values do elsewhere.

What is renamed, erased or written out is so everywhere at once: each operation is visited once, with what an
analysis found before. Nothing disappears for want of a use, since a name may be one.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.rewriter import InsertPoint

from ...dialects.zk import ColumnLike, ComputeOp, ConstrainOp, SystemLike, TableLike


def sweep(scope: SystemLike | ConstrainOp, *patterns: RewritePattern) -> None:
    """Rewrites each operation inside a system, or its constrain side, by the first pattern that it matches."""
    applier = GreedyRewritePatternApplier(list(patterns), dce_enabled=False)
    PatternRewriteWalker(applier, apply_recursively=False).rewrite_region(scope.body)


def declare(op: ColumnLike | TableLike, compute: ComputeOp, rewriter: PatternRewriter) -> None:
    """Adds a column or a table to the declarations, which stand before the compute side."""
    rewriter.insert(op, InsertPoint.before(compute))
