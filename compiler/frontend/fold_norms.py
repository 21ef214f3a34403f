"""A factor and a summand of each channel, which batch norms are in evaluation, become part of a layer beside them.

With y = s x + t by channels, s and t constant:

* x = w v + b, which nothing else reads: y = (s w) v + (s b + t), with s on the rows of w;
* z = w y + b, and the like for all that reads y: z = (w s) x + (b + w t), with s on the columns of w. Of a
  convolution with padding this is not so, whose y is 0 around the image;
* images else: a convolution of each channel with a window of one element.

Where both layers could take it, the one before does. Where nothing else can, a layer whose weights something else
reads too, as in a siamese network, gets a copy of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from xdsl.dialects.builtin import StringAttr, SymbolRefAttr, TensorType, f32
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...errors import expect
from ..modules import fresh

Layer = nn.LinearOp | nn.Conv2dOp
Recipe = Callable[[], torch.Tensor]
"""What makes a weight, in float64 where it is computed."""
UNKNOWN = "0" * 64
"""The SHA-256 of a weight that is not made yet."""


@dataclass
class Weights:
    """The weights that are to be made, by name."""

    recipes: dict[str, Recipe] = field(default_factory=dict)

    def param(self, name: str, shape: tuple[int, ...], recipe: Recipe) -> nn.ParamOp:
        """A new weight, whose name gets a number where it is taken."""
        name = fresh(name, self.recipes)
        self.recipes[name] = recipe
        type, digest = TensorType(f32, shape), StringAttr(UNKNOWN)
        return nn.ParamOp(type, param=SymbolRefAttr(name), sha256=digest)


def fold(block: Block, y: nn.AddOp, weights: Weights) -> bool:
    """Takes the factor s and the summand t of y = x * s + t away. False where no layer can take them."""
    product = expect(y.lhs.owner, nn.MulOp)
    x, maker = product.lhs, product.lhs.owner
    s, t = (weights.recipes.pop(_name(w)) for w in (product.rhs, y.rhs))
    before = [maker] if isinstance(maker, Layer) and _alone(x) and _of_weights(maker) else []
    readers = [use.operation for use in y.result.uses]
    behind = [
        each for each in readers if isinstance(each, Layer) and _takes_columns(each, y.result)
    ]
    behind = behind if len(behind) == len(readers) else []
    image = len(nn.shape_of(x)) == 4
    ways = [(True, before), (False, behind)]
    ready = [(rows, layers) for rows, layers in ways if layers and all(map(_private, layers))]
    copied = [] if image else [(rows, layers) for rows, layers in ways if layers]
    rows, layers = next(iter(ready + copied), (False, []))
    if not layers and not image:
        weights.recipes |= {_name(product.rhs): s, _name(y.rhs): t}
        return False
    for layer in layers:
        _copy_shared(block, layer, weights)
        (_scale_rows if rows else _scale_columns)(block, layer, s, t, weights)
    if not layers:
        x = _by_channel(block, product, y, s, t, weights)
    y.result.replace_all_uses_with(x)
    for op in (y, product):
        Rewriter.erase_op(op)
    return True


def _name(value: SSAValue) -> str:
    return expect(value.owner, nn.ParamOp).param_name


def _alone(value: SSAValue) -> bool:
    """Whether one operation alone reads a value, and once."""
    return len({*value.uses}) == 1


def _of_weights(layer: Layer) -> bool:
    return all(isinstance(w.owner, nn.ParamOp) for w in layer.operands[1:])


def _private(layer: Layer) -> bool:
    """Whether nothing else reads the layer's weights."""
    return all(map(_alone, layer.operands[1:]))


def _copy_shared(block: Block, layer: Layer, weights: Weights) -> None:
    """Gives a layer copies of those of its weights that something else reads."""
    own = [layer.x]
    for w in layer.operands[1:]:
        if not _alone(w):
            made = weights.param(_name(w), nn.shape_of(w), weights.recipes[_name(w)])
            block.insert_op_before(nn.inherit_path(made, layer), layer)
            w = made.result
        own.append(w)
    layer.operands = own


def _takes_columns(reader: Layer, value: SSAValue) -> bool:
    if reader.x is not value or not _of_weights(reader):
        return False
    return isinstance(reader, nn.LinearOp) or not any(reader.padding.get_values())


def _scale_rows(block: Block, layer: Layer, s: Recipe, t: Recipe, weights: Weights) -> None:
    w = weights.recipes[_name(layer.w)]
    rows = (-1, *(1,) * (len(nn.shape_of(layer.w)) - 1))
    b = None if layer.bias is None else weights.recipes[_name(layer.bias)]
    weights.recipes[_name(layer.w)] = lambda: w().double() * s().reshape(rows)
    _set_bias(block, layer, weights, lambda: (b().double() * s() if b else 0) + t())


def _scale_columns(block: Block, layer: Layer, s: Recipe, t: Recipe, weights: Weights) -> None:
    """Input channel c of a group is channel c of the weights of its outputs."""
    w, shape = weights.recipes[_name(layer.w)], nn.shape_of(layer.w)
    groups = layer.groups.value.data if isinstance(layer, nn.Conv2dOp) else 1
    b = None if layer.bias is None else weights.recipes[_name(layer.bias)]

    def by_output(channels: torch.Tensor) -> torch.Tensor:
        """(C) as (O, C / groups, 1, ..)."""
        found = channels.reshape(groups, -1).repeat_interleave(shape[0] // groups, dim=0)
        return found.reshape(*shape[:2], *(1,) * (len(shape) - 2))

    def bias() -> torch.Tensor:
        added = (w().double() * by_output(t())).sum(dim=tuple(range(1, len(shape))))
        return (b().double() if b else 0) + added

    weights.recipes[_name(layer.w)] = lambda: w().double() * by_output(s())
    _set_bias(block, layer, weights, bias)


def _set_bias(block: Block, layer: Layer, weights: Weights, recipe: Recipe) -> None:
    """The layer's bias, made otherwise; one that had none gets one beside its weight."""
    if layer.bias is not None:
        weights.recipes[_name(layer.bias)] = recipe
        return
    name = f"{_name(layer.w).removesuffix('.weight')}.bias"
    made = weights.param(name, nn.shape_of(layer.w)[:1], recipe)
    block.insert_op_before(nn.inherit_path(made, layer), layer)
    layer.operands = [layer.x, layer.w, made.result]


def _by_channel(
    block: Block, product: nn.MulOp, y: nn.AddOp, s: Recipe, t: Recipe, weights: Weights
) -> SSAValue:
    """A convolution of each channel alone."""
    x, channels = product.lhs, nn.shape_of(product.lhs)[1]
    w = weights.param(_name(product.rhs), (channels, 1, 1, 1), lambda: s().reshape(-1, 1, 1, 1))
    b = weights.param(_name(y.rhs), (channels,), t)
    conv = nn.Conv2dOp(x, w.result, b.result, stride=(1, 1), padding=(0, 0), groups=channels)
    block.insert_ops_before([nn.inherit_path(op, y) for op in (w, b, conv)], product)
    return conv.result
