"""Softmaxes and norms of functions, where a source writes them out of statistics of rows.

    exp(x - max(x)) / sum(exp(x - max(x)))                  ->   nn.softmax x
    x - mean(x)                                             ->   nn.center x
    (x - mean(x)) / sqrt(var(x) + eps) * gain + bias        ->   nn.layer_norm x, gain, bias
    x / sqrt(mean(x^2) + eps) * gain                        ->   nn.rms_norm x, gain

A row is along the last axis. Its statistics may be multiplied by constants, viewed, and repeated along it before
something reads them. The variance is the mean of squares of x - mean(x), or mean(x^2) - mean(x)^2, which may be cut
at zero. Softmaxes need not subtract a maximum; norms need neither gain nor bias.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ..transforms.matching import (
    defined_by,
    either_order,
    factors,
    near,
    plus_constant,
    times_constant,
)
from .fold_norms import Recipe, Weights
from .views import MOVES, View, moved

OpT = TypeVar("OpT", bound=Operation)


def raise_rows(block: Block, weights: Weights, kept: Collection[Operation]) -> None:
    """Recognises them, but for the operations that are to be kept. What only they read stays without a reader."""
    rows = _Rows(weights)
    for op in [*block.ops]:
        if op not in kept:
            rows.visit(op)


@dataclass(frozen=True)
class _Norm:
    """A layer norm, or else an RMS norm."""

    layer: bool
    x: SSAValue
    eps: float
    gain: Recipe
    bias: Recipe | None = None


class _Rows:
    def __init__(self, weights: Weights):
        self.weights = weights
        self.centers: dict[SSAValue, SSAValue] = {}
        """x - mean(x), once for each x."""
        self.norms: dict[SSAValue, _Norm] = {}
        """Those that are made here, which can take a gain or a bias."""

    def visit(self, op: Operation) -> None:
        if isinstance(op, nn.AddOp):
            self._center(op)
        if isinstance(op, nn.MulOp) and (x := _softmax(op)):
            Rewriter.replace_op(op, nn.inherit_path(nn.SoftmaxOp(x), op))
        elif isinstance(op, nn.MulOp | nn.AddOp) and (norm := self._norm(op)):
            self._write(op, norm)

    def _center(self, op: nn.AddOp) -> None:
        for x, other in either_order(op):
            mean = _behind(other, nn.MeanOp, nn.shape_of(x))
            if mean and mean[0].x is x and near(mean[1], -1):
                if x not in self.centers:
                    self.centers[x] = nn.CenterOp(x).result
                    op.parent.insert_op_before(  # type: ignore[union-attr]
                        nn.inherit_path(self.centers[x].owner, op),  # type: ignore[arg-type]
                        op,
                    )
                op.result.replace_all_uses_with(self.centers[x])
                return

    def _norm(self, op: nn.MulOp | nn.AddOp) -> _Norm | None:
        """What an operation is: a new norm, or one with a gain or a bias."""
        for x, c in either_order(op):
            norm = self.norms.get(x)
            numbers = self._numbers(c, nn.shape_of(x)[-1:]) if norm and not norm.bias else None
            if norm and numbers and isinstance(op, nn.AddOp):
                return replace(norm, bias=numbers)
            if norm and numbers:
                return replace(norm, gain=_product(norm.gain, numbers))
        return self._divided(op) if isinstance(op, nn.MulOp) else None

    def _divided(self, op: nn.MulOp) -> _Norm | None:
        """What a product of a row, its inverse deviation and constants is."""
        width = nn.shape_of(op.result)[-1:]
        for part in factors(op.result, repeated=True)[0]:
            found = _inverse_deviation(part, nn.shape_of(op.result))
            if found is None:
                continue
            x, layer, eps, factor = found
            row = self.centers.get(x) if layer else x
            parts, number = factors(op.result, row, repeated=True)
            if row is None or parts.count(row) != 1 or parts.count(part) != 1:
                continue
            others = [self._numbers(c, width) for c in parts if c not in (row, part)]
            gain: Recipe = lambda number=number * factor: torch.full(width, number).double()  # noqa: E731
            for numbers in others:
                gain = _product(gain, numbers) if numbers else gain
            if all(others) and row.type == op.result.type and eps > 0:
                return _Norm(layer, x, eps, gain)
        return None

    def _numbers(self, value: SSAValue, width: nn.Shape) -> Recipe | None:
        """What makes a constant for each channel of rows of this width."""
        number = nn.constant(value)
        if number is not None:
            return lambda: torch.full(width, number).double()
        param = defined_by(value, nn.ParamOp)
        return (
            self.weights.recipes[param.param_name]
            if param and nn.shape_of(value) == width
            else None
        )

    def _write(self, op: nn.MulOp | nn.AddOp, norm: _Norm) -> None:
        path, width = nn.module_path(op), nn.shape_of(norm.x)[-1:]
        params = [
            self.weights.param(f"{path}.norm.{name}".lstrip("."), width, recipe)
            for name, recipe in (("weight", norm.gain), ("bias", norm.bias))
            if recipe
        ]
        operands = [norm.x, *(param.result for param in params)]
        made = (
            nn.LayerNormOp(*operands, eps=norm.eps)
            if norm.layer
            else nn.RMSNormOp(*operands, eps=norm.eps, offset=0.0)
        )
        Rewriter.replace_op(op, [nn.inherit_path(each, op) for each in (*params, made)])
        self.norms[made.result] = norm


def _product(one: Recipe, other: Recipe) -> Recipe:
    return lambda: one().double() * other().double()


def _behind(
    value: SSAValue, kind: type[OpT], shape: nn.Shape | None = None
) -> tuple[OpT, float] | None:
    """The operation behind a value whose numbers are one of each row of a tensor of this shape, and the constant
    that they are multiplied by; without a shape the value has them once, in order."""
    chain: list[View] = []
    factor = 1.0
    while True:
        if isinstance(move := value.owner, MOVES):
            chain.append(move)
            value = move.x
        elif scaled := times_constant(value):
            value, factor = scaled[0], factor * scaled[1]
        else:
            break
    op = defined_by(value, kind)
    if op is None:
        return None
    size = math.prod(nn.shape_of(value))
    places = np.arange(size).reshape(nn.shape_of(value))
    for move in reversed(chain):
        places = moved(move, places)
    if shape is None:
        return (op, factor) if np.array_equal(places.reshape(-1), np.arange(size)) else None
    wanted = np.arange(math.prod(shape[:-1])).reshape(*shape[:-1], 1)
    fits = size == wanted.size and places.shape in (shape, wanted.shape)
    return (op, factor) if fits and bool((places == wanted).all()) else None


def _divisor(value: SSAValue, kind: type[OpT], shape: nn.Shape) -> tuple[OpT, float] | None:
    """The same of what a value is the inverse of, which may be inverted before it is repeated."""
    inverse = defined_by(value, nn.PowOp)
    if inverse and inverse.exponent.value.data == -1:
        return _behind(inverse.x, kind, shape)
    found = _behind(value, nn.PowOp, shape)
    if found and found[0].exponent.value.data == -1 and near(found[1], 1):
        return _behind(found[0].x, kind)
    return None


def _softmax(op: nn.MulOp) -> SSAValue | None:
    """x where an operation is softmax(x)."""
    for exponentials, inverse in either_order(op):
        power, shape = defined_by(exponentials, nn.ExpOp), nn.shape_of(exponentials)
        mean = _divisor(inverse, nn.MeanOp, shape) if power else None
        if power and mean and mean[0].x is exponentials and near(mean[1], shape[-1]):
            difference = defined_by(power.x, nn.AddOp)
            for x, other in either_order(difference) if difference else ():
                largest = _behind(other, nn.MaxOp, shape)
                if largest and largest[0].x is x and near(largest[1], -1):
                    return x
            return power.x
    return None


def _inverse_deviation(
    value: SSAValue, shape: nn.Shape
) -> tuple[SSAValue, bool, float, float] | None:
    """(x, centred, eps, factor) where the value is factor / sqrt(mean(x^2) + eps) of each row, x being less its
    mean if it is centred."""
    root, inverted = _behind(value, nn.RsqrtOp, shape), _divisor(value, nn.PowOp, shape)
    if root:
        total, factor = root[0].x, root[1]
    elif inverted and inverted[0].exponent.value.data == 0.5:
        total, factor = inverted[0].x, 1 / inverted[1]
    else:
        return None
    found = _behind(total, nn.AddOp)
    shifted = plus_constant(found[0].result) if found and near(found[1], 1) else None
    variance = _variance(shifted[0]) if shifted else None
    return (*variance, shifted[1], factor) if shifted and variance else None


def _variance(value: SSAValue) -> tuple[SSAValue, bool] | None:
    """(x, centred) where the value is the mean of squares of each row of x, less its mean if it is centred."""
    if (cut := _behind(value, nn.ReluOp)) and near(cut[1], 1):
        value = cut[0].x
    mean = _behind(value, nn.MeanOp)
    x = _root(mean[0].x) if mean and near(mean[1], 1) else None
    if x is not None:
        center = defined_by(x, nn.CenterOp)
        return (center.x, True) if center else (x, False)
    difference = _behind(value, nn.AddOp)
    if difference is None or not near(difference[1], 1):
        return None
    for one, other in either_order(difference[0]):
        square, squared_mean = _behind(one, nn.MeanOp), _behind(other, nn.MulOp)
        x = _root(square[0].x) if square and near(square[1], 1) else None
        root = _root(squared_mean[0].result) if squared_mean and near(squared_mean[1], -1) else None
        found = _behind(root, nn.MeanOp) if root is not None else None
        if x is not None and found and found[0].x is x and near(found[1] ** 2, 1):
            return x, True
    return None


def _root(value: SSAValue) -> SSAValue | None:
    """x where the value is x^2."""
    op = value.owner
    if isinstance(op, nn.MulOp) and op.lhs is op.rhs:
        return op.lhs
    return op.x if isinstance(op, nn.PowOp) and op.exponent.value.data == 2 else None
