"""Keys and provers that several tests share; `tests/protocol/proving.py` makes them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.model.files import encode_proof
from zklemma.runtime.protocol import plan

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / name) for name in ("executor", "protocol", "verifier")]
sys.path.append(str(Path(__file__).parent))

engines: Any = import_module("engines")
proving = import_module("proving")


@pytest.fixture(scope="session", autouse=True)
def both_verifiers() -> Iterator[None]:
    """Where there is Rust, the second verifier says the same of each proof that a setting verifies; not where
    mutations ask what the first one's tests notice by themselves."""
    if os.environ.get("ZKLEMMA_ONE_VERIFIER") or not engines.has_cargo():
        yield
        return
    engines.build()
    first, listed = proving.Setting.verify, plan.LISTED

    def verify(setting: Any, proof: bytes) -> Any:
        if listed != plan.LISTED or not setting.key.parameters.masks_suffice:
            # A test of its own protocol, or of parameters that no key file has.
            return first(setting, proof)
        key = setting.file.encode()
        file = encode_proof(setting.key.digest, proof)
        (second,) = engines.of_rust(key, [file], "--skip-ranges")
        try:
            found = first(setting, proof)
        except InvalidProof:
            assert second == "invalid"
            raise
        assert second == "valid"
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proving.Setting, "verify", verify)
        engines.compare_functions(patch)
        yield


@pytest.fixture(scope="session")
def toy() -> Any:
    return proving.toy_setting()


@pytest.fixture(scope="session")
def tiny() -> Any:
    # Wide enough that a key file may have them.
    return proving.tiny_setting(proving.parameters(10, [2], pads=300))
