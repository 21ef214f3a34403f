"""Pass `raise-embedding-scale`: moves a constant factor on looked-up rows into `nn.embedding`.

Gemma multiplies its embeddings by sqrt(hidden width).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, rewrite, times_constant


class EmbeddingScalePattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        scaled = times_constant(op.result)
        embedding = defined_by(scaled[0], nn.EmbeddingOp) if scaled else None
        scale = embedding.scale.value.data * scaled[1] if scaled and embedding else 0.0
        if embedding and nn.TINIEST <= abs(scale) < nn.HUGE:
            raised = nn.EmbeddingOp(embedding.tokens, embedding.table, scale=scale)
            rewriter.replace(op, nn.inherit_path(raised, embedding))


@dataclass(frozen=True)
class RaiseEmbeddingScale(ModulePass):
    """Raises scaled embeddings."""

    name = "raise-embedding-scale"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, EmbeddingScalePattern())
