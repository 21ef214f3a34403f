"""Modules that run and prove through `torch.compile`."""

from __future__ import annotations

import tomllib
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from torch import nn
from zklemma.errors import UserError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
GROUP = "torch_dynamo_backends"
POINTS = tomllib.loads(PROJECT.read_text())["project"]["entry-points"][GROUP]


@pytest.fixture(autouse=True)
def fresh() -> None:
    torch.compiler.reset()
    torch.manual_seed(5)


def compiled(module: Any, **options: Any) -> Any:
    backend = EntryPoint("zklemma", POINTS["zklemma"], GROUP).load()
    return torch.compile(module, backend=backend, fullgraph=True, options=options)


class Two(nn.Module):
    """Inputs that the graph reads in another order, and outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.right, self.left = nn.Linear(4, 6), nn.Linear(5, 6)
        self.norm = nn.BatchNorm1d(6)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.left(second) + self.norm(self.right(first))
        return {"x": x, "relu": torch.relu(x)}


def cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(12, 4)),
    ).eval()


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.dtype == wanted.dtype and not found.requires_grad
    torch.testing.assert_close(found, wanted.detach(), atol=2e-3, rtol=0)


def test_an_mlp() -> None:
    network = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3))
    examples = torch.rand(40, 6) - 0.5
    module = compiled(network, calibration=examples, name="mlp", labels=["a", "b", "c"])
    close(module(examples[:2]), network(examples[:2]))
    hidden = zklemma.Visibility(private=["input"])
    with zklemma.proofs(hidden, nonce=b"n") as proofs:
        for start in (0, 2):
            given = examples[start : start + 2]
            said = module(given)
            close(said, network(given))
            found = zklemma.verify(*proofs[-1])
            assert isinstance(found, zklemma.VerifiedFunction)
            assert found.statement.nonce == b"n" and list(found.values) == ["output"]
            np.testing.assert_array_equal(found.values["output"].astype(np.float32), said)
            assert found.labels["output"] == ["abc"[i] for i in said.argmax(1)]
    assert len(proofs) == 2 and proofs[0].key is proofs[1].key and proofs[0].key.name == "mlp"
    module(examples[:2])
    assert len(proofs) == 2  # After the block nothing is proved.
    with pytest.raises(UserError, match="outside its range") as stopped:
        module(100 * examples[:2])
    assert "\n" not in str(stopped.value)


def test_a_cnn_that_is_calibrated_on_its_first_call() -> None:
    network, images = cnn(), torch.rand(6, 1, 4, 4)
    module = compiled(network, headroom=4.0, private=False)
    with pytest.warns(UserWarning, match="calibrated on the 3 examples of this call"):
        close(module(images[:3]), network(images[:3]))
    with warnings.catch_warnings(), zklemma.proofs() as proofs:
        warnings.simplefilter("error")
        close(module(images[3:]), network(images[3:]))
    zklemma.verify(*proofs[0])


def test_other_numbers_of_examples_and_other_weights_are_compiled_again() -> None:
    network, examples = nn.Linear(4, 2), torch.rand(30, 4)
    module = compiled(network, calibration=examples, private=False)
    with zklemma.proofs() as proofs:
        for count in (2, 3, 5):
            close(module(examples[:count]), network(examples[:count]))
        with torch.no_grad():
            network.bias.add_(1.0)
        close(module(examples[:5]), network(examples[:5]))
    assert len({call.key.model_id for call in proofs}) == 4
    for call in proofs:
        zklemma.verify(*call)


def test_several_inputs_and_outputs_by_name() -> None:
    network = Two().eval()
    first, second = torch.rand(20, 4), torch.rand(20, 5)
    module = compiled(network, calibration={"first": first, "second": second}, private=False)
    with zklemma.proofs(zklemma.Visibility(private=["second"])) as proofs:
        said, wanted = module(first[:2], second[:2]), network(first[:2], second[:2])
    assert set(said) == {"x", "relu"}
    for name, each in said.items():
        close(each, wanted[name])
    found = zklemma.verify(*proofs[0])
    assert isinstance(found, zklemma.VerifiedFunction) and "first" in found.values
    assert "second" not in found.values
    torch.compiler.reset()
    for calibration in (first, {"first": first}):
        with pytest.raises(UserError, match="calibration must"):
            compiled(network, calibration=calibration)(first[:2], second[:2])


def test_what_can_not_be_is_one_line() -> None:
    class Breaks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x + x
            torch._dynamo.graph_break()
            return y + x

    backend = EntryPoint("zklemma", POINTS["zklemma"], GROUP).load()
    x = torch.rand(20, 3)
    for module, why in (
        (torch.compile(Breaks(), backend=backend), "no one graph"),
        (compiled(nn.Linear(3, 2), calibrate=x), "options has no calibrate"),
        (compiled(nn.Sequential(nn.Linear(3, 2), nn.LogSoftmax(-1))), "log_softmax"),
        (compiled(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))), "running statistics"),
    ):
        with pytest.raises(UserError, match=why) as refused:
            module(x)
        assert "\n" not in str(refused.value)


def test_pytorch_knows_it() -> None:
    """By the entry point of the package as it is installed."""
    assert "zklemma" in torch.compiler.list_backends()
