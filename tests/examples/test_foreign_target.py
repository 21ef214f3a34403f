"""examples/foreign_target, installed as the package that it is: a form of output that zk-translate has, and
a target that compile has."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).parents[1] / "tools" / "small.mlir"


@pytest.fixture(scope="module")
def run(installed: Callable[[str], Any]) -> Any:
    return installed("foreign_target")


def test_what_it_writes(run: Any) -> None:
    made = run("zk_translate", str(SMALL), "--to", "circuit-csv")
    assert not made.returncode, made.stderr
    assert made.stdout.splitlines() == [
        "kind,relation,module,columns",
        "einsum,product,,y x c",
        "lookup,small,,x",
        "lookup,squared,,z q",
        "linear,sum,,x z d",
        "gather,rows,,at x w",
    ]


def test_its_option(run: Any) -> None:
    made = run("zk_translate", str(SMALL), "--to", "circuit-csv{kind=linear}")
    assert made.stdout.splitlines()[1:] == ["linear,sum,,x z d"]
    refused = run("zk_translate", str(SMALL), "--to", "circuit-csv{kind=sum}")
    assert refused.returncode == 1 and refused.stdout == ""
    assert "there is no kind sum" in refused.stderr and refused.stderr.count("\n") == 1


LINEAR = """
func.func public @main(%arg0: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = stablehlo.constant dense<[[1.0, -0.5], [0.25, 2.0], [-1.5, 0.5], [0.75, 1.0]]> : tensor<4x2xf32>
  %0 = stablehlo.dot_general %arg0, %w, contracting_dims = [1] x [0]
    : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
"""


def test_its_target_is_listed_and_compiled_for(run: Any, tmp_path: Path) -> None:
    listed = run("main", "targets", "--json")
    assert not listed.returncode, listed.stderr
    found = {each["name"]: each for each in json.loads(listed.stdout)["targets"]}
    assert [*found] == ["zklemma", "reference", "integers"]
    assert not found["integers"]["proves"] and found["integers"]["kinds"] == ["function"]
    (tmp_path / "linear.mlir").write_text(LINEAR)
    np.save(tmp_path / "examples.npy", np.linspace(-1, 1, 80, dtype=np.float32).reshape(20, 4))
    text, model = str(tmp_path / "linear.mlir"), str(tmp_path / "linear.zkl")
    options = ["--examples", str(tmp_path / "examples.npy"), "--target", "integers", "-o", model]
    made = run("main", "compile", text, *options, "--json")
    assert not made.returncode, made.stderr
    said = json.loads(run("main", "inspect", model, "--json").stdout)
    assert (said["kind"], said["target"]) == ("lowered model", "integers")
    assert said["defined_columns"] == 0
    refused = run("main", "compile", "gpt2", "--target", "integers", "-o", model)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "the target integers takes no language model, only a function" in refused.stderr


def test_its_target_checks_what_it_is_given() -> None:
    source = ROOT / "examples" / "foreign_target" / "foreign_system.py"
    target = runpy.run_path(str(source))["TARGET"]
    torch.manual_seed(0)
    network, examples = torch.nn.Linear(3, 2), torch.randn(40, 3)
    compiled: Any = zklemma.compile(network, examples, batch=2, target=target)
    assert not compiled.key.circuit.defined
    trace = compiled.prove(examples[:2])
    assert compiled.verify(trace) > 1
    for column in compiled.key.circuit.home("witness"):
        cells = trace[column.name].astype(np.int64)
        cells.flat[0] += 1
        with pytest.raises(zklemma.InvalidProof, match="these do not hold"):
            compiled.verify({**trace, column.name: cells})
