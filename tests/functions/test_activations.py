"""Networks of each activation: what PyTorch gives is imported, and integers look up the same, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zklemma
from torch import nn
from witnesses import executor, undetermined
from zklemma.compiler.frontend.evaluate import evaluate_function
from zklemma.compiler.frontend.function import import_function
from zklemma.compiler.interpret_circuit import check
from zklemma.runtime.circuit.function import Batch
from zklemma.tools.compiled import Compiled

ACTIVATIONS: dict[str, nn.Module] = {
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "softplus": nn.Softplus(),
    "mish": nn.Mish(),
    "hardswish": nn.Hardswish(),
    "hardsigmoid": nn.Hardsigmoid(),
}


@pytest.mark.parametrize(
    ("name", "activation"), [*ACTIVATIONS.items(), ("elu", nn.CELU()), ("relu6", nn.ReLU6())]
)
def test_imported_activations_are_those_of_pytorch(name: str, activation: nn.Module) -> None:
    x = 6 * torch.randn(40, 3)
    module, weights = import_function(nn.Sequential(activation), x[:2], 2)
    (found,) = evaluate_function(module, {"input": x.numpy()}, weights)
    np.testing.assert_allclose(found, activation(x).numpy(), rtol=2e-6, atol=2e-6)
    assert f"nn.{name}" in {op.name for op in module.walk()}


@pytest.fixture(scope="module")
def compiled() -> tuple[Compiled, nn.Module, torch.Tensor]:
    """One of all, one after the other."""
    torch.manual_seed(6)
    layers = [layer for each in ACTIVATIONS.values() for layer in (nn.Linear(5, 5), each)]
    network, x = nn.Sequential(*layers).eval(), 2 * torch.randn(60, 5)
    with torch.no_grad():
        for each in network.parameters():
            each *= 2.5
    return zklemma.compile(network, x[:40], batch=2, private=False), network, x


def test_integers_are_close_to_pytorch(compiled) -> None:
    """On examples that calibration has not seen."""
    function, network, x = compiled
    with torch.no_grad():
        wanted = network(x[40:]).numpy()
    found = [function.run(x[i : i + 2]).values["output"] for i in range(40, 60, 2)]
    assert np.abs(np.concatenate(found) - wanted).max() < 5e-3


def test_nothing_else_is_looked_up(compiled) -> None:
    """Another entry of any column that a table gives."""
    function, _, x = compiled
    circuit, artifact = function.key.circuit, function.artifact
    cells = function.key.function_signature.quantize({"input": x[:2].numpy()})
    witness = executor(function).witness(cells)
    assert check(circuit, Batch(2), {**witness, **artifact.params}) == []
    tables = [step.witness["y"][0] for step in artifact.program.prologue if step.op == "table"]
    assert len(tables) == len(ACTIVATIONS)
    for name in tables:
        for by in (-1, 1):
            changed = witness[name].astype(np.int64)
            changed[1, 3] += by
            assert check(circuit, Batch(2), {**witness, **artifact.params, name: changed}), name


def test_each_relation_leaves_one_witness(compiled) -> None:
    assert undetermined(compiled[0]) == []
