"""The reference target: it runs a compiled model, and checks every relation of its circuit by arithmetic that is
nobody's of this package (`field_check`).

It proves nothing. In the place of a proof it gives the whole witness, which its key, that holds the weights, checks
again: whoever verifies does all of the work and sees all of the numbers. It shows that a circuit says what was
executed, whatever proof system it goes to, and how small a target can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidProof, UserError, expect
from ...runtime.circuit.extents import Shape
from ...runtime.circuit.function import OUTPUT, Batch, columns
from ...runtime.circuit.generation import Generation
from ...runtime.circuit.relations import PRIME
from ...runtime.model.lowered import Executable, LoweredModel
from ...runtime.progress import Clock
from .target import Given, Limits

if TYPE_CHECKING:
    from ...compiler.levels import Level

    cached_property = property


@dataclass(frozen=True, kw_only=True)
class ReferenceKey(LoweredModel):
    """What checks a trace: the circuits, and the integer weights by column."""

    params: Mapping[str, np.ndarray]

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the circuits' and of each weight, in the columns' order, 8 bytes little-endian."""
        found = self.described()
        for column in self.circuit.home("param"):
            found.update(np.ascontiguousarray(self.params[column.name], "<i8").tobytes())
        return found.digest()


@dataclass(frozen=True)
class Trace:
    """All cells of the witness by column, and of a text its tokens, the first of which are the ``prompt``."""

    witness: Mapping[str, np.ndarray]
    tokens: tuple[int, ...] = ()
    prompt: int = 0


@dataclass(frozen=True)
class Checked:
    """What a trace says, of which so many ``relations`` were checked: of a function real numbers
    (examples, ..) and labels by tensor, of a language model the texts."""

    relations: int
    values: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    prompt: str = ""
    text: str = ""


class Reference:
    """Executes and checks."""

    name = "reference"
    summary = (
        "no proof: runs the circuit, and checks each relation with the field of the package galois"
    )
    field = PRIME
    limits = Limits(hides=False, proves=False)

    def legalize(self, level: Level) -> Level:
        return level

    def setup(self, lowered: Executable, private: bool, clock: Clock) -> Executable:
        known = {part.name: getattr(lowered.key, part.name) for part in fields(LoweredModel)}
        return replace(lowered, key=ReferenceKey(**known, params=lowered.params))

    def prove(
        self,
        artifact: Executable,
        given: Given,
        *,
        max_new_tokens: int | None = None,
        **options: Any,
    ) -> Trace:
        """Execute, check, and say all that was computed; of a text at most ``max_new_tokens`` are generated.
        `UserError` for options of proofs."""
        from ...runtime.proving import answer
        from ...runtime.witness.executor import Executor
        from ...runtime.witness.function_executor import FunctionExecutor

        self._without(options)
        key, program, params = artifact.key, artifact.program, artifact.params
        if isinstance(given, str):
            if max_new_tokens is None:
                raise UserError("say how many tokens to generate: max_new_tokens")
            prompt, generated = answer.generate(artifact, given, max_new_tokens)
            tokens = (*prompt, *generated)
            witness = Executor(key.circuit, program, params).witness(
                tokens, len(prompt), len(generated)
            )
            made = Trace(witness, tokens, len(prompt))
        else:
            cells = key.function_signature.quantize(given)
            made = Trace(FunctionExecutor(key.circuit, program, params).witness(cells))
        self.verify(expect(key, ReferenceKey), made)
        return made

    def verify(self, key: ReferenceKey, proof: Trace, **options: Any) -> Checked:
        """Check every relation again; `InvalidProof` names those that do not hold."""
        self._without(options)
        from ...runtime.verifying import reading
        from ...runtime.verifying.function_verifier import read_labels, read_values
        from .field_check import violated

        circuit = key.circuit
        for column in circuit.home("param"):
            weights = key.params[column.name]
            if weights.min() < column.low or weights.max() > column.high:
                raise InvalidProof(f"the weights {column.name} are not in their range")
        for column in circuit.home("witness"):
            cells = proof.witness.get(column.name)
            if cells is None or not np.issubdtype(cells.dtype, np.integer):
                raise InvalidProof(f"the trace lacks integers of {column.name}")
        wrong = violated(circuit, _shape(key, proof), {**key.params, **proof.witness}, proof.tokens)
        if wrong:
            raise InvalidProof(f"these do not hold: {', '.join(wrong)}")
        parts = circuit.einsums, circuit.lookups, circuit.linears, circuit.gathers
        count = sum(map(len, parts))
        if key.signature is None:
            prompt, output = proof.tokens[: proof.prompt], proof.tokens[proof.prompt :]
            said = reading.said(key, prompt, output)
            return Checked(count, prompt=key.text(prompt), text=said.text)
        cells = {what: proof.witness[name] for what, (name,) in circuit.reveals.items()}
        outputs = {what: cells[what] for what in columns(circuit, OUTPUT)}
        labels = read_labels(key.signature, outputs)
        return Checked(count, read_values(key.signature, cells), labels)

    def _without(self, options: Mapping[str, Any]) -> None:
        if asked := [name for name, value in options.items() if value is not None]:
            raise UserError(f"the target {self.name} makes no proof, and knows no {asked[0]}")


REFERENCE = Reference()


def _shape(key: ReferenceKey, proof: Trace) -> Shape:
    """That of a trace; `InvalidProof` for one that the circuit does not serve."""
    if key.signature is None:
        generated = len(proof.tokens) - proof.prompt
        fits = proof.prompt >= 1 and generated >= 1
        shape: Shape = Generation(max(1, proof.prompt), max(1, generated))
    else:
        (name, *_), *_ = key.circuit.reveals.values()
        shape = Batch(len(proof.witness[name]))
        fits = shape.extents["batch"] >= 1
    limits = key.circuit.extents
    if not fits or any(size > limits[extent] for extent, size in shape.extents.items()):
        raise InvalidProof("the trace is of a size that the circuit does not serve")
    return shape
