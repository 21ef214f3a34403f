"""Calibration: what magnitudes the model's values take, recorded on the operations of `nn`.

A raised `nn` module is evaluated in fp32 on sequences of tokens, and every operation gets
discardable attributes, in real units:

    quant.range     max |value| of the result; of a parameter max |weight|
    quant.squares   of a norm: least and largest sum over a row of x^2, plus n * eps
    quant.gain      of a norm: max |1 + w|
    quant.row_norm  of a two-dimensional parameter: the largest Euclidean norm of a row

so that `convert-nn-to-quant` is a pass over text and needs neither weights nor data. Ranges cover
all cells that the integer function computes: also scores that the causal mask then hides and the
rows of padding (token 0) behind a short sequence.

Errors: `UserError` for values that are not finite in fp32 and for missing calibration.
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
from ..frontend.evaluate import evaluate

RANGE = "quant.range"
SQUARES = "quant.squares"
GAIN = "quant.gain"
ROW_NORM = "quant.row_norm"


def calibrate(
    module: ModuleOp,
    tensor: Callable[[str], np.ndarray],
    sequences: Iterable[Sequence[int]],
) -> None:
    """Annotates the module in place. `tensor` gives a weight in fp32 by name.

    A sequence may be shorter than the module's T; padding fills it up.
    """
    (tokens,) = (op for op in module.walk() if isinstance(op, nn.TokensOp))
    length = nn.shape_of(tokens.result)[0]
    weights: dict[str, np.ndarray] = {}
    record = _Record()
    for op in module.walk():
        if isinstance(op, nn.ParamOp):
            weight = weights[op.param_name] = tensor(op.param_name)
            if weight.ndim == 2:
                record.largest(op, ROW_NORM, np.linalg.norm(weight.astype(np.float64), axis=1))
    empty = True
    for sequence in sequences:
        ids = np.zeros(length, np.int64)
        ids[: len(sequence)] = sequence
        record.values.clear()
        evaluate(module, ids, weights.__getitem__, observe=record.observe)
        empty = False
    if empty:
        raise UserError("calibration needs at least one sequence of tokens")
    record.write()


def calibration_sequences(
    ids: Sequence[int], tokens: int, vocabulary: int, start: Sequence[int] = (), seed: int = 0
) -> list[list[int]]:
    """Windows of a text's ids, each after `start`, and what keeps unusual input inside the ranges.

    That is: a window cut short, so that padding follows, and windows of arbitrary tokens, among
    them, where they are few, all of the vocabulary.
    """
    length = tokens - len(start)
    windows = text_windows(ids, tokens, start)
    short = [window[: tokens // 2] for window in windows[:1]]
    order = np.random.default_rng(seed).permutation(vocabulary)[: 16 * length].tolist()
    return [*windows, *short, *text_windows(order, tokens, start)]


def text_windows(ids: Sequence[int], tokens: int, start: Sequence[int] = ()) -> list[list[int]]:
    """Consecutive windows of a text, each after `start`, of at most `tokens` tokens."""
    length = tokens - len(start)
    return [[*start, *ids[i : i + length]] for i in range(0, len(ids), length)]


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
        self.values: dict[SSAValue, np.ndarray] = {}
        self.maxima: dict[tuple[Operation, str], float] = {}
        self.squares: dict[nn.RMSNormOp, tuple[float, float]] = {}

    def observe(self, op: Operation, value: np.ndarray) -> None:
        if isinstance(op, nn.TokensOp | ReturnOp):
            return
        self.values[op.results[0]] = value
        self.largest(op, RANGE, value)
        if isinstance(op, nn.RMSNormOp):
            x, w = (self.values[operand].astype(np.float64) for operand in op.operands)
            self.largest(op, GAIN, 1 + w)
            sums = np.sum(x * x, axis=-1) + op.eps.value.data * x.shape[-1]
            least, largest = self.squares.get(op, (math.inf, 0.0))
            self.squares[op] = min(least, float(sums.min())), max(largest, float(sums.max()))

    def largest(self, op: Operation, name: str, values: np.ndarray) -> None:
        value = float(np.max(np.abs(values)))
        if not math.isfinite(value):
            raise UserError(f"{nn.module_path(op) or op.name}: {op.name} is not finite in fp32")
        self.maxima[op, name] = max(value, self.maxima.get((op, name), 0.0))

    def write(self) -> None:
        for (op, name), value in self.maxima.items():
            op.attributes[name] = FloatAttr(value, f64)
        for op, bounds in self.squares.items():
            op.attributes[SQUARES] = DenseArrayBase.from_list(f64, bounds)
