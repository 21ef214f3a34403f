"""What becomes of the operations of StableHLO: what a `builder` makes of them, and what they are of constants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import Float32Type, IntegerAttr, IntegerType, TensorType
from xdsl.ir import Operation

from ...dialects import nn, stablehlo
from ...errors import expect
from .graph import only
from .text_ops import (
    Handler,
    Operand,
    Operations,
    Value,
    add,
    arranged,
    array_of,
    divide,
    maximum,
    minimum,
    multiply,
    negate,
    param,
    pooled,
    subtract,
    unary,
    value_of,
)
from .text_products import Side, product
from .text_shapes import concatenated, repeated, reshaped, sliced, transposed

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer


def _dot(importer: Importer, op: stablehlo.DotGeneralOp, given: Sequence[Operand]) -> Value:
    shared = (each.get_values() if each else () for each in (op.lhs_batching, op.rhs_batching))
    contracted = (each.get_values() for each in (op.lhs_contracting, op.rhs_contracting))
    lhs, rhs = (Side(*each) for each in zip(given, shared, contracted, strict=True))
    return product(importer, lhs, rhs)


def _convolution(
    importer: Importer, op: stablehlo.ConvolutionOp, given: Sequence[Operand]
) -> Value:
    x, w = value_of(given[0]), array_of(given[1])
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
    weight = param(importer, "conv.weight", w.transpose([kernel.index(name) for name in "oi01"]))
    sides = ((top, bottom), (left, right))
    ssa = importer.conv2d(x.ssa, [weight], (rows, columns), sides, counts[0])
    return Value(ssa, tuple(map(made.index, "bf01")))


def _reduce(importer: Importer, op: stablehlo.ReduceOp, given: Sequence[Operand]) -> Value:
    """The sum or the largest element of each channel of an image, of positions, or of a row."""
    x, init, axes = value_of(given[0]), array_of(given[1]), op.dimensions.get_values()
    if len(x.axes) == 4 and {*axes} == {*x.axes[2:]}:
        size = nn.shape_of(x.ssa)[2:]
        found, times = pooled(importer, x.ssa, op.by.data, init, size, (1, 1), ((0, 0), (0, 0)))
        return Value(importer.times(importer.add(nn.FlattenOp(found)), times), (0, 1))
    rank, along = len(importer.shape(x)), [axis for axis in axes if axis not in x.ones]
    only(len(along) == 1 and along[0] in x.axes[1:], f"over axes {axes}")
    names = [axis for axis in range(rank) if axis not in axes]
    others = [axis for axis in x.axes if axis != along[0]]
    by = op.by.data.removeprefix("stablehlo.")
    only((by, float(init)) in REDUCED, f"by {by} from {float(init)}")
    count, positions = 1.0, len(x.axes) == 3 and along[0] == x.axes[1]
    if by == "add":
        count = float(nn.shape_of(x.ssa)[x.axes.index(along[0])])
    if by == "add" and positions:
        ssa = importer.add(nn.MeanPositionsOp(x.ssa, first=0))
    else:
        row = arranged(importer, x, *([axis] for axis in (*others, along[0])))
        ssa = importer.add(nn.MeanOp(row) if by == "add" else nn.MaxOp(row))
        ssa = importer.view(ssa, nn.shape_of(ssa)[:-1])
    places = tuple(names.index(axis) if axis >= 0 else axis for axis in others)
    ones = tuple(place for place in range(len(names)) if place not in places)
    return Value(importer.times(ssa, count), places, ones=ones)


REDUCED = {("add", 0.0), ("maximum", -math.inf)}


def _reduce_window(
    importer: Importer, op: stablehlo.ReduceWindowOp, given: Sequence[Operand]
) -> Value:
    x, init = value_of(given[0]), array_of(given[1])
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
    found, times = pooled(importer, x.ssa, op.by, init, kernel[2:], stride[2:], across)
    return replace(x, ssa=importer.times(found, times))


def _size(op: Operation) -> tuple[int, ...]:
    return expect(op.results[0].type, TensorType).get_shape()


def _reshape(importer: Importer, op: stablehlo.ReshapeOp, given: Sequence[Operand]) -> Value:
    return reshaped(importer, value_of(given[0]), _size(op))


def _transpose(importer: Importer, op: stablehlo.TransposeOp, given: Sequence[Operand]) -> Value:
    return transposed(value_of(given[0]), op.permutation.get_values())


def _broadcast(
    importer: Importer, op: stablehlo.BroadcastInDimOp, given: Sequence[Operand]
) -> Value:
    places = op.broadcast_dimensions.get_values()
    return repeated(importer, value_of(given[0]), places, _size(op))


def _slice(importer: Importer, op: stablehlo.SliceOp, given: Sequence[Operand]) -> Value:
    only({*op.strides.get_values()} == {1}, f"strides of {op.strides.get_values()}")
    bounds = (each.get_values() for each in (op.start_indices, op.limit_indices))
    return sliced(importer, value_of(given[0]), *bounds)


def _concatenate(
    importer: Importer, op: stablehlo.ConcatenateOp, given: Sequence[Operand]
) -> Value:
    return concatenated(importer, given, op.dimension.value.data)


def _convert(importer: Importer, op: stablehlo.ConvertOp, given: Sequence[Operand]) -> Value:
    only(op.operand.type == op.result.type, f"to {op.result.type}")
    return value_of(given[0])


def _square(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    return multiply(importer, op, [given[0], given[0]])


def _erfc(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    """1 - erf(x) as 1 + erf(-x)."""
    x = negate(importer, op, given)
    x = replace(x, ssa=importer.add(nn.ErfOp(x.ssa)))
    return add(importer, op, [x, np.ones(importer.shape(x), np.float32)])


def _root(importer: Importer, _: Operation, given: Sequence[Operand]) -> Value:
    x = value_of(given[0])
    return replace(x, ssa=importer.add(nn.PowOp(x.ssa, exponent=0.5)))


def _maximum(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    """Of a value and -inf, or its positive part."""
    for one, other in (given, given[::-1]):
        if isinstance(one, np.ndarray) and bool((one == -math.inf).all()):
            return value_of(other)
    return maximum(importer, op, given)


def _select(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    """A value where a constant says so; elsewhere a constant, which is that of a mask."""
    kept, one, other = array_of(given[0]), given[1], given[2]
    only(kept.dtype == bool, "by other things than booleans")
    kept = np.broadcast_to(kept, _size(op))
    if isinstance(other, Value):
        one, other, kept = other, one, ~kept
    if bool(kept.all()):
        return value_of(one)
    return add(importer, op, [value_of(one), np.where(kept, np.float32(0), array_of(other))])


HANDLERS: dict[str, Handler] = {
    "stablehlo.dot_general": _dot,
    "stablehlo.convolution": _convolution,
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.reduce": _reduce,
    "stablehlo.reshape": _reshape,
    "stablehlo.transpose": _transpose,
    "stablehlo.broadcast_in_dim": _broadcast,
    "stablehlo.slice": _slice,
    "stablehlo.concatenate": _concatenate,
    "stablehlo.convert": _convert,
    "stablehlo.select": _select,
    "stablehlo.add": add,
    "stablehlo.subtract": subtract,
    "stablehlo.multiply": multiply,
    "stablehlo.divide": divide,
    "stablehlo.negate": negate,
    "stablehlo.maximum": _maximum,
    "stablehlo.minimum": minimum,
    "stablehlo.logistic": unary(nn.SigmoidOp),
    "stablehlo.tanh": unary(nn.TanhOp),
    "stablehlo.exponential": unary(nn.ExpOp),
    "stablehlo.sqrt": _root,
    "stablehlo.rsqrt": unary(nn.RsqrtOp),
    "chlo.square": _square,
    "chlo.erf": unary(nn.ErfOp),
    "chlo.erfc": _erfc,
}


def _broadcasted(op: stablehlo.BroadcastInDimOp, x: np.ndarray) -> np.ndarray:
    shape = expect(op.result.type, TensorType).get_shape()
    sizes = dict(zip(op.broadcast_dimensions.get_values(), x.shape, strict=True))
    return np.broadcast_to(x.reshape([sizes.get(axis, 1) for axis in range(len(shape))]), shape)


def _dtype(type: TensorType) -> np.dtype:
    """What numpy has for the elements of a constant."""
    kind = type.element_type
    if isinstance(kind, Float32Type):
        return np.dtype("<f4")
    only(isinstance(kind, IntegerType) and kind.width.data in (1, 32, 64), f"of {kind}")
    width = expect(kind, IntegerType).width.data
    return np.dtype(bool if width == 1 else f"<i{width // 8}")


def _elements(op: stablehlo.ConstantOp) -> np.ndarray:
    type = expect(op.output.type, TensorType)
    dtype, data = _dtype(type), op.value
    packed = dtype.kind == "b"
    numbers = np.array(data.get_values(), bool) if packed else np.frombuffer(data.data.data, dtype)
    if numbers.size == 1:
        numbers = numbers.reshape(())
        return np.broadcast_to(numbers, type.get_shape())
    return numbers.reshape(type.get_shape())


def _indices(op: stablehlo.IotaOp) -> np.ndarray:
    type = expect(op.output.type, TensorType)
    shape, axis = type.get_shape(), op.iota_dimension.value.data
    indices = np.arange(shape[axis], dtype=_dtype(type))
    return np.broadcast_to(indices.reshape(-1, *(1,) * (len(shape) - axis - 1)), shape)


def _compared(op: stablehlo.CompareOp, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    only(op.direction.data in COMPARISONS, f"by {op.direction.data}")
    return COMPARISONS[op.direction.data](a, b)


def _sliced(op: stablehlo.SliceOp, x: np.ndarray) -> np.ndarray:
    bounds = [each.get_values() for each in (op.start_indices, op.limit_indices, op.strides)]
    only(all(number >= 0 for each in bounds for number in each), "of indices below zero")
    return x[tuple(slice(*each) for each in zip(*bounds, strict=True))]


def _reduced(op: stablehlo.ReduceOp, x: np.ndarray, init: np.ndarray) -> np.ndarray:
    by = {"stablehlo.add": np.add, "stablehlo.maximum": np.maximum}
    only(op.by.data in by, f"by {op.by.data}")
    return by[op.by.data].reduce(x, axis=op.dimensions.get_values(), initial=init)


COMPARISONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "GE": np.greater_equal,
    "GT": np.greater,
    "LE": np.less_equal,
    "LT": np.less,
}
EVALUATE: dict[str, Callable[..., np.ndarray]] = {
    "stablehlo.constant": lambda _, op: _elements(op),
    "stablehlo.broadcast_in_dim": lambda _, op, x: _broadcasted(op, x),
    "stablehlo.reshape": lambda _, op, x: x.reshape(op.result.type.get_shape()),
    "stablehlo.transpose": lambda _, op, x: x.transpose(op.permutation.get_values()),
    "stablehlo.add": lambda _, op, a, b: a + b,
    "stablehlo.subtract": lambda _, op, a, b: a - b,
    "stablehlo.multiply": lambda _, op, a, b: a * b,
    "stablehlo.divide": lambda _, op, a, b: a / b,
    "stablehlo.negate": lambda _, op, a: -a,
    "stablehlo.maximum": lambda _, op, a, b: np.maximum(a, b),
    "stablehlo.minimum": lambda _, op, a, b: np.minimum(a, b),
    "stablehlo.power": lambda _, op, a, b: a**b,
    "stablehlo.and": lambda _, op, a, b: a & b,
    "stablehlo.or": lambda _, op, a, b: a | b,
    "stablehlo.not": lambda _, op, a: ~a,
    "stablehlo.exponential": lambda _, op, a: np.exp(a),
    "stablehlo.sqrt": lambda _, op, a: np.sqrt(a),
    "stablehlo.rsqrt": lambda _, op, a: 1 / np.sqrt(a),
    "stablehlo.sine": lambda _, op, a: np.sin(a),
    "stablehlo.cosine": lambda _, op, a: np.cos(a),
    "stablehlo.tanh": lambda _, op, a: np.tanh(a),
    "chlo.square": lambda _, op, a: a * a,
    "stablehlo.iota": lambda _, op: _indices(op),
    "stablehlo.compare": lambda _, op, a, b: _compared(op, a, b),
    "stablehlo.select": lambda _, op, p, a, b: np.where(p, a, b),
    "stablehlo.convert": lambda _, op, a: a.astype(_dtype(op.result.type)),
    "stablehlo.slice": lambda _, op, a: _sliced(op, a),
    "stablehlo.concatenate": lambda _, op, *a: np.concatenate(a, op.dimension.value.data),
    "stablehlo.reduce": lambda _, op, a, init: _reduced(op, a, init),
}
"""Operations of constants alone."""

ACTIVATION = "jax.nn.relu, silu, sigmoid, tanh or gelu(approximate=True)"
NEAREST: dict[str, str] = {
    "stablehlo.exponential": ACTIVATION,
    "stablehlo.select": ACTIVATION,
    "stablehlo.compare": ACTIVATION,
    "stablehlo.maximum": "jax.nn.relu",
    "stablehlo.minimum": "jax.nn.relu6",
    "stablehlo.reduce": "a mean over rows and columns, over positions, or over the last axis",
    "stablehlo.pad": "padding of the convolution",
}
"""What to write in the place of operations that are not supported."""
STABLEHLO_OPERATIONS = Operations(HANDLERS, EVALUATE, NEAREST)
