"""The programs in examples/ run, and print what they are about."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "pytorch": ("of labels as in PyTorch", "bits: ['", "1 call proved"),
    "xdsl_text": ("proved with", "'output': array"),
}
# In `tests/functions/test_frameworks.py`, as they need packages of their own.
ELSEWHERE = {"jax_model", "onnx_model"}


def test_all_are_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SAID, *ELSEWHERE}


@pytest.mark.parametrize("name", SAID)
def test_it_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    said = capsys.readouterr().out
    assert all(part in said for part in SAID[name]), said
