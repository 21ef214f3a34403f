"""Calibration: what magnitudes the model's values take, recorded on the operations of `nn`.

A raised `nn` module is evaluated in fp32 on sequences of tokens, one operation at a time, and every
operation gets discardable attributes, in real units:

    quant.range     max |value| of the result; of a parameter max |weight|
    quant.squares   of a norm: least and largest sum over a row of x^2, eps included
    quant.gain      of a norm: max |1 + w|
    quant.row_norm  of a two-dimensional parameter: the largest Euclidean norm of a row

so that `convert-nn-to-quant` is a pass over text and needs neither weights nor data. Ranges cover
all cells that the integer function computes, also scores that the causal mask then hides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...errors import UserError

RANGE = "quant.range"
SQUARES = "quant.squares"
GAIN = "quant.gain"
ROW_NORM = "quant.row_norm"

Values = dict[SSAValue, np.ndarray]


def calibrate(
    module: ModuleOp,
    tensor: Callable[[str], np.ndarray],
    sequences: Iterable[Sequence[int]],
) -> np.ndarray:
    """Annotates the module in place; returns the logits (n, vocab) of the last sequence.

    `tensor` gives a weight in fp32 by name. A sequence may be shorter than the module's T.
    """
    block = main_function(module).body.block
    record = _Record()
    params: Values = {}
    for op in block.ops:
        if isinstance(op, nn.ParamOp):
            weights = tensor(op.param_name)
            params[op.result] = weights
            record.largest(op, RANGE, weights)
            if weights.ndim == 2:
                record.largest(op, ROW_NORM, np.linalg.norm(weights.astype(np.float64), axis=1))
    logits: np.ndarray | None = None
    for sequence in sequences:
        logits = _run(block.ops, np.asarray(sequence, np.int64), dict(params), record)
    if logits is None:
        raise UserError("calibration needs at least one sequence of tokens")
    record.write()
    return logits


def calibration_sequences(
    ids: Sequence[int], tokens: int, vocabulary: int, start: Sequence[int] = (), seed: int = 0
) -> list[list[int]]:
    """Windows of a text's ids, each after `start`, and what keeps unusual input inside the ranges.

    That is: a window cut short by padding (token 0), which fills up the causal pass, and windows of
    arbitrary tokens, among them, where they are few, all of the vocabulary.
    """
    length = tokens - len(start)
    windows = [[*start, *ids[i : i + length]] for i in range(0, len(ids), length)]
    padded = [[*window[: tokens // 2], *[0] * (tokens // 2)] for window in windows[:1]]
    order = np.random.default_rng(seed).permutation(vocabulary)[: 16 * length].tolist()
    unusual = [[*start, *order[i : i + length]] for i in range(0, len(order), length)]
    return [window for window in (*windows, *padded, *unusual) if window]


def main_function(module: ModuleOp) -> FuncOp:
    """The one function of a module."""
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    if len(functions) != 1:
        raise UserError(f"expected a module of one function, found {len(functions)}")
    return functions[0]


def range_of(op: Operation, name: str = RANGE) -> float:
    """A recorded number; `UserError` where calibration did not leave one."""
    attribute = op.attributes.get(name)
    if not isinstance(attribute, FloatAttr):
        path = nn.module_path(op) or op.name
        raise UserError(f"{path}: {op.name} has no {name}; calibrate the module first")
    return attribute.value.data


def squares_of(op: Operation) -> tuple[float, float]:
    """The recorded least and largest sum of squares of a norm's rows."""
    attribute = op.attributes.get(SQUARES)
    if not isinstance(attribute, DenseArrayBase):
        raise UserError(f"{nn.module_path(op)}: norm without {SQUARES}; calibrate the module first")
    least, largest = attribute.get_values()
    return float(least), float(largest)


