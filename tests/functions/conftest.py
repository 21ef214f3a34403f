"""Artifacts of the small function that several tests share, and what proves with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.keys import Artifact

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "verifier")]

from mlp import mlp_artifact

engines: Any = import_module("engines")

TOOLS = Path(__file__).parents[1] / "tools" / "conftest.py"


@pytest.fixture(scope="session", autouse=True)
def both_verifiers() -> Iterator[None]:
    """Where there is Rust, the second verifier says the same of each proof, as in `tests/soundness`."""
    if os.environ.get("ZKLEMMA_ONE_VERIFIER") or not engines.has_cargo():
        yield
        return
    engines.build()
    with pytest.MonkeyPatch.context() as patch:
        engines.compare_functions(patch, "test_proofs", "test_keys")
        yield


@pytest.fixture(scope="session")
def made() -> Artifact:
    """With private weights."""
    return mlp_artifact()


@pytest.fixture
def artifact(made: Artifact) -> Artifact:
    """The same, its masks counted from the start again: no test uses up another's."""
    return replace(made, budget=MemoryBudget(made.key))


@pytest.fixture(scope="session")
def public() -> Artifact:
    """With public ones."""
    return mlp_artifact(hiding=False)


@pytest.fixture
def language(toy: Artifact) -> Artifact:
    """The toy language model of the tests of commands, counted likewise."""
    return replace(toy, budget=MemoryBudget(toy.key))


@pytest.fixture(scope="session")
def toy() -> Artifact:
    spec = spec_from_file_location("tools_conftest", TOOLS)
    assert spec and spec.loader
    module = sys.modules["tools_conftest"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.toy_artifact()
