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
    """Axis i of ``ssa`` is axis ``axes[i]`` in the text. The first one is that of the examples, -1 where a text for
    one example leaves it out; ``ones`` are axes of size 1 that only the text has. Of a row, column i is column
    ``columns[i]`` there, unless that is None and they are the same."""

    ssa: SSAValue
    axes: tuple[int, ...]
    columns: np.ndarray | None = None
    ones: tuple[int, ...] = ()


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


def _numbers(array: np.ndarray, beside: Value) -> np.ndarray:
    """The numbers of a constant beside a value, at each place of an example."""
    if beside.axes[0] < 0:
        array = array[..., np.newaxis]
    ordered = array.transpose([*beside.axes, *beside.ones])
    ordered = ordered.reshape(ordered.shape[: len(beside.axes)])
    only(bool((ordered == ordered[:1]).all()), "a constant that differs between examples")
    return ordered[0] if beside.columns is None else ordered[0][beside.columns]


def _constant(importer: Importer, numbers: np.ndarray) -> SSAValue:
    """One number, one for each channel, or one for each place, by as few axes as can be."""
    first = numbers.reshape(-1)[0]
    if bool((numbers == first).all()):
        return importer.add(nn.ConstantOp(float(first)))
    if numbers.ndim == 3 and bool((numbers == numbers[:, :1, :1]).all()):
        numbers = numbers[:, :1, :1]
    while numbers.ndim > 1 and bool((numbers == numbers[:1]).all()):
        numbers = numbers[0]
    return param(importer, "constant", numbers)


def _with_constant(
    importer: Importer, op: type[nn.AddOp | nn.MulOp], x: SSAValue, numbers: np.ndarray
) -> SSAValue:
    """A sum or a product; with heads before they are viewed so, where a layer can take the constant."""
    view, shape = x.owner, nn.shape_of(x)
    uniform = bool((numbers == numbers.reshape(-1)[0]).all())
    if isinstance(view, nn.ViewOp) and len(shape) > 3 and not uniform:
        before = nn.shape_of(view.x)
        if before[0] == shape[0]:
            made = _with_constant(importer, op, view.x, numbers.reshape(before[1:]))
            return importer.view(made, shape)
    c = _constant(importer, numbers)
    number = nn.constant(c)
    if op is nn.MulOp and number is not None:
        return importer.times(x, number)
    if number == 0:
        return x
    return importer.add(op(x, c))


def _aligned(importer: Importer, other: Value, first: Value) -> Value:
    """A value with its axes in the order of another's."""
    if other.columns is not None or first.columns is not None:
        same = other.axes == first.axes and np.array_equal(columns_of(first), columns_of(other))
        only(same, "rows that are in different orders")
    if other.axes == first.axes:
        return other
    return replace(first, ssa=arranged(importer, other, *([axis] for axis in first.axes)))


def arranged(importer: Importer, x: Value, *groups: Sequence[int]) -> SSAValue:
    """A value whose axis i is the axes ``groups[i]`` of the text as one, the first being that of the examples. Axes
    in no group have size 1."""
    only((*groups[0],) == x.axes[:1], "that moves the examples")
    only(x.columns is None, "of a row that was an image")
    named = [axis for group in groups for axis in group]
    kept = [axis for axis in x.axes if axis in named]
    sizes = dict(zip(x.axes, nn.shape_of(x.ssa), strict=True))
    ssa = importer.view(x.ssa, [sizes[axis] for axis in kept])
    ssa = importer.permute(ssa, [kept.index(axis) for axis in named if axis in kept])
    return importer.view(ssa, [math.prod(sizes.get(axis, 1) for axis in group) for group in groups])


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


def _elements(op: type[nn.AddOp | nn.MulOp]) -> Handler:
    """A sum or a product of a value and another one or a constant."""

    def handler(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
        lhs, rhs = given
        if not isinstance(lhs, Value):
            lhs, rhs = rhs, lhs
        x = value_of(lhs)
        if isinstance(rhs, Value):
            other = _aligned(importer, rhs, x)
            return replace(x, ssa=importer.add(op(x.ssa, other.ssa)))
        numbers = _numbers(array_of(rhs), x)
        return replace(x, ssa=_with_constant(importer, op, x.ssa, numbers))

    return handler


add, multiply = _elements(nn.AddOp), _elements(nn.MulOp)


def subtract(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    lhs, rhs = given
    opposite = negate(importer, op, [rhs]) if isinstance(rhs, Value) else -array_of(rhs)
    return add(importer, op, [lhs, opposite])


def divide(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    numerator, divisor = given
    if isinstance(divisor, Value):
        inverse = replace(divisor, ssa=importer.add(nn.PowOp(divisor.ssa, exponent=-1.0)))
        return multiply(importer, op, [numerator, inverse])
    divisor = array_of(divisor).astype(np.float64)
    only(bool((divisor != 0).all()), "by zero")
    return multiply(importer, op, [numerator, 1 / divisor])


def with_number(given: Sequence[Operand], wanted: float) -> Value:
    """The value beside a constant whose elements are all the wanted number."""
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    only(len(arrays) == 1 and bool((arrays[0] == wanted).all()), f"of others than {wanted}")
    return next(each for each in given if isinstance(each, Value))


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