class _Record:
    """Largest (and for rows of norms least) values seen, written to the operations at the end."""

    def __init__(self) -> None:
        self.maxima: dict[tuple[Operation, str], float] = {}
        self.squares: dict[Operation, tuple[float, float]] = {}

    def largest(self, op: Operation, name: str, values: np.ndarray) -> None:
        value = float(np.max(np.abs(values)))
        if not math.isfinite(value):
            raise UserError(f"{nn.module_path(op) or op.name}: {op.name} is not finite in fp32")
        self.maxima[op, name] = max(value, self.maxima.get((op, name), 0.0))

    def rows(self, op: Operation, sums: np.ndarray) -> None:
        least, largest = self.squares.get(op, (math.inf, 0.0))
        self.squares[op] = min(least, float(sums.min())), max(largest, float(sums.max()))

    def write(self) -> None:
        for (op, name), value in self.maxima.items():
            op.attributes[name] = FloatAttr(value, f64)
        for op, bounds in self.squares.items():
            op.attributes[SQUARES] = DenseArrayBase.from_list(f64, bounds)


def _run(ops: Iterable[Operation], ids: np.ndarray, values: Values, record: _Record) -> np.ndarray:
    for op in ops:
        if isinstance(op, nn.ParamOp):
            continue
        if isinstance(op, nn.TokensOp):
            values[op.result] = ids
            continue
        if isinstance(op, ReturnOp):
            return values[op.operands[0]]
        evaluate = EVALUATORS.get(type(op))
        if evaluate is None:
            raise UserError(
                f"{nn.module_path(op) or 'the model'}: {op.name} can not be quantised; raise the "
                "module first"
            )
        result = evaluate(op, *(values[operand] for operand in op.operands))
        if isinstance(op, nn.RMSNormOp):
            x, w = (values[operand].astype(np.float64) for operand in op.operands)
            record.rows(op, np.sum(x * x, axis=-1) + op.eps.value.data * x.shape[-1])
            record.largest(op, GAIN, 1 + w)
        record.largest(op, RANGE, result)
        values[op.results[0]] = result
    raise UserError("the function does not return its logits")


def _rms_norm(op: nn.RMSNormOp, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    mean = np.mean(x * x, axis=-1, keepdims=True, dtype=np.float64) + op.eps.value.data
    return (x * (1 / np.sqrt(mean)).astype(np.float32)) * (1 + w)


def _split_heads(op: nn.SplitHeadsOp, x: np.ndarray) -> np.ndarray:
    return x.reshape(x.shape[0], op.heads.value.data, -1).swapaxes(0, 1)


def _merge_heads(op: nn.MergeHeadsOp, x: np.ndarray) -> np.ndarray:
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def _rope(op: nn.RopeOp, x: np.ndarray) -> np.ndarray:
    half = x.shape[2] // 2
    power = np.arange(half) / half
    angle = np.arange(x.shape[1])[:, None] * op.theta.value.data**-power / op.factor.value.data
    cos, sin = (np.tile(f(angle), 2).astype(np.float32) for f in (np.cos, np.sin))
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], axis=-1) * sin


def _heads(kv: np.ndarray, heads: int) -> np.ndarray:
    return np.repeat(kv, heads // kv.shape[0], axis=0)


def _scores(op: nn.ScoresOp, q: np.ndarray, k: np.ndarray) -> np.ndarray:
    return q @ _heads(k, q.shape[0]).swapaxes(1, 2) * np.float32(op.scale.value.data)


def _softmax(op: nn.MaskedSoftmaxOp, scores: np.ndarray) -> np.ndarray:
    window = 0 if op.window is None else op.window.value.data
    age = np.arange(scores.shape[1])[:, None] - np.arange(scores.shape[2])
    seen = (age >= 0) & ((window == 0) | (age < window))
    scores = np.where(seen, scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _gelu(op: nn.GeluTanhOp, x: np.ndarray) -> np.ndarray:
    inner = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


EVALUATORS: dict[type[Operation], Callable[..., np.ndarray]] = {
    nn.EmbeddingOp: lambda op, ids, table: table[ids] * np.float32(op.scale.value.data),
    nn.LinearOp: lambda op, x, w: x @ w.T,
    nn.RMSNormOp: _rms_norm,
    nn.SplitHeadsOp: _split_heads,
    nn.MergeHeadsOp: _merge_heads,
    nn.RopeOp: _rope,
    nn.ScoresOp: _scores,
    nn.MaskedSoftmaxOp: _softmax,
    nn.AttendOp: lambda op, p, v: p @ _heads(v, p.shape[0]),
    nn.GeluTanhOp: _gelu,
    nn.MulOp: lambda op, a, b: a * b,
    nn.AddOp: lambda op, a, b: a + b,
}
