"""What becomes of the operations of ONNX: what a `builder` makes of them, once their attributes are read.

An operand is a value, which is computed from the inputs, or a constant. A shape with examples has them in the first
axis, and nothing is taken that mixes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from .builder import Sides
from .graph import Unsupported, only

if TYPE_CHECKING:
    import onnx

    from .onnx_file import _OnnxImporter as Importer


@dataclass(frozen=True)
class Constant:
    """A tensor that depends on no input: ``key`` is what the graph calls it, ``name`` what the weight is called."""

    key: str
    name: str
    array: np.ndarray

    @property
    def number(self) -> float:
        """The one number that it is."""
        only(
            self.array.size == 1, f"a constant of shape {self.array.shape} in the place of a number"
        )
        return float(self.array.reshape(()))

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.array.reshape(-1))


@dataclass(frozen=True)
class Node:
    proto: onnx.NodeProto
    name: str

    @property
    def operation(self) -> str:
        domain = self.proto.domain
        return f"{domain}.{self.proto.op_type}" if domain else self.proto.op_type

    @cached_property
    def attributes(self) -> dict[str, Any]:
        from onnx.helper import get_attribute_value  # Who reads the tables below needs no ONNX.

        return {each.name: get_attribute_value(each) for each in self.proto.attribute}

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


FLOAT = 1
"""The number of float32 among ONNX's types."""
Handler = Callable[["Importer", Node], "SSAValue | Constant"]


def _operand(importer: Importer, node: Node, index: int) -> SSAValue | Constant | None:
    names = node.proto.input
    return importer.values[names[index]] if index < len(names) and names[index] else None


def _value(importer: Importer, node: Node, index: int = 0) -> SSAValue:
    found = _operand(importer, node, index)
    if not isinstance(found, SSAValue):
        raise Unsupported("a constant in the place of a value")
    return found


def _constant(importer: Importer, node: Node, index: int) -> Constant | None:
    """An operand that is a constant, or left out."""
    found = _operand(importer, node, index)
    only(not isinstance(found, SSAValue), "a value in the place of a constant")
    return found if isinstance(found, Constant) else None


def _weight(importer: Importer, node: Node, index: int) -> Constant:
    found = _constant(importer, node, index)
    if found is None:
        raise Unsupported("no weight")
    only(np.issubdtype(found.array.dtype, np.floating), f"a weight of {found.array.dtype} numbers")
    return found


def _param(importer: Importer, constant: Constant, array: np.ndarray, use: str = "") -> SSAValue:
    """The weight that a constant is in a use of it; of one constant in one use there is one weight."""
    key = (constant.key, use)
    if key not in importer.params:
        tensor = torch.from_numpy(np.array(array, np.float32))
        importer.params[key] = importer.param(constant.name, array.shape, lambda: tensor)
    return importer.params[key]


def _identity(importer: Importer, node: Node) -> SSAValue:
    return _value(importer, node)


def _cast(importer: Importer, node: Node) -> SSAValue:
    only(node.get("to", 0) == FLOAT, "to other numbers than float32")
    return _value(importer, node)


def _shape(importer: Importer, node: Node) -> Constant:
    shape = importer.shape(_value(importer, node))[node.get("start", 0) : node.get("end", None)]
    name = node.proto.output[0]
    return Constant(name, name, np.array(shape, np.int64))


def _unary(op: Callable[[SSAValue], Operation]) -> Handler:
    return lambda importer, node: importer.add(op(_value(importer, node)))


def _gelu(importer: Importer, node: Node) -> SSAValue:
    tanh = node.get("approximate", b"none") == b"tanh"
    return importer.add((nn.GeluTanhOp if tanh else nn.GeluOp)(_value(importer, node)))


def _attributes_of(op: Callable[[SSAValue], Operation], **wanted: float) -> Handler:
    """An activation whose attributes, by default those that are wanted, are these."""

    def handler(importer: Importer, node: Node) -> SSAValue:
        given = {name: node.get(name, value) for name, value in wanted.items()}
        fits = all(math.isclose(given[name], wanted[name], rel_tol=1e-6) for name in wanted)
        only(fits, f"{given}, not {wanted}")
        return importer.add(op(_value(importer, node)))

    return handler


