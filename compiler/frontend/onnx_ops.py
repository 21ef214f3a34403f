"""What becomes of the operations of ONNX: what a `builder` makes of them, once their attributes are read.

An operand is a value, which is computed from the inputs, or a constant. The examples are the first axis of what
computes, wherever views put them in between, and nothing is taken that mixes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from .builder import Sides
from .graph import Unsupported, only
from .onnx_node import (
    Constant,
    Handler,
    Node,
    axis_of,
    constant_of,
    numbers_of,
    operand_of,
    param,
    require_numbers,
    value_of,
    weight_of,
)
from .onnx_views import VIEWS

if TYPE_CHECKING:
    from .onnx_file import OnnxImporter as Importer

FLOAT = 1
"""The number of float32 among ONNX's types."""


def _identity(importer: Importer, node: Node) -> SSAValue:
    return value_of(importer, node)


def _cast(importer: Importer, node: Node) -> SSAValue:
    only(node.get("to", 0) == FLOAT, "to other numbers than float32")
    return value_of(importer, node)


def _cast_like(importer: Importer, node: Node) -> SSAValue:
    like = operand_of(importer, node, 1)
    same = not isinstance(like, Constant) or like.array.dtype == np.float32
    only(same, "to other numbers than float32")
    return value_of(importer, node)


def _unary(op: Callable[[SSAValue], Operation]) -> Handler:
    return lambda importer, node: importer.add(op(value_of(importer, node)))


def _gelu(importer: Importer, node: Node) -> SSAValue:
    tanh = node.get("approximate", b"none") == b"tanh"
    return importer.add((nn.GeluTanhOp if tanh else nn.GeluOp)(value_of(importer, node)))


def _attributes_of(op: Callable[[SSAValue], Operation], **wanted: float) -> Handler:
    """An activation whose attributes, by default those that are wanted, are these."""

    def handler(importer: Importer, node: Node) -> SSAValue:
        given = {name: node.get(name, value) for name, value in wanted.items()}
        fits = all(math.isclose(given[name], wanted[name], rel_tol=1e-6) for name in wanted)
        only(fits, f"{given}, not {wanted}")
        return importer.add(op(value_of(importer, node)))

    return handler


def _hard_sigmoid(importer: Importer, node: Node) -> SSAValue:
    slope, offset = node.get("alpha", 0.2), node.get("beta", 0.5)
    fits = math.isclose(slope, 1 / 6, rel_tol=1e-6) and offset == 0.5
    only(fits, f"alpha {slope:.6g} and beta {offset:.6g}, not 1/6 and 1/2")
    return importer.add(nn.HardsigmoidOp(value_of(importer, node)))


def _clip(importer: Importer, node: Node) -> SSAValue:
    low, high = (constant_of(importer, node, index) for index in (1, 2))
    bounds = (
        -math.inf if low is None else low.number,
        math.inf if high is None else high.number,
    )
    only(bounds[0] == 0 and bounds[1] in (6, math.inf), f"bounds of {bounds}, not of 0 and 6")
    op = nn.Relu6Op if bounds[1] == 6 else nn.ReluOp
    return importer.add(op(value_of(importer, node)))


def _pow(importer: Importer, node: Node) -> SSAValue:
    x, exponent = value_of(importer, node), weight_of(importer, node, 1).number
    return importer.add(nn.RsqrtOp(x) if exponent == -0.5 else nn.PowOp(x, exponent=exponent))


def _element(importer: Importer, operand: SSAValue | Constant, change: str = "") -> SSAValue:
    """An operand of a sum or a product; of a constant its opposite ("-") or inverse ("/"), where that is wanted."""
    if isinstance(operand, SSAValue):
        return operand
    array = operand.array.astype(np.float64)
    array = -array if change == "-" else 1 / array if change == "/" else array
    if array.size == 1:
        return importer.add(nn.ConstantOp(float(array.reshape(()))))
    return param(importer, operand, array, f"element{change}")


def _sqrt(importer: Importer, node: Node) -> SSAValue:
    return importer.add(nn.PowOp(value_of(importer, node), exponent=0.5))


def _reciprocal(importer: Importer, node: Node) -> SSAValue:
    return importer.inverse(value_of(importer, node))


def _negated(importer: Importer, node: Node) -> SSAValue:
    return importer.times(value_of(importer, node), -1.0)


def _binary(op: type[nn.BinaryOp], change: str = "") -> Handler:
    """A sum or a product, or of the second operand's opposites or inverses."""

    def handler(importer: Importer, node: Node) -> SSAValue:
        lhs, rhs = (operand_of(importer, node, index) for index in (0, 1))
        if lhs is None or rhs is None:
            raise Unsupported("an operand that is left out")
        other = _element(importer, rhs, change)
        if isinstance(rhs, SSAValue) and change:
            other = importer.times(rhs, -1.0) if change == "-" else importer.inverse(rhs)
        if op is nn.MulOp and isinstance(lhs, Constant) and lhs.array.size == 1:
            return importer.times(other, lhs.number)
        return importer.add(op(_element(importer, lhs), other))

    return handler


def _linear(
    importer: Importer, x: SSAValue, w: Constant, rows: np.ndarray, use: str, bias: SSAValue | None
) -> SSAValue:
    """``rows`` are the weights of each output."""
    only(rows.ndim == 2, f"a weight of shape {rows.shape}")
    weights = [param(importer, w, rows, use), *([] if bias is None else [bias])]
    return importer.add(nn.LinearOp(x, *weights))


