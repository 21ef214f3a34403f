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

Gradients are taken operation by operation (`interfaces.Differentiable`) over the values of one evaluation;
of a weight only the sum of squares is made, from products of positions with positions.

Errors: `UserError` for an operation that passes no gradients back.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...dialects.interfaces import Array, Differentiable, Normalises
from ...errors import UserError, expect
from ..frontend.evaluate import evaluate
from .calibrate import RANGE, logits_op

SENSITIVITY = "quant.sensitivity"
RADIAL = "quant.radial"
# Rows of logits that are in memory at a time.
ROWS = 64
# Positions of one pass, whose values are all in memory.
POSITIONS = 512

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
        if isinstance(op, Normalises):
            bias = values[op.operands[2]] if len(op.operands) > 2 else 0
            along = np.sum(gradient * (values[result] - bias), axis=-1, dtype=np.float64)
            total[result, RADIAL] += float(np.sum(along * along))
        if not op.operands:
            continue
        if not isinstance(op, Differentiable):
            where = nn.module_path(op) or "the model"
            raise UserError(f"{where}: {op.name} passes no gradients back")
        for weight, number in op.weight_squares(gradient, values):
            total[weight, SENSITIVITY] += number
        for operand, part in op.gradients(gradient, values):
            gradients[operand] = gradients[operand] + part if operand in gradients else part


def sensitivity_of(op: Operation, name: str = SENSITIVITY) -> float:
    """The recorded sensitivity, or that of a norm's rows; 0 where there is none, `UserError` where it is no
    finite number of at least 0."""
    found = op.attributes.get(name)
    if found is None:
        return 0.0
    value = found.value.data if isinstance(found, FloatAttr) else math.nan
    if not 0 <= value < math.inf:
        where = nn.module_path(op) or "the model"
        raise UserError(f"{where}: {op.name}: {name} is {value}, not a finite number of at least 0")
    return value


def _output(op: nn.LinearOp, values: Values, total: Totals, random: np.random.Generator) -> Array:
    """The gradient of the final norm's output for labels drawn from the logits."""
    x, w = values[op.x], values[op.w]
    flat = x.reshape(-1, x.shape[-1])
    gradient = np.empty_like(flat)
    squares = spread = 0.0
    for start in range(0, len(flat), ROWS):
        rows = flat[start : start + ROWS]
        p = rows @ w.T
        p *= np.float32(op.factor)
        p -= p.max(axis=-1, keepdims=True)
        spread = max(spread, -float(p.min()))
        np.exp(p, out=p)
        cumulative = np.cumsum(p, axis=-1, dtype=np.float64)
        drawn = random.random((len(rows), 1)) * cumulative[:, -1:]
        labels = np.minimum((cumulative < drawn).sum(axis=-1), p.shape[-1] - 1)
        p /= cumulative[:, -1:]
        p[np.arange(len(rows)), labels] -= 1
        p *= np.float32(op.factor)
        gradient[start : start + ROWS] = p @ w
        # Labels are independent, so that of the weights' gradient only squares remain on average.
        squares += float(np.sum(np.sum(p * p, axis=1) * np.sum(rows * rows, axis=1)))
    total[op.w, SENSITIVITY] += squares
    total[op.result, RANGE] = max(total[op.result, RANGE], spread)
    return gradient.reshape(x.shape)
