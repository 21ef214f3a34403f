"""Pass `raise-logits`: logits without their soft cap, c tanh(x / c), as Gemma 2 has it.

The largest logit is the largest as well before it is capped, so that the same token follows. Real logits, which
reports compare, are capped again there (`Family.logits_cap`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from ..modules import takes_tensors
from .matching import defined_by, rewrite, times_constant


class SoftCapPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReturnOp, rewriter: PatternRewriter) -> None:
        logits = [_uncapped(value) for value in op.operands]
        if logits != list(op.operands):
            rewriter.replace(op, ReturnOp(*logits))


def _uncapped(value: SSAValue) -> SSAValue:
    """x where the value is c tanh(x / c) with c > 0."""
    outer = times_constant(value)
    capped = defined_by(outer[0], nn.TanhOp) if outer else None
    inner = times_constant(capped.x) if capped else None
    if outer and inner and outer[1] > 0 and math.isclose(outer[1] * inner[1], 1):
        return inner[0]
    return value


@dataclass(frozen=True)
class RaiseLogits(ModulePass):
    """Takes soft caps off logits."""

    name = "raise-logits"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not takes_tensors(op):
            rewrite(ctx, op, SoftCapPattern())
