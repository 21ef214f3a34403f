"""From a model to a compiled one: compiler and runtime in one call.

load -> import (torch.export) -> raise -> calibrate -> quantise -> stack layers -> batch decode ->
lower to the circuit -> integer weights -> set up the target (ours commits to the weights) -> fidelity.

Nothing is kept between calls, and threads may compile at once: PyTorch's tracer alone is taken in turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.export import ExportedProgram
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from ..compiler.analysis.fidelity import affordable, compare, logits_scale, pytorch_logits
from ..compiler.calibrated import Texts, calibrated_model, padded_length, supported_length
from ..compiler.emit import param_arrays
from ..compiler.frontend import network
from ..compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from ..compiler.frontend.module import module_checkpoint
from ..compiler.frontend.sources import NetworkFile, network_file, read_network
from ..compiler.levels import EVERYTHING, Level
from ..compiler.modules import takes_tensors
from ..compiler.pipelines import Settings, lower, set_level, to_quant
from ..compiler.plan_text import write_plan
from ..compiler.published import publish, write_function
from ..compiler.resumed import Passes, given_model, positions, read_model
from ..compiler.running import Watch, run_passes
from ..compiler.texts import HELD_OUT, read_text
from ..compiler.weights import quantized_weights
from ..dialects.interfaces import Quantised
from ..errors import UserError
from ..runtime.circuit.encoding import encode_circuit, encode_program
from ..runtime.kernels.warm import warm
from ..runtime.model.lowered import Executable, LoweredModel
from ..runtime.model.tokenizer import compact, load
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.visible import require_name
from ..runtime.witness.executor import Executor
from .compiled import Compiled
from .compiling_function import compile_function
from .systems.own import OWN
from .systems.target import Target, hides, named, require_fits, require_kind, target_facts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LEAST_FIDELITY = 0.99
# Tokens of a window that a report compares: short ones, so that there is time for one of each kind.
REPORT_TOKENS = 128
STAGES = (
    *("load", "import", "calibrate", "lower", "weights", "kernels", "commit", "ranges", "fidelity"),
)


def compile(
    model: str | Path | PreTrainedModel | torch.nn.Module | ExportedProgram | ModuleOp,
    example_inputs: object = None,
    *,
    weights: str | Path | Mapping[str, ArrayLike] | Mapping[int, ArrayLike] | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    max_tokens: int = 256,
    batch: int | None = None,
    labels: Sequence[str] = (),
    outputs: Sequence[str] = (),
    name: str | None = None,
    target: str | Target = OWN,
    private: bool | None = None,
    calibration: Sequence[str | Path] = (),
    headroom: float | None = None,
    least_fidelity: float | None = LEAST_FIDELITY,
    settings: Settings | None = None,
    level: Level = EVERYTHING,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Compiled:
    """A model compiled, with a report: plain data that says what was made.

    ``model`` is one of these:

    - a language model: a local directory in Hugging Face format, a GGUF file, a hub id, "gemma3-270m", whose
      weights the extra ``gemma`` installs, or a model of transformers with its ``tokenizer``;
    - a network whose inputs and outputs are tensors: a module of PyTorch, a file of ONNX (.onnx) or a text of
      StableHLO or `linalg` (.mlir), all with ``example_inputs``, or an `ExportedProgram`, by default with those
      that it was exported for; ``weights`` may be arguments of a function in a text, by position;
    - an `nn` or `quant` module of xDSL, or the path of its text, with ``weights``: arrays by name or a
      directory with `model.safetensors` for a network, a checkpoint for a language model, whose ranges are in the
      text.

    ``target`` proves, an object or its name (`zklemma targets`); it is our own proof system by default. With
    ``private`` off the weights are committed without masks: proofs may reveal them; by default they are private,
    if the target can hide them. A value may become
    ``headroom`` times as large as in calibration; ``settings`` are options of passes, by "pass.option". ``level``
    says which optimisations run; ``progress`` hears of stages; ``watch`` sees the passes.

    Of a language model ``max_tokens`` bounds prompt and output of one proof together; it is rounded up to a
    length that the circuit serves without padding. ``calibration`` are text files to calibrate ranges on beside
    the shipped texts. `UserError` if fewer of the next tokens than ``least_fidelity`` are PyTorch's on held-out
    text; with None that is not measured.

    Of a network ``example_inputs`` are what its `forward` takes, rows (N, n), positions (N, T, C) or images (N, C,
    H, W), of a file also by name: ranges are calibrated on them, so that they should be many and like those of
    proofs. A proof has up to ``batch`` examples, by default 1, or as many as the program or the text says.
    ``labels`` name the classes along the last axis of the first output; ``outputs`` names tensors of a file's graph
    that take the place of its outputs. `UserError` for a network with operations that are not supported, all of
    them named.
    """
    scaling = {} if headroom is None else {"plan-scales.headroom": str(headroom)}
    chosen = scaling | dict(settings or {})
    clock = Clock(progress or Silent())
    target = named(target) if isinstance(target, str) else target
    private, level = hides(target, private), target.legalize(level)
    given, passes = None, None
    file = network_file(model)
    if weights is not None and not file:
        if isinstance(model, ModuleOp):
            given, *rest = given_model(model, chosen, level)
        elif isinstance(model, str | Path):
            given, *rest = read_model(Path(model), chosen, level)
        else:
            raise UserError("weights go with a module of xDSL, or the path of its text")
        passes = rest[0], rest[1]
    elif isinstance(model, ModuleOp):
        raise UserError("a module of xDSL needs its weights: give weights=")
    passes = passes or to_quant(chosen, level)
    tensors = given is not None and takes_tensors(given)
    tensors |= bool(file) or isinstance(model, ExportedProgram)
    if outputs and not file:
        raise UserError("outputs are chosen in a graph of ONNX; let the module return others")
    if tensors or example_inputs is not None:
        require_kind(target, "function")
        clock.start("import")
        source = file or (model if given is None else given)
        made, examples = _network(source, example_inputs, weights, batch, outputs)
        made = replace(made, name=name or made.name)
        return compile_function(
            made, examples, passes, clock, labels, target, private, level, watch
        )
    if isinstance(weights, Mapping):
        raise UserError("the weights of a language model are a checkpoint")
    require_kind(target, "language model")
    source = model if given is None else weights
    return _compile_model(
        cast("str | Path | PreTrainedModel | torch.nn.Module", source),
        given,
        passes,
        clock,
        tokenizer,
        max_tokens,
        target,
        private,
        calibration,
        least_fidelity,
        level,
        watch,
    )


def _network(
    source: object,
    example_inputs: Any,
    weights: Any,
    batch: int | None,
    outputs: Sequence[str],
) -> tuple[network.Network, list[np.ndarray] | None]:
    """What is to be compiled, and examples of its inputs."""
    count = 1 if batch is None else batch
    if isinstance(source, NetworkFile):
        if example_inputs is None:
            raise UserError(f"{source.path}: a network of tensors needs example inputs")
        return read_network(source, example_inputs, count, outputs, weights)
    path = Path(source) if isinstance(source, str | Path) else None
    if path and path.suffix == ".mlir" and not path.exists():
        raise UserError(f"{path}: no such file")
    several = () if example_inputs is None else example_inputs
    examples = [several] if isinstance(several, torch.Tensor) else [*several]
    if isinstance(source, ModuleOp):
        if batch is not None:
            raise UserError(
                "the module's inputs say how many examples a proof has: leave batch out"
            )
        made = network.of_text(source, weights)
        if example_inputs is None:
            return made, None
    elif isinstance(source, ExportedProgram):
        own = [*(source.example_inputs or ((),))[0]]
        examples = examples or own
        if batch is None and own and isinstance(own[0], torch.Tensor):
            count = len(own[0])
        made = network.of_program(source, examples, count)
    elif isinstance(source, torch.nn.Module):
        made = network.of_module(source, examples, count)
    else:
        raise UserError("example inputs go with a module of PyTorch or a file of a network")
    return made, [network.as_examples(each) for each in examples]


def _compile_model(
    source: str | Path | PreTrainedModel | torch.nn.Module,
    module: ModuleOp | None,
    passes: tuple[Passes, Passes],
    clock: Clock,
    tokenizer: PreTrainedTokenizerBase | None,
    max_tokens: int,
    target: Target,
    private: bool,
    calibration: Sequence[str | Path],
    least_fidelity: float | None,
    level: Level,
    watch: Watch | None,
) -> Compiled:
    """A language model compiled; what would be imported and calibrated may be given as a ``module``."""
    padded_length(max_tokens)  # Refuses nonsense before any work.
    own = [read_text(Path(path)) for path in calibration]
    planning, converting = passes
    if module is not None:
        if own:
            raise UserError("the model's ranges are calibrated already; leave calibration out")
        max_tokens = positions(module)
    clock.start("load")
    checkpoint = _checkpoint(source, tokenizer)
    origin = str(source) if isinstance(source, str | Path) else type(source).__name__
    require_name(checkpoint.name, origin)  # Before long work.
    tokenizer_bytes = _tokenizer(checkpoint)
    max_tokens = supported_length(checkpoint, max_tokens)
    module = module or calibrated_model(checkpoint, max_tokens, clock.start, own, watch)
    clock.start("lower")
    run_passes(Context(), module, planning, watch, "model", converting)
    floats = any(isinstance(op, Quantised) for op in module.walk())
    plan = write_plan(module) if floats else None
    run_passes(Context(), module, converting, watch, "model")
    set_level(module, level)
    scale = logits_scale(module)
    function = publish(module)
    circuit, program = lower(function, watch=watch)
    private_circuit, private_program = lower(function, private_tokens=True, watch=watch)
    for each in (circuit, private_circuit):
        require_fits(target, each)
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(checkpoint, module))
    clock.start("kernels")
    warm(clock.at)
    known = LoweredModel(
        name=checkpoint.name,
        weights=checkpoint.parameters,
        eos=checkpoint.end_tokens,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(private_circuit),
        function_bytes=write_function(function),
        tokenizer_bytes=tokenizer_bytes,
    )
    programs = encode_program(program), encode_program(private_program)
    made = target.setup(Executable(known, *programs, params, {}), private, clock)
    measured = None
    if least_fidelity is not None:
        clock.start("fidelity")
        windows = Texts(checkpoint).windows(HELD_OUT, min(max_tokens, REPORT_TOKENS))
        measured = compare(
            pytorch_logits(checkpoint),
            Executor(circuit, program, params).logits,
            scale,
            affordable(windows, checkpoint.parameters),
            clock.at,
            checkpoint.family.logits_cap(checkpoint.config),
        ).whole()
    clock.stop()
    if measured and measured["greedy_agreement"] < (least_fidelity or 0.0):
        raise UserError(
            f"{checkpoint.name}: only {measured['greedy_agreement']:.2%} of next tokens are as in fp32 "
            f"PyTorch, less than {least_fidelity:.2%}: calibrate on text closer to what the model is for "
            "(--calibration), choose wider formats (--set choose-bits.nats=1e-6), or accept it "
            "(--least-fidelity)"
        )
    report = {
        "max_tokens": max_tokens,
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
        "fidelity": measured,
    }
    meta = {
        "report": report,
        "source": origin,
        "logits_scale": scale,
        "chat": checkpoint.chat,
        "plan": plan,
    }
    return Compiled(replace(made, meta=meta | target_facts(target, private)), target)


def _checkpoint(
    source: str | Path | PreTrainedModel | torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase | None,
) -> Checkpoint:
    if isinstance(source, str | Path):
        return load_checkpoint(source)
    if not hasattr(source, "config") or tokenizer is None:
        raise UserError(
            "a model in memory is one of transformers, with its tokenizer, or a module with example_inputs"
        )
    return module_checkpoint(cast("PreTrainedModel", source), tokenizer)


def _tokenizer(checkpoint: Checkpoint) -> bytes:
    """The tokenizer as a key holds it; `UserError` if none can."""
    found = compact(checkpoint.tokenizer_json)
    try:
        load(found)
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{checkpoint.name}: a key can not hold its tokenizer: {error}") from error
    return found
