"""Calibration of a function of tensors: the largest magnitudes on given examples, as `calibrate` records them.

Each operation with a result gets `quant.range` in real units, parameters included, and each norm `quant.squares`.
Examples are evaluated in fp32, a few at a time.

Errors: `UserError` for inputs that do not fit the function or each other, and for values that are not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64
from xdsl.ir import Operation

from ...dialects import nn
from ...errors import UserError
from ..frontend.evaluate import evaluate_function
from .calibrate import RANGE, SQUARES, Span, observe_squares

Examples: TypeAlias = np.ndarray | Sequence[np.ndarray]
"""One tensor (N, ..), or several of them."""
# Examples evaluated at a time: the windows of a convolution are written out.
TOGETHER = 16


def calibrate_tensors(
    module: ModuleOp, weights: Callable[[str], np.ndarray], inputs: Mapping[str, Examples]
) -> None:
    """Annotates the module in place. ``inputs`` are examples for each input by name, as many of each."""
    found = {name: _joined(name, examples) for name, examples in inputs.items()}
    names = [op.input_name for op in module.walk() if isinstance(op, nn.InputOp)]
    if set(found) != set(names):
        raise UserError(f"calibration needs examples for {', '.join(names)}")
    counts = {len(examples) for examples in found.values()}
    if len(counts) != 1 or counts == {0}:
        raise UserError("calibration needs at least one example, and as many for each input")
    largest: dict[Operation, float] = {}
    squares: dict[Operation, Span] = {}

    def observe(op: Operation, value: np.ndarray) -> None:
        magnitude = float(np.max(np.abs(value)))
        if not np.isfinite(magnitude):
            raise UserError(f"{nn.module_path(op) or op.name}: {op.name} is not finite in fp32")
        largest[op] = max(magnitude, largest.get(op, 0.0))
        observe_squares(squares, op, value)

    for start in range(0, counts.pop(), TOGETHER):
        part = {name: examples[start : start + TOGETHER] for name, examples in found.items()}
        evaluate_function(module, part, weights, observe=observe)
    for op, magnitude in largest.items():
        op.attributes[RANGE] = FloatAttr(magnitude, f64)
    for op, span in squares.items():
        op.attributes[SQUARES] = DenseArrayBase.from_list(f64, span)


def _joined(name: str, examples: Examples) -> np.ndarray:
    parts = [examples] if isinstance(examples, np.ndarray) else [np.asarray(x) for x in examples]
    if not parts or any(x.ndim < 2 or x.shape[1:] != parts[0].shape[1:] for x in parts):
        raise UserError(f"calibration needs tensors of one shape but for their examples for {name}")
    return np.concatenate(parts)
