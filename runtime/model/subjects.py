"""What a proof under a key is about, and what it takes to say so of the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..circuit.relations import Circuit
from ..protocol.parameters import Parameters
from ..protocol.statement import Statement
from ..protocol.statements import AnyStatement
from ..protocol.subject import Subject
from .links import Ancestor


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
    @property
    def ancestors(self) -> Sequence[Ancestor]: ...
    def check_ranges(self) -> None: ...
    def tokenize(self, text: str) -> list[int]: ...
    def text(self, tokens: Sequence[int]) -> str: ...


def subject_of(key: Key, statement: AnyStatement) -> Subject:
    """What a proof of the statement under the key is about. Tokens that are not all public have a circuit of their
    own."""
    identity = (
        ("key", key.digest),
        ("weights", key.weight_root),
        ("statement", statement.encode()),
    )
    in_columns = isinstance(statement, Statement) and statement.digests
    circuit = key.private_circuit if in_columns else key.circuit
    return Subject(
        circuit,
        key.parameters,
        (key.weight_root,),
        statement.shape,
        statement.inputs,
        statement.hiding,
        identity,
        statement.shown,
        statement.digests,
        statement.silent,
    )
