"""examples/foreign_dialect, installed as the package that it is, compiles to a circuit that decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.emit import param_arrays
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.pipelines import lower
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.witness.function_executor import FunctionExecutor

SOURCE = Path(__file__).parents[2] / "examples" / "foreign_dialect" / "score.mlir"
WEIGHTS = {"score.weight": np.array([[64, 0, 0, 0], [0, -128, 0, 0], [0, 0, 128, 64]])}
ROWS = np.array([[128, -64, 64, -1], [127, -63, 0, 127]])
"""Scores of just a half, in units of 2^-14, and of a little less."""
DECISIONS = np.array([[1, 1, 0], [0, 0, 0]])


@pytest.fixture(scope="module")
def run(installed: Callable[[str], Any]) -> Any:
    return installed("foreign_dialect")


def test_it_is_lowered_compiled_and_executed(run: Any) -> None:
    lowered = run("zk_opt", str(SOURCE), "-p", "lower-decide")
    assert not lowered.returncode, lowered.stderr
    module = parse_module(lowered.stdout)
    circuit, program = lower(module)
    params = param_arrays(circuit, WEIGHTS)
    executor = FunctionExecutor(circuit, program, params)
    (found,) = executor.run({"row": ROWS}).values()
    np.testing.assert_array_equal(found, DECISIONS)
    witness = executor.witness({"row": ROWS})
    assert check(circuit, Batch(len(ROWS)), {**witness, **params}) == []
    made = {name for name, array in witness.items() if np.array_equal(array, DECISIONS)}
    assert made
    cheated = witness | dict.fromkeys(made, 1 - DECISIONS)  # The output, and what it is made of.
    assert "decision" in " ".join(check(circuit, Batch(len(ROWS)), {**cheated, **params}))


def test_one_command_makes_the_circuit(run: Any) -> None:
    made = run("zk_opt", str(SOURCE), "-p", "lower-decide,lower-to-circuit")
    assert not made.returncode, made.stderr
    assert "circuit.system" in made.stdout and "decide." not in made.stdout


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("limit 0.5", "limit 64.0", "no number of x is at the limit 64.0"),
        ("bits = 2, frac = 0", "bits = 2, frac = 1", "must be integers of 2 bits"),
    ],
)
def test_what_is_refused(run: Any, tmp_path: Path, old: str, new: str, words: str) -> None:
    source = tmp_path / "wrong.mlir"
    source.write_text(SOURCE.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    refused = run("zk_opt", str(source), "-p", "lower-decide")
    assert refused.returncode == 1 and words in refused.stderr
    assert refused.stderr.count("\n") == 1
