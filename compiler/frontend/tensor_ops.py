"""What becomes of the ATen operations of a network of tensors: the raised operation of `nn`, at once.

The first axis of all values is that of the examples, and nothing is taken that mixes them. Weights are parameters,
never values. A batch norm becomes a factor and a summand of each channel, which `fold_norms` takes away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
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
        only(constant or one.type == other.type, "operands of different shapes")
        return importer.add(op(one, other))

    return handler


def _reversed(importer: Importer, node: Node) -> SSAValue:
    """A number less a value."""
    only(len(node.args) == 2 and not node.kwargs, "extra arguments")
    value, number = node.args
    return importer.add(nn.AddOp(_element(importer, number), _element(importer, value, "-")))


def _gelu(importer: Importer, node: Node) -> SSAValue:
    x, approximate = _arguments(node)
    op = nn.GeluTanhOp if approximate == "tanh" else nn.GeluOp
    return importer.add(op(_value(importer, x)))


def _hardtanh(importer: Importer, node: Node) -> SSAValue:
    x, *bounds = _arguments(node)
    only(bounds == [0, 6], f"bounds of {bounds}, not of 0 and 6")
    return importer.add(nn.Relu6Op(_value(importer, x)))


def _linear(importer: Importer, node: Node) -> SSAValue:
    x, w, bias = _arguments(node)
    value = _value(importer, x)
    only(len(nn.shape_of(value)) == 2, "an input that is no row of each example")
    return importer.add(nn.LinearOp(value, *_weights(importer, w, bias)))


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


def _mean_of_image(importer: Importer, node: Node) -> SSAValue:
    x, axes, keep, _ = _arguments(node)
    value = _value(importer, x)
    shape = nn.shape_of(value)
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
    "<built-in function getitem>": _first,
    "aten.linear.default": _linear,
    "aten.conv2d.default": _conv2d,
    "aten.conv2d.padding": _conv2d,
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten.max_pool2d.default": _max_pool2d,
    "aten.avg_pool2d.default": _avg_pool2d,
    "aten.adaptive_avg_pool2d.default": _adaptive_avg_pool2d,
    "aten.mean.dim": _mean_of_image,
    "aten.view.default": _view,
    "aten.reshape.default": _view,
    "aten.flatten.using_ints": _view,
    "aten.squeeze.dim": _view,
    "aten.squeeze.dims": _view,
    "aten.add.Tensor": _binary(nn.AddOp),
    "aten.mul.Tensor": _binary(nn.MulOp),
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
}

LOGITS = "leave it out: of logits the largest stays the largest"
NEAREST: dict[str, str] = {
    "softmax": LOGITS,
    "_softmax": LOGITS,
    "log_softmax": LOGITS,
    "_log_softmax": LOGITS,
    "leaky_relu": "torch.nn.ReLU or torch.nn.SiLU",
    "prelu": "torch.nn.ReLU or torch.nn.SiLU",
    "elu": "torch.nn.SiLU",
    "mish": "torch.nn.SiLU",
    "hardswish": "torch.nn.SiLU",
    "hardsigmoid": "torch.nn.Sigmoid",
    "hardtanh": "torch.nn.ReLU6",
    "clamp": "torch.nn.ReLU6",
    "clamp_min": "torch.nn.ReLU",
    "conv1d": "torch.nn.Conv2d",
    "max_pool1d": "torch.nn.MaxPool2d",
    "adaptive_max_pool2d": "torch.nn.MaxPool2d",
    "max_pool2d_with_indices": "torch.nn.MaxPool2d without indices",
    "layer_norm": "torch.nn.BatchNorm2d",
    "group_norm": "torch.nn.BatchNorm2d",
    "instance_norm": "torch.nn.BatchNorm2d",
    "_native_batch_norm_legit_functional": "a batch norm with running statistics",
    "_native_batch_norm_legit": "a batch norm with running statistics",
    "matmul": "torch.nn.Linear",
    "mm": "torch.nn.Linear",
    "addmm": "torch.nn.Linear",
    "pad": "padding of torch.nn.Conv2d, with padding_mode zeros",
    "view": "torch.flatten(x, 1)",
    "reshape": "torch.flatten(x, 1)",
    "div": "weights divided instead",
    "mean": "torch.nn.AdaptiveAvgPool2d(1)",
    "native_dropout": "dropout with training=self.training",
}
"""What to write in the place of operations that are not supported, by their names without overload."""
