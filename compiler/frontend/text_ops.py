"""What becomes of operations of texts of MLIR, whichever dialect writes them: sums and products, activations, pools
and other shapes.

An operand is a `Value`, which is computed from inputs, or an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...errors import expect
from .builder import Sides
from .graph import only

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer


@dataclass(frozen=True)
class Value:
    """Axis i of ``ssa`` is axis ``axes[i]`` in the text; of a row, column i is column ``columns[i]`` there, unless
    that is None and they are the same."""

    ssa: SSAValue
    axes: tuple[int, ...]
    columns: np.ndarray | None = None


@dataclass(frozen=True)
class Padded:
    """A value with so many elements of a ``number`` before and after it along each axis of the text."""

    value: Value
    sides: tuple[tuple[int, int], ...]
    number: float


Operand: TypeAlias = Value | Padded | np.ndarray
Handler = Callable[["Importer", Any, Sequence[Any]], Any]


@dataclass(frozen=True)
class Operations:
    """Those of a dialect: what they are of values; of constants alone, each an argument; what to write instead."""

    handlers: Mapping[str, Handler]
    evaluate: Mapping[str, Callable[..., np.ndarray]]
    nearest: Mapping[str, str]


def value_of(operand: Operand) -> Value:
    only(not isinstance(operand, Padded), "of what is padded")
    only(isinstance(operand, Value), "a constant in the place of a value")
    return expect(operand, Value)


def array_of(operand: Operand) -> np.ndarray:
    only(isinstance(operand, np.ndarray), "a value in the place of a constant")
    return expect(operand, np.ndarray)


def param(importer: Importer, name: str, array: np.ndarray) -> SSAValue:
    tensor = torch.from_numpy(np.array(array, np.float32))
    return importer.param(f"{importer.path}.{name}", array.shape, lambda: tensor)


def constant(importer: Importer, array: np.ndarray, beside: Value) -> SSAValue:
    """A constant in a sum or a product with a value: one number, or one for each channel."""
    ordered = array.transpose(beside.axes)
    channels = ordered[:1, :, :1, :1] if ordered.ndim == 4 else ordered[:1]
    only(bool((ordered == channels).all()), "a constant that differs within a channel")
    numbers = channels.reshape(-1)
    if beside.columns is not None:
        numbers = numbers[beside.columns]
    if (numbers == numbers[0]).all():
        return importer.add(nn.ConstantOp(float(numbers[0])))
    return param(importer, "constant", numbers.reshape(-1, *(1,) * (ordered.ndim - 2)))


def together(operands: Sequence[Operand]) -> Value:
    """The operand that is a value; of two, both must have their axes in the same order."""
    values = [each for each in operands if isinstance(each, Value)]
    first = values[0]
    for other in values[1:]:
        same = first.axes == other.axes and np.array_equal(columns_of(first), columns_of(other))
        only(same, "operands in different orders")
    return first


def columns_of(value: Value) -> np.ndarray:
    width = nn.shape_of(value.ssa)[1]
    return np.arange(width) if value.columns is None else value.columns


def unary(op: Callable[[SSAValue], Operation]) -> Handler:
    def handler(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
        x = value_of(given[0])
        return replace(x, ssa=importer.add(op(x.ssa)))

    return handler


def negate(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    x = value_of(given[0])
    return replace(x, ssa=importer.times(x.ssa, -1.0))


def add(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    beside = together(given)
    lhs, rhs = (
        each.ssa if isinstance(each, Value) else constant(importer, array_of(each), beside)
        for each in given
    )
    return replace(beside, ssa=importer.add(nn.AddOp(lhs, rhs)))


def subtract(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    lhs, rhs = given
    opposite = negate(importer, op, [rhs]) if isinstance(rhs, Value) else -array_of(rhs)
    return add(importer, op, [lhs, opposite])


def multiply(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    beside = together(given)
    lhs, rhs = (
        each.ssa if isinstance(each, Value) else constant(importer, array_of(each), beside)
        for each in given
    )
    for x, c in ((lhs, rhs), (rhs, lhs)):
        if (number := nn.constant(c)) is not None:
            return replace(beside, ssa=importer.times(x, number))
    return replace(beside, ssa=importer.add(nn.MulOp(lhs, rhs)))


def divide(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    divisor = array_of(given[1]).astype(np.float64)
    only(bool((divisor != 0).all()), "by zero")
    return multiply(importer, op, [given[0], 1 / divisor])


def with_number(given: Sequence[Operand], wanted: float) -> Value:
    """The value beside a constant whose elements are all the wanted number."""
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    only(len(arrays) == 1 and bool((arrays[0] == wanted).all()), f"of others than {wanted}")
    return together(given)


def maximum(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    x = with_number(given, 0)
    return replace(x, ssa=importer.add(nn.ReluOp(x.ssa)))


def minimum(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    """Of the positive part and 6."""
    x = with_number(given, 6)
    only(isinstance(x.ssa.owner, nn.ReluOp), "of what may be negative")
    return replace(x, ssa=importer.add(nn.Relu6Op(expect(x.ssa.owner, nn.ReluOp).x)))


def pooled(
    importer: Importer,
    x: SSAValue,
    by: str,
    init: np.ndarray,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    sides: Sides,
) -> tuple[SSAValue, float]:
    """The sum of each window, as its mean and a number to multiply that by, or the largest element, times 1."""
    only(by in ("stablehlo.add", "stablehlo.maximum"), f"by {by or 'several operations'}")
    if by == "stablehlo.add":
        only(float(init) == 0, f"that begins with {float(init)}")
        only(sides == ((0, 0), (0, 0)), f"a sum with padding {sides}")
        return importer.mean(x, kernel, stride), float(math.prod(kernel))
    only(float(init) == -math.inf, f"that begins with {float(init)}")
    only(all(a == b for a, b in sides), f"padding {sides} that differs between sides")
    padding = (sides[0][0], sides[1][0])
    return importer.add(nn.MaxPool2dOp(x, kernel=kernel, stride=stride, padding=padding)), 1.0


def flattened(importer: Importer, x: Value, after: tuple[int, ...]) -> Value:
    """The same shape, or each example as one row."""
    before = importer.shape(x)
    if after == before:
        return x
    row = (before[0], math.prod(before[1:]))
    only(after == row and x.axes[0] == 0, f"{before} as {after}, not as one row of each example")
    columns = np.arange(row[1]).reshape(before[1:]).transpose([axis - 1 for axis in x.axes[1:]])
    found = columns.reshape(-1)
    same = bool((found == np.arange(row[1])).all())
    return Value(importer.add(nn.FlattenOp(x.ssa)), (0, 1), None if same else found)


def transposed(x: Value, order: tuple[int, ...]) -> Value:
    """Nothing moves: the axes are called otherwise."""
    only(order[0] == 0, "that moves the examples")
    return replace(x, axes=tuple(order.index(axis) for axis in x.axes))
