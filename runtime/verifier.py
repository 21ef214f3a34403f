"""The verifier: a key and a proof in, the statement or a reason out.

It never runs the model: it replays the transcript, evaluates public data, and opens commitments. It imports
numpy and nothing heavier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..errors import InvalidProof
from ..schema.circuit import Circuit
from .protocol.channel import Reader
from .protocol.parameters import Parameters
from .protocol.statement import Statement, read_statement
from .protocol.subject import Subject
from .protocol.verification import verify_subject


class Key(Protocol):
    """What the verifier needs of a verifying key; its digest is the model id."""

    @property
    def circuit(self) -> Circuit: ...
    @property
    def private_circuit(self) -> Circuit: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def weight_root(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Verified:
    """A statement that was proved, and how strongly."""

    statement: Statement
    security_bits: int


def subject_of(key: Key, statement: Statement) -> Subject:
    """What a proof of the statement under the key is about."""
    identity = (
        ("key", key.digest),
        ("weights", key.weight_root),
        ("statement", statement.encode()),
    )
    known = key.parameters, key.weight_root, statement.shape
    if not statement.digests:
        return Subject(key.circuit, *known, statement.tokens, statement.hiding, identity)
    shown: dict[str, list[int]] = {}
    if (prompt := statement.prompt_tokens) is not None:
        shown["prompt"] = [len(prompt), *prompt] + [0] * (statement.shape.rows - len(prompt))
    if (output := statement.output_tokens) is not None:
        shown["output"] = list(output)
    private = key.private_circuit
    return Subject(private, *known, (), statement.hiding, identity, shown, statement.digests)


def verify(key: Key, proof: bytes) -> Verified:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``."""
    reader = Reader(proof)
    statement = read_statement(reader)
    statement.check(key.circuit.vocabulary, key.circuit.max_tokens)
    if statement.digests and not key.private_circuit.reveals:
        raise InvalidProof("the key does not serve private prompts or outputs")
    if statement.hiding and not (key.parameters.hiding or statement.digests):
        raise InvalidProof("the key's weights are committed without masks, so no proof hides them")
    return Verified(statement, verify_subject(subject_of(key, statement), reader))
