"""Which decoder an integer function is: its configuration, read off the function.

Constants that were rounded to integers are given as the shortest decimal number that rounds to them. Where
all norms of the residual stream have the least eps that there is, that of the others tells the
configuration's up to a power of four, and the shortest number is taken. What is read is no more than a
reading: whether the function *is* the one of that configuration, `requantise` says.

Errors: `UserError` for a function without what is to be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import quant
from ...dialects.interfaces import KeepsScale
from ...errors import UserError
from ..analysis.equalize import LARGEST
from ..analysis.requantise import quantised_eps
from ..modules import main_function
from ..transforms.convert_nn_to_quant import exponentials
from .base import ACTIVATIONS, FULL, SLIDING
from .decoder import Decoder, Style, embedding_scale

OpT = TypeVar("OpT", bound=Operation)
# What configurations have if they don't say.
USUAL_EPS = 1e-6
USUAL_ACTIVATION = "gelu_pytorch_tanh"
# No model has more; each is built.
MOST_LAYERS = 1 << 10
MOST_DIGITS = 17
# A factor in a table of exponentials.
SCALED = re.compile(r"exp\(-x \* ([0-9]+(?:\.[0-9]+)?) /")


def recognise(module: ModuleOp, style: Style) -> Decoder:
    """The configuration of a published function, as that of a decoder of a style."""
    block = main_function(module).body.block
    embedding, argmax = first(block, quant.EmbedOp), first(block, quant.ArgmaxOp)
    layers = next((op for op in block.ops if isinstance(op, quant.LayersOp)), None)
    if layers and layers.layers > MOST_LAYERS:
        raise UserError(f"the function has {layers.layers} layers, more than any model")
    body = layers.body.block if layers else block  # Of one layer, or it is no model's.
    scores, softmax = first(body, quant.ScoresOp), first(body, quant.SoftmaxOp)
    rope = first(body, quant.RopeOp)
    vocabulary, hidden = quant.type_of(embedding.table).shape
    heads, _, dim = quant.type_of(scores.q).shape
    kinds = [FULL if window == 0 else SLIDING for window in softmax.windows.get_values()]
    activation = activation_in(body, softmax)
    cap = _score_cap(softmax) if style.soft_caps else None
    sums = [op.rhs for op in body.ops if isinstance(op, quant.AddOp)]
    deltas = [] if style.norms_behind else [maker_of(value, quant.MatmulOp) for value in sums]
    others: dict[str, Any] = {"score_cap": cap}
    if style.optional_biases:
        others["attention_bias"], others["mlp_bias"] = (
            any(layer.bias is not None for layer in deltas[turn::2]) for turn in (0, 1)
        )
    if style.multipliers and deltas:
        others["delta_scale"] = _parameter(layers, deltas[0].w).factor.value.data
        others["embedding_scale"] = _parameter(None, embedding.table).factor.value.data
        others["logits_divisor"] = _logits_divisor(argmax)
    if style.scaled_embedding:
        others["embedding_scale"] = embedding_scale(hidden)
    return Decoder(
        style=style,
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=quant.type_of(activation.x).shape[-1],
        num_attention_heads=heads,
        num_key_value_heads=quant.type_of(scores.k).shape[0],
        head_dim=dim,
        hidden_activation=activation_of(activation),
        rms_norm_eps=eps_of([op for op in module.walk() if isinstance(op, quant.RmsNormOp)]),
        score_scale=score_scale_of(layers, scores, cap or 1.0),
        layer_types=tuple(kinds),
        sliding_window=next((w for w in softmax.windows.get_values() if w), None),
        rotations=tuple(rope.rotations[kind] for kind in rope.kinds.get_values()),
        tie_word_embeddings=argmax.table is embedding.table,
        **others,
    )


def activation_in(body: Block, softmax: quant.SoftmaxOp) -> quant.TableOp:
    """The table of a layer's feed-forward network: what soft caps scores is none."""
    for op in body.ops:
        if isinstance(op, quant.TableOp) and op.result is not softmax.scores:
            return op
    raise UserError(f"the function has no {quant.TableOp.name} where a model of the family has one")


def eps_range(module: ModuleOp) -> tuple[float, float]:
    """Between which numbers the configuration's eps lies, as the norms of the residual stream tell: each rounds
    it to an integer, of which there is a least, so that the first number is 0 where all have that one."""
    low, high = 0.0, math.inf
    for norm in module.walk():
        if isinstance(norm, quant.RmsNormOp) and _stream(norm.x):
            type = quant.type_of(norm.x)
            unit = type.shape[-1] * 4.0**type.fraction
            for eps in norm.eps.get_values():
                high = min(high, (eps + 0.5) / unit)
                low = max(low, (eps - 0.5) / unit if eps > 1 << quant.MANTISSA_BITS else 0.0)
    return low, high


def first(block: Block, kind: type[OpT]) -> OpT:
    """The first operation of a kind in a block."""
    for op in block.ops:
        if isinstance(op, kind):
            return op
    raise UserError(f"the function has no {kind.name} where a model of the family has one")


