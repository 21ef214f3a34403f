"""What becomes of the operations of StableHLO: what a `builder` makes of them, and what they are of constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import Float32Type, IntegerAttr, TensorType

from ...dialects import nn, stablehlo
from ...errors import expect
from .graph import only
from .text_ops import (
    Handler,
    Operand,
    Operations,
    Value,
    add,
    array_of,
    columns_of,
    divide,
    flattened,
    maximum,
    minimum,
    multiply,
    negate,
    param,
    pooled,
    subtract,
    transposed,
    unary,
    value_of,
)

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer


def _dot(importer: Importer, op: stablehlo.DotGeneralOp, given: Sequence[Operand]) -> Value:
    only(op.lhs_batching is None and op.rhs_batching is None, "batching dimensions")
    x, w = value_of(given[0]), array_of(given[1])
    only(len(x.axes) == 2 and w.ndim == 2, "of other things than rows and a matrix")
    only(op.lhs_contracting.get_values() == (1,), "over the examples")
    (side,) = op.rhs_contracting.get_values()
    rows = (w if side == 1 else w.T)[:, columns_of(x)]
    weight = param(importer, "linear.weight", rows)
    return Value(importer.add(nn.LinearOp(x.ssa, weight)), (0, 1))


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
    """The sum of each channel of an image, or its maximum."""
    x, init = value_of(given[0]), array_of(given[1])
    only(
        len(x.axes) == 4 and {*op.dimensions.get_values()} == {*x.axes[2:]},
        f"over axes {op.dimensions.get_values()}, not rows and columns of images",
    )
    size = nn.shape_of(x.ssa)[2:]
    found, times = pooled(importer, x.ssa, op.by.data, init, size, (1, 1), ((0, 0), (0, 0)))
    return Value(importer.times(importer.add(nn.FlattenOp(found)), times), (0, 1))


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


def _reshape(importer: Importer, op: stablehlo.ReshapeOp, given: Sequence[Operand]) -> Value:
    after = expect(op.result.type, TensorType).get_shape()
    return flattened(importer, value_of(given[0]), after)


def _transpose(importer: Importer, op: stablehlo.TransposeOp, given: Sequence[Operand]) -> Value:
    return transposed(value_of(given[0]), op.permutation.get_values())


def _broadcast(
    importer: Importer, op: stablehlo.BroadcastInDimOp, given: Sequence[Operand]
) -> Value:
    x = value_of(given[0])
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
    "stablehlo.add": add,
    "stablehlo.subtract": subtract,
    "stablehlo.multiply": multiply,
    "stablehlo.divide": divide,
    "stablehlo.negate": negate,
    "stablehlo.maximum": maximum,
    "stablehlo.minimum": minimum,
    "stablehlo.logistic": unary(nn.SigmoidOp),
    "stablehlo.tanh": unary(nn.TanhOp),
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
    "stablehlo.constant": lambda _, op: _elements(op),
    "stablehlo.broadcast_in_dim": lambda _, op, x: _broadcasted(op, x),
    "stablehlo.reshape": lambda _, op, x: x.reshape(op.result.type.get_shape()),
    "stablehlo.transpose": lambda _, op, x: x.transpose(op.permutation.get_values()),
    "stablehlo.add": lambda _, op, a, b: a + b,
    "stablehlo.subtract": lambda _, op, a, b: a - b,
    "stablehlo.multiply": lambda _, op, a, b: a * b,
    "stablehlo.divide": lambda _, op, a, b: a / b,
    "stablehlo.negate": lambda _, op, a: -a,
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
STABLEHLO_OPERATIONS = Operations(HANDLERS, EVALUATE, NEAREST)