def _hard_sigmoid(importer: Importer, node: Node) -> SSAValue:
    slope, offset = node.get("alpha", 0.2), node.get("beta", 0.5)
    fits = math.isclose(slope, 1 / 6, rel_tol=1e-6) and offset == 0.5
    only(fits, f"alpha {slope:.6g} and beta {offset:.6g}, not 1/6 and 1/2")
    return importer.add(nn.HardsigmoidOp(_value(importer, node)))


def _clip(importer: Importer, node: Node) -> SSAValue:
    low, high = (_constant(importer, node, index) for index in (1, 2))
    bounds = (
        -math.inf if low is None else low.number,
        math.inf if high is None else high.number,
    )
    only(bounds[0] == 0 and bounds[1] in (6, math.inf), f"bounds of {bounds}, not of 0 and 6")
    op = nn.Relu6Op if bounds[1] == 6 else nn.ReluOp
    return importer.add(op(_value(importer, node)))


def _pow(importer: Importer, node: Node) -> SSAValue:
    exponent = _weight(importer, node, 1).number
    return importer.add(nn.PowOp(_value(importer, node), exponent=exponent))


def _element(importer: Importer, operand: SSAValue | Constant, change: str = "") -> SSAValue:
    """An operand of a sum or a product; of a constant its opposite ("-") or inverse ("/"), where that is wanted."""
    if isinstance(operand, SSAValue):
        return operand
    array = operand.array.astype(np.float64)
    array = -array if change == "-" else 1 / array if change == "/" else array
    if array.size == 1:
        return importer.add(nn.ConstantOp(float(array.reshape(()))))
    return _param(importer, operand, array, f"element{change}")


def _binary(op: type[nn.BinaryOp], change: str = "") -> Handler:
    """A sum or a product, or of the second operand's opposites or inverses."""

    def handler(importer: Importer, node: Node) -> SSAValue:
        lhs, rhs = (_operand(importer, node, index) for index in (0, 1))
        if lhs is None or rhs is None:
            raise Unsupported("an operand that is left out")
        if isinstance(rhs, SSAValue) and change:
            only(change == "-", "by a value")
            return importer.add(op(_element(importer, lhs), importer.times(rhs, -1.0)))
        return importer.add(op(_element(importer, lhs), _element(importer, rhs, change)))

    return handler


def _linear(
    importer: Importer, x: SSAValue, w: Constant, rows: np.ndarray, use: str, bias: SSAValue | None
) -> SSAValue:
    """``rows`` are the weights of each output."""
    only(len(nn.shape_of(x)) == 2, "an input that is no row of each example")
    only(rows.ndim == 2, f"a weight of shape {rows.shape}")
    weights = [_param(importer, w, rows, use), *([] if bias is None else [bias])]
    return importer.add(nn.LinearOp(x, *weights))


def _matmul(importer: Importer, node: Node) -> SSAValue:
    w = _weight(importer, node, 1)
    return _linear(importer, _value(importer, node), w, w.array.T, "columns", None)


def _gemm(importer: Importer, node: Node) -> SSAValue:
    """alpha x w + beta b, w as (inputs, outputs) unless transB."""
    only(not node.get("transA", 0), "transA")
    x, w, b = _value(importer, node), _weight(importer, node, 1), _constant(importer, node, 2)
    alpha, beta, transposed = (
        node.get(name, default) for name, default in (("alpha", 1.0), ("beta", 1.0), ("transB", 0))
    )
    rows = (w.array if transposed else w.array.T) * np.float32(alpha)
    bias = None
    if b is not None:
        only(
            b.array.shape in ((), (1,), (1, 1), rows.shape[:1], (1, *rows.shape[:1])),
            f"a bias of shape {b.array.shape}",
        )
        numbers = np.broadcast_to(b.array.reshape(-1) * np.float32(beta), rows.shape[:1])
        bias = _param(importer, b, numbers, f"bias {beta} {len(rows)}")
    use = f"{'rows' if transposed else 'columns'} {alpha}"
    return _linear(importer, x, w, rows, use, bias)


