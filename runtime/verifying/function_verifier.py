"""The verifier of what a function gives: a key and a proof in, the statement in real numbers or a reason out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InvalidProof
from ..model.files import Buffer
from ..model.keys import VerifyingKey
from ..model.signature import Signature
from ..model.subjects import subject_of
from ..protocol.function_statement import FunctionStatement, read_function_statement
from ..protocol.verification import verify_subject
from .verifier import open_proof


@dataclass(frozen=True)
class VerifiedFunction:
    """A statement that was proved, how strongly, and how it is read."""

    statement: FunctionStatement
    security_bits: int
    signature: Signature

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The real numbers of each tensor that is shown, by its name: float64 (examples, *shape)."""
        return read_values(self.signature, self.statement.shown)

    @property
    def labels(self) -> dict[str, list[str]]:
        """Of each output that is shown and has labels, the one of each example's largest number, the first of
        several; where there are more axes than that of the labels, of each place along those."""
        return read_labels(self.signature, self.statement.shown)


def read_values(signature: Signature, cells: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Real numbers by tensor name of integers by "input NAME" or "output NAME"."""
    tensors = signature.tensors
    return {
        tensors[what].name: tensors[what].real(array.reshape(-1, *tensors[what].shape))
        for what, array in cells.items()
    }


def read_labels(signature: Signature, cells: dict[str, np.ndarray]) -> dict[str, list[str]]:
    """By tensor name, the labels of the largest numbers."""
    found = {}
    for what, array in cells.items():
        tensor = signature.tensors[what]
        if tensor.labels:
            best = array.reshape(-1, len(tensor.labels)).argmax(axis=1)
            found[tensor.name] = [tensor.labels[i] for i in best]
    return found


def verify_function(
    key: VerifyingKey,
    proof: Buffer | str | Path,
    model_id: str | None = None,
    check_ranges: bool = True,
) -> VerifiedFunction:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``; see
    `verifier.verify`, whose options these are."""
    signature, circuit = key.function_signature, key.circuit
    reader = open_proof(key, proof, model_id, check_ranges)
    statement = read_function_statement(reader)
    statement.check(circuit)
    private = len(statement.shown) < len(statement.tensors)
    if statement.hiding and not (key.parameters.hiding or private):
        raise InvalidProof("the key's weights are committed without masks, so no proof hides them")
    bits = verify_subject(subject_of(key, statement), reader)
    return VerifiedFunction(statement, bits, signature)
