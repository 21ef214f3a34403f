"""Verifying under a key of either kind."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, overload

import numpy as np

from ..model.files import Buffer
from ..model.keys import VerifyingKey, load_key
from . import verifier
from .function_verifier import VerifiedFunction, verify_function
from .verifier import Verified


class Proved(Protocol):
    """What proving gives."""

    @property
    def proof(self) -> bytes: ...


class ProvedText(Proved, Protocol):
    """Of a language model."""

    @property
    def text(self) -> str: ...


class ProvedOutputs(Proved, Protocol):
    """Of a function."""

    @property
    def outputs(self) -> dict[str, np.ndarray]: ...


Key = VerifyingKey | Buffer | str | Path


@overload
def verify(
    key: Key,
    proof: ProvedText,
    model_id: str | None = None,
    allow_noncanonical_prompt: bool = False,
    check_ranges: bool = True,
) -> Verified: ...


@overload
def verify(
    key: Key, proof: ProvedOutputs, model_id: str | None = None, *, check_ranges: bool = True
) -> VerifiedFunction: ...


@overload
def verify(
    key: Key,
    proof: Buffer | str | Path,
    model_id: str | None = None,
    allow_noncanonical_prompt: bool = False,
    check_ranges: bool = True,
) -> Verified | VerifiedFunction: ...


def verify(
    key: Key,
    proof: Proved | Buffer | str | Path,
    model_id: str | None = None,
    allow_noncanonical_prompt: bool = False,
    check_ranges: bool = True,
) -> Verified | VerifiedFunction:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``; what it says,
    by the kind of the key. Either is an object, its bytes, or a file. See `verifier.verify` for the options; a
    function has no prompts."""
    if isinstance(key, str | Path):
        key = load_key(key)
    elif isinstance(key, Buffer):
        key = VerifyingKey.decode(key)
    found = proof if isinstance(proof, Buffer | str | Path) else proof.proof
    if key.kind == "function":
        return verify_function(key, found, model_id, check_ranges)
    return verifier.verify(key, found, model_id, allow_noncanonical_prompt, check_ranges)
