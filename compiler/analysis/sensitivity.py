"""How much a model's predictions change when one of its values is rounded: the Fisher information.

Noise of variance s^2 on the elements of a value changes the distribution of the next token by about

    KL = 1/2 s^2 sum_i E[g_i^2],    g = the gradient of -log p(y) with y drawn from p itself,

in nats a position: to second order the Kullback-Leibler divergence is half the Fisher information
(Kullback, Information Theory and Statistics, 1959, chapter 2). One backward pass over a few hundred
positions estimates sum_i g_i^2 for every value and every weight at once; rounding to f fraction bits
is noise of variance 4^-f / 12. What is independent adds up.

`sensitivities` writes it on the operations of a raised `nn` module, as the attribute

    quant.sensitivity   sum over the elements of the result (the weight) of g^2, a position
    quant.radial        of a norm: the same for the scale of each row, sum of (g . y)^2
    quant.range         of the output layer: the largest difference between two logits of a position

Gradients are taken operation by operation over the values of one evaluation (`VJP`); of a weight
only the sum of squares is made, from products of positions with positions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...errors import UserError, expect
from ..frontend.evaluate import evaluate, rope_angles
from .calibrate import RANGE, logits_op

SENSITIVITY = "quant.sensitivity"
RADIAL = "quant.radial"
# Rows of logits that are in memory at a time.
ROWS = 64
# Positions of one pass, whose values are all in memory.
POSITIONS = 512

Array = np.ndarray
Values = dict[SSAValue, Array]
Totals = dict[tuple[SSAValue, str], float]
"""By value and attribute."""


def sensitivities(
    module: ModuleOp, tensor: Callable[[str], Array], ids: Array, seed: int = 0
) -> None:
    """Annotates a raised module in place; ``ids`` is (sequences, T), of as many tokens as it takes.

    Labels are drawn with a seeded generator, so that compiling twice gives the same circuit.
    """
    output = logits_op(module)
    if not isinstance(output, nn.LinearOp):
        raise UserError("the function must return the logits of a linear layer")
    random = np.random.default_rng(seed)
    total: Totals = defaultdict(float)
    step = max(1, POSITIONS // ids.shape[1])
    for start in range(0, len(ids), step):
        _accumulate(module, output, tensor, ids[start : start + step], random, total)
    for (value, name), number in total.items():
        mean = number if name == RANGE else number / ids.size
        expect(value.owner, Operation).attributes[name] = FloatAttr(mean, f64)


def _accumulate(
    module: ModuleOp,
    output: nn.LinearOp,
    tensor: Callable[[str], Array],
    ids: Array,
    random: np.random.Generator,
    total: Totals,
) -> None:
    """One forward and one backward pass, whose squares are added to ``total``."""
    values: Values = {}
    evaluate(
        module,
        ids,
        tensor,
        observe=lambda op, value: values.__setitem__(op.results[0], value),
        wanted=output.x,
    )
    for op in module.walk():
        if isinstance(op, nn.ParamOp) and op.result not in values:
            values[op.result] = tensor(op.param_name)
    gradients: Values = {output.x: _output(output, values, total, random)}
    for op in reversed(list(module.walk())):
        result = op.results[0] if op.results else None
        if result is None or result not in gradients:
            continue
        gradient = gradients.pop(result)
        squares = float(np.sum(np.square(gradient), dtype=np.float64))
        total[result, SENSITIVITY] += squares
        if isinstance(op, nn.RMSNormOp):
            along = np.sum(gradient * values[result], axis=-1, dtype=np.float64)
            total[result, RADIAL] += float(np.sum(along * along))
        if isinstance(op, nn.EmbeddingOp):
            total[op.table, SENSITIVITY] += squares * op.scale.value.data**2
            continue
        for operand, part in VJP[type(op)](op, gradient, values, total):
            gradients[operand] = gradients[operand] + part if operand in gradients else part


def sensitivity_of(op: Operation) -> float:
    """The recorded sensitivity; 0 where there is none."""
    found = op.attributes.get(SENSITIVITY)
    return found.value.data if isinstance(found, FloatAttr) else 0.0


def _output(op: nn.LinearOp, values: Values, total: Totals, random: np.random.Generator) -> Array:
    """The gradient of the final norm's output for labels drawn from the logits."""
    x, w = values[op.x], values[op.w]
    flat = x.reshape(-1, x.shape[-1])
    gradient = np.empty_like(flat)
    squares = spread = 0.0
    for start in range(0, len(flat), ROWS):
        rows = flat[start : start + ROWS]
        p = rows @ w.T
        p -= p.max(axis=-1, keepdims=True)
        spread = max(spread, -float(p.min()))
        np.exp(p, out=p)
        cumulative = np.cumsum(p, axis=-1, dtype=np.float64)
        drawn = random.random((len(rows), 1)) * cumulative[:, -1:]
        labels = np.minimum((cumulative < drawn).sum(axis=-1), p.shape[-1] - 1)
        p /= cumulative[:, -1:]
        p[np.arange(len(rows)), labels] -= 1
        gradient[start : start + ROWS] = p @ w
        # Labels are independent, so that of the weights' gradient only squares remain on average.
        squares += float(np.sum(np.sum(p * p, axis=1) * np.sum(rows * rows, axis=1)))
    total[op.w, SENSITIVITY] += squares
    total[op.result, RANGE] = max(total[op.result, RANGE], spread)
    return gradient.reshape(x.shape)


