"""Pass `center-layer-norm`: a layer norm becomes the RMS norm of its input less the mean.

    nn.layer_norm x, w, bias   ->   nn.rms_norm (nn.center x), w, bias

The variance of x is the mean of squares of x less its mean, so that both are one function (Zhang and Sennrich 2019,
section 4). What is left to prove of a layer norm is one rounded number a row.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import rewrite


class LayerNormPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.LayerNormOp, rewriter: PatternRewriter) -> None:
        center = nn.CenterOp(op.x)
        eps = op.eps.value.data
        norm = nn.RMSNormOp(center.result, *op.operands[1:], eps=eps, offset=0.0)
        rewriter.replace(op, [nn.inherit_path(each, op) for each in (center, norm)])


@dataclass(frozen=True)
class CenterLayerNorm(ModulePass):
    """Takes layer norms apart."""

    name = "center-layer-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, LayerNormPattern())
