"""A linear layer that gives as many channels as it takes, from its function to a verdict: its weight's two indices
are two, though values over them share one axis."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.proving.prover import Prover
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness import steps

random_model: Any = import_module("random_model")


@pytest.fixture(scope="module")
def made() -> tuple[VerifyingKey, Prover]:
    return random_model.made(random_model.sizes(blocks=("square",)))


def test_its_weight_has_two_axes(made: tuple[VerifyingKey, Prover]) -> None:
    weights = [c for c in made[0].circuit.home("param") if "channel_in" in c.axes]
    assert [column.axes for column in weights] == [("layer", "channel", "channel_in")]


def test_a_proof_and_a_forged_one(
    made: tuple[VerifyingKey, Prover], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, prover = made
    prompt = (1, 2, 3)
    tokens = (*prompt, *prover.executor.generate(list(prompt), 2))
    found = verify(key, random_model.prove(prover, prompt, tokens), allow_noncanonical_prompt=True)
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
    forged = random_model.prove(prover, prompt, tokens)
    with pytest.raises(InvalidProof):
        verify(key, forged, allow_noncanonical_prompt=True)
