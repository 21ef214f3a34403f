"""Which decoder an integer function is: its configuration, read off the function.

Constants that were rounded to integers are given as the shortest decimal number that rounds to them. Where
all norms of the residual stream have the least eps that there is, that of the others tells the
configuration's up to a power of four, and the shortest number is taken. What is read is no more than a
reading: whether the function *is* the one of that configuration, `requantise` says.

Errors: `UserError` for a function without what is to be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from ...dialects import quant
from ...dialects.interfaces import View
from ...dialects.rotation import Rotation
from ...errors import UserError
from ..analysis.equalize import LARGEST
from ..analysis.requantise import quantised_eps
from ..modules import main_function
from .base import ACTIVATIONS, FULL, SLIDING
from .decoder import Decoder, Style

OpT = TypeVar("OpT", bound=Operation)
# What configurations have if they don't say.
USUAL_EPS = 1e-6
USUAL_ACTIVATION = "gelu_pytorch_tanh"
# No model has more; each is built.
MOST_LAYERS = 1 << 10


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
    rotations: dict[str, Rotation] = {}
    for layer_type, kind in zip(kinds, rope.kinds.get_values(), strict=True):
        rotations.setdefault(layer_type, rope.rotations[kind])
    return Decoder(
        style=style,
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=quant.type_of(first(body, quant.TableOp).x).shape[-1],
        num_attention_heads=heads,
        num_key_value_heads=quant.type_of(scores.k).shape[0],
        head_dim=dim,
        hidden_activation=_activation(first(body, quant.TableOp)),
        rms_norm_eps=_eps([op for op in module.walk() if isinstance(op, quant.RmsNormOp)]),
        query_pre_attn_scalar=_scalar(layers, scores, dim),
        layer_types=tuple(kinds),
        sliding_window=next((w for w in softmax.windows.get_values() if w), None),
        rope=rotations,
        tie_word_embeddings=argmax.table is embedding.table,
    )


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


def _activation(op: quant.TableOp) -> str:
    """The configuration's name of the function whose table it is; the usual one if it is none's."""
    sides = quant.type_of(op.x).fraction, quant.type_of(op.result).fraction
    tables = {name: activation.table(*sides) for name, activation in ACTIVATIONS.items()}
    found = (name for name, text in tables.items() if text == op.table.expression.data)
    return next(found, USUAL_ACTIVATION)


def _eps(norms: list[quant.RmsNormOp]) -> float:
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
        _shortest(exact * 4.0**move, lambda v, m=move: quantised_eps(v * 4.0**-m, type) == eps)
        for move in moves
    ]
    return min(found)[-1]


def _largest(norm: quant.RmsNormOp) -> int:
    return max(norm.eps.get_values())


def _stream(value: SSAValue) -> bool:
    """Whether a value is the residual stream, of which nothing is rescaled."""
    return isinstance(value, BlockArgument) or isinstance(
        value.owner, quant.EmbedOp | quant.AddOp | quant.SelectOp
    )


def _scalar(layers: quant.LayersOp | None, scores: quant.ScoresOp, dim: int) -> float:
    """query_pre_attn_scalar, from the factor of the weight that makes queries: scalar^(-1/2), in a gain times
    sqrt(dim)."""
    value: SSAValue = scores.q
    while isinstance(value.owner, quant.RequantizeOp | quant.RopeOp | View):
        value = value.owner.operands[0]
    maker = value.owner
    if not isinstance(maker, quant.RmsNormOp | quant.MatmulOp):
        raise UserError(
            "the function has neither norm nor linear layer where a model makes queries"
        )
    weight = maker.operands[1]
    if layers and isinstance(weight, BlockArgument) and weight in layers.slices:
        weight = layers.params[weight.index - 1]
    param = weight.owner
    if not isinstance(param, quant.ParamOp):
        raise UserError("what makes queries is no weight")
    factor = param.factor.value.data
    unit = math.sqrt(dim) if isinstance(maker, quant.RmsNormOp) else 1.0
    *_, found = _shortest(
        (unit / factor) ** 2, lambda value: value > 0 and unit * value**-0.5 == factor
    )
    return int(found) if found.is_integer() else found


def _shortest(found: float, makes_it: Callable[[float], bool]) -> tuple[int, str, float]:
    """The shortest decimal number near one that makes an integer or a factor, or that number in fp32, as
    GGUF files keep it: its digits, its text and its value."""
    for digits in range(17):
        text = f"{found:.{digits}e}"
        for value in (float(text), float(np.float32(text))):
            if math.isfinite(value) and makes_it(value):
                return digits, text, value
    return 17, "", found
