"""Norms of functions, where a graph writes them out.

    (x - mean(x)) * rsqrt(mean((x - mean(x))^2) + eps)   ->   nn.layer_norm x
    x * rsqrt(mean(x^2) + eps)                           ->   nn.rms_norm x

Means are over the last axis, and what a graph computes twice may be two values. Constants with a number for each
element of a row, by which the norm is multiplied and that are added to it, become its gain and its bias; a norm
without a gain has one of ones. Layer norms are those of Ba et al. 2016, RMS norms those of Zhang and Sennrich 2019.
"""

from __future__ import annotations

import torch
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ..transforms.matching import defined_by, either_order, plus_constant, times_constant
from .fold_norms import Weights


def raise_norms(block: Block, weights: Weights) -> None:
    """Puts a norm in the place of what is one; what only it has read of that stays without a reader."""
    for op in [*block.ops]:
        if op.parent is not block or not isinstance(op, nn.MulOp):
            continue
        for value, inverse in either_order(op):
            eps = _inverse_root(value, inverse)
            if eps is None:
                continue
            width = nn.shape_of(value)[-1:]
            ones = weights.param("ones", width, lambda width=width: torch.ones(width))
            last, gain = _combined(op, nn.MulOp, width)
            last, bias = _combined(last, nn.AddOp, width)
            operands = [gain or ones.result, *([bias] if bias else [])]
            if x := _centered(value):
                norm = nn.LayerNormOp(x, *operands, eps=eps)
            else:
                norm = nn.RMSNormOp(value, *operands, eps=eps, offset=0.0)
            Rewriter.replace_op(last, [nn.inherit_path(each, op) for each in (ones, norm)])
            break


def _inverse_root(x: SSAValue, value: SSAValue) -> float | None:
    """eps where the value is rsqrt(mean(x^2) + eps)."""
    root = defined_by(value, nn.RsqrtOp)
    shifted = plus_constant(root.x) if root else None
    mean = defined_by(shifted[0], nn.MeanOp) if shifted else None
    return shifted[1] if shifted and mean and _is_square(mean.x, x) else None


def _is_square(value: SSAValue, x: SSAValue) -> bool:
    power, product = defined_by(value, nn.PowOp), defined_by(value, nn.MulOp)
    if power:
        return power.exponent.value.data == 2 and _same(power.x, x)
    return product is not None and all(_same(each, x) for each in product.operands)


def _same(one: SSAValue, other: SSAValue) -> bool:
    """Whether two values are one, or of one value what it is more than its mean."""
    x = _centered(one)
    return one is other or (x is not None and x is _centered(other))


def _centered(value: SSAValue) -> SSAValue | None:
    """x where the value is x - mean(x)."""
    difference = defined_by(value, nn.AddOp)
    for x, other in either_order(difference) if difference else ():
        opposite = times_constant(other)
        mean = defined_by(opposite[0], nn.MeanOp) if opposite and opposite[1] == -1 else None
        if mean and mean.x is x:
            return x
    return None


def _combined(
    op: Operation, kind: type[nn.MulOp | nn.AddOp], width: nn.Shape
) -> tuple[Operation, SSAValue | None]:
    """What alone reads a result and combines it with a weight of this shape, and the weight; else the operation."""
    (value,) = op.results
    readers = [use.operation for use in value.uses]
    if len(readers) == 1 and isinstance(reader := readers[0], kind):
        for x, weight in either_order(reader):
            if x is value and isinstance(weight.owner, nn.ParamOp) and nn.shape_of(weight) == width:
                return reader, weight
    return op, None
