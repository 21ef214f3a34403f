"""What becomes of the ATen operations of a network of tensors: the raised operation of `nn`, at once.

The first axis of all values is that of the examples, and nothing is taken that mixes them. Weights are parameters,
never values. A batch norm becomes a factor and a summand of each channel, which `fold_norms` takes away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from .attention import causality
from .builder import LOGITS
from .graph import Handler, only

if TYPE_CHECKING:
    from .function import FunctionImporter as Importer


def _value(importer: Importer, argument: Any) -> SSAValue:
    """An operand that is computed from the inputs."""
    only(isinstance(argument, Node), "a number in the place of a value")
    value = importer.operand(argument)
    only(not isinstance(value.owner, nn.ParamOp), "a weight in the place of a value")
    return value


def _weights(importer: Importer, *arguments: Any) -> list[SSAValue]:
    """Those of the operands that are there, all of them weights."""
    found = [importer.operand(argument) for argument in arguments if argument is not None]
    only(all(isinstance(w.owner, nn.ParamOp) for w in found), "a value in the place of a weight")
    return found


def _identity(importer: Importer, node: Node) -> SSAValue:
    return _value(importer, node.args[0])


def _first(importer: Importer, node: Node) -> SSAValue:
    only(bool(node.args[1] == 0), "a second result")
    return _value(importer, node.args[0])


def _unary(op: Callable[[SSAValue], Operation]) -> Handler:
    return lambda importer, node: importer.add(op(_value(importer, node.args[0])))


CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "-": ("negated", lambda number: -number),
    "/": ("inverted", lambda number: 1 / number),
}
"""What the second operand becomes where a difference or a quotient is a sum or a product."""


def _element(importer: Importer, argument: Any, change: str = "") -> SSAValue:
    """An operand of a sum or a product; its opposite or, of a constant, its inverse, where that is wanted."""
    if isinstance(argument, int | float):
        only(change != "/" or argument != 0, "by zero")
        return importer.operand(CHANGES[change][1](argument) if change else argument)
    value = importer.operand(argument)
    if not change:
        return value
    if not isinstance(value.owner, nn.ParamOp):
        only(change == "-", "by a value")
        return importer.times(value, -1.0)
    name, (word, changed) = value.owner.param_name, CHANGES[change]
    recipe = importer.weights.recipes[name]
    return importer.param(f"{name}.{word}", nn.shape_of(value), lambda: changed(recipe().double()))


def _binary(op: Callable[[SSAValue, SSAValue], Operation], change: str = "") -> Handler:
    def handler(importer: Importer, node: Node) -> SSAValue:
        only(len(node.args) == 2 and not node.kwargs, "extra arguments")
        lhs, rhs = node.args
        one, other = _element(importer, lhs), _element(importer, rhs, change)
        constant = any(isinstance(v.owner, nn.ParamOp | nn.ConstantOp) for v in (one, other))
        only(constant or _of_rows(one, other), "operands of different shapes")
        return importer.add(op(one, other))

    return handler


def _of_rows(one: SSAValue, other: SSAValue) -> bool:
    """Whether two values have one shape, but for one that has a single number for each row."""
    shape, others = nn.shape_of(one), nn.shape_of(other)
    widths = shape[-1:], others[-1:]
    return shape[:-1] == others[:-1] and (widths[0] == widths[1] or (1,) in widths)


def _reversed(importer: Importer, node: Node) -> SSAValue:
    """A number less a value."""
    only(len(node.args) == 2 and not node.kwargs, "extra arguments")
    value, number = node.args
    return importer.add(nn.AddOp(_element(importer, number), _element(importer, value, "-")))


def _gelu(importer: Importer, node: Node) -> SSAValue:
    x, approximate = _arguments(node)
    op = nn.GeluTanhOp if approximate == "tanh" else nn.GeluOp
    return importer.add(op(_value(importer, x)))


def _elu(importer: Importer, node: Node) -> SSAValue:
    x, *factors = _arguments(node)
    only(all(factor == 1 for factor in factors), f"factors of {factors}, not of 1")
    return importer.add(nn.EluOp(_value(importer, x)))


def _softplus(importer: Importer, node: Node) -> SSAValue:
    x, beta, threshold = _arguments(node)
    only(beta == 1 and threshold >= 20, f"beta {beta} and threshold {threshold}, not 1 and 20")
    return importer.add(nn.SoftplusOp(_value(importer, x)))


def _hardtanh(importer: Importer, node: Node) -> SSAValue:
    x, *bounds = _arguments(node)
    only(bounds == [0, 6], f"bounds of {bounds}, not of 0 and 6")
    return importer.add(nn.Relu6Op(_value(importer, x)))


def _linear(importer: Importer, node: Node) -> SSAValue:
    x, w, bias = _arguments(node)
    return importer.add(nn.LinearOp(_value(importer, x), *_weights(importer, w, bias)))


def _embedding(importer: Importer, node: Node) -> SSAValue:
    table, ids, *_ = _arguments(node)
    (weight,) = _weights(importer, table)
    return importer.embedding(_value(importer, ids), weight)


def _pair(numbers: Any) -> tuple[int, int]:
    """Two numbers, of which PyTorch may give one for both."""
    found = list(numbers) if isinstance(numbers, Sequence) else [numbers]
    only(len(found) in (1, 2) and all(isinstance(n, int) for n in found), f"{numbers!r}")
    return found[0], found[-1]


def _conv2d(importer: Importer, node: Node) -> SSAValue:
    x, w, bias, stride, padding, dilation, groups = _arguments(node)
    only(_pair(dilation) == (1, 1), f"dilation {dilation}")
    value, (weight, *others) = _value(importer, x), _weights(importer, w, bias)
    kernel = nn.shape_of(weight)[2:]
    if padding == "valid":
        padding = 0
    elif padding == "same":
        only(all(k % 2 for k in kernel), f"padding of the same size for a window of {kernel}")
        padding = [k // 2 for k in kernel]
    window: Any = {"stride": _pair(stride), "padding": _pair(padding), "groups": groups}
    return importer.add(nn.Conv2dOp(value, weight, *others, **window))


def _max_pool2d(importer: Importer, node: Node) -> SSAValue:
    x, kernel, stride, padding, dilation, _ = _arguments(node)
    only(_pair(dilation) == (1, 1), f"dilation {dilation}")
    window = {"kernel": _pair(kernel), "stride": _pair(stride or kernel)}
    pool = nn.MaxPool2dOp(_value(importer, x), **window, padding=_pair(padding))
    return importer.add(pool)


def _avg_pool2d(importer: Importer, node: Node) -> SSAValue:
    x, kernel, stride, padding, _, _, divisor = _arguments(node)
    only(_pair(padding) == (0, 0), f"padding {padding}")
    only(divisor is None, "a divisor of its own")
    return importer.mean(_value(importer, x), _pair(kernel), _pair(stride or kernel))


def _adaptive_avg_pool2d(importer: Importer, node: Node) -> SSAValue:
    value = _value(importer, node.args[0])
    size, wanted = nn.shape_of(value)[2:], node.meta["val"].shape[2:]
    divides = all(n % m == 0 for n, m in zip(size, wanted, strict=True))
    only(divides, f"{tuple(size)} does not divide into {tuple(wanted)}")
    kernel = [n // m for n, m in zip(size, wanted, strict=True)]
    return importer.mean(value, kernel, kernel)


def _mean(importer: Importer, node: Node) -> SSAValue:
    """Of images, of positions, or of the rows that a norm divides."""
    x, axes, keep, _ = _arguments(node)
    value = _value(importer, x)
    shape = nn.shape_of(value)
    if keep and {axis % len(shape) for axis in axes or ()} == {len(shape) - 1}:
        return importer.add(nn.MeanOp(value))
    if len(shape) == 3 and {axis % 3 for axis in axes or ()} == {1} and not keep:
        return importer.add(nn.MeanPositionsOp(value, first=0))
    only(len(shape) == 4 and {axis % 4 for axis in axes or ()} == {2, 3}, f"axes {axes}")
    mean = importer.mean(value, shape[2:], (1, 1))
    return mean if keep else importer.add(nn.FlattenOp(mean))


def _view(importer: Importer, node: Node) -> SSAValue:
    return importer.view(_value(importer, node.args[0]), tuple(node.meta["val"].shape))


def _batch_norm(importer: Importer, node: Node) -> SSAValue:
    x, w, b, mean, var, _, eps = node.args

    def numbers(argument: Any) -> torch.Tensor:
        return importer.tensor(argument)

    weights = (None if each is None else numbers(each) for each in (w, b))
    return importer.norm(_value(importer, x), *weights, numbers(mean), numbers(var), float(eps))  # type: ignore[arg-type]


def _permute(axes: Callable[[int, list[Any]], Sequence[int]]) -> Handler:
    """``axes`` of a rank and of the arguments behind the value."""

    def handler(importer: Importer, node: Node) -> SSAValue:
        value, *others = _arguments(node)
        x = _value(importer, value)
        return importer.permute(x, axes(len(nn.shape_of(x)), others))

    return handler


def _swapped(rank: int, others: list[Any]) -> list[int]:
    axes = [*range(rank)]
    one, other = others
    axes[one], axes[other] = axes[other], axes[one]
    return axes


def _slice(importer: Importer, node: Node) -> SSAValue:
    x, axis, start, _, step = _arguments(node)
    value = _value(importer, x)
    size, count = nn.shape_of(value)[axis], node.meta["val"].shape[axis]
    first = min(size, max(0, (start or 0) + (size if (start or 0) < 0 else 0)))
    return importer.slice(value, axis, first, first + (count - 1) * step + 1, step)


def _select(importer: Importer, node: Node) -> SSAValue:
    x, axis, at = node.args
    return importer.select(_value(importer, x), axis, at)  # type: ignore[arg-type]


def _expand(importer: Importer, node: Node) -> SSAValue:
    return importer.expand(_value(importer, node.args[0]), node.meta["val"].shape)


def _repeat_interleave(importer: Importer, node: Node) -> SSAValue:
    x, times, axis, _ = _arguments(node)
    only(isinstance(axis, int), "of no axis")
    return importer.repeat(_value(importer, x), axis, times)


def _stack(importer: Importer, node: Node) -> SSAValue:
    parts, axis = _arguments(node)
    return importer.stack([_value(importer, part) for part in parts], axis)


def _negated(importer: Importer, node: Node) -> SSAValue:
    return importer.times(_value(importer, node.args[0]), -1.0)


def _power(importer: Importer, node: Node) -> SSAValue:
    x, exponent = node.args
    only(isinstance(exponent, int | float), "by a tensor")
    return importer.add(nn.PowOp(_value(importer, x), exponent=float(exponent)))  # type: ignore[arg-type]


def _cast(importer: Importer, node: Node) -> SSAValue:
    """To another type of numbers: real ones are real ones."""
    only(bool(node.meta["val"].dtype.is_floating_point), f"as {node.meta['val'].dtype}")
    return _value(importer, node.args[0])


def _cat(importer: Importer, node: Node) -> SSAValue:
    parts, axis = _arguments(node)
    values = [importer.operand(part) for part in parts]
    return importer.concat(values, axis % len(nn.shape_of(values[0])))


PARTS = ("aten.split.Tensor", "aten.split_with_sizes.default", "aten.chunk.default")
UNBIND = "aten.unbind.int"


def _item(importer: Importer, node: Node) -> SSAValue:
    """One of several results."""
    source, at = node.args
    target = str(source.target)  # type: ignore[union-attr]
    if target not in (*PARTS, UNBIND):
        return _first(importer, node)
    axis = _arguments(source)[-1]  # type: ignore[arg-type]
    value = importer.operand(source)
    if target == UNBIND:
        return importer.select(value, axis, at)  # type: ignore[arg-type]
    sizes = [part.shape[axis] for part in source.meta["val"]]  # type: ignore[union-attr]
    start = sum(sizes[:at])  # type: ignore[misc]
    return importer.slice(value, axis, start, start + sizes[at])  # type: ignore[index]


def _norm(
    importer: Importer, node: Node, ranks: Sequence[int], op: Callable[..., Operation]
) -> SSAValue:
    x, shape, w, *others = _arguments(node)
    value = _value(importer, x)
    width = nn.shape_of(value)[-1:]
    only(tuple(shape) == width and len(nn.shape_of(value)) in ranks, f"over {list(shape)}")
    if w is None:
        weight = importer.param("ones", width, lambda: torch.ones(width))
    else:
        (weight,) = _weights(importer, w)
    return importer.add(op(value, weight, *others))


def _layer_norm(importer: Importer, node: Node) -> SSAValue:
    def made(x: SSAValue, w: SSAValue, b: Any, eps: float, _: bool) -> Operation:
        return nn.LayerNormOp(x, w, *_weights(importer, b), eps=float(eps))

    return _norm(importer, node, (2, 3), made)


def _rms_norm(importer: Importer, node: Node) -> SSAValue:
    def made(x: SSAValue, w: SSAValue, eps: float | None) -> Operation:
        least = torch.finfo(torch.float32).eps if eps is None else eps
        return nn.RMSNormOp(x, w, eps=float(least), offset=0.0)

    return _norm(importer, node, (2, 3, 4), made)


def _matmul(importer: Importer, node: Node) -> SSAValue:
    return importer.matmul(*(importer.operand(x) for x in node.args))


def _softmax(importer: Importer, node: Node) -> SSAValue:
    x, axis, *_ = _arguments(node)
    value = _value(importer, x)
    shape = nn.shape_of(value)
    only(axis % len(shape) == len(shape) - 1, "not over the last axis")
    return importer.add(nn.SoftmaxOp(value))


def _masked(importer: Importer, node: Node) -> SSAValue:
    """Scores, and a number where a constant says so."""
    x, mask, number = node.args
    hidden, value = importer.constant(mask), importer.constant(number)
    return importer.mask(_value(importer, x), lambda: torch.where(hidden(), value(), 0.0))


def _where(importer: Importer, node: Node) -> SSAValue:
    """The same, where the constant says where scores stay."""
    mask, x, number = node.args
    seen, value = importer.constant(mask), importer.constant(number)
    return importer.mask(_value(importer, x), lambda: torch.where(seen(), 0.0, value()))


def _attention(importer: Importer, node: Node) -> SSAValue:
    *operands, mask, dropout, causal, scale, _ = _arguments(node)
    only(not dropout, "dropout")
    q, k, v = (_value(importer, x) for x in operands)
    (*front, rows, width), sources = nn.shape_of(q), nn.shape_of(k)[-2]
    window = None
    if mask is not None:
        causal, window = causality(importer.constant(mask)(), (*front, rows, sources))
    only(not causal or rows == sources, "a causal mask of other keys")
    factor = 1 / math.sqrt(width) if scale is None else scale
    return importer.attention(q, k, v, factor, causal, window)


def _arguments(node: Node) -> list[Any]:
    """All arguments of a node, with the operation's defaults for those that are not given."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    others = schema[len(node.args) :]
    return [*node.args, *(node.kwargs.get(each.name, each.default_value) for each in others)]


