"""Pass `raise-linear-scale`: moves a constant factor on the results of a linear layer into `nn.linear`.

Granite multiplies by one what is added to the residual stream, and its logits.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, rewrite, times_constant


class LinearScalePattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        scaled = times_constant(op.result)
        linear = defined_by(scaled[0], nn.LinearOp) if scaled else None
        if not scaled or not linear or linear.bias is not None:
            return
        scale = linear.factor * scaled[1]
        if nn.TINIEST <= abs(scale) < nn.HUGE:
            raised = nn.LinearOp(linear.x, linear.w, scale=scale)
            rewriter.replace(op, nn.inherit_path(raised, linear))


@dataclass(frozen=True)
class RaiseLinearScale(ModulePass):
    """Raises scaled linear layers."""

    name = "raise-linear-scale"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, LinearScalePattern())
