"""Calibration: what magnitudes the model's values take, recorded on the operations of `nn`.

A raised `nn` module is evaluated in fp32 on sequences of tokens, and every operation but the output
layer, whose numbers follow from its weights, gets discardable attributes, in real units:

    quant.range     max |value| of the result; of a parameter max |weight|
    quant.squares   of a norm: least and largest sum over a row of x^2, plus n * eps
    quant.gain      of a norm: max |(1 + w) * 2^exponent|
    quant.bias      of a norm with a bias: max |bias * 2^exponent|
    quant.row_norm  of a two-dimensional parameter: the largest Euclidean norm of a row

Channels are equalised on the way (`equalize`), and ranges are those after it. All this is written so that
`plan-scales` is a pass over text and needs neither weights nor data. Ranges cover all cells that the
integer function computes: also scores that the causal mask then hides and the rows of padding (token 0)
behind a short sequence.

Errors: `UserError` for values that are not finite in fp32 and for missing calibration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64
from xdsl.ir import Operation

from ...dialects import nn
from ...dialects.interfaces import Normalises
from ...errors import UserError, expect
from ..frontend.evaluate import evaluate
from ..modules import main_function
from .equalize import equalize_channels

RANGE = "quant.range"
SQUARES = "quant.squares"
GAIN = "quant.gain"
BIAS = "quant.bias"
ROW_NORM = "quant.row_norm"

# Positions evaluated at a time: enough to use each weight well while it is in cache.
BATCH = 1 << 10
# Weights looked at in double precision at a time.
CHUNK = 1 << 22


def calibrate(
    module: ModuleOp,
    tensor: Callable[[str], np.ndarray],
    sequences: Iterable[Sequence[int]],
    equalized: bool = True,
) -> None:
    """Annotates the module in place. `tensor` gives a weight in fp32 by name.

    A sequence may be shorter than the module's T; padding fills it up.
    """
    (tokens,) = (op for op in module.walk() if isinstance(op, nn.TokensOp))
    length = nn.shape_of(tokens.result)[0]
    weights = {
        op.param_name: tensor(op.param_name) for op in module.walk() if isinstance(op, nn.ParamOp)
    }
    padded = [[*sequence, *[0] * (length - len(sequence))] for sequence in sequences]
    if not padded:
        raise UserError("calibration needs at least one sequence of tokens")
    output = logits_op(module)
    record = _Record()
    step = max(1, BATCH // length)
    for start in range(0, len(padded), step):
        ids = np.array(padded[start : start + step], np.int64)
        evaluate(
            module, ids, weights.__getitem__, observe=record.observe, wanted=output.operands[0]
        )
    ops = [op for op in module.walk() if op.results]
    divided = equalize_channels(ops, record.largest, weights) if equalized else {}
    for op in ops:
        if isinstance(op, nn.ParamOp):
            _write_param(op, weights[op.param_name])
        elif op in record.largest:
            scale = 2.0 ** -divided[op] if op in divided else 1.0
            _write(op, RANGE, np.max(record.largest[op] * scale))
        if isinstance(op, Normalises):
            weight, *bias = (
                weights[expect(operand.owner, nn.ParamOp).param_name] for operand in op.operands[1:]
            )
            _write(op, GAIN, np.max(np.abs(op.gains(weight))))
            if bias:
                _write(op, BIAS, np.max(np.abs(op.biases(bias[0]))))
            op.attributes[SQUARES] = DenseArrayBase.from_list(f64, record.squares[op])


def calibration_sequences(
    ids: Sequence[int],
    tokens: int,
    vocabulary: int,
    start: Sequence[int] = (),
    repeated: Sequence[int] = (),
    seed: int = 0,
) -> list[list[int]]:
    """Windows of a text's ids, each after `start`, and what keeps unusual input inside the ranges.

    That is: a window cut short, so that padding follows; a window of each of `repeated`, a token
    over and over; and windows of arbitrary tokens, among them, where they are few, all of the
    vocabulary.
    """
    length = tokens - len(start)
    windows = text_windows(ids, tokens, start)
    short = [window[: tokens // 2] for window in windows[:1]]
    runs = [[*start, *[token] * length] for token in repeated]
    order = np.random.default_rng(seed).permutation(vocabulary)[: 16 * length].tolist()
    return [*windows, *short, *runs, *text_windows(order, tokens, start)]


def text_windows(ids: Sequence[int], tokens: int, start: Sequence[int] = ()) -> list[list[int]]:
    """Consecutive windows of a text, each after `start`, of at most `tokens` tokens."""
    length = tokens - len(start)
    return [[*start, *ids[i : i + length]] for i in range(0, len(ids), length)]


def logits_op(module: ModuleOp) -> Operation:
    """The operation whose result a module's function returns."""
    end = main_function(module).body.block.last_op
    output = None if end is None or not end.operands else end.operands[0].owner
    if not isinstance(output, Operation):
        raise UserError("the function does not return its logits")
    return output


