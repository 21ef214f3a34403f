"""Pass `align-rope`: in a model of which some layers have rotary embeddings, all have.

A layer without, as every fourth one of SmolLM3, gets one whose angles are zero. It changes no number, and layers
then have one form, of which the circuit has one copy (`stack-layers`).
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import OpResult
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from ...dialects import nn
from ...dialects.rotation import STILL
from .matching import rewrite


class StillRopePattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ScoresOp, rewriter: PatternRewriter) -> None:
        if isinstance(op.q.owner, nn.RopeOp) or isinstance(op.k.owner, nn.RopeOp):
            return
        turned = []
        for x in (op.q, op.k):
            rope = nn.inherit_path(nn.RopeOp.of(x, STILL), op)
            # Where other layers have theirs: layers are the same operations in the same order.
            point = InsertPoint.after(x.op) if isinstance(x, OpResult) else InsertPoint.before(op)
            rewriter.insert(rope, point)
            turned.append(rope.result)
        scores = nn.ScoresOp(*turned, scale=op.scale.value.data)
        rewriter.replace(op, nn.inherit_path(scores, op))


@dataclass(frozen=True)
class AlignRope(ModulePass):
    """Gives layers a rotary embedding that others have."""

    name = "align-rope"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if any(isinstance(each, nn.RopeOp) for each in op.walk()):
            rewrite(ctx, op, StillRopePattern())
