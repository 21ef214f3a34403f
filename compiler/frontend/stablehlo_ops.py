"""What becomes of the operations of StableHLO: what a `builder` makes of them, and what they are of constants.

An operand is a `Value`, which is computed from inputs, or an array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from xdsl.dialects.builtin import Float32Type, IntegerAttr, TensorType
from xdsl.ir import Operation, SSAValue

from ...dialects import nn, stablehlo
from ...errors import expect
from .builder import Sides
from .graph import only

if TYPE_CHECKING:
    from .stablehlo_file import _StableHLOImporter as Importer


@dataclass(frozen=True)
class Value:
    """Axis i of ``ssa`` is axis ``axes[i]`` in the text; of a row, column i is column ``columns[i]`` there, unless
    that is None and they are the same."""

    ssa: SSAValue
    axes: tuple[int, ...]
    columns: np.ndarray | None = None


Operand: TypeAlias = Value | np.ndarray
Handler = Callable[["Importer", Any, Sequence[Operand]], Value]


def _value(operand: Operand) -> Value:
    only(isinstance(operand, Value), "a constant in the place of a value")
    return expect(operand, Value)


def _array(operand: Operand) -> np.ndarray:
    only(isinstance(operand, np.ndarray), "a value in the place of a constant")
    return expect(operand, np.ndarray)


def _param(importer: Importer, name: str, array: np.ndarray) -> SSAValue:
    tensor = torch.from_numpy(np.array(array, np.float32))
    return importer.param(f"{importer.path}.{name}", array.shape, lambda: tensor)


def _constant(importer: Importer, array: np.ndarray, beside: Value) -> SSAValue:
    """A constant in a sum or a product with a value: one number, or one for each channel."""
    ordered = array.transpose(beside.axes)
    channels = ordered[:1, :, :1, :1] if ordered.ndim == 4 else ordered[:1]
    only(bool((ordered == channels).all()), "a constant that differs within a channel")
    numbers = channels.reshape(-1)
    if beside.columns is not None:
        numbers = numbers[beside.columns]
    if (numbers == numbers[0]).all():
        return importer.add(nn.ConstantOp(float(numbers[0])))
    return _param(importer, "constant", numbers.reshape(-1, *(1,) * (ordered.ndim - 2)))


def _together(operands: Sequence[Operand]) -> Value:
    """The operand that is a value; of two, both must have their axes in the same order."""
    values = [each for each in operands if isinstance(each, Value)]
    first = values[0]
    for other in values[1:]:
        same = first.axes == other.axes and np.array_equal(_columns(first), _columns(other))
        only(same, "operands in different orders")
    return first


def _columns(value: Value) -> np.ndarray:
    width = nn.shape_of(value.ssa)[1]
    return np.arange(width) if value.columns is None else value.columns


def _unary(op: Callable[[SSAValue], Operation]) -> Handler:
    def handler(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
        x = _value(given[0])
        return replace(x, ssa=importer.add(op(x.ssa)))

    return handler


def _negate(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    x = _value(given[0])
    return replace(x, ssa=importer.times(x.ssa, -1.0))


def _add(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    beside = _together(given)
    lhs, rhs = (
        each.ssa if isinstance(each, Value) else _constant(importer, each, beside) for each in given
    )
    return replace(beside, ssa=importer.add(nn.AddOp(lhs, rhs)))


def _subtract(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    lhs, rhs = given
    opposite = _negate(importer, op, [rhs]) if isinstance(rhs, Value) else -rhs
    return _add(importer, op, [lhs, opposite])


def _multiply(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    beside = _together(given)
    lhs, rhs = (
        each.ssa if isinstance(each, Value) else _constant(importer, each, beside) for each in given
    )
    for x, c in ((lhs, rhs), (rhs, lhs)):
        if (number := nn.constant(c)) is not None:
            return replace(beside, ssa=importer.times(x, number))
    return replace(beside, ssa=importer.add(nn.MulOp(lhs, rhs)))


def _divide(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    divisor = _array(given[1]).astype(np.float64)
    only(bool((divisor != 0).all()), "by zero")
    return _multiply(importer, op, [given[0], 1 / divisor])


def _with_number(given: Sequence[Operand], wanted: float) -> Value:
    """The value beside a constant whose elements are all the wanted number."""
    arrays = [each for each in given if isinstance(each, np.ndarray)]
    only(len(arrays) == 1 and bool((arrays[0] == wanted).all()), f"of others than {wanted}")
    return _together(given)


def _maximum(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    x = _with_number(given, 0)
    return replace(x, ssa=importer.add(nn.ReluOp(x.ssa)))


def _minimum(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    """Of the positive part and 6."""
    x = _with_number(given, 6)
    only(isinstance(x.ssa.owner, nn.ReluOp), "of what may be negative")
    return replace(x, ssa=importer.add(nn.Relu6Op(expect(x.ssa.owner, nn.ReluOp).x)))


def _dot(importer: Importer, op: stablehlo.DotGeneralOp, given: Sequence[Operand]) -> Value:
    only(op.lhs_batching is None and op.rhs_batching is None, "batching dimensions")
    x, w = _value(given[0]), _array(given[1])
    only(len(x.axes) == 2 and w.ndim == 2, "of other things than rows and a matrix")
    only(op.lhs_contracting.get_values() == (1,), "over the examples")
    (side,) = op.rhs_contracting.get_values()
    rows = (w if side == 1 else w.T)[:, _columns(x)]
    weight = _param(importer, "linear.weight", rows)
    return Value(importer.add(nn.LinearOp(x.ssa, weight)), (0, 1))


def _convolution(
    importer: Importer, op: stablehlo.ConvolutionOp, given: Sequence[Operand]
) -> Value:
    x, w = _value(given[0]), _array(given[1])
    images, kernel, made = (op.axes(number) for number in range(3))
    only(len(images) == 4, f"of {len(images)} axes, not of images")
    only(tuple(map(images.index, "bf01")) == x.axes, "of images whose axes are in another order")
    for name in ("lhs_dilate", "rhs_dilate"):
        only({*op.numbers(name, (1,))} == {1}, f"{name} of {op.numbers(name, ())}")
    only(not any(op.numbers("reverse", ())), "reversed")
    counts = [
        expect(found, IntegerAttr).value.data if (found := op.attributes.get(name)) else 1
        for name in ("feature_group_count", "batch_group_count")
    ]
    only(counts[1] == 1, f"batch_group_count of {counts[1]}")
    top, bottom, left, right = op.numbers("pad", (0, 0, 0, 0))
    rows, columns = op.numbers("stride", (1, 1))
    weight = _param(importer, "conv.weight", w.transpose([kernel.index(name) for name in "oi01"]))
    sides = ((top, bottom), (left, right))
    ssa = importer.conv2d(x.ssa, [weight], (rows, columns), sides, counts[0])
    return Value(ssa, tuple(map(made.index, "bf01")))


def _reduce(importer: Importer, op: stablehlo.ReduceOp, given: Sequence[Operand]) -> Value:
    """The sum of each channel of an image, or its maximum."""
    x, init = _value(given[0]), _array(given[1])
    only(
        len(x.axes) == 4 and {*op.dimensions.get_values()} == {*x.axes[2:]},
        f"over axes {op.dimensions.get_values()}, not rows and columns of images",
    )
    size = nn.shape_of(x.ssa)[2:]
    pooled, times = _pooled(importer, x.ssa, op.by.data, init, size, (1, 1), ((0, 0), (0, 0)))
    return Value(importer.times(importer.add(nn.FlattenOp(pooled)), times), (0, 1))


def _reduce_window(
    importer: Importer, op: stablehlo.ReduceWindowOp, given: Sequence[Operand]
) -> Value:
    x, init = _value(given[0]), _array(given[1])
    only(len(x.axes) == 4, "of other things than images")
    ones = stablehlo.ints((1,) * 4)
    kernel, stride, *dilations = (
        tuple((found or ones).get_values()[axis] for axis in x.axes)
        for found in (
            op.window_dimensions,
            op.window_strides,
            op.base_dilations,
            op.window_dilations,
        )
    )
    only({*dilations} == {(1,) * 4}, "dilated")
    padding = np.zeros((4, 2), int)
    if op.padding is not None:
        padding = padding + np.reshape(np.array(op.padding.get_values(), int), (-1, 2))
    sides = [(int(low), int(high)) for low, high in padding[[*x.axes]]]
    only(
        kernel[:2] == stride[:2] == (1, 1) and sides[:2] == [(0, 0)] * 2,
        "over examples or channels",
    )
    across = ((sides[2][0], sides[2][1]), (sides[3][0], sides[3][1]))
    pooled, times = _pooled(importer, x.ssa, op.by, init, kernel[2:], stride[2:], across)
    return replace(x, ssa=importer.times(pooled, times))


def _pooled(
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


def _reshape(importer: Importer, op: stablehlo.ReshapeOp, given: Sequence[Operand]) -> Value:
    """The same shape, or each example as one row."""
    x, before = _value(given[0]), importer.shape(_value(given[0]))
    after = expect(op.result.type, TensorType).get_shape()
    if after == before:
        return x
    row = (before[0], math.prod(before[1:]))
    only(after == row and x.axes[0] == 0, f"{before} as {after}, not as one row of each example")
    columns = np.arange(row[1]).reshape(before[1:]).transpose([axis - 1 for axis in x.axes[1:]])
    found = columns.reshape(-1)
    same = bool((found == np.arange(row[1])).all())
    return Value(importer.add(nn.FlattenOp(x.ssa)), (0, 1), None if same else found)


def _transpose(importer: Importer, op: stablehlo.TransposeOp, given: Sequence[Operand]) -> Value:
    """Nothing moves: the axes are called otherwise."""
    x, order = _value(given[0]), op.permutation.get_values()
    only(order[0] == 0, "that moves the examples")
    return replace(x, axes=tuple(order.index(axis) for axis in x.axes))


def _broadcast(
    importer: Importer, op: stablehlo.BroadcastInDimOp, given: Sequence[Operand]
) -> Value:
    x = _value(given[0])
    same = op.operand.type == op.result.type
    only(same, f"of {importer.shape(x)}, which is a value")
    return x


HANDLERS: dict[str, Handler] = {
    "stablehlo.dot_general": _dot,
    "stablehlo.convolution": _convolution,
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.reduce": _reduce,
    "stablehlo.reshape": _reshape,
    "stablehlo.transpose": _transpose,
    "stablehlo.broadcast_in_dim": _broadcast,
    "stablehlo.add": _add,
    "stablehlo.subtract": _subtract,
    "stablehlo.multiply": _multiply,
    "stablehlo.divide": _divide,
    "stablehlo.negate": _negate,
    "stablehlo.maximum": _maximum,
    "stablehlo.minimum": _minimum,
    "stablehlo.logistic": _unary(nn.SigmoidOp),
    "stablehlo.tanh": _unary(nn.TanhOp),
}


def _broadcasted(op: stablehlo.BroadcastInDimOp, x: np.ndarray) -> np.ndarray:
    shape = expect(op.result.type, TensorType).get_shape()
    sizes = dict(zip(op.broadcast_dimensions.get_values(), x.shape, strict=True))
    return np.broadcast_to(x.reshape([sizes.get(axis, 1) for axis in range(len(shape))]), shape)


def _elements(op: stablehlo.ConstantOp) -> np.ndarray:
    type = expect(op.output.type, TensorType)
    only(isinstance(type.element_type, Float32Type), f"of {type.element_type}")
    numbers = np.frombuffer(op.value.data.data, "<f4")
    if numbers.size == 1:
        numbers = numbers.reshape(())
        return np.broadcast_to(numbers, type.get_shape())
    return numbers.reshape(type.get_shape())


EVALUATE: dict[str, Callable[..., np.ndarray]] = {
    "stablehlo.constant": _elements,
    "stablehlo.broadcast_in_dim": _broadcasted,
    "stablehlo.reshape": lambda op, x: x.reshape(op.result.type.get_shape()),
    "stablehlo.transpose": lambda op, x: x.transpose(op.permutation.get_values()),
    "stablehlo.add": lambda _, a, b: a + b,
    "stablehlo.subtract": lambda _, a, b: a - b,
    "stablehlo.multiply": lambda _, a, b: a * b,
    "stablehlo.divide": lambda _, a, b: a / b,
    "stablehlo.negate": lambda _, a: -a,
}
"""Operations of constants alone."""

ACTIVATION = "jax.nn.relu, silu, sigmoid, tanh or gelu(approximate=True)"
NEAREST: dict[str, str] = {
    "chlo.erf": "jax.nn.gelu(approximate=True)",
    "chlo.erfc": "jax.nn.gelu(approximate=True)",
    "stablehlo.exponential": ACTIVATION,
    "stablehlo.select": ACTIVATION,
    "stablehlo.compare": ACTIVATION,
    "stablehlo.maximum": "jax.nn.relu",
    "stablehlo.minimum": "jax.nn.relu6",
    "stablehlo.reduce": "a mean over rows and columns; instead of a softmax its operand",
    "stablehlo.rsqrt": "the statistics of a norm as weights, computed before",
    "stablehlo.pad": "padding of the convolution",
}
"""What to write in the place of operations that are not supported."""
