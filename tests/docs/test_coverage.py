"""The page of coverage is what graphs say today, and what it says compiles."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import zklemma
from torch import nn
from typer.testing import CliRunner
from zklemma.compiler.coverage import network_coverage
from zklemma.tools.cli.app import app

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "coverage.py"
CHECKPOINT = ROOT / "checkpoints" / "tiny-gemma3"
NETWORK = """
import torch
from torch import nn

def made():
    return nn.Sequential(nn.Linear(4, 3), nn.LeakyReLU(), nn.Linear(3, 2), nn.LeakyReLU()), torch.rand(5, 4)
"""


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_page", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(coverage: ModuleType) -> None:
    page = coverage.page()
    assert coverage.PAGE.read_text() == page, "run python docs/coverage.py"
    assert sum(line.endswith("| yes |") for line in page.splitlines()) >= 20
    assert sum(line.startswith("| ") for line in page.splitlines()) >= 40


def test_what_is_refused_stops_compiling_and_the_rest_does_not(coverage: ModuleType) -> None:
    """Of a few of the page: others are compiled in tests of their own."""
    made = {name: (network, inputs) for name, network, inputs in coverage.models().networks()}
    for name in ("gated linear unit", "grouped CNN", "siamese distance"):
        network, inputs = made[name]
        found = network_coverage(name, network, inputs)
        given = [torch.rand(4, *each.shape[1:]) for each in inputs]
        try:
            zklemma.compile(network, given, private=False)
        except zklemma.UserError as error:
            assert found.refusal == str(error)
        else:
            assert not found.refusal


def test_uses_are_counted_and_named() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, dilation=2), nn.Flatten(), nn.LogSoftmax(1)
    )
    found = network_coverage("it", network, torch.zeros(1, 1, 8, 8))
    by_name = {each.name: each for each in found.operations}
    assert (by_name["conv2d"].count, by_name["conv2d"].refused) == (2, 1)
    assert by_name["conv2d"].why == ("dilation [2, 2]",)
    assert by_name["log_softmax"].refused == 1
    assert "leave it out" in by_name["log_softmax"].nearest
    assert not by_name["view"].refused and "2 operations are not supported" in found.refusal
    volumes = network_coverage("it", nn.Linear(4, 2), torch.zeros(1, 2, 2, 3, 4))
    assert "an input is rows" in volumes.refusal and volumes.operations[0].name == "linear"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "some_network", raising=False)
    (tmp_path / "some_network.py").write_text(NETWORK)

    def said(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["coverage", *arguments], catch_exceptions=False)
        return done.exit_code, done.output

    status, text = said("some_network:made")
    assert status == 0 and "leaky_relu" in text and "It can not be compiled: 2 operations" in text
    status, text = said("some_network:made", "--json")
    found = json.loads(text)
    assert status == 0 and found["supported"] is False
    assert {each["name"]: each["count"] for each in found["operations"]} == {
        "linear": 2,
        "leaky_relu": 2,
    }
    status, text = said(str(CHECKPOINT))
    assert status == 0 and "It can be compiled." in text and "softmax" in text
    for wrong in ("some_network:other", "nothing_there:made"):
        status, text = said(wrong)
        assert status == 2 and text.count("\n") == 1 and wrong in text
