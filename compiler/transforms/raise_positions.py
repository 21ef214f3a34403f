"""Pass `raise-positions`: recognises rows that are looked up by position, learned embeddings of positions.

    nn.embedding nn.positions, table   ->   nn.position_embedding table

Positions may be counted from an offset on, as OPT counts them from 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, rewrite


class PositionEmbeddingPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.EmbeddingOp, rewriter: PatternRewriter) -> None:
        positions = defined_by(op.tokens, nn.PositionsOp)
        if positions is None or op.scale.value.data != 1 or len(nn.shape_of(op.tokens)) != 1:
            return
        (count,) = nn.shape_of(op.tokens)
        raised = nn.PositionEmbeddingOp(op.table, offset=positions.first, count=count)
        rewriter.replace(op, nn.inherit_path(raised, op))


@dataclass(frozen=True)
class RaisePositions(ModulePass):
    """Raises learned embeddings of positions."""

    name = "raise-positions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, PositionEmbeddingPattern())