Parts = Sequence[tuple[SSAValue, Array]]


def _linear(op: nn.LinearOp, g: Array, values: Values, total: Totals) -> Parts:
    x, w = values[op.x], values[op.w]
    left, right = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
    # |g^T x|^2 summed over its elements, by positions.
    total[op.w, SENSITIVITY] += float(np.sum((left @ left.T) * (right @ right.T), dtype=np.float64))
    return [(op.x, (right @ w).reshape(x.shape))]


def _rms_norm(op: nn.RMSNormOp, g: Array, values: Values, total: Totals) -> Parts:
    x, y, w = values[op.x], values[op.result], values[op.w]
    scale = 1 / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(op.eps.value.data))
    powers = 1.0 if op.exponents is None else 2.0 ** np.array(op.exponents.get_values(), np.float32)
    normalised = x * scale
    by_channel = (g * normalised).reshape(-1, x.shape[-1]).sum(axis=0, dtype=np.float64)
    total[op.w, SENSITIVITY] += float(np.sum(np.square(by_channel)))
    inner = (g * y).mean(axis=-1, keepdims=True)
    return [(op.x, scale * (g * ((1 + w) * powers).astype(np.float32) - normalised * inner))]


def _both(op: nn.AddOp, g: Array, values: Values, total: Totals) -> Parts:
    return [(op.lhs, g), (op.rhs, g)]


def _mul(op: nn.MulOp, g: Array, values: Values, total: Totals) -> Parts:
    return [(op.lhs, g * values[op.rhs]), (op.rhs, g * values[op.lhs])]


def _gelu(op: nn.GeluTanhOp, g: Array, values: Values, total: Totals) -> Parts:
    x = values[op.x]
    c = np.float32(math.sqrt(2 / math.pi))
    t = np.tanh(c * (x + np.float32(0.044715) * x**3))
    slope = (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + np.float32(3 * 0.044715) * x * x)
    return [(op.x, g * slope)]


def _split(op: nn.SplitHeadsOp, g: Array, values: Values, total: Totals) -> Parts:
    return [(op.x, g.swapaxes(-3, -2).reshape(values[op.x].shape))]


def _merge(op: nn.MergeHeadsOp, g: Array, values: Values, total: Totals) -> Parts:
    *front, heads, tokens, width = values[op.x].shape
    return [(op.x, g.reshape(*front, tokens, heads, width).swapaxes(-3, -2))]


def _rope(op: nn.RopeOp, g: Array, values: Values, total: Totals) -> Parts:
    """The transpose of a rotation turns back."""
    half = g.shape[-1] // 2
    cos, sin = (part.astype(np.float32) for part in rope_angles(op, g.shape[-2], half))
    low, high = g[..., :half], g[..., half:]
    return [(op.x, np.concatenate([low * cos + high * sin, high * cos - low * sin], axis=-1))]


def _scores(op: nn.ScoresOp, g: Array, values: Values, total: Totals) -> Parts:
    q, k = values[op.q], values[op.k]
    g = g * np.float32(op.scale.value.data)
    keys = np.repeat(k, q.shape[-3] // k.shape[-3], axis=-3)
    return [(op.q, g @ keys), (op.k, _shared(g.swapaxes(-1, -2) @ q, k.shape[-3]))]


def _softmax(op: nn.MaskedSoftmaxOp, g: Array, values: Values, total: Totals) -> Parts:
    p = values[op.result]
    return [(op.scores, p * (g - np.sum(g * p, axis=-1, keepdims=True)))]


def _attend(op: nn.AttendOp, g: Array, values: Values, total: Totals) -> Parts:
    p, v = values[op.p], values[op.v]
    mixed = np.repeat(v, p.shape[-3] // v.shape[-3], axis=-3)
    return [
        (op.p, g @ mixed.swapaxes(-1, -2)),
        (op.v, _shared(p.swapaxes(-1, -2) @ g, v.shape[-3])),
    ]


def _shared(heads: Array, kv: int) -> Array:
    """(.., H, T, D) summed over the heads that share a key/value head: (.., KV, T, D)."""
    *front, count, tokens, width = heads.shape
    return heads.reshape(*front, kv, count // kv, tokens, width).sum(axis=-3)


VJP: dict[type[Operation], Callable[..., Parts]] = {
    nn.LinearOp: _linear,
    nn.RMSNormOp: _rms_norm,
    nn.AddOp: _both,
    nn.MulOp: _mul,
    nn.GeluTanhOp: _gelu,
    nn.SplitHeadsOp: _split,
    nn.MergeHeadsOp: _merge,
    nn.RopeOp: _rope,
    nn.ScoresOp: _scores,
    nn.MaskedSoftmaxOp: _softmax,
    nn.AttendOp: _attend,
}
