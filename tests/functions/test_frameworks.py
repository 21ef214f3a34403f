"""Networks of other frameworks from the file to the verdict: the examples that people read, and the command."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import zklemma
from typer.testing import CliRunner
from zklemma.errors import UserError
from zklemma.tools.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_of_onnx(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    found = runpy.run_path(str(EXAMPLES / "onnx_model.py"))
    report, verified = found["compiled"].report, found["verified"]
    assert report["fidelity"]["outputs"]["output"]["relative_error"] < 1e-3
    assert verified.labels["output"] and "x" not in verified.values
    hidden = np.maximum(
        found["examples"][:2] @ found["weights"]["hidden.weight"].T
        + found["weights"]["hidden.bias"],
        0,
    )
    logits = hidden @ found["weights"]["head.weight"].T + found["weights"]["head.bias"]
    assert np.abs(verified.values["output"] - logits).max() < 1e-2
    assert "Labels: " in capsys.readouterr().out


def test_the_example_of_jax(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jax")
    runpy.run_path(str(EXAMPLES / "jax_model.py"))
    assert "Largest difference from JAX: " in capsys.readouterr().out


TEXT = """
func.func public @main(%arg0: tensor<1x4xf32>) -> tensor<1x2xf32> {
  %w = stablehlo.constant dense<[[1.0, -0.5], [0.25, 2.0], [-1.5, 0.5], [0.75, 1.0]]> : tensor<4x2xf32>
  %0 = stablehlo.dot_general %arg0, %w, contracting_dims = [1] x [0]
    : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "linear.mlir"
    path.write_text(TEXT)
    return path


def test_the_command_takes_a_file_and_examples(text: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "examples.npz", arg0=np.linspace(-1, 1, 80).reshape(20, 4))
    output = tmp_path / "linear.zkl"
    command = [
        "compile",
        str(text),
        "-o",
        str(output),
        "--examples",
        str(tmp_path / "examples.npz"),
    ]
    command += ["--label", "cat", "--label", "dog"]
    found = CliRunner().invoke(app, [*command, "--batch", "2", "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    report = json.loads(found.stdout)
    assert (report["batch"], report["parameters"]) == (2, 8)
    (measured,) = report["fidelity"]["outputs"].values()
    assert measured["relative_error"] < 1e-3 and output.exists()
    run = zklemma.Compiled.load(output).run(np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]))
    assert run.labels == {"output": ["cat", "dog"]}


def test_a_file_goes_with_examples_and_what_it_can_be_asked(text: Path) -> None:
    with pytest.raises(UserError, match="a network of tensors needs example inputs"):
        zklemma.compile(text)
    examples = np.ones((3, 4), np.float32)
    with pytest.raises(UserError, match="outputs are chosen in a graph of ONNX"):
        zklemma.compile(text, example_inputs=examples, outputs=["y"])
    with pytest.raises(UserError, match="no such file"):
        zklemma.compile(text.with_name("other.mlir"), example_inputs=examples)
    with pytest.raises(UserError, match="weights are given for a text of MLIR"):
        zklemma.compile(text.with_suffix(".onnx"), example_inputs=examples, weights={0: examples})
