"""The recipe of handwritten digits: it trains, its integers answer as PyTorch does, and a proof of one stands."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import zklemma
from zklemma.errors import InvalidProof
from zklemma.runtime.protocol.statement import frame

pytest.importorskip("sklearn")
sys.path.append(str(Path(__file__).parents[2] / "training"))
recipe: Any = import_module("digits")


def test_digits_are_learnt_and_proved() -> None:
    training, test = recipe.digits()
    assert (len(training.images), len(test.images)) == (1437, 360)
    network = recipe.train(training)
    exact = recipe.in_fp32(network, test)
    assert recipe.accuracy(exact, test) >= 0.97
    compiled = zklemma.compile(network, training.images, labels=recipe.LABELS)
    assert (recipe.in_integers(compiled, test) == exact).all()
    proof, label = recipe.prove_one(compiled, test.images[0])
    assert label == str(int(exact[0]))
    honest = zklemma.verify(compiled.key, proof).statement
    logits = honest.tensors["output output"]
    lied = replace(honest, tensors={**honest.tensors, "output output": logits[::-1].copy()})
    with pytest.raises(InvalidProof):
        zklemma.verify(compiled.key, proof.replace(frame(honest), frame(lied), 1))
