"""From a checkpoint to an artifact: the whole compiler in one call.

load -> import (torch.export) -> raise -> calibrate -> quantise -> stack layers -> batch decode ->
lower to the circuit -> integer weights -> code parameters -> commit to the weights -> fidelity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from xdsl.context import Context

from ..errors import UserError
from ..runtime.executor import Executor
from ..runtime.keys import Artifact, VerifyingKey
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.protocol.choose import choose_parameters
from ..runtime.prover import commit_weights
from ..schema.circuit import Shape
from ..schema.encoding import encode_circuit, encode_program
from .analysis.calibrate import calibrate, calibration_sequences
from .analysis.fidelity import fidelity, logits_scale, pytorch_logits
from .emit import param_arrays
from .frontend.checkpoint import Checkpoint, load_checkpoint
from .frontend.importer import import_model
from .pipelines import TO_QUANT, lower, run_passes
from .transforms.raise_to_nn import RaiseToNN
from .weights import quantized_weights

TEXTS = Path(__file__).parent / "analysis"
STAGES = ("load", "import", "calibrate", "lower", "weights", "fidelity")


def compile(
    source: str | Path, max_tokens: int = 256, progress: Progress | None = None
) -> tuple[Artifact, dict[str, Any]]:
    """The artifact of a checkpoint, and a report: plain data that says what was made.

    ``max_tokens`` bounds prompt and output of one proof together; it is rounded up to a length that
    the circuit serves without padding. ``source`` is a local directory in Hugging Face format, or
    a hub id.
    """
    if max_tokens < 2:
        raise UserError(f"max-tokens is {max_tokens}: a proof needs at least 2")
    clock = Clock(progress or Silent())
    clock.start("load")
    checkpoint = load_checkpoint(source)
    max_tokens = _supported_length(checkpoint, max_tokens)
    text = _Text(checkpoint)

    clock.start("import")
    module = import_model(checkpoint, max_tokens)
    run_passes(Context(), module, (RaiseToNN(),))
    clock.start("calibrate")
    sequences = calibration_sequences(
        text.ids("calibration.txt"), max_tokens, checkpoint.config.vocab_size, text.start
    )
    calibrate(module, checkpoint.tensor, sequences)
    clock.start("lower")
    run_passes(Context(), module, TO_QUANT)
    scale = logits_scale(module)
    circuit, program = lower(module)
    clock.start("weights")
    params = param_arrays(circuit, quantized_weights(checkpoint, module))
    parameters = choose_parameters(circuit, max_tokens)
    key = VerifyingKey(
        name=_name(source),
        weights=checkpoint.parameters,
        code=parameters.to_list(),
        weight_root=commit_weights(circuit, parameters, params),
        circuit_bytes=encode_circuit(circuit),
        tokenizer_json=checkpoint.tokenizer_json,
    )
    clock.start("fidelity")
    measured = fidelity(
        pytorch_logits(checkpoint),
        Executor(circuit, program, params).logits,
        scale,
        text.windows("heldout.txt", max_tokens),
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
    meta = {"eos": _end_tokens(checkpoint), "fidelity": dict(measured)}
    return Artifact(key, encode_program(program), params, meta), report


def _supported_length(checkpoint: Checkpoint, max_tokens: int) -> int:
    longest = checkpoint.config.max_position_embeddings
    rows = Shape(1, max_tokens).rows
    if rows > longest:
        raise UserError(
            f"max-tokens {max_tokens} needs {rows} positions: the checkpoint has {longest}"
        )
    return rows


def _name(source: str | Path) -> str:
    path = Path(source)
    return path.resolve().name if path.is_dir() else str(source)


def _end_tokens(checkpoint: Checkpoint) -> list[int]:
    """The ids that end a text."""
    found = checkpoint.config.eos_token_id
    return [] if found is None else [found] if isinstance(found, int) else sorted(found)


class _Text:
    """The texts that ship with the package, in a checkpoint's tokens."""

    def __init__(self, checkpoint: Checkpoint):
        self._tokenizer = Tokenizer.from_str(checkpoint.tokenizer_json.decode())
        self.start = self._tokenizer.encode("").ids
        """What every sequence starts with: ``<bos>``."""

    def ids(self, name: str) -> list[int]:
        text = (TEXTS / name).read_text(encoding="utf-8")
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def windows(self, name: str, tokens: int) -> list[list[int]]:
        """The whole text in sequences of at most ``tokens``."""
        ids, length = self.ids(name), tokens - len(self.start)
        return [[*self.start, *ids[i : i + length]] for i in range(0, len(ids), length)]
