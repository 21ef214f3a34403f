"""Both verifiers' verdicts on the same bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.verifying import native
from zklemma.runtime.verifying.second import Verdicts
from zklemma.runtime.verifying.verifier import verify

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


def of_rust(
    key: bytes, proofs: Sequence[bytes], *options: str, verdicts: Verdicts = native.verdicts
) -> list[str]:
    found = verdicts(key, proofs, "--allow-noncanonical-prompt", *options)
    return [
        "valid" if one["valid"] else "invalid" if one["usable"] else "unusable" for one in found
    ]