HANDLERS: dict[str, Handler] = {
    "aten.alias.default": _identity,
    "aten.clone.default": _identity,
    "aten.contiguous.default": _identity,
    "aten.detach.default": _identity,
    "<built-in function getitem>": _item,
    **dict.fromkeys((*PARTS, UNBIND), _identity),
    "aten.linear.default": _linear,
    "aten.embedding.default": _embedding,
    "aten.conv2d.default": _conv2d,
    "aten.conv2d.padding": _conv2d,
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten.max_pool2d.default": _max_pool2d,
    "aten.avg_pool2d.default": _avg_pool2d,
    "aten.adaptive_avg_pool2d.default": _adaptive_avg_pool2d,
    "aten.mean.dim": _mean,
    "aten.view.default": _view,
    "aten.reshape.default": _view,
    "aten.flatten.using_ints": _view,
    "aten._unsafe_view.default": _view,
    "aten.squeeze.dim": _view,
    "aten.squeeze.dims": _view,
    "aten.unsqueeze.default": _view,
    "aten.transpose.int": _permute(_swapped),
    "aten.permute.default": _permute(lambda _, others: others[0]),
    "aten.slice.Tensor": _slice,
    "aten.select.int": _select,
    "aten.expand.default": _expand,
    "aten.repeat_interleave.self_int": _repeat_interleave,
    "aten.cat.default": _cat,
    "aten.stack.default": _stack,
    "aten.layer_norm.default": _layer_norm,
    "aten.rms_norm.default": _rms_norm,
    "aten.matmul.default": _matmul,
    "aten.bmm.default": _matmul,
    "aten.softmax.int": _softmax,
    "aten._softmax.default": _softmax,
    "aten.masked_fill.Scalar": _masked,
    "aten.masked_fill.Tensor": _masked,
    "aten.where.self": _where,
    "aten.where.ScalarOther": _where,
    "aten.scaled_dot_product_attention.default": _attention,
    "aten.add.Tensor": _binary(nn.AddOp),
    "aten.mul.Tensor": _binary(nn.MulOp),
    "aten.neg.default": _negated,
    "aten.pow.Tensor_Scalar": _power,
    "aten.rsqrt.default": _unary(nn.RsqrtOp),
    "aten.to.dtype": _cast,
    "aten._to_copy.default": _cast,
    "aten.sub.Tensor": _binary(nn.AddOp, "-"),
    "aten.rsub.Scalar": _reversed,
    "aten.div.Tensor": _binary(nn.MulOp, "/"),
    "aten.relu.default": _unary(nn.ReluOp),
    "aten.relu6.default": _unary(nn.Relu6Op),
    "aten.hardtanh.default": _hardtanh,
    "aten.gelu.default": _gelu,
    "aten.silu.default": _unary(nn.SiluOp),
    "aten.sigmoid.default": _unary(nn.SigmoidOp),
    "aten.tanh.default": _unary(nn.TanhOp),
    "aten.elu.default": _elu,
    "aten.celu.default": _elu,
    "aten.selu.default": _unary(nn.SeluOp),
    "aten.softplus.default": _softplus,
    "aten.mish.default": _unary(nn.MishOp),
    "aten.hardswish.default": _unary(nn.HardswishOp),
    "aten.hardsigmoid.default": _unary(nn.HardsigmoidOp),
}

