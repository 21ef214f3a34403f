"""Where a compiled model departs from PyTorch: the error of each role in each layer.

The planned `nn` module, with all the powers of two that equalisation moved, is evaluated in fp32 beside
the integer witness program on the same tokens. Its operations and the program's steps stand in the same
order under the same module paths, so that every rounded value meets its integers: they stand for
v 2^-frac with the format that was planned, or as products of such numbers that nobody rounded. The error
of a value is

    |v 2^-frac - x| / |x|

in the Euclidean norm over all its elements; it contains what entered before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp
from xdsl.ir import Operation

from ..compiler.analysis.plan import FACTOR, FORMAT, UNROUNDED
from ..compiler.analysis.roles import Roles
from ..compiler.frontend.evaluate import evaluate
from ..compiler.modules import main_function
from ..dialects import nn
from ..dialects.interfaces import Quantised
from ..dialects.quant import FormatAttr
from ..runtime.circuit.program import Step
from ..runtime.witness.executor import Executor


class Error(NamedTuple):
    """The relative error of the value that an operation of a module makes in a layer."""

    path: str
    kind: str
    layer: int | None
    error: float


def value_errors(
    module: ModuleOp, tensor: Callable[[str], np.ndarray], executor: Executor, ids: Sequence[int]
) -> list[Error]:
    """In the order of the program; ``ids`` may be fewer than the module takes."""
    (tokens,) = (op for op in module.walk() if isinstance(op, nn.TokensOp))
    length = nn.shape_of(tokens.result)[0]
    exact = _observed(executor, ids)
    roles = Roles(main_function(module).body.block.ops)
    order: dict[tuple[str, str], int] = defaultdict(int)
    errors: list[Error] = []

    def observe(op: Operation, value: np.ndarray) -> None:
        kind, path = op.STEP if isinstance(op, Quantised) else None, nn.module_path(op)
        fraction = _fraction(op)
        if kind is None or fraction is None:
            return
        place = order[path, kind]
        order[path, kind] += 1
        integers = exact.get((path, kind, place))
        if integers is None:
            return
        x = value[..., : len(ids), :].astype(np.float64)
        if op.name == "nn.scores":
            x = x[..., : len(ids)]
        if x.ndim == 2 and integers.ndim > 2:  # The program cuts into heads at once.
            integers = integers.reshape(-1, *integers.shape[-2:]).swapaxes(0, 1)
        x *= _factor(op)
        actual = integers.reshape(x.shape) * 2.0**-fraction
        size = np.linalg.norm(x) or 1.0
        error = float(np.linalg.norm(actual - x) / size)
        errors.append(Error(roles.path(op), kind, roles.layer(op), error))

    padded = np.array([*ids, *[0] * (length - len(ids))])
    evaluate(module, padded, tensor, observe=observe)
    return errors


def _fraction(op: Operation) -> int | None:
    """Fraction bits of an operation's integers: those of the planned format; of a product that is not rounded
    those of both factors."""
    found = op.attributes.get(FORMAT)
    if isinstance(found, FormatAttr):
        return found.frac.data
    if UNROUNDED not in op.attributes:
        return None
    owners = [operand.owner for operand in op.operands]
    parts = [_fraction(owner) for owner in owners if isinstance(owner, Operation)]
    return sum(part for part in parts if part is not None) if None not in parts else None


def _factor(op: Operation) -> float:
    """What integers are larger by: queries have the attention scale in their norm's gain."""
    norm = op.operands[0].owner if isinstance(op, nn.RopeOp) else op
    if not isinstance(norm, nn.RMSNormOp) or not isinstance(norm.w.owner, Operation):
        return 1.0
    factor = norm.w.owner.attributes.get(FACTOR)
    (channels,) = nn.shape_of(norm.w)
    return factor.value.data / channels**0.5 if isinstance(factor, FloatAttr) else 1.0


def _observed(executor: Executor, ids: Sequence[int]) -> dict[tuple[str, str, int], np.ndarray]:
    """The integers of each step, by module path, kind and place among those of the same."""
    order: dict[tuple[str, str], int] = defaultdict(int)
    found: dict[tuple[str, str, int], np.ndarray] = {}

    def observe(step: Step, layer: int | None, value: np.ndarray) -> None:
        path = step.origin.replace("{layer}", str(layer))
        found[path, step.op, order[path, step.op]] = value
        order[path, step.op] += 1

    executor.logits(ids, observe)
    return found
