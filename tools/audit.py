"""Whether a key's circuits are those of a model: what nobody who only verifies answers looks at.

A proof says something about the circuits of its key. The key says which integer function they stand for. An
audit lowers that of a language model again and compares both circuits byte for byte, and so every relation, range
and no-wrap bound; it finds the model of the family whose function it is, and, given a configuration, asks
PyTorch what that model computes, and compares the tokens that end an answer; it checks the proof of the weights'
ranges and the links to older keys. Formats that are coarser than compiling writes are no problem but a warning.
Keys of functions of tensors are audited by `audit_function`.

What no audit shows: that the weights under the root are those of some model, that the formats leave enough of
its predictions, and that name and tokenizer are the model's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from ..compiler.analysis.coarse import formats
from ..compiler.analysis.requantise import differences
from ..compiler.families.base import Family
from ..compiler.families.recognise import eps_range
from ..compiler.families.registry import families
from ..compiler.modules import main_function
from ..compiler.pipelines import level_of, to_circuit
from ..compiler.published import read_function
from ..compiler.running import pipeline_text, run_passes
from ..compiler.transforms.guard import summary
from ..compiler.transforms.stack_layers import StackLayers
from ..compiler.weights import parameters
from ..dialects import quant
from ..errors import UserError, expect
from ..runtime.model import files
from ..runtime.model.keys import Artifact, VerifyingKey, load_artifact, load_key
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.verifying.verifier import check_links
from ..runtime.visible import quote
from .audit_circuits import compare_circuit, refusal
from .audit_function import Expected, audit_function
from .compiled import Compiled
from .inspection import digests

STAGES = ("load", "lower", "ranges", "link")
MODEL_STAGES = ("import", "weights")
"""Where there is a model to compare with; of a language model the first."""
UNCHECKED = (
    "whose weights they are",
    "how much of the model's predictions the formats leave",
    "the name",
    "whether the tokenizer is the model's",
)
"""What the report says that it does not."""
ENDS = "which tokens end an answer (--config compares them)"
"""What it does not say without a configuration."""
# Tokens that a problem names.
NAMED = 8


def audit(
    key: VerifyingKey | Artifact | Compiled | str | Path,
    model: Any = None,
    *,
    weights: str | Path | Mapping[str, ArrayLike] | Mapping[int, ArrayLike] | None = None,
    outputs: Sequence[str] = (),
    labels: Sequence[str] | None = None,
    example_inputs: Any = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plain data: ``valid``, the ``problems`` in words, what the key's function is, and what is ``unchecked``.

    ``key`` is a key, or an artifact, or a file of either. ``coarse``: in words, which formats are coarser than
    compiling writes, which makes a key no less valid.

    Of a language model ``model`` is a configuration that the function and the ends of answers must be of, as
    `without_weights` takes it; this needs PyTorch. ``end_tokens``: the latter, ids with their texts.
    ``eps_range``: between which numbers the configuration's eps may lie, as integers tell; ``eps_field`` is what it
    is called there, if it is there.

    Of a function ``model`` is the network that it must be of, with ``weights`` and ``outputs``, all as `compile`
    takes them; its weights are compared where the key's are public, or with the masks of an artifact
    (``weights_compared``: how many). ``labels`` must be those of the first output. On ``example_inputs``, which are
    for this alone, the integer function is compared with the network (``fidelity``).

    `UserError` for a key whose parts can not be read, or a model that is none.
    """
    found, artifact = _opened(key)
    clock = Clock(progress or Silent())
    if found.kind == "function":
        expected = Expected(model, weights, outputs, labels, example_inputs)
        return audit_function(found, artifact, expected, clock)
    if weights is not None or outputs or labels is not None or example_inputs is not None:
        raise UserError(f"{found.source}: only the key of a function is compared with weights")
    return _audit_language_model(found, model, clock)


def _opened(
    given: VerifyingKey | Artifact | Compiled | str | Path,
) -> tuple[VerifyingKey, Artifact | None]:
    """A key, and the artifact that it came with."""
    if isinstance(given, str | Path):
        path = Path(given)
        if files.identify(None, files.read(path), str(path)) is not files.MODEL:
            return load_key(path), None
        given = load_artifact(path)
    if isinstance(given, Compiled):
        given = given.artifact
    return (given.key, given) if isinstance(given, Artifact) else (given, None)


