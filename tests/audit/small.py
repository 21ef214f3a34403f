"""A small model with random weights as a published function, and keys that say one."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from tokenizers import Tokenizer, models
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.analysis.requantise import requantise
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.families.decoder import Decoder
from zklemma.compiler.pipelines import lower
from zklemma.compiler.published import write_function
from zklemma.dialects.rotation import Rotation
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.proving.prover import CommittedWeights, prove_ranges

LOWERING = Path(__file__).parents[1] / "lowering" / "conftest.py"
TOKENS = 16
# Three of the forty tokens: the others' ids have none.
WORDS = {"<pad>": 0, "<eos>": 1, " the": 2}


def lowering() -> ModuleType:
    """What the tests of lowering share: a quantised model as text, and weights for it."""
    spec = importlib.util.spec_from_file_location("lowering_conftest", LOWERING)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHARED = lowering()


def function_of(config: Decoder) -> ModuleOp:
    """The published function of another configuration in the small model's formats."""
    _, module = SHARED.tiny_module()
    return requantise(config.module(TOKENS), module)


def varied(config: Decoder, rope: Mapping[str, Rotation] | None = None, **fields: Any) -> Decoder:
    """A configuration with other fields, its rotations by layer type."""
    found = replace(config, **fields)
    by_type = config.rope() | dict(rope or {})
    return replace(found, rotations=tuple(by_type[kind] for kind in found.layer_types))


def rekeyed(key: VerifyingKey, function: ModuleOp) -> VerifyingKey:
    """The key with the circuits of another function, which it says."""
    circuits = [encode_circuit(lower(function, private)[0]) for private in (False, True)]
    return replace(
        key,
        circuit_bytes=circuits[0],
        private_circuit_bytes=circuits[1],
        function_bytes=write_function(function),
    )


def honest_key(function: ModuleOp) -> VerifyingKey:
    """The key of a function with random weights, as the compiler makes it."""
    (circuit, _), (private, _) = lower(function), lower(function, private_tokens=True)
    params = param_arrays(circuit, SHARED.random_weights(function))
    parameters = choose_parameters([circuit, private], hiding=True)
    masks = WeightMasks.fresh(circuit, parameters)
    weights = CommittedWeights(circuit, parameters, params, masks)
    key = VerifyingKey(
        name="small",
        weights=sum(array.size for array in params.values()),
        code=parameters.to_list(),
        eos=(1,),
        weight_root=weights.root,
        circuit_bytes=b"",
        private_circuit_bytes=b"",
        function_bytes=b"",
        tokenizer_bytes=Tokenizer(models.WordLevel(WORDS, unk_token="<pad>")).to_str().encode(),
        range_proof=prove_ranges(circuit, parameters, weights),
        source="small.vk",
    )
    return rekeyed(key, function)
