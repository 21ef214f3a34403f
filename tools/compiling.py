"""From a checkpoint to an artifact: compiler and runtime in one call.

load -> import (torch.export) -> raise -> calibrate -> quantise -> stack layers -> batch decode ->
lower to the circuit -> integer weights -> code parameters -> commit to the weights -> fidelity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from xdsl.context import Context

from ..compiler.analysis.fidelity import affordable, compare, logits_scale, pytorch_logits
from ..compiler.calibrated import Texts, calibrated_model, padded_length, supported_length
from ..compiler.emit import param_arrays
from ..compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from ..compiler.frontend.module import module_checkpoint
from ..compiler.frontend.sources import is_network
from ..compiler.levels import EVERYTHING, Level
from ..compiler.pipelines import Settings, lower, set_level, to_quant
from ..compiler.plan_text import write_plan
from ..compiler.published import publish, write_function
from ..compiler.resumed import positions, read_model
from ..compiler.running import Watch, run_passes
from ..compiler.texts import HELD_OUT, read_text
from ..compiler.weights import quantized_weights
from ..dialects.interfaces import Quantised
from ..errors import UserError
from ..runtime.circuit.encoding import encode_circuit, encode_program
from ..runtime.kernels.warm import warm
from ..runtime.model.budget import MemoryBudget
from ..runtime.model.choose_parameters import choose_parameters
from ..runtime.model.keys import Artifact, VerifyingKey
from ..runtime.model.masks import WeightMasks
from ..runtime.model.tokenizer import compact, load
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.proving.prover import CommittedWeights, prove_ranges
from ..runtime.visible import require_name
from ..runtime.witness.executor import Executor
from .compiling_function import compile_function

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from ..compiler.frontend.sources import NetworkSource

LEAST_FIDELITY = 0.99
# Tokens of a window that a report compares: short ones, so that there is time for one of each kind.
REPORT_TOKENS = 128
STAGES = (
    *("load", "import", "calibrate", "lower", "weights", "kernels", "commit", "ranges", "fidelity"),
)


def compile(
    source: str | Path | PreTrainedModel | torch.nn.Module,
    max_tokens: int = 256,
    progress: Progress | None = None,
    private: bool = True,
    calibration: Sequence[str | Path] = (),
    headroom: float | None = None,
    settings: Settings | None = None,
    least_fidelity: float | None = LEAST_FIDELITY,
    level: Level = EVERYTHING,
    watch: Watch | None = None,
    model: str | Path | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    example_inputs: object = None,
    batch: int = 1,
    labels: Sequence[str] = (),
    outputs: Sequence[str] = (),
    weights: Mapping[int, object] | None = None,
) -> tuple[Artifact, dict[str, Any]]:
    """The artifact of a checkpoint, and a report: plain data that says what was made.

    ``max_tokens`` bounds prompt and output of one proof together; it is rounded up to a length that
    the circuit serves without padding. ``source`` is a local directory in Hugging Face format, a
    GGUF file, a hub id, "gemma3-270m", whose weights the extra ``gemma`` installs, or a model of transformers
    with its ``tokenizer``. With ``private`` off the weights are committed without masks: proofs may reveal them.

    ``calibration`` are text files to calibrate ranges on beside the shipped texts; a value may become
    ``headroom`` times as large as there; ``settings`` are options of passes, by "pass.option".
    ``level`` says which optimisations run; ``watch`` sees the passes. ``model`` is a text that `resumed` reads:
    it takes the place of what would be imported and calibrated, and says for how many tokens.
    With ``example_inputs`` the source is any module of PyTorch, or file of ONNX or StableHLO, whose inputs and
    outputs are tensors: see `compiling_function.compile_function`, which says what they, ``batch``, ``labels``,
    ``outputs`` and ``weights`` are, and takes the options that do not speak of tokens or text.

    `UserError` if fewer of the next tokens than ``least_fidelity`` are PyTorch's on held-out text; with
    None that is not measured.
    """
    if example_inputs is not None:
        if not isinstance(source, torch.nn.Module) and not is_network(source):
            raise UserError("example inputs go with a module of PyTorch or a file of a network")
        return compile_function(
            cast("NetworkSource", source),
            example_inputs,
            batch,
            labels=labels,
            progress=progress,
            private=private,
            headroom=headroom,
            settings=settings,
            level=level,
            watch=watch,
            outputs=outputs,
            weights=weights,
        )
    if is_network(source):
        raise UserError(f"{source}: a network of tensors needs example inputs")
    padded_length(max_tokens)  # Refuses nonsense before any work.
    own = [read_text(Path(path)) for path in calibration]
    scaling = {} if headroom is None else {"plan-scales.headroom": str(headroom)}
    chosen = scaling | dict(settings or {})
    if model is None:
        module, (planning, converting) = None, to_quant(chosen, level)
    else:
        if own:
            raise UserError(f"{model}: its ranges are calibrated already; leave --calibration out")
        module, planning, converting = read_model(Path(model), chosen, level)
        max_tokens = positions(module)
    clock = Clock(progress or Silent())
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
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(checkpoint, module))
    parameters = choose_parameters([circuit, private_circuit], private)
    clock.start("kernels")
    warm(clock.at)
    clock.start("commit")
    committed = CommittedWeights(
        circuit, parameters, params, WeightMasks.fresh(circuit, parameters)
    )
    clock.start("ranges")
    key = VerifyingKey(
        name=checkpoint.name,
        weights=checkpoint.parameters,
        code=parameters.to_list(),
        eos=checkpoint.end_tokens,
        weight_root=committed.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(private_circuit),
        function_bytes=write_function(function),
        tokenizer_bytes=tokenizer_bytes,
        range_proof=prove_ranges(circuit, parameters, committed),
    )
    masks = committed.masks
    del committed  # Its cells are another copy of the weights.
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
        "name": key.name,
        "model_id": key.model_id,
        "parameters": key.weights,
        "max_tokens": max_tokens,
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
        "fidelity": measured,
    }
    meta = {
        "fidelity": measured,
        "source": origin,
        "logits_scale": scale,
        "chat": checkpoint.chat,
        "plan": plan,
    }
    budget = MemoryBudget(key)
    budget.spend()  # What the range proof opened.
    programs = encode_program(program), encode_program(private_program)
    artifact = Artifact(key, *programs, params, masks, meta, budget)
    return artifact, report


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
