"""A compiled model: what it says, proofs of that, and the key that checks them.

It needs neither PyTorch nor the compiler, and threads may share one: every call works on arrays of its own, and
proofs are counted under a lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast, overload

import numpy as np

from ..errors import UserError
from ..runtime.circuit.function import OUTPUT
from ..runtime.model import files
from ..runtime.model.keys import Artifact, load_artifact, save_artifact
from ..runtime.model.lowered import Executable
from ..runtime.model.lowered_file import load_lowered, save_lowered
from ..runtime.progress import Clock, Progress, Silent
from ..runtime.proving import answer
from ..runtime.proving.answer import Answer
from ..runtime.proving.inference import Inference, Visibility
from ..runtime.verifying.function_verifier import read_labels
from ..runtime.visible import quote
from ..runtime.witness.function_executor import FunctionExecutor
from .compiled_html import page
from .systems.own import OWN
from .systems.target import Given, Target, named

if TYPE_CHECKING:
    import torch

    Tensor: TypeAlias = np.ndarray | torch.Tensor | list[Any]
    """Real numbers (examples, ..)."""


@dataclass(frozen=True)
class Outputs:
    """What a function gave: the real numbers of each output by name, float64 (examples, ..), and of each that has
    labels that of each example's largest number (`VerifiedFunction.labels`)."""

    values: dict[str, np.ndarray]
    labels: dict[str, list[str]]


@dataclass(frozen=True, repr=False)
class Compiled:
    """A language model, or a function of tensors, as `compile` makes it and `load` reads it. ``target`` proves it,
    with what it made for that."""

    executable: Executable
    target: Target = OWN

    @property
    def artifact(self) -> Artifact:
        """What our own target proves with, and rotates; `UserError` of a model for another target."""
        if not isinstance(self.executable, Artifact):
            raise UserError(
                f"the model is compiled for {self.target.name}; only {OWN.name} makes artifacts and keys"
            )
        return self.executable

    @property
    def key(self) -> Any:
        """What a verifier needs; with our own target a `VerifyingKey`."""
        return self.executable.key

    @property
    def report(self) -> dict[str, Any]:
        """Plain data: what was made, how long its stages took, and how faithful it is."""
        key = self.key
        known = {"name": key.name, "model_id": key.model_id, "parameters": key.weights}
        return known | self.executable.meta.get("report", {})

    @overload
    def run(
        self, prompt: str, /, *, max_new_tokens: int, on_text: Callable[[str], None] | None = None
    ) -> str: ...

    @overload
    def run(self, *inputs: Tensor | Mapping[str, Tensor]) -> Outputs: ...

    def run(self, *inputs: Any, **options: Any) -> str | Outputs:
        """What the integer model says, without a proof.

        Of a language model the text after a prompt, of at most ``max_new_tokens`` tokens, of which ``on_text``
        gets prompt and output piece by piece. Of a function its outputs for inputs in their order, or one
        mapping of them by name, of any number of examples. `UserError` for inputs that it does not take, and
        values out of range.
        """
        if self.key.kind == "language model":
            tokens, said = answer.generate(self.executable, _prompt(inputs), **options)
            return answer.text(self.executable, tokens, said)
        signature = self.key.function_signature
        executor = FunctionExecutor(
            self.key.circuit, self.executable.program, self.executable.params
        )
        cells = executor.run(signature.quantize(self._by_name(inputs)), **options)
        values = {tensor.name: tensor.real(cells[tensor.name]) for tensor in signature.outputs}
        return Outputs(values, read_labels(signature, {f"{OUTPUT} {n}": cells[n] for n in values}))

    @overload
    def prove(
        self,
        prompt: str,
        /,
        *,
        max_new_tokens: int,
        visibility: Visibility | None = None,
        prompt_bound: int | None = None,
        hiding: bool | None = None,
        progress: Progress | None = None,
        on_text: Callable[[str], None] | None = None,
        nonce: bytes = b"",
    ) -> Answer: ...

    @overload
    def prove(
        self,
        *inputs: Tensor | Mapping[str, Tensor],
        visibility: Visibility | None = None,
        hiding: bool | None = None,
        progress: Progress | None = None,
        nonce: bytes = b"",
    ) -> Inference: ...

    def prove(self, *inputs: Any, **options: Any) -> Any:
        """What `run` gives, and a proof of it, or what else the target gives that `verify` takes.

        ``visibility`` names what the proof does not show: of a language model "prompt" and "output", of which
        it always has digests, of a function its tensors. A private prompt's length shows as at most
        ``prompt_bound`` (`answer.Privacy`). For the other options see `answer.prove` and `inference.prove`.
        """
        text = self.key.kind == "language model"
        given: Given = _prompt(inputs) if text else self._by_name(inputs)
        return self.target.prove(self.executable, given, **options)

    def verify(self, proof: Any, **options: Any) -> Any:
        """What a proof says, by this model's key; `InvalidProof` if it does not hold. With our own target this is
        `zklemma.verify`, which needs no more than the key."""
        return self.target.verify(self.key, proof, **options)

    def _by_name(self, inputs: tuple[Any, ...]) -> dict[str, np.ndarray]:
        """The arrays of a function's inputs."""
        names = [tensor.name for tensor in self.key.function_signature.inputs]
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            return {name: _array(given) for name, given in inputs[0].items()}
        if len(inputs) != len(names) or any(isinstance(given, str) for given in inputs):
            raise UserError(f"{self.key.name} takes {_count(len(names))}: {', '.join(names)}")
        return {name: _array(given) for name, given in zip(names, inputs, strict=True)}

    def save(self, path: str | Path, key: str | Path | None = None) -> dict[str, int]:
        """Write the artifact and its key, by default beside it; both files or, on a full disk, none. Returns their
        sizes in bytes. Of a model for another target one file: what that sets up, which `load` has it do again."""
        if not isinstance(self.executable, Artifact):
            return {"artifact_bytes": save_lowered(path, self.executable)}
        with files.atomic_write(key or Path(path).with_suffix(".vk")) as file:
            size = file.write(self.key.encode())
            file.flush()
            return {"vk_bytes": size, "artifact_bytes": save_artifact(path, self.executable)}

    @staticmethod
    def load(path: str | Path) -> Compiled:
        """What was saved. Weights stay in the file."""
        if files.kind_of(path) is not files.LOWERED:
            return Compiled(load_artifact(path))
        lowered = load_lowered(path)
        target = named(str(lowered.meta.get("target")))
        private = bool(lowered.meta.get("private"))
        return Compiled(target.setup(lowered, private, Clock(Silent())), target)

    def __repr__(self) -> str:
        key = self.key
        return (
            f"<Compiled {key.kind} {quote(key.name)}, {key.weights:,} parameters, "
            f"id {key.model_id[:12]}...>"
        )

    def _repr_html_(self) -> str:
        return page(self.key, self.report)


def _count(inputs: int) -> str:
    return f"{inputs} input{'s' * (inputs != 1)}"


def _array(given: Any) -> np.ndarray:
    """An array of what may be a tensor of PyTorch, of whatever precision and device."""
    if hasattr(given, "detach"):
        found = cast("torch.Tensor", given).detach().cpu()
        return (found.double() if found.is_floating_point() else found).numpy()
    return np.asarray(given)


def _prompt(inputs: tuple[Any, ...]) -> str:
    if len(inputs) != 1 or not isinstance(inputs[0], str):
        raise UserError("a language model takes one text, its prompt")
    return inputs[0]
