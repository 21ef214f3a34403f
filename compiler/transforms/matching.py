"""Small matchers over the data flow of the `nn` dialect, shared by the raising passes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.transforms.dead_code_elimination import region_dce

from ...dialects import nn

OpT = TypeVar("OpT", bound=Operation)
DEEPEST_PRODUCT = 8


def defined_by(value: SSAValue, kind: type[OpT]) -> OpT | None:
    """The operation behind a value where it is of the given kind."""
    return value.owner if isinstance(value.owner, kind) else None


def either_order(op: nn.BinaryOp) -> Iterator[tuple[SSAValue, SSAValue]]:
    """The operands of a commutative operation, both ways round."""
    yield op.lhs, op.rhs
    yield op.rhs, op.lhs


def plus_constant(value: SSAValue) -> tuple[SSAValue, float] | None:
    """(x, c) where the value is x + c."""
    return _with_constant(value, nn.AddOp)


def times_constant(value: SSAValue) -> tuple[SSAValue, float] | None:
    """(x, c) where the value is x * c."""
    return _with_constant(value, nn.MulOp)


def _with_constant(value: SSAValue, kind: type[nn.BinaryOp]) -> tuple[SSAValue, float] | None:
    if op := defined_by(value, kind):
        for x, c in either_order(op):
            number = nn.constant(c)
            if number is not None and x.type == value.type:
                return x, number
    return None


def factors(
    value: SSAValue,
    x: SSAValue | None = None,
    depth: int = DEEPEST_PRODUCT,
    *,
    repeated: bool = False,
) -> tuple[list[SSAValue], float]:
    """What a value is a product of, in whatever order it is multiplied: tensors of its shape, with ``repeated``
    others that broadcast to it too, and a constant. The tensor x is one of them, even if it is a product itself.
    Products are followed so deep, squares of squares being of many factors."""
    if value is x:
        return [value], 1.0
    number = nn.constant(value)
    if number is not None:
        return [], number
    op = defined_by(value, nn.MulOp)
    others = [each for each in op.operands if nn.constant(each) is None] if op else []
    foreign = not repeated and any(each.type != value.type for each in others)
    if op is None or foreign or not depth:
        return [value], 1.0
    (left, first), (right, second) = (
        factors(operand, x, depth - 1, repeated=repeated) for operand in op.operands
    )
    return left + right, first * second


def near(number: float, wanted: float) -> bool:
    """Whether a constant is the wanted one, which may have been rounded to fp32."""
    return math.isclose(number, wanted, rel_tol=2.0**-22)


def rewrite(ctx: Context, module: ModuleOp, *patterns: RewritePattern) -> None:
    """Applies patterns greedily to a module; operations left without a use disappear."""
    applier = GreedyRewritePatternApplier(list(patterns), ctx=ctx, folding_enabled=True)
    PatternRewriteWalker(applier, post_walk_func=region_dce).rewrite_module(module)
