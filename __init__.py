"""zklemma proves in zero knowledge what a Gemma-3 model said.

    artifact, report = zklemma.compile("path/to/checkpoint")
    answer = zklemma.prove(artifact, "Once upon a time", max_new_tokens=32)
    verified = zklemma.verify(artifact.key, answer.proof)

Names are imported when first used: verifying needs neither torch nor the compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .runtime.answer import Answer, prove
    from .runtime.keys import (
        Artifact,
        VerifyingKey,
        load_artifact,
        load_key,
        save_artifact,
        save_key,
    )
    from .runtime.rotation import rotate
    from .runtime.verifier import Verified, verify
    from .tools.compiling import compile

_HOMES = {
    "compile": ".tools.compiling",
    "prove": ".runtime.answer",
    "Answer": ".runtime.answer",
    "rotate": ".runtime.rotation",
    "verify": ".runtime.verifier",
    "Verified": ".runtime.verifier",
    "Artifact": ".runtime.keys",
    "VerifyingKey": ".runtime.keys",
    "load_artifact": ".runtime.keys",
    "load_key": ".runtime.keys",
    "save_artifact": ".runtime.keys",
    "save_key": ".runtime.keys",
}
__all__ = [
    "Answer",
    "Artifact",
    "Verified",
    "VerifyingKey",
    "compile",
    "load_artifact",
    "load_key",
    "prove",
    "rotate",
    "save_artifact",
    "save_key",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