def activation_of(op: quant.TableOp) -> str:
    """The configuration's name of the function whose table it is; the usual one if it is none's."""
    sides = quant.type_of(op.x).fraction, quant.type_of(op.result).fraction
    tables = {name: activation.table(*sides) for name, activation in ACTIVATIONS.items()}
    found = (name for name, text in tables.items() if text == op.table.expression.data)
    return next(found, USUAL_ACTIVATION)


def eps_of(norms: list[quant.RmsNormOp]) -> float:
    """The configuration's, from the norm that rounded it least."""
    norm = max((norm for norm in norms if _stream(norm.x)), key=_largest, default=None)
    if norm is None:
        raise UserError("the function has no norm of its residual stream")
    moves = range(1)
    if _largest(norm) == 1 << quant.MANTISSA_BITS:
        norm, moves = max(norms, key=_largest), range(-LARGEST, LARGEST + 1)
    if _largest(norm) == 1 << quant.MANTISSA_BITS:
        return USUAL_EPS  # Any small one makes this function.
    eps, type = _largest(norm), quant.type_of(norm.x)
    exact = eps / (type.shape[-1] * 4.0**type.fraction)
    found = [
        shortest(exact * 4.0**move, lambda v, m=move: quantised_eps(v * 4.0**-m, type) == eps)
        for move in moves
    ]
    return min(found)[-1]


def _largest(norm: quant.RmsNormOp) -> int:
    return max(norm.eps.get_values())


def _stream(value: SSAValue) -> bool:
    """Whether a value is the residual stream, of which nothing is rescaled, or the stream less its mean."""
    if isinstance(value.owner, quant.CenterOp):
        value = value.owner.x
    return isinstance(value, BlockArgument) or isinstance(
        value.owner, quant.EmbedOp | quant.AddOp | quant.SelectOp
    )


def _score_cap(softmax: quant.SoftmaxOp) -> float | None:
    """The factor of scores in the exponentials, if their table is one of scaled scores."""
    fraction, text = quant.type_of(softmax.scores).fraction, softmax.table.expression.data
    found = SCALED.search(text)
    scale = float(found[1]) if found else 1.0
    return scale if scale != 1 and exponentials(fraction, scale) == text else None


def score_scale_of(layers: quant.LayersOp | None, scores: quant.ScoresOp, cap: float) -> float:
    """The attention scale, from the factor of the weight that makes queries: a norm's has the root of its width
    too, and all have one over the cap of scores. One over a root where a decimal number has that root, as
    configurations give it."""
    maker = maker_of(scores.q, quant.RmsNormOp, quant.MatmulOp)
    factor = _parameter(layers, maker.operands[1]).factor.value.data
    unit = _root(maker) if isinstance(maker, quant.RmsNormOp) else 1.0

    def fits(scale: float) -> bool:
        return unit * (scale * (1.0 / cap)) == factor

    scale = factor / unit * cap
    digits, _, scalar = shortest(scale**-2, lambda value: value > 0 and fits(value**-0.5))
    return scalar**-0.5 if digits < MOST_DIGITS else shortest(scale, fits)[-1]


def query_scalar(scale: float) -> float:
    """query_pre_attn_scalar: the number over whose root a scale is one."""
    found = shortest(scale**-2, lambda value: value > 0 and value**-0.5 == scale)[-1]
    return int(found) if found.is_integer() else found


def _logits_divisor(argmax: quant.ArgmaxOp) -> float:
    """From the factor of the final norm's gain."""
    norm = maker_of(argmax.x, quant.RmsNormOp)
    factor, unit = _parameter(None, norm.gain).factor.value.data, _root(norm)
    return shortest(unit / factor, lambda value: value > 0 and unit * (1.0 / value) == factor)[-1]


def _root(norm: quant.RmsNormOp) -> float:
    """That of its width."""
    return math.sqrt(quant.type_of(norm.x).shape[-1])


def maker_of(value: SSAValue, *kinds: type[OpT]) -> OpT:
    """The operation of some kinds that makes a value, behind roundings, rotations and views."""
    passed = quant.RequantizeOp, quant.RopeOp, quant.SelectOp, KeepsScale
    maker = value.owner
    while isinstance(maker, Operation) and isinstance(maker, passed):
        maker = maker.operands[0].owner
    if not isinstance(maker, kinds):
        names = " or ".join(kind.name for kind in kinds)
        raise UserError(f"the function has no {names} where a model of the family has one")
    return maker


def _parameter(layers: quant.LayersOp | None, weight: SSAValue) -> quant.ParamOp:
    """The parameter that a weight is, or of which it is a layer's slice."""
    if layers and isinstance(weight, BlockArgument) and weight in layers.slices:
        weight = layers.params[weight.index - 1]
    if not isinstance(weight.owner, quant.ParamOp):
        raise UserError("the function computes what is a weight in a model of the family")
    return weight.owner


def shortest(found: float, makes_it: Callable[[float], bool]) -> tuple[int, str, float]:
    """The shortest decimal number near one that makes an integer or a factor, or that number in fp32, as
    GGUF files keep it: its digits, its text and its value. `MOST_DIGITS` where none does."""
    for digits in range(MOST_DIGITS):
        text = f"{found:.{digits}e}"
        for value in (float(text), float(np.float32(text))):
            if math.isfinite(value) and makes_it(value):
                return digits, text, value
    return MOST_DIGITS, "", found
