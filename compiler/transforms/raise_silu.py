"""Pass `raise-silu`: recognises x * sigmoid(x) as `nn.silu`: one table instead of a table and a product."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, either_order, rewrite


class SiluPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        for x, gate in either_order(op):
            sigmoid = defined_by(gate, nn.SigmoidOp)
            if sigmoid and sigmoid.x is x:
                rewriter.replace(op, nn.inherit_path(nn.SiluOp(x), op))
                return


@dataclass(frozen=True)
class RaiseSilu(ModulePass):
    """Raises SiLUs that are written out."""

    name = "raise-silu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, SiluPattern())