def range_of(op: Operation, name: str = RANGE) -> float:
    """A recorded number: a positive normal f32, or 0 where all numbers are; `UserError` where there is none."""
    attribute = op.attributes.get(name)
    if not isinstance(attribute, FloatAttr):
        raise _uncalibrated(op, name)
    value = attribute.value.data
    if value != 0 and not nn.TINIEST <= value < nn.HUGE:
        raise UserError(
            f"{_where(op)}: {name} is {value}: the largest magnitude of numbers is 0, or in 2^-126 .. 2^128"
        )
    return value


def squares_of(op: Operation) -> tuple[float, float]:
    """The recorded least and largest sum of squares of a norm's rows, in real units."""
    attribute = op.attributes.get(SQUARES)
    if not isinstance(attribute, DenseArrayBase):
        raise _uncalibrated(op, SQUARES)
    values = tuple(map(float, attribute.get_values()))
    if len(values) != 2 or not nn.TINIEST <= values[0] <= values[1] < nn.HUGE**2:
        raise UserError(
            f"{_where(op)}: {SQUARES} is {list(values)}, not the least and the largest sum of "
            "squares, both in 2^-126 .. 2^256"
        )
    return values[0], values[1]


def _uncalibrated(op: Operation, name: str) -> UserError:
    return UserError(f"{_where(op)} has no {name}; calibrate the module first")


def _where(op: Operation) -> str:
    path = nn.module_path(op)
    return f"{path}: {op.name}" if path else op.name


Span: TypeAlias = tuple[float, float]
"""The least and the largest of some numbers."""


def observe_squares(squares: dict[Operation, Span], op: Operation, value: np.ndarray) -> None:
    """Of each norm that takes the value: the sums of squares of its rows, and n times the norm's constant."""
    for norm in {use.operation for use in op.results[0].uses if use.index == 0}:
        if isinstance(norm, Normalises):
            x = value.astype(np.float64)
            sums = np.sum(x * x, axis=-1) + norm.constant * x.shape[-1]
            least, most = squares.get(norm, (math.inf, 0.0))
            squares[norm] = min(least, float(sums.min())), max(most, float(sums.max()))


class _Record:
    """Largest magnitudes (channel by channel) and sums of squares seen so far."""

    def __init__(self) -> None:
        self.largest: dict[Operation, np.ndarray] = {}
        self.squares: dict[Operation, Span] = {}

    def observe(self, op: Operation, value: np.ndarray) -> None:
        if not op.operands:
            return
        largest = np.abs(value).max(axis=tuple(range(value.ndim - 1))).astype(np.float64)
        if not np.all(np.isfinite(largest)):
            raise UserError(f"{nn.module_path(op) or op.name}: {op.name} is not finite in fp32")
        self.largest[op] = np.maximum(largest, self.largest.get(op, 0.0))
        observe_squares(self.squares, op, value)


def _write(op: Operation, name: str, value: float) -> None:
    op.attributes[name] = FloatAttr(float(value), f64)


def _powers(exponents: nn.Ints | None) -> np.ndarray | float:
    return 1.0 if exponents is None else 2.0 ** np.array(exponents.get_values(), np.float64)


def _write_param(op: nn.ParamOp, weight: np.ndarray) -> None:
    by_row = np.broadcast_to(_powers(op.rows), len(weight))
    columns = _powers(op.columns)
    rows = max(1, CHUNK // weight[0].size)
    largest = longest = 0.0
    for start in range(0, len(weight), rows):
        part = weight[start : start + rows].astype(np.float64)
        if part.ndim == 2:
            part *= by_row[start : start + rows, None] * columns
            longest = max(longest, float(np.max(np.linalg.norm(part, axis=1))))
        largest = max(largest, float(np.max(np.abs(part))))
    _write(op, RANGE, largest)
    if weight.ndim == 2:
        _write(op, ROW_NORM, longest)
