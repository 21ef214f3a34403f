"""A key and a prover of a random small function (`random_quant`), from its operations to proofs."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models
from xdsl.context import Context
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.dialects import quant
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import CommittedWeights, Prover, Request, prove_ranges

sys.path.append(str(Path(__file__).parents[1] / "lowering"))
random_quant: Any = import_module("random_quant")


def sizes(**changes: Any) -> Any:
    """Of a function of two layers, each one linear layer."""
    return random_quant.Sizes(
        **{
            "tokens": 6,
            "vocabulary": 7,
            "channels": 5,
            "hidden": 3,
            "kv": 1,
            "group": 1,
            "width": 2,
            "layers": 2,
            "blocks": ("linear",),
            "norm_at_end": True,
            "rounded_product": True,
            "rope": False,
            "shift": 0,
            "window": 0,
            "layer_norms": False,
            "positions": False,
            "seed": 3,
            **changes,
        }
    )


def made(sizes: Any, private_tokens: bool = False) -> tuple[VerifyingKey, Prover]:
    """The key of both circuits, and a prover of one."""
    module, single = random_quant.function(sizes)
    for each in (StackLayers(), BatchDecode()):
        each.apply(Context(), module)
    weights = dict(single)
    for op in module.walk():
        if isinstance(op, quant.ParamOp) and op.stacked:
            weights[op.param_names[0]] = np.stack([single[name] for name in op.param_names])
    (circuit, program), (private, other) = lower(module), lower(module, private_tokens=True)
    params = param_arrays(circuit, weights)
    parameters = choose_parameters([circuit, private], hiding=True)
    masks = WeightMasks.fresh(circuit, parameters)
    committed = CommittedWeights(circuit, parameters, params, masks)
    key = VerifyingKey(
        name="random",
        weights=1,
        code=parameters.to_list(),
        eos=(1,),
        weight_root=committed.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=encode_circuit(private),
        function_bytes=b"",
        tokenizer_bytes=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str().encode(),
        range_proof=prove_ranges(circuit, parameters, committed),
    )
    return key, Prover(key, other if private_tokens else program, params, masks, private_tokens)


def prove(
    prover: Prover, prompt: tuple[int, ...], tokens: tuple[int, ...], private: bool = False
) -> bytes:
    """A proof; of private tokens the statement shows the output only."""
    options = {"private": ("prompt",), "bound": len(prompt)} if private else {}
    request = Request(tokens, len(prompt), hiding=True, **options)
    return prover.prove(request, Clock(Silent())).proof