def _matmul(importer: Importer, node: Node) -> SSAValue:
    """A linear layer, or a product of values."""
    rhs = operand_of(importer, node, 1)
    if isinstance(rhs, SSAValue):
        return importer.matmul(value_of(importer, node), rhs)
    w = weight_of(importer, node, 1)
    return _linear(importer, value_of(importer, node), w, w.array.T, "columns", None)


def _gemm(importer: Importer, node: Node) -> SSAValue:
    """alpha x w + beta b, w as (inputs, outputs) unless transB."""
    only(not node.get("transA", 0), "transA")
    x, w, b = value_of(importer, node), weight_of(importer, node, 1), constant_of(importer, node, 2)
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
        bias = param(importer, b, numbers, f"bias {beta} {len(rows)}")
    use = f"{'rows' if transposed else 'columns'} {alpha}"
    return _linear(importer, x, w, rows, use, bias)


def _images(importer: Importer, node: Node) -> SSAValue:
    found = value_of(importer, node)
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
    x, w, b = _images(importer, node), weight_of(importer, node, 1), constant_of(importer, node, 2)
    only(w.array.ndim == 4, f"a weight of shape {w.array.shape}")
    stride, sides = _window(node, x, _pair(w.array.shape[2:]))
    weights = [param(importer, w, w.array, "conv")]
    if b is not None:
        weights.append(param(importer, b, b.array, "bias"))
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
    """Of images, of positions, or of each row, as norms have it."""
    x, given = value_of(importer, node), numbers_of(importer, node, 1, "axes")
    shape, keep = nn.shape_of(x), node.get("keepdims", 1)
    rank = len(shape)
    axes = {axis_of(axis, rank) for axis in given}
    if axes == {rank - 1} and rank != 4:
        mean = importer.add(nn.MeanOp(x))
        return mean if keep else importer.view(mean, shape[:-1])
    if rank == 3 and axes == {1} and not keep:
        return importer.add(nn.MeanPositionsOp(x, first=0))
    only(rank == 4 and axes == {2, 3}, f"axes {given}")
    mean = importer.mean(x, shape[2:], (1, 1))
    return mean if keep else importer.add(nn.FlattenOp(mean))


def _layer_norm(importer: Importer, node: Node) -> SSAValue:
    x, w, b = value_of(importer, node), weight_of(importer, node, 1), constant_of(importer, node, 2)
    rank = len(nn.shape_of(x))
    only(axis_of(node.get("axis", -1), rank) == rank - 1, "over more than the last axis")
    weights = [param(importer, w, w.array, "norm")]
    if b is not None:
        weights.append(param(importer, b, b.array, "bias"))
    return importer.add(nn.LayerNormOp(x, *weights, eps=node.get("epsilon", 1e-5)))


def _softmax(importer: Importer, node: Node) -> SSAValue:
    x = value_of(importer, node)
    rank = len(nn.shape_of(x))
    last = axis_of(node.get("axis", -1), rank) == rank - 1
    only(last, "not over the last axis")
    require_numbers(nn.shape_of(x), "scores")
    return importer.add(nn.SoftmaxOp(x))


def _is_nan(importer: Importer, node: Node) -> Constant:
    """No value is: where a softmax would give one, all its scores are hidden, and that is refused."""
    name, shape = node.proto.output[0], nn.shape_of(value_of(importer, node))
    return Constant(name, name, np.broadcast_to(np.False_, shape))


def _where(importer: Importer, node: Node) -> SSAValue:
    """Scores, and a number where a constant says so."""
    chosen = constant_of(importer, node, 0)
    one, other = (operand_of(importer, node, index) for index in (1, 2))
    if chosen is None or one is None or other is None:
        raise Unsupported("an operand that is left out")
    if isinstance(one, SSAValue):
        only(isinstance(other, Constant), "of two values")
        scores, number, seen = one, other, chosen.array
    else:
        scores, number, seen = value_of(importer, node, 2), one, ~chosen.array
    if seen.all():
        return scores
    require_numbers(nn.shape_of(scores), "scores")
    shape = np.broadcast_shapes(seen.shape, number.array.shape, nn.shape_of(scores))  # type: ignore[union-attr]
    only(shape == nn.shape_of(scores), "that repeats a value")
    added = np.where(seen, np.float32(0), number.array.astype(np.float32))  # type: ignore[union-attr]
    return importer.mask(scores, lambda: torch.from_numpy(added))


def _batch_norm(importer: Importer, node: Node) -> SSAValue:
    only(not node.get("training_mode", 0), "statistics of the examples")
    weights = (
        torch.from_numpy(np.array(weight_of(importer, node, index).array, np.float64))
        for index in (1, 2, 3, 4)
    )
    return importer.norm(value_of(importer, node), *weights, eps=node.get("epsilon", 1e-5))


HANDLERS: dict[str, Handler] = {
    **VIEWS,
    "Identity": _identity,
    "Dropout": _identity,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Softmax": _softmax,
    "IsNaN": _is_nan,
    "Where": _where,
    "MaxPool": _max_pool,
    "GlobalMaxPool": _global_max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "ReduceMean": _reduce_mean,
    "Add": _binary(nn.AddOp),
    "Sub": _binary(nn.AddOp, "-"),
    "Mul": _binary(nn.MulOp),
    "Div": _binary(nn.MulOp, "/"),
    "Neg": _negated,
    "Reciprocal": _reciprocal,
    "Sqrt": _sqrt,
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
    "LayerNormalization": "LayerNormalization over the last axis",
    "InstanceNormalization": "BatchNormalization",
    "GroupNormalization": "BatchNormalization",
}
"""What to write in the place of operations that are not supported; "{}" is the operation's first operand."""
