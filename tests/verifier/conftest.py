"""Lets tests import `engines`, and builds the second verifier for those that need it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = ("fuzz", "hostile", "soundness", "functions")
sys.path += [str(HERE), *(str(HERE.parent / name) for name in FOLDERS)]
import engines  # noqa: E402


@pytest.fixture(scope="session")
def native() -> None:
    """The second verifier, built; the test is skipped where it can not be."""
    if not engines.has_cargo():
        pytest.skip(engines.WITHOUT)
    engines.build()


@pytest.fixture(scope="session")
def wasm() -> None:
    """The second verifier as WebAssembly, built; the test is skipped where it can not be built or run."""
    pytest.importorskip("wasmtime")
    if why := engines.build_wasm():
        pytest.skip(why)