def _images(importer: Importer, node: Node) -> SSAValue:
    found = _value(importer, node)
    rank = len(nn.shape_of(found))
    only(rank == 4, f"of {rank} axes, not of images (N, C, H, W)")
    return found


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    only(len(numbers) == 2, f"{tuple(numbers)}")
    return numbers[0], numbers[1]


def _window(node: Node, x: SSAValue, kernel: tuple[int, int]) -> tuple[tuple[int, int], Sides]:
    """Stride and padding of a window, which has neither dilation nor windows that are cut off."""
    only(_pair(node.get("dilations", (1, 1))) == (1, 1), f"dilations {node.get('dilations', ())}")
    stride = _pair(node.get("strides", (1, 1)))
    size, auto = nn.shape_of(x)[2:], node.get("auto_pad", b"NOTSET").decode()
    if auto == "NOTSET":
        top, left, bottom, right = node.get("pads", (0, 0, 0, 0))
        sides = ((top, bottom), (left, right))
    elif auto == "VALID":
        sides = ((0, 0), (0, 0))
    else:
        vertical, horizontal = (
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(size, kernel, stride, strict=True)
        )
        sides = (_split(vertical, auto), _split(horizontal, auto))
    if node.get("ceil_mode", 0):
        whole = all(
            (n + sum(pads) - k) % s == 0
            for n, k, s, pads in zip(size, kernel, stride, sides, strict=True)
        )
        only(whole, "ceil_mode, with windows that are cut off")
    return stride, sides


def _split(total: int, auto: str) -> tuple[int, int]:
    less, more = total // 2, total - total // 2
    return (less, more) if auto == "SAME_UPPER" else (more, less)


def _conv(importer: Importer, node: Node) -> SSAValue:
    x, w, b = _images(importer, node), _weight(importer, node, 1), _constant(importer, node, 2)
    only(w.array.ndim == 4, f"a weight of shape {w.array.shape}")
    stride, sides = _window(node, x, _pair(w.array.shape[2:]))
    weights = [_param(importer, w, w.array, "conv")]
    if b is not None:
        weights.append(_param(importer, b, b.array, "bias"))
    return importer.conv2d(x, weights, stride, sides, node.get("group", 1))


def _same_sides(sides: Sides) -> tuple[int, int]:
    only(all(a == b for a, b in sides), f"padding {sides} that differs between sides")
    return sides[0][0], sides[1][0]


def _max_pool(importer: Importer, node: Node) -> SSAValue:
    x, kernel = _images(importer, node), _pair(node.get("kernel_shape", ()))
    only(len(node.proto.output) == 1 or not node.proto.output[1], "indices of what is largest")
    stride, sides = _window(node, x, kernel)
    pool = nn.MaxPool2dOp(x, kernel=kernel, stride=stride, padding=_same_sides(sides))
    return importer.add(pool)


def _average_pool(importer: Importer, node: Node) -> SSAValue:
    x, kernel = _images(importer, node), _pair(node.get("kernel_shape", ()))
    stride, sides = _window(node, x, kernel)
    only(sides == ((0, 0), (0, 0)), f"padding {sides}")
    return importer.mean(x, kernel, stride)


def _global_average_pool(importer: Importer, node: Node) -> SSAValue:
    x = _images(importer, node)
    return importer.mean(x, nn.shape_of(x)[2:], (1, 1))


def _global_max_pool(importer: Importer, node: Node) -> SSAValue:
    x = _images(importer, node)
    pool = nn.MaxPool2dOp(x, kernel=nn.shape_of(x)[2:], stride=(1, 1), padding=(0, 0))
    return importer.add(pool)


def _reduce_mean(importer: Importer, node: Node) -> SSAValue:
    x, axes = _images(importer, node), _constant(importer, node, 1)
    given = node.get("axes", ()) if axes is None else axes.numbers
    only({axis % 4 for axis in given} == {2, 3}, f"axes {tuple(given)}")
    mean = importer.mean(x, nn.shape_of(x)[2:], (1, 1))
    return mean if node.get("keepdims", 1) else importer.add(nn.FlattenOp(mean))


def _batch_norm(importer: Importer, node: Node) -> SSAValue:
    only(not node.get("training_mode", 0), "statistics of the examples")
    weights = (
        torch.from_numpy(np.array(_weight(importer, node, index).array, np.float64))
        for index in (1, 2, 3, 4)
    )
    return importer.norm(_value(importer, node), *weights, eps=node.get("epsilon", 1e-5))