NEAREST: dict[str, str] = {
    "softmax": LOGITS,
    "_softmax": LOGITS,
    "log_softmax": LOGITS,
    "_log_softmax": LOGITS,
    "leaky_relu": "torch.nn.ReLU or torch.nn.SiLU",
    "prelu": "torch.nn.ReLU or torch.nn.SiLU",
    "elu": "torch.nn.ELU with alpha 1",
    "celu": "torch.nn.ELU with alpha 1",
    "softplus": "torch.nn.Softplus with beta 1",
    "exp": "torch.nn.Softplus, or its operand as the output",
    "hardtanh": "torch.nn.ReLU6",
    "clamp": "torch.nn.ReLU6",
    "clamp_min": "torch.nn.ReLU",
    "conv1d": "torch.nn.Conv2d",
    "max_pool1d": "torch.nn.MaxPool2d",
    "adaptive_max_pool2d": "torch.nn.MaxPool2d",
    "max_pool2d_with_indices": "torch.nn.MaxPool2d without indices",
    "layer_norm": "torch.nn.LayerNorm of the last axis",
    "group_norm": "torch.nn.BatchNorm2d",
    "instance_norm": "torch.nn.BatchNorm2d",
    "_native_batch_norm_legit_functional": "a batch norm with running statistics",
    "_native_batch_norm_legit": "a batch norm with running statistics",
    "matmul": "torch.nn.Linear",
    "mm": "torch.nn.Linear",
    "addmm": "torch.nn.Linear",
    "pad": "padding of torch.nn.Conv2d, with padding_mode zeros",
    "div": "weights divided instead",
    "mean": "torch.nn.AdaptiveAvgPool2d(1)",
    "native_dropout": "dropout with training=self.training",
}
"""What to write in the place of operations that are not supported, by their names without overload."""
