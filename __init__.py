"""zklemma proves in zero knowledge what a language model said.

    compiled = zklemma.compile("path/to/checkpoint")
    answer = compiled.prove("Once upon a time", max_new_tokens=32)
    verified = zklemma.verify(compiled.key, answer)

and what a network of tensors gives: there `compile` takes a module and inputs, and `prove` inputs.

Names are imported when first used: verifying needs neither torch nor the compiler.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .errors import InvalidProof, MissingPackage, RangeError, UserError, ZklemmaError

if TYPE_CHECKING:
    __version__: str
    from .runtime.model.keys import (
        Artifact,
        VerifyingKey,
        load_artifact,
        load_key,
        save_artifact,
        save_key,
    )
    from .runtime.model.signature import Signature, Tensor
    from .runtime.progress import Progress
    from .runtime.proving.answer import Answer
    from .runtime.proving.inference import Inference, Visibility
    from .runtime.proving.prove import prove
    from .runtime.proving.rotation import rotate
    from .runtime.verifying.function_verifier import VerifiedFunction
    from .runtime.verifying.verifier import Verified
    from .runtime.verifying.verify import verify
    from .tools.audit import audit
    from .tools.compiled import Compiled, Outputs
    from .tools.compiling import compile
    from .tools.torch_backend import ProvedCall, proofs

_HOMES = {
    "audit": ".tools.audit",
    "compile": ".tools.compiling",
    "Compiled": ".tools.compiled",
    "Outputs": ".tools.compiled",
    "Progress": ".runtime.progress",
    "ProvedCall": ".tools.torch_backend",
    "proofs": ".tools.torch_backend",
    "prove": ".runtime.proving.prove",
    "Answer": ".runtime.proving.answer",
    "Inference": ".runtime.proving.inference",
    "Visibility": ".runtime.proving.inference",
    "rotate": ".runtime.proving.rotation",
    "verify": ".runtime.verifying.verify",
    "Verified": ".runtime.verifying.verifier",
    "VerifiedFunction": ".runtime.verifying.function_verifier",
    "Signature": ".runtime.model.signature",
    "Tensor": ".runtime.model.signature",
    "Artifact": ".runtime.model.keys",
    "VerifyingKey": ".runtime.model.keys",
    "load_artifact": ".runtime.model.keys",
    "load_key": ".runtime.model.keys",
    "save_artifact": ".runtime.model.keys",
    "save_key": ".runtime.model.keys",
}
# What a light install lacks: the extra that has it, and a package of that.
_NEEDS = {
    "audit": ("compile", "xdsl"),
    "compile": ("compile", "torch"),
    "Compiled": ("prove", "numba"),
    "ProvedCall": ("compile", "torch"),
    "proofs": ("compile", "torch"),
    "Outputs": ("prove", "numba"),
    "prove": ("prove", "numba"),
    "Inference": ("prove", "numba"),
    "Visibility": ("prove", "numba"),
    "rotate": ("prove", "numba"),
}
__all__ = [
    "Answer",
    "Artifact",
    "Compiled",
    "Inference",
    "InvalidProof",
    "MissingPackage",
    "Outputs",
    "Progress",
    "ProvedCall",
    "RangeError",
    "Signature",
    "Tensor",
    "UserError",
    "Verified",
    "VerifiedFunction",
    "VerifyingKey",
    "Visibility",
    "ZklemmaError",
    "__version__",
    "audit",
    "compile",
    "load_artifact",
    "load_key",
    "proofs",
    "prove",
    "rotate",
    "save_artifact",
    "save_key",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        try:
            return version("zklemma")
        except PackageNotFoundError:
            return "unknown"
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    extra, package = _NEEDS.get(name, (None, None))
    try:
        if package:
            import_module(package)
        return getattr(import_module(_HOMES[name], __name__), name)
    except ModuleNotFoundError as error:
        if extra is None or not error.name or error.name.startswith("zklemma"):
            raise
        raise MissingPackage(error.name, extra) from None


def __dir__() -> list[str]:
    return sorted(__all__)
