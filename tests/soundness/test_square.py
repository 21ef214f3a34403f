"""A linear layer that gives as many channels as it takes, from its function to a verdict: its weight's two indices
are two, though values over them share one axis."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models
from xdsl.context import Context
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.pipelines import lower
from zklemma.compiler.transforms.batch_decode import BatchDecode
from zklemma.compiler.transforms.stack_layers import StackLayers
from zklemma.dialects import quant
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import CommittedWeights, Prover, Request, prove_ranges
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness import steps

sys.path.append(str(Path(__file__).parents[1] / "lowering"))
random_quant: Any = import_module("random_quant")
SIZES = random_quant.Sizes(
    tokens=6,
    vocabulary=7,
    channels=5,
    hidden=3,
    kv=1,
    group=1,
    width=2,
    layers=2,
    blocks=("square",),
    norm_at_end=True,
    rounded_product=True,
    rope=False,
    window=0,
    seed=3,
)


@pytest.fixture(scope="module")
def made() -> tuple[VerifyingKey, Prover]:
    module, single = random_quant.function(SIZES)
    for each in (StackLayers(), BatchDecode()):
        each.apply(Context(), module)
    weights = dict(single)
    for op in module.walk():
        if isinstance(op, quant.ParamOp) and op.stacked:
            weights[op.param_names[0]] = np.stack([single[name] for name in op.param_names])
    (circuit, program), (private, _) = lower(module), lower(module, private_tokens=True)
    params = param_arrays(circuit, weights)
    parameters = choose_parameters([circuit, private], hiding=True)
    masks = WeightMasks.fresh(circuit, parameters)
    committed = CommittedWeights(circuit, parameters, params, masks)
    key = VerifyingKey(
        "square",
        1,
        parameters.to_list(),
        (1,),
        committed.root,
        encode_circuit(circuit),
        encode_circuit(private),
        b"",
        Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str().encode(),
        prove_ranges(circuit, parameters, committed),
    )
    return key, Prover(key, program, params, masks)


def test_its_weight_has_two_axes(made: tuple[VerifyingKey, Prover]) -> None:
    weights = [c for c in made[0].circuit.home("param") if "channel_in" in c.axes]
    assert [column.axes for column in weights] == [("layer", "channel", "channel_in")]


def prove(prover: Prover, prompt: tuple[int, ...], tokens: tuple[int, ...]) -> bytes:
    return prover.prove(Request(tokens, len(prompt), hiding=True), Clock(Silent())).proof


def test_a_proof_and_a_forged_one(
    made: tuple[VerifyingKey, Prover], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, prover = made
    prompt = (1, 2, 3)
    tokens = (*prompt, *prover.executor.generate(list(prompt), 2))
    found = verify(key, prove(prover, prompt, tokens), allow_noncanonical_prompt=True)
    assert found.statement.tokens == tokens

    honest = steps.matmul

    def transposed(run: Any, step: Any) -> np.ndarray:
        """The sum over the other index of the weight."""
        model, matrix = run.model, run.model.matrix
        with monkeypatch.context() as patch:
            patch.setattr(model, "matrix", lambda *where: matrix(*where).T.copy())
            return honest(run, step)

    monkeypatch.setitem(steps.OPERATIONS, "matmul", transposed)
    tokens = (*prompt, *prover.executor.generate(list(prompt), 2))
    forged = prove(prover, prompt, tokens)
    with pytest.raises(InvalidProof):
        verify(key, forged, allow_noncanonical_prompt=True)
