"""Pass `raise-logistic`: recognises 1 / (1 + e^-x) as `stablehlo.logistic`: so JAX writes sigmoids."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.stablehlo import (
    AddOp,
    BroadcastInDimOp,
    ConstantOp,
    DivideOp,
    ExponentialOp,
    LogisticOp,
    NegateOp,
)
from .matching import defined_by, rewrite


class LogisticPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DivideOp, rewriter: PatternRewriter) -> None:
        total = defined_by(op.rhs, AddOp)
        if not _is_one(op.lhs) or total is None:
            return
        for one, power in ((total.lhs, total.rhs), (total.rhs, total.lhs)):
            exponential = defined_by(power, ExponentialOp)
            negated = exponential and defined_by(exponential.operand, NegateOp)
            if negated and _is_one(one):
                x = negated.operand
                rewriter.replace(op, LogisticOp.build(operands=[x], result_types=[x.type]))
                return


def _is_one(value: SSAValue) -> bool:
    """Whether all elements are 1."""
    while isinstance(value.owner, BroadcastInDimOp):
        value = value.owner.operand
    constant = defined_by(value, ConstantOp)
    return constant is not None and {*constant.value.get_values()} == {1}


@dataclass(frozen=True)
class RaiseLogistic(ModulePass):
    """Raises sigmoids that are written out."""

    name = "raise-logistic"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, LogisticPattern())
