"""`delay-requantize`: one rounding where there were two, after the linear layer that reads a product.

The product of gate and up would be rounded and committed, limbs and remainder, for the next linear layer
to multiply. But a relation may have three factors: sum_k gate[t, k] up[t, k] w[n, k] is one accumulator,
rounded once, and of the product nothing is committed. This is exact, but all three factors have to share
the bits of one accumulator, so that each has a few less than it could have had.

Marked products have `quant.unrounded` in place of a format, and formats are planned anew around them.
`choose-bits` rounds them again where what is left of bits is too little.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import nn
from ..analysis.plan import FORMAT, UNROUNDED
from ..modules import main_function, takes_tensors
from .plan_scales import default_fracs, limits_of, write


@dataclass(frozen=True)
class DelayRequantize(ModulePass):
    """Leaves the rounding of products to the linear layers that read them."""

    name = "delay-requantize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if takes_tensors(op):
            return
        limits_of(main_function(op))  # The function is planned, or this says that it is not.
        walker = PatternRewriteWalker(ReadByLinear(), apply_recursively=False)
        if walker.rewrite_module(op):
            limits = limits_of(main_function(op))
            write(limits, default_fracs(limits))


class ReadByLinear(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        readers = [use.operation for use in op.result.uses]
        if UNROUNDED in op.attributes or not readers:
            return
        if all(isinstance(reader, nn.LinearOp) for reader in readers):
            op.attributes[UNROUNDED] = UnitAttr()
            op.attributes.pop(FORMAT, None)
            rewriter.notify_op_modified(op)
