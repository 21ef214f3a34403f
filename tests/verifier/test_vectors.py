"""docs/vectors has what the first verifier computes, and the second one computes the same."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import engines
import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_files_are_what_the_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("write_vectors", DOCS / "write_vectors.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    texts = script.texts()
    assert texts == {path.name: path.read_text() for path in script.FOLDER.iterdir()}


@pytest.mark.usefixtures("native")
def test_the_second_verifier_agrees() -> None:
    subprocess.run(engines.cargo("test", "--test", "vectors"), check=True, capture_output=True)