def _audit_language_model(
    key: VerifyingKey, config: str | Path | None, clock: Clock
) -> dict[str, Any]:
    """What `audit` says of the key of a language model."""
    clock.start("load")
    try:
        function = read_function(bytes(key.function_bytes))
        pipeline = pipeline_text(to_circuit(False, level_of(function)))
    except UserError as error:
        raise UserError(f"{key.source}: {error}") from None
    tokens = _tokens(function)
    stacked = _stacked(function)
    family, configuration, problems = _family(stacked, tokens)
    bounds = 0
    clock.start("lower")
    if not problems:  # Only what a model's function is lowered to has a bounded size.
        bounds, problems = _compare_circuits(key, function)
    cells = sum(math.prod(quant.type_of(op.result).shape) for op in parameters(function))
    if cells != key.weights:
        problems.append(f"the key says {key.weights} parameters, its function has {cells}")
    clock.start("ranges")
    problems += refusal(key.check_ranges)
    clock.start("link")
    problems += refusal(lambda: check_links(key))
    if config is not None:
        clock.start(MODEL_STAGES[0])
        problems += _compare_with(config, key, stacked, tokens)
    clock.stop()
    found = formats(stacked)
    return {
        "valid": not problems,
        "problems": problems,
        "model_id": key.model_id,
        "name": key.name,
        "family": family and family.model_type,
        "configuration": configuration,
        "eps_field": family and family.eps_field,
        "eps_range": configuration and list(eps_range(stacked)),
        "config": None if config is None else str(config),
        "max_tokens": tokens,
        "parameters": cells,
        "weights": "private" if key.private else "public",
        "end_tokens": [list(piece) for piece in key.pieces(key.eos)],
        "formats": [asdict(each) for each in found],
        "coarse": [f"{each.module}: {what}" for each in found for what in each.coarse],
        "pipeline": pipeline,
        "bounds": bounds,
        **digests(key),
        "ancestors": [ancestor.digest.hex() for ancestor in key.ancestors],
        "unchecked": [*UNCHECKED, *([ENDS] if config is None else [])],
        "seconds": sum(clock.seconds.values()),
        "stages": clock.seconds,
    }


def _tokens(function: ModuleOp) -> int:
    """The positions that a function is for; 0 if it reads no tokens."""
    ids = [op for op in main_function(function).walk() if isinstance(op, quant.TokensOp)]
    return quant.type_of(ids[0].result).shape[0] if ids else 0


def _stacked(function: ModuleOp) -> ModuleOp:
    """A function with its layers in one stack, if there are several, as that of a model is told."""
    stacked = function.clone()
    run_passes(Context(), stacked, (StackLayers(),))
    return stacked


def _family(
    function: ModuleOp, tokens: int
) -> tuple[Family | None, dict[str, Any] | None, list[str]]:
    """The family and the configuration of a function; or why it is no model's, of the family that comes closest."""
    closest: tuple[float, list[str]] | None = None
    for family in families():
        try:
            found = family.read(function)
            lines = differences(found.module(tokens), function)
            distance = float(len(lines))
        except (UserError, VerifyException) as error:
            lines, distance = [summary(error)], math.inf
        if not lines:
            return family, family.config_fields(found), []
        if closest is None or distance < closest[0]:
            name = family.model_type
            closest = distance, [f"the function is no {name} model's: {line}" for line in lines]
    return None, None, expect(closest, tuple)[1]


def _compare_circuits(key: VerifyingKey, function: ModuleOp) -> tuple[int, list[str]]:
    """How many no-wrap bounds the circuits of a function have, and where the key's are others."""
    both = [compare_circuit(key, function, private) for private in (False, True)]
    return sum(each.bounds for each in both), [line for each in both for line in each.problems]


def _compare_with(
    config: str | Path, key: VerifyingKey, function: ModuleOp, tokens: int
) -> list[str]:
    """Where the function is not the quantisation of what PyTorch makes of a configuration, or answers do not end as
    the model's do."""
    from ..compiler.frontend.checkpoint import without_weights
    from ..compiler.frontend.importer import import_model
    from ..compiler.transforms.raise_to_nn import RaiseToNN

    model = without_weights(config)
    problems = other_ends(key, model.end_tokens, model.end_file)
    most = model.config.max_position_embeddings
    if 1 <= tokens <= most:
        module = import_model(model, tokens)
        run_passes(Context(), module, (RaiseToNN(),))
        lines = differences(module, function)
    else:
        lines = [f"it is for {tokens} positions, the configuration has {most}"]
    return problems + [f"the function is not that of {config}: {line}" for line in lines]


def other_ends(key: VerifyingKey, wanted: tuple[int, ...], file: Path) -> list[str]:
    """Whether other tokens end an answer than those that a file says, in a line."""
    if key.eos == wanted:
        return []
    ends = f"{_named(key, key.eos)}, not {_named(key, wanted)}"
    return [f"the tokens that end an answer are {ends} as {file} has it"]


def _named(key: VerifyingKey, ids: Sequence[int]) -> str:
    """Tokens with their texts; of many some."""
    words = [f"{x} {'(no token)' if t is None else quote(t)}" for x, t in key.pieces(ids[:NAMED])]
    return ", ".join(words + [f"{len(ids) - NAMED} more"] * (len(ids) > NAMED)) or "none"
