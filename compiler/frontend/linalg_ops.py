"""What becomes of `linalg` on tensors: structured operations by their maps and bodies, `tensor` and constants.

An operation all of whose loops are parallel is one of elements: its body is computed on whole tensors. One with a
reduction is a matrix product, if its maps and its body are those. What a destination holds is added where a body
reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    ShapedType,
    TensorType,
)
from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.dialects.linalg.ops import BroadcastOp, FillOp, TransposeOp, YieldOp
from xdsl.ir import Operation
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from ...dialects import nn
from ...errors import expect
from .builder import Sides
from .graph import Unsupported, only
from .text_ops import (
    Handler,
    Operand,
    Operations,
    Padded,
    Value,
    add,
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
from .text_shapes import reshaped, transposed

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer

POSITIVE = ("ogt", "oge", "ugt", "uge")
PREDICATES = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord")
PREDICATES += ("ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true")


@dataclass(frozen=True)
class Begun:
    """Of an activation that a body writes out, ``what`` there is so far of a value."""

    what: str
    value: Value


def _size(op: Operation) -> tuple[int, ...]:
    return expect(op.results[0].type, TensorType).get_shape()


def _filled(operand: Any) -> Any:
    unknown = isinstance(operand, np.ndarray) and bool(np.isnan(operand).any())
    only(not unknown, "of a tensor that is not filled")
    return operand


# Bodies


def _logistic(importer: Importer, op: Operation, begun: Begun) -> Value:
    """1 / (1 + exp(x)), the sigmoid of -x."""
    opposite = negate(importer, op, [begun.value])
    return unary(nn.SigmoidOp)(importer, op, [opposite])


def _scalar(importer: Importer, op: Operation, given: Sequence[Any]) -> Any:
    """An operation of a body, on tensors."""
    numbers = [each for each in given if isinstance(each, np.ndarray)]
    begun = [each for each in given if isinstance(each, Begun)]
    ones = len(numbers) == 1 and bool((numbers[0] == 1).all())
    zeros = bool(numbers) and all(bool((each == 0).all()) for each in numbers)
    if isinstance(op, arith.CmpfOp):
        predicate = PREDICATES[expect(op.predicate, IntegerAttr).value.data]
        sound = predicate in POSITIVE and zeros and isinstance(given[0], Value)
        only(sound, "other than whether a value is above zero")
        return Begun("x > 0", given[0])
    if isinstance(op, arith.SelectOp):
        first = given[0]
        above = isinstance(first, Begun) and first.what == "x > 0"
        kept = above and isinstance(given[1], Value) and given[1] == first.value
        only(kept and zeros, "other than the positive part")
        return maximum(importer, op, given[1:])
    if op.name == "math.exp" and isinstance(given[0], Value):
        return Begun("exp(x)", given[0])
    if begun:
        if op.name == "arith.addf" and ones and begun[0].what == "exp(x)":
            return Begun("1 + exp(x)", begun[0].value)
        known = op.name == "arith.divf" and ones and given[1] == begun[0]
        only(known and begun[0].what == "1 + exp(x)", "in no activation that is known")
        return _logistic(importer, op, begun[0])
    table = SCALARS if len(numbers) < len(given) else OF_NUMBERS
    if op.name not in table:
        raise Unsupported(f"{op.name} in its body")
    found = [_filled(each) for each in given]
    if table is OF_NUMBERS:
        return OF_NUMBERS[op.name](*found)
    return SCALARS[op.name](importer, op, found)


SCALARS: dict[str, Handler] = {
    "arith.addf": add,
    "arith.subf": subtract,
    "arith.mulf": multiply,
    "arith.divf": divide,
    "arith.negf": negate,
    "arith.maximumf": maximum,
    "arith.maxnumf": maximum,
    "arith.minimumf": minimum,
    "arith.minnumf": minimum,
    "math.tanh": unary(nn.TanhOp),
    "math.erf": unary(nn.ErfOp),
}
"""Of bodies, where an operand is a value."""
OF_NUMBERS: dict[str, Callable[..., np.ndarray]] = {
    "arith.addf": np.add,
    "arith.subf": np.subtract,
    "arith.mulf": np.multiply,
    "arith.divf": np.divide,
    "arith.negf": np.negative,
    "arith.maximumf": np.maximum,
    "arith.maxnumf": np.maximum,
    "arith.minimumf": np.minimum,
    "arith.minnumf": np.minimum,
    "math.exp": np.exp,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.sqrt": np.sqrt,
}
"""Likewise, where none is."""


def _place(expr: AffineExpr) -> int | None:
    """The loop that an axis is read along, None for its first entry."""
    if isinstance(expr, AffineDimExpr):
        return expr.position
    only(isinstance(expr, AffineConstantExpr) and expr.value == 0, f"a map with {expr}")
    return None


def _read(importer: Importer, operand: Operand, map: AffineMap, shape: tuple[int, ...]) -> Operand:
    """An operand over all loops, of these sizes."""
    places = [_place(expr) for expr in map.results]
    if isinstance(operand, Value):
        own = importer.shape(operand)
        same = own == shape and all(p in (None, i) for i, p in enumerate(places))
        only(same, f"of a value of {own} by {map}")
        return operand
    if not isinstance(operand, np.ndarray):
        raise Unsupported("of an image with padding")
    if operand.ndim == 0 or not places:
        return np.broadcast_to(operand, shape)
    kept = [i for i, place in enumerate(places) if place is not None]
    only(all(operand.shape[i] == 1 for i in range(len(places)) if i not in kept), "a slice")
    found = operand.reshape([operand.shape[i] for i in kept])
    loops = [expect(places[i], int) for i in kept]
    order = np.argsort(loops)
    sizes = [shape[loop] if loop in loops else 1 for loop in range(len(shape))]
    return np.broadcast_to(found.transpose(order).reshape(sizes), shape)


def _structured(importer: Importer, op: LinalgStructuredOperation, given: Sequence[Any]) -> Any:
    """An operation with maps and a body: of elements, or a matrix product."""
    maps = [each.data for each in op.get_indexing_maps()]
    kinds = [each.data.value for each in op.get_iterator_types()]
    only(len(op.res) == 1, f"with {len(op.res)} results")
    if "reduction" in kinds:
        return _product(importer, op, given, maps)
    only(maps[-1] == AffineMap.identity(len(kinds)), f"that writes by {maps[-1]}")
    shape = _size(op)
    block = op.body.block
    values: dict[Any, Any] = {
        argument: _read(importer, operand, map, shape)
        for argument, operand, map in zip(block.args, given, maps, strict=True)
        if {*argument.uses}
    }
    for inner in block.ops:
        if isinstance(inner, arith.ConstantOp):
            values[inner.results[0]] = np.broadcast_to(_constant(importer, inner), shape)
            continue
        taken = [
            values[each]
            if each in values
            else np.broadcast_to(array_of(importer.values[each]), shape)
            for each in inner.operands
        ]
        if isinstance(inner, YieldOp):
            only(len(taken) == 1 and not isinstance(taken[0], Begun), "an unknown activation")
            return _filled(taken[0])
        values[inner.results[0]] = _scalar(importer, inner, taken)
    raise Unsupported("without a result")


def _product(
    importer: Importer,
    op: LinalgStructuredOperation,
    given: Sequence[Operand],
    maps: Sequence[AffineMap],
) -> Value:
    """Rows times a constant matrix, in either order of its axes, and what the destination holds."""
    places = [[_place(expr) for expr in map.results] for map in maps]
    only(len(given) == 3 and all(len(each) == 2 for each in places), "of no rows and a matrix")
    (row, inner), weights, (first, column) = places
    fits = row == first and {*weights} == {inner, column} and len({row, inner, column}) == 3
    only(fits and _multiplies(op), "that is no product of rows and a matrix")
    x, w = value_of(given[0]), array_of(_filled(given[1]))
    rows = w if weights == [column, inner] else w.T
    weight = param(importer, "linear.weight", rows)
    made = Value(importer.add(nn.LinearOp(x.ssa, weight)), (0, 1))
    return _onto(importer, op, made, given[2])


def _multiplies(op: LinalgStructuredOperation) -> bool:
    """Whether a body adds the product of both operands to the destination."""
    x, w, destination = op.body.block.args
    ops = [*op.body.block.ops]
    if [each.name for each in ops] != ["arith.mulf", "arith.addf", "linalg.yield"]:
        return False
    product, total, end = ops
    operands = {*total.operands} == {product.results[0], destination}
    return {*product.operands} == {x, w} and operands and end.operands[0] == total.results[0]


def _onto(importer: Importer, op: Operation, made: Value, held: Operand) -> Value:
    """The sum of what was computed and what the destination holds."""
    held = _filled(held)
    if isinstance(held, np.ndarray) and not held.any():
        return made
    if isinstance(held, np.ndarray):
        held = np.broadcast_to(held, importer.shape(made))
    return add(importer, op, [made, held])


# Images


IMAGES: dict[str, tuple[str, str]] = {
    "linalg.conv_2d_nchw_fchw": ("bf01", "oi01"),
    "linalg.conv_2d_nhwc_hwcf": ("b01f", "01io"),
    "linalg.conv_2d_nhwc_fhwc": ("b01f", "o01i"),
}
"""How convolutions have the axes of images and of windows."""


def _numbers(op: Operation, name: str) -> tuple[int, int]:
    found = op.properties.get(name) or op.attributes.get(name)
    if found is None:
        return 1, 1
    rows, columns = np.broadcast_to(expect(found, DenseIntOrFPElementsAttr).get_values(), 2)
    return int(rows), int(columns)


def _around(operand: Operand | Padded, number: float) -> tuple[Value, Sides]:
    """An image, and the rows and columns of a number that are beside it."""
    if not isinstance(operand, Padded):
        return value_of(operand), ((0, 0), (0, 0))
    examples, channels, *sides = [operand.sides[axis] for axis in operand.value.axes]
    only(examples == channels == (0, 0), "of examples or channels that are padded")
    only(operand.number == number, f"padded with {operand.number}")
    return operand.value, (sides[0], sides[1])


def _convolution(importer: Importer, op: Operation, given: Sequence[Any]) -> Value:
    images, window = IMAGES[op.name]
    x, sides = _around(given[0], 0)
    axes = tuple(map(images.index, "bf01"))
    only(x.axes == axes, "of images whose axes are in another order")
    only(_numbers(op, "dilations") == (1, 1), "dilated")
    w = array_of(_filled(given[1])).transpose([window.index(name) for name in "oi01"])
    weight = param(importer, "conv.weight", w)
    made = importer.conv2d(x.ssa, [weight], _numbers(op, "strides"), sides, 1)
    return _onto(importer, op, Value(made, axes), given[2])


def _max_pool(importer: Importer, op: Operation, given: Sequence[Any]) -> Value:
    x, sides = _around(given[0], -math.inf)
    only(x.axes == (0, 1, 2, 3), "of images whose axes are in another order")
    only(_numbers(op, "dilations") == (1, 1), "dilated")
    held, kernel = array_of(given[2]), array_of(given[1]).shape
    only(bool((held == -math.inf).all()), "that does not begin with -inf")
    largest = "stablehlo.maximum"
    init, stride = np.float32(-math.inf), _numbers(op, "strides")
    made, _ = pooled(importer, x.ssa, largest, np.asarray(init), kernel, stride, sides)
    return Value(made, x.axes)


def _pad(importer: Importer, op: tensor.PadOp, given: Sequence[Operand]) -> Padded:
    only(len(given) == 1, "by numbers that are computed")
    low, high = (each.get_values() for each in (op.static_low, op.static_high))
    end = expect(op.region.block.last_op, tensor.YieldOp)
    number = importer.values.get(end.operands[0])
    only(isinstance(number, np.ndarray) and number.ndim == 0, "with more than one number")
    sides = tuple((int(a), int(b)) for a, b in zip(low, high, strict=True))
    return Padded(value_of(given[0]), sides, float(expect(number, np.ndarray)))


# Shapes


def _reshape(importer: Importer, op: Operation, given: Sequence[Operand]) -> Value:
    return reshaped(importer, value_of(given[0]), _size(op))


def _transpose(importer: Importer, op: TransposeOp, given: Sequence[Operand]) -> Value:
    order = op.permutation.get_values()
    only(order[0] == 0, "that moves the examples")
    return transposed(value_of(given[0]), order)


# Constants


def _constant(importer: Importer, op: arith.ConstantOp) -> np.ndarray:
    found = op.value
    if isinstance(found, FloatAttr | IntegerAttr):
        return np.asarray(found.value.data, np.float32)
    elements = expect(found, DenseIntOrFPElementsAttr)
    numbers = np.array(elements.get_values(), np.float32)
    shape = expect(elements.type, ShapedType).get_shape()
    return np.broadcast_to(numbers.reshape(shape if numbers.size > 1 else ()), shape)


def _empty(importer: Importer, op: Operation, *given: Operand) -> np.ndarray:
    """What is in it is not known, and may not be read."""
    only(not given, "of a size that is computed")
    return np.broadcast_to(np.float32(math.nan), _size(op))


def _fill(importer: Importer, op: FillOp, number: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.broadcast_to(number, _size(op))


def _broadcast(importer: Importer, op: BroadcastOp, x: np.ndarray, out: np.ndarray) -> np.ndarray:
    added, shape = op.dimensions.get_values(), _size(op)
    sizes = [1 if axis in added else shape[axis] for axis in range(len(shape))]
    return np.broadcast_to(x.reshape(sizes), shape)


ELEMENTS = ("add", "sub", "mul", "max", "min", "copy")
STRUCTURED = ("generic", "matmul", *ELEMENTS)
HANDLERS: dict[str, Handler] = {
    **{f"linalg.{name}": _structured for name in STRUCTURED},
    **dict.fromkeys(IMAGES, _convolution),
    "linalg.pooling_nchw_max": _max_pool,
    "linalg.transpose": _transpose,
    "tensor.pad": _pad,
    "tensor.collapse_shape": _reshape,
    "tensor.reshape": _reshape,
}
EVALUATE: dict[str, Callable[..., np.ndarray]] = {
    "arith.constant": _constant,
    "tensor.empty": _empty,
    "linalg.fill": _fill,
    "linalg.broadcast": _broadcast,
    "linalg.transpose": lambda _, op, x, out: x.transpose(op.permutation.get_values()),
    "tensor.collapse_shape": lambda _, op, x: x.reshape(_size(op)),
    "tensor.expand_shape": lambda _, op, x, *sizes: x.reshape(_size(op)),
    **{
        f"linalg.{name}": lambda importer, op, *given: _structured(importer, op, given)
        for name in ("generic", "exp", *ELEMENTS)
    },
}
"""Operations of constants alone."""
NEAREST: Mapping[str, str] = {
    "linalg.softmax": "its operand: of logits the largest stays the largest",
    "linalg.batch_matmul": "linalg.matmul of rows and a constant matrix",
    "linalg.conv_2d_ngchw_gfchw": "linalg.conv_2d_nchw_fchw",
    "linalg.depthwise_conv_2d_nchw_chw": "linalg.conv_2d_nchw_fchw",
    "linalg.depthwise_conv_2d_nhwc_hwc": "linalg.conv_2d_nhwc_hwcf",
    "linalg.pooling_nchw_sum": "a convolution with a constant window",
    "linalg.pooling_nhwc_max": "linalg.pooling_nchw_max",
    "linalg.reduce": "linalg.pooling_nchw_max, or a convolution with a constant window",
    "linalg.broadcast": "an indexing map of linalg.generic",
    "tensor.expand_shape": "images as inputs",
}
"""What to write in the place of operations that are not supported."""
LINALG_OPERATIONS = Operations(HANDLERS, EVALUATE, NEAREST)
