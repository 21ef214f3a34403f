"""A network to compile to a function of tensors: its `nn` function, its weights, and what it gives by itself.

It comes from a module of PyTorch, from an exported program, from an `nn` module of xDSL with weights, or from a
file (`sources`). The `nn` function of a module of PyTorch is traced for the batch of a proof; a program's graph may
hold its batch, and an `nn` module's inputs say theirs.

Errors: `UserError` in one line, those of `function`, and for weights that are missing or do not fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.export import ExportedProgram
from torch.utils._pytree import tree_leaves
from xdsl.dialects.builtin import ModuleOp, StringAttr

from ...dialects import nn
from ...errors import UserError
from ..modules import main_function
from .builder import Tensor
from .evaluate import evaluate_function
from .function import IDS, RANKS, SHAPES, evaluated, import_function
from .safetensors_files import SafetensorsFiles

UNKNOWN = "0" * 64
"""The digest of a weight in an `nn` module that was written without the weights."""
Arrays = Sequence[np.ndarray]
Run = Callable[[Arrays], list[np.ndarray]]


@dataclass(frozen=True)
class Network:
    """``run`` gives the outputs in fp32 for inputs of any number of examples, in the order of those of
    ``module``; ``parameters`` is how many numbers the weights are."""

    name: str
    module: ModuleOp
    weight: Tensor
    parameters: int
    run: Run

    @property
    def inputs(self) -> list[nn.InputOp]:
        return [op for op in self.module.walk() if isinstance(op, nn.InputOp)]

    @property
    def batch(self) -> int:
        """The most examples of a proof."""
        return nn.shape_of(self.inputs[0].result)[0]

    def sha256(self, name: str) -> str:
        return digest(self.weight(name))

    def tensor(self, name: str) -> np.ndarray:
        return self.weight(name)


def digest(weight: np.ndarray) -> str:
    """SHA-256 of a weight's fp32 little-endian bytes."""
    return hashlib.sha256(np.ascontiguousarray(weight, "<f4").tobytes()).hexdigest()


def of_module(module: torch.nn.Module, examples: Sequence[torch.Tensor], batch: int) -> Network:
    made, weight = import_function(module, examples, batch)
    running = evaluated(module)
    devices = [each.device for each in examples]

    def run(inputs: Arrays) -> list[np.ndarray]:
        given = (torch.from_numpy(x).to(d) for x, d in zip(inputs, devices, strict=True))
        with torch.no_grad():
            found = running(*given)
        return _arrays(found)

    count = sum(each.numel() for each in module.parameters())
    return Network(type(module).__name__, made, weight, count, run)


def of_program(program: ExportedProgram, examples: Sequence[torch.Tensor], batch: int) -> Network:
    made, weight = import_function(program, examples, batch)
    running = program.module()

    def run(inputs: Arrays) -> list[np.ndarray]:
        """As many examples at a time as the graph may be for; the last ones with others in the place of missing
        ones."""
        parts, count = [], len(inputs[0])
        for start in range(0, count, batch):
            rows = np.minimum(np.arange(start, start + batch), count - 1)
            with torch.no_grad():
                found = running(*(torch.from_numpy(x[rows]) for x in inputs))
            parts.append([output[: count - start] for output in _arrays(found)])
        return [np.concatenate(output) for output in zip(*parts, strict=True)]

    count = sum(each.numel() for each in program.parameters())
    return Network("program", made, weight, count, run)


def of_text(module: ModuleOp, weights: str | Path | Mapping[str, ArrayLike]) -> Network:
    """``weights`` are arrays by name, or a directory with `model.safetensors`. A digest of zeros in the module is
    that of any weight."""
    made = module.clone()
    stored = _stored(weights)
    params = [op for op in main_function(made).walk() if isinstance(op, nn.ParamOp)]
    for op in params:
        shape, found = nn.shape_of(op.result), stored(op.param_name)
        if found.shape != shape:
            raise UserError(f"weight {op.param_name} has shape {found.shape}, not {shape}")
        if op.sha256.data == UNKNOWN:
            op.properties["sha256"] = StringAttr(digest(found))
    inputs = [op.input_name for op in made.walk() if isinstance(op, nn.InputOp)]

    def run(given: Arrays) -> list[np.ndarray]:
        return [*evaluate_function(module, dict(zip(inputs, given, strict=True)), stored)]

    counts = {op.param_name: int(np.prod(nn.shape_of(op.result))) for op in params}
    return Network("function", made, stored, sum(counts.values()), run)


def examples_of(
    names: Sequence[str], given: object, ids: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Examples by the names of the inputs, in their order, in fp32 or, of those that are ``ids``, int64. ``given``
    are one input's, those of each in order, or those of each by name, as arrays or what numpy makes one of;
    `UserError` for others than these."""
    if isinstance(given, Mapping):
        if set(given) != set(names):
            found = ", ".join(map(str, given)) or "none"
            raise UserError(f"the inputs are {', '.join(names)}; there are examples for {found}")
        parts = [given[name] for name in names]
    else:
        parts = [*given] if isinstance(given, tuple | list) else [given]
        if len(parts) != len(names):
            raise UserError(f"there are {len(names)} inputs, and examples for {len(parts)}")
    pairs = zip(names, parts, strict=True)
    found = {name: _array(name, part, name in ids) for name, part in pairs}
    if len({len(each) for each in found.values()}) != 1 or not len(found[names[0]]):
        raise UserError("there must be at least one example, and as many for each input")
    return found


def _array(name: str, given: object, ids: bool) -> np.ndarray:
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name}: {error}") from error
    if ids:
        if found.dtype not in (np.int32, np.int64) or found.ndim != 2:
            raise UserError(f"{name} has {found.dtype} numbers and shape {found.shape}: {IDS}")
        return found.astype(np.int64)
    if not np.issubdtype(found.dtype, np.floating):
        raise UserError(f"{name} has {found.dtype} numbers; only real numbers can be inputs")
    if found.ndim not in RANKS:
        raise UserError(f"{name} has shape {found.shape}: {SHAPES}")
    return found.astype(np.float32)


def as_examples(given: torch.Tensor) -> np.ndarray:
    """What a tensor is as examples: fp32, or int64 of ids."""
    found = given.detach().cpu()
    return (found.float() if found.is_floating_point() else found.long()).numpy()


def _arrays(found: object) -> list[np.ndarray]:
    """The tensors of what a module returns, in the order in which a traced graph has them."""
    return [each.detach().cpu().float().numpy() for each in tree_leaves(found)]


def _stored(weights: str | Path | Mapping[str, ArrayLike]) -> Tensor:
    """The weights in fp32 by name."""
    if isinstance(weights, Mapping):
        given: Mapping[str, ArrayLike] = weights

        def read(name: str) -> np.ndarray:
            return np.asarray(given[name], np.float32)

        names = {*given}
    else:
        files = SafetensorsFiles(Path(weights))

        def read(name: str) -> np.ndarray:
            shape = files.shapes[name]
            return np.concatenate([*files.rows(name, max(1, shape[0]))])

        names = {*files.shapes}

    def weight(name: str) -> np.ndarray:
        if name not in names:
            raise UserError(f"the weight {name} is missing")
        return read(name)

    return weight
