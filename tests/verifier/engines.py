"""Both verifiers' verdicts on the same bytes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.verifying import function_verifier, native
from zklemma.runtime.verifying.second import Verdicts
from zklemma.runtime.verifying.verify import verify

# The package has a function of the module's name.
verify_module: Any = import_module("zklemma.runtime.verifying.verify")
ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "verifier" / "Cargo.toml"
TARGET = ROOT / "build" / "verifier"
# What `build_wasm.sh` ends with if no Rust here can.
WITHOUT_TARGET = 3
WITHOUT = "there is no cargo, which builds the second verifier"


@cache
def build() -> None:
    """The native verifier of these sources; several processes wait for one another."""
    subprocess.run(cargo("build", "--release"), check=True)


@cache
def build_wasm() -> str | None:
    """The verifier of these sources as WebAssembly; why there is none, where nothing here builds it."""
    script = ["sh", str(MANIFEST.with_name("build_wasm.sh"))]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode in (0, WITHOUT_TARGET), done.stderr
    return done.stderr.strip() if done.returncode else None


def cargo(command: str, *options: str) -> list[str]:
    return [
        *("cargo", command, "--quiet", "--offline", *options),
        *("--manifest-path", str(MANIFEST), "--target-dir", str(TARGET)),
    ]


def has_cargo() -> bool:
    return shutil.which("cargo") is not None


def framed(key: bytes, proof: bytes) -> tuple[bytes, bytes]:
    """A key file, and a proof or what one holds as a file for that key."""
    if proof[: len(files.PROOF.magic)] == files.PROOF.magic:
        return key, proof
    try:
        digest = VerifyingKey.decode(key).digest
    except UserError:
        digest = bytes(32)
    return key, files.encode_proof(digest, proof)


def of_python(
    key: bytes, proof: bytes, check_ranges: bool = True, model_id: str | None = None
) -> str:
    try:
        model = VerifyingKey.decode(key)
        _ = model.circuit
        verify(model, proof, model_id, allow_noncanonical_prompt=True, check_ranges=check_ranges)
    except InvalidProof:
        return "invalid"
    except UserError:
        return "unusable"
    return "valid"


def compare_functions(patch: pytest.MonkeyPatch, *modules: str) -> None:
    """From now on the second verifier says the same of each proof of a function that is verified in tests of these
    names, or by `zklemma.verify`."""
    first: Any = function_verifier.verify_function

    def both(key: Any, proof: Any, model_id: str | None = None, check_ranges: bool = True) -> Any:
        if key.kind != "function" or isinstance(proof, str | Path):
            return first(key, proof, model_id, check_ranges)
        options = [*(("--model-id", model_id) if model_id else ())]
        options += [] if check_ranges else ["--skip-ranges"]
        contents, file = framed(key.encode(), bytes(proof))
        (second,) = of_rust(contents, [file], *options)
        said = "valid"
        try:
            return first(key, proof, model_id, check_ranges)
        except InvalidProof:
            said = "invalid"
            raise
        except UserError:
            said = "unusable"
            raise
        finally:
            assert second == said

    patch.setattr(verify_module, "verify_function", both)
    for name in modules:
        module = sys.modules.get(name)
        if hasattr(module, "verify_function"):
            patch.setattr(module, "verify_function", both)


def of_rust(
    key: bytes, proofs: Sequence[bytes], *options: str, verdicts: Verdicts = native.verdicts
) -> list[str]:
    found = verdicts(key, proofs, "--allow-noncanonical-prompt", *options)
    return [
        "valid" if one["valid"] else "invalid" if one["usable"] else "unusable" for one in found
    ]
