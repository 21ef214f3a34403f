"""Where a compiled model departs from PyTorch: the error of each role in each layer.

The planned `nn` module, with all the powers of two that equalisation moved, is evaluated in fp32 beside
the integer witness program on the same tokens. Its operations and the program's steps stand in the same
order under the same module paths, so that every rounded value meets its integers: they stand for
v 2^-frac with the format that was planned. The error of a value is

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

from ..compiler.analysis.roles import LAYER, role_path
from ..compiler.frontend.evaluate import evaluate
from ..compiler.transforms.plan_scales import FACTOR, FORMAT
from ..dialects import nn
from ..dialects.quant import FormatAttr
from ..runtime.circuit.program import Step
from ..runtime.witness.executor import Executor

KINDS = {
    "nn.rms_norm": "rms_norm",
    "nn.linear": "matmul",
    "nn.rope": "rope",
    "nn.scores": "scores",
    "nn.attend": "attend",
    "nn.gelu_tanh": "table",
    "nn.mul": "mul",
    "nn.add": "add",
}


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
    order: dict[tuple[str, str], int] = defaultdict(int)
    errors: list[Error] = []

    def observe(op: Operation, value: np.ndarray) -> None:
        kind, path = KINDS.get(op.name), nn.module_path(op)
        found = op.attributes.get(FORMAT)
        if kind is None or not isinstance(found, FormatAttr):
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
        actual = integers.reshape(x.shape) * 2.0**-found.frac.data
        size = np.linalg.norm(x) or 1.0
        match = LAYER.search(path)
        layer = int(match[1]) if match else None
        errors.append(Error(role_path(path), kind, layer, float(np.linalg.norm(actual - x) / size)))

    padded = np.array([*ids, *[0] * (length - len(ids))])
    evaluate(module, padded, tensor, observe=observe)
    return errors


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
