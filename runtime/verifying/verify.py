"""Verifying under a key of either kind."""

from __future__ import annotations

from pathlib import Path

from ..model.files import Buffer
from ..model.keys import VerifyingKey
from . import verifier
from .function_verifier import VerifiedFunction, verify_function
from .verifier import Verified


def verify(
    key: VerifyingKey,
    proof: Buffer | str | Path,
    model_id: str | None = None,
    allow_noncanonical_prompt: bool = False,
    check_ranges: bool = True,
) -> Verified | VerifiedFunction:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``; what it says, by
    the kind of the key. See `verifier.verify` for the options; a function has no prompts."""
    if key.kind == "function":
        return verify_function(key, proof, model_id, check_ranges)
    return verifier.verify(key, proof, model_id, allow_noncanonical_prompt, check_ranges)
