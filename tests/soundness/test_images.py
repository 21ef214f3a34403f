"""A network of images from PyTorch to a verdict: what it gives is proved, proofs of anything else are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import zklemma
from torch import nn
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.runtime.protocol.statement import frame
from zklemma.runtime.proving.inference import FunctionProver, Visibility
from zklemma.runtime.verifying.function_verifier import VerifiedFunction
from zklemma.runtime.witness.function_executor import FunctionExecutor
from zklemma.tools.compiled import Compiled

LABELS = ("circle", "square", "star")


class Network(nn.Module):
    """One of each: a padded convolution, its norm, the largest and the mean of windows, a sum, groups, rows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.beside = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.grouped = nn.Conv2d(4, 6, (1, 2), groups=2)
        self.head = nn.Linear(6, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.first(image))), 2)
        x = torch.relu(self.grouped(torch.relu(x + self.beside(x))))
        return self.head(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


@pytest.fixture(scope="module")
def made() -> tuple[Compiled, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    network, images = Network().eval(), torch.rand(40, 2, 8, 8) - 0.5
    compiled = zklemma.compile(network, images, batch=3, labels=LABELS)
    with torch.no_grad():
        return compiled, images, network(images)


def test_integers_are_close_to_pytorch(made) -> None:
    (measured,) = made[0].report["fidelity"]["outputs"].values()
    assert measured["relative_error"] < 1e-3 and measured["greedy_agreement"] == 1.0


@pytest.mark.parametrize("visibility", [Visibility(), Visibility(private=["image"])])
def test_a_batch_is_proved(made, visibility: Visibility) -> None:
    compiled, images, wanted = made
    found = zklemma.verify(compiled.key, compiled.prove(images[:3], visibility=visibility))
    assert isinstance(found, VerifiedFunction)
    assert np.abs(found.values["output"] - wanted[:3].numpy()).max() < 1e-2
    assert found.labels["output"] == [LABELS[i] for i in wanted[:3].argmax(1)]
    assert ("image" in found.values) == (not visibility.private)


def test_another_value_anywhere_is_refused(made) -> None:
    """One cell of each column of the witness, and one of what the statement shows."""
    compiled, images, _ = made
    artifact, key = compiled.artifact, compiled.key
    cells = key.function_signature.quantize({"image": images[:2].numpy()})
    witness = FunctionExecutor(key.circuit, artifact.program, artifact.params).witness(cells)
    prover = FunctionProver(key, artifact.params, artifact.masks)
    said = {
        what: witness[names[0]].reshape(-1).astype(np.int64)
        for what, names in key.circuit.reveals.items()
    }
    honest = FunctionStatement(2, said, True)
    result = prover.prove_witness(honest, witness, Clock(Silent()))
    zklemma.verify(key, result.proof)
    random = np.random.default_rng(4)
    for name, array in witness.items():
        changed = array.astype(np.int64)
        changed.flat[random.integers(array.size)] += 1
        forged = prover.prove_witness(
            honest, {**witness, name: changed}, Clock(Silent()), strict=False
        )
        with pytest.raises(InvalidProof):
            zklemma.verify(key, forged.proof)
    for what, array in said.items():
        lied = replace(honest, tensors={**said, what: array + (np.arange(array.size) == 0)})
        with pytest.raises(InvalidProof):
            zklemma.verify(key, frame(lied) + result.proof[len(frame(honest)) :])
        with pytest.raises(InvalidProof):
            forged = prover.prove_witness(lied, witness, Clock(Silent()), strict=False)
            zklemma.verify(key, forged.proof)


def test_what_can_not_be_compiled_is_one_line() -> None:
    with pytest.raises(UserError, match="example inputs go with a module"):
        zklemma.compile("somewhere", example_inputs=torch.rand(1, 2))
    dilated = nn.Sequential(nn.Conv2d(4, 4, 2, dilation=2), nn.Flatten(), nn.Linear(16, 2))
    with pytest.raises(UserError, match="dilation") as refused:
        zklemma.compile(dilated, example_inputs=torch.rand(2, 4, 4, 4))
    assert "\n" not in str(refused.value)
