"""Which operations of PyTorch a model has, and which of them can not be compiled: from its graph alone.

A network is imported, and what is refused is collected as compiling collects it. One that is imported is lowered to
its circuit, as if no value was larger than 1. A language model is imported from its configuration.

Errors: `UserError` for a language model that no family knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.export import ExportedProgram
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64

from ..dialects.interfaces import Normalises
from ..errors import UserError
from .analysis.calibrate import RANGE, SQUARES
from .frontend import importer as language
from .frontend.checkpoint import without_weights
from .frontend.export import export_function, export_model
from .frontend.function import FunctionImporter, Traceable, evaluated, function_importer
from .frontend.tensor_ops import HANDLERS, NEAREST
from .pipelines import lower, to_quant
from .running import run_passes

EXAMPLES, TOKENS = 2, 8
"""Of the graphs that are looked at."""
PART = "<built-in function getitem>"
"""What takes one of several results, and is no operation."""


@dataclass(frozen=True)
class Operation:
    """An operation by its name in ATen, without overload: how often a model has it, how many of these the import
    refuses, why, and what to write in their place."""

    name: str
    count: int
    refused: int = 0
    why: tuple[str, ...] = ()
    nearest: str = ""


@dataclass(frozen=True)
class Coverage:
    """The operations of a model, most frequent first; ``refusal`` is what compiling says, empty if it takes all."""

    name: str
    operations: tuple[Operation, ...]
    refusal: str = ""


def network_coverage(
    name: str, module: Traceable, examples: torch.Tensor | Sequence[torch.Tensor]
) -> Coverage:
    """Of a network, whose inputs are like ``examples``."""
    try:
        importer = function_importer(module, examples, EXAMPLES)
    except UserError as error:
        given = (examples,) if isinstance(examples, torch.Tensor) else tuple(examples)
        return Coverage(name, _traced(module, given), str(error))
    try:
        _lower(importer.function())
    except UserError as error:
        return Coverage(name, _imported(importer), str(error))
    return Coverage(name, _imported(importer))


def _lower(module: ModuleOp) -> None:
    """Lowers a function of `nn` as if it was calibrated."""
    for op in module.walk():
        if op.results:
            op.attributes[RANGE] = FloatAttr(1.0, f64)
        if isinstance(op, Normalises):
            op.attributes[SQUARES] = DenseArrayBase.from_list(f64, [1.0, 1.0])
    for passes in to_quant({}):
        run_passes(Context(), module, passes)
    lower(module)


def model_coverage(source: str | Path) -> Coverage:
    """Of a language model: what `load_checkpoint` takes, or its config.json."""
    checkpoint = without_weights(source)
    tokens = min(TOKENS, checkpoint.config.max_position_embeddings)
    program = export_model(checkpoint.family, checkpoint.config, tokens)
    operations = _operations(program, language.HANDLERS)
    try:
        language.import_program(checkpoint, program)
    except UserError as error:
        return Coverage(checkpoint.name, operations, str(error))
    return Coverage(checkpoint.name, operations)


def _imported(importer: FunctionImporter) -> tuple[Operation, ...]:
    """With what the import refused."""
    counts = _counts(importer.program)
    refused, why, nearest = Counter[str](), dict[str, list[str]](), dict[str, str]()
    for refusal, paths in importer.refusals.items():
        name = _base(refusal.operation)
        refused[name] += len(paths)
        why.setdefault(name, [])
        nearest[name] = refusal.nearest
        if refusal.why:
            why[name].append(refusal.why)
    counts |= {name: refused[name] for name in refused if name not in counts}
    return tuple(
        Operation(name, count, refused[name], tuple(why.get(name, ())), nearest.get(name, ""))
        for name, count in counts.most_common()
    )


def _traced(module: Traceable, examples: tuple[torch.Tensor, ...]) -> tuple[Operation, ...]:
    """Of what is refused before it is imported, for its inputs; none if it can not be traced at all."""
    try:
        return _operations(export_function(evaluated(module), examples), HANDLERS)
    except Exception:  # PyTorch raises what it likes; the refusal says it.
        return ()


def _operations(program: ExportedProgram, known: Collection[str]) -> tuple[Operation, ...]:
    """By whether there is something that imports them."""
    refused = Counter(_base(name) for name in _targets(program) if name not in known)
    return tuple(
        Operation(name, count, refused[name], (), NEAREST.get(name, "") if refused[name] else "")
        for name, count in _counts(program).most_common()
    )


def _counts(program: ExportedProgram) -> Counter[str]:
    return Counter(map(_base, _targets(program)))


def _targets(program: ExportedProgram) -> list[str]:
    """The names of what results depend on."""
    made = (node for node in program.graph.nodes if node.op == "call_function" and node.users)
    return [name for name in map(str, (node.target for node in made)) if name != PART]


def _base(target: str) -> str:
    """An operation's name without its library and its overload."""
    return target.removeprefix("aten.").partition(".")[0]