def _flatten(importer: Importer, node: Node) -> SSAValue:
    x = _value(importer, node)
    shape, axis = importer.shape(x), node.get("axis", 1)
    split = axis + len(shape) if axis < 0 else axis
    return _viewed(importer, x, (math.prod(shape[:split]), math.prod(shape[split:])))


def _reshape(importer: Importer, node: Node) -> SSAValue:
    x, wanted = _value(importer, node), _constant(importer, node, 1)
    before, numbers = importer.shape(x), () if wanted is None else wanted.numbers
    copied = not node.get("allowzero", 0)
    only(not copied or 0 not in numbers[len(before) :], f"{before} as {numbers}")
    after = [before[i] if n == 0 and copied else n for i, n in enumerate(numbers)]
    if -1 in after:
        rest = math.prod(n for n in after if n != -1)
        after[after.index(-1)] = math.prod(before) // max(rest, 1)
    return _viewed(importer, x, after)


def _squeeze(importer: Importer, node: Node) -> SSAValue:
    x, axes = _value(importer, node), _constant(importer, node, 1)
    shape = importer.shape(x)
    one = [axis for axis, n in enumerate(shape) if n == 1]
    gone = one if axes is None else [axis % len(shape) for axis in axes.numbers]
    return _viewed(importer, x, [n for axis, n in enumerate(shape) if axis not in gone])


def _softmax(importer: Importer, node: Node) -> SSAValue:
    x, axis = _value(importer, node), node.get("axis", -1)
    rank = len(importer.shape(x))
    only(axis % rank == rank - 1, "not over the last axis")
    return importer.add(nn.SoftmaxOp(x))


def _viewed(importer: Importer, x: SSAValue, after: Sequence[int]) -> SSAValue:
    return importer.view(x, importer.of_batch(after))


HANDLERS: dict[str, Handler] = {
    "Identity": _identity,
    "Dropout": _identity,
    "Cast": _cast,
    "Shape": _shape,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "MaxPool": _max_pool,
    "GlobalMaxPool": _global_max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "ReduceMean": _reduce_mean,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Add": _binary(nn.AddOp),
    "Sub": _binary(nn.AddOp, "-"),
    "Mul": _binary(nn.MulOp),
    "Div": _binary(nn.MulOp, "/"),
    "Relu": _unary(nn.ReluOp),
    "Clip": _clip,
    "Gelu": _gelu,
    "Erf": _unary(nn.ErfOp),
    "Pow": _pow,
    "Sigmoid": _unary(nn.SigmoidOp),
    "Tanh": _unary(nn.TanhOp),
    "Elu": _attributes_of(nn.EluOp, alpha=1.0),
    "Celu": _attributes_of(nn.EluOp, alpha=1.0),
    "Selu": _attributes_of(nn.SeluOp, alpha=nn.SeluOp.ALPHA, gamma=nn.SeluOp.SCALE),
    "Softplus": _unary(nn.SoftplusOp),
    "Mish": _unary(nn.MishOp),
    "HardSwish": _unary(nn.HardswishOp),
    "HardSigmoid": _hard_sigmoid,
    "Softmax": _softmax,
}

LOGITS = 'what it is of, outputs=["{}"]: of logits the largest stays the largest'
NEAREST: dict[str, str] = {
    "Softmax": LOGITS,
    "LogSoftmax": LOGITS,
    "ArgMax": LOGITS,
    "LeakyRelu": "Relu",
    "PRelu": "Relu",
    "Elu": "Elu with alpha 1",
    "Celu": "Elu with alpha 1",
    "HardSigmoid": "HardSigmoid with alpha 1/6 and beta 1/2",
    "Clip": "Clip with bounds of 0 and 6",
    "Pad": "pads of Conv",
    "LayerNormalization": "BatchNormalization",
    "InstanceNormalization": "BatchNormalization",
    "GroupNormalization": "BatchNormalization",
    "Reshape": "Flatten",
    "Transpose": "images as (N, C, H, W) throughout",
}
"""What to write in the place of operations that are not supported; "{}" is the operation's first operand."""
