"""A batch of examples through a function, with its proof: quantise, execute, prove."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...errors import UserError
from ..circuit import function
from ..circuit.function import MOST_SEALED, OUTPUT, Batch
from ..circuit.relations import Circuit
from ..model import files
from ..model.keys import Artifact
from ..model.signature import Signature
from ..progress import Clock, Progress, Silent
from ..protocol.disclosure.prover import Sealed
from ..protocol.function_statement import MOST_SHOWN, FunctionStatement, Said
from ..protocol.plan import Plan
from ..protocol.soundness import LEAST_BITS, security_bits
from ..protocol.statement import MOST_NONCE
from ..randomness import Randomness
from ..witness.function_executor import FunctionExecutor
from .footprint import require_memory
from .prover import KeyProver, ProofResult


@dataclass(frozen=True)
class Visibility:
    """Of which tensors, by name, the statement says nothing, and of which it has a digest. It shows the others."""

    private: Collection[str] = ()
    digest: Collection[str] = ()

    def of(self, name: str) -> str:
        """How a tensor is seen."""
        if name in self.private:
            return "private"
        return "digest" if name in self.digest else "public"


@dataclass(frozen=True)
class Inference:
    """What the function gave: the real numbers of each output by name, float64 (examples, ...), and how it was
    proved. ``model_id`` is that of the key which it was proved under."""

    outputs: dict[str, np.ndarray]
    result: ProofResult[FunctionStatement]
    model_id: bytes

    @property
    def proof(self) -> bytes:
        """The contents of a proof file, which `verify` takes, as the command does."""
        return files.encode_proof(self.model_id, self.result.proof)

    def save(self, path: str | Path) -> int:
        """Write the proof to a file; return its size in bytes."""
        with files.atomic_write(path) as file:
            return file.write(self.proof)


class FunctionProver(KeyProver):
    """Proves what one function gives."""

    def prove(
        self,
        signature: Signature,
        witness: Mapping[str, np.ndarray],
        visibility: Visibility,
        hiding: bool,
        nonce: bytes,
        clock: Clock,
    ) -> ProofResult[FunctionStatement]:
        """Prove what the function gives, from its witness, with fresh commitments to what is behind digests."""
        randomness = Randomness(hiding)
        said: dict[str, Said] = {}
        sealed: dict[str, Sealed] = {}
        for what, tensor in signature.tensors.items():
            array = tensor_cells(self.key.circuit, witness, what)
            match visibility.of(tensor.name):
                case "public":
                    said[what] = array.reshape(-1)
                case "digest":
                    sealed[what] = Sealed(array.reshape(-1), self.key.parameters, randomness)
                    said[what] = sealed[what].digest
                case _:
                    said[what] = None
        statement = FunctionStatement(len(array), said, hiding, nonce)
        return self.prove_witness(statement, witness, clock, sealed=sealed)


def tensor_cells(circuit: Circuit, witness: Mapping[str, np.ndarray], what: str) -> np.ndarray:
    """The integers (examples, ...) of a tensor, int64."""
    (name,) = circuit.reveals[what]
    return witness[name].astype(np.int64)


def hides(artifact: Artifact, visibility: Visibility, asked: bool | None = None) -> bool:
    """Whether a proof hides: on for whatever is private unless switched off, to measure."""
    private = artifact.key.private or bool(visibility.private or visibility.digest)
    if asked and not private:
        raise UserError(
            "this function was compiled with public weights: its proofs hide private inputs and outputs only"
        )
    return private if asked is None else asked


def prove(
    artifact: Artifact,
    inputs: Mapping[str, ArrayLike],
    visibility: Visibility | None = None,
    hiding: bool | None = None,
    progress: Progress | None = None,
    nonce: bytes = b"",
) -> Inference:
    """Prove what the function gives for real numbers ``inputs``, (examples, ...) by name. What the proof opens is
    counted before it is begun, and not if a value is out of range or there is too little memory for it."""
    visibility = visibility or Visibility()
    key = artifact.key
    signature = key.function_signature
    hiding = hides(artifact, visibility, hiding)
    if len(nonce) > MOST_NONCE:
        raise UserError(f"the nonce is longer than {MOST_NONCE} bytes")
    cells = signature.quantize(inputs)
    _require(artifact, visibility, len(next(iter(cells.values()))))
    clock = Clock(progress or Silent())
    clock.start("execute")
    # First, so that a value out of range uses no masks up.
    witness = FunctionExecutor(key.circuit, artifact.program, artifact.params).witness(cells)
    artifact.budget.spend()
    clock.start("load")
    prover = FunctionProver(key, artifact.params, artifact.masks)
    result = prover.prove(signature, witness, visibility, hiding, nonce, clock)
    outputs = {
        tensor.name: tensor.real(tensor_cells(key.circuit, witness, f"{OUTPUT} {tensor.name}"))
        for tensor in signature.outputs
    }
    return Inference(outputs, result, key.digest)


def _require(artifact: Artifact, visibility: Visibility, batch: int) -> None:
    """`UserError` unless a proof of so many examples can say that."""
    key, signature = artifact.key, artifact.key.function_signature
    names = {tensor.name for tensor in signature.tensors.values()}
    for name in (*visibility.private, *visibility.digest):
        if name not in names:
            raise UserError(f"the function has no tensor {name}, only {', '.join(sorted(names))}")
        if name in visibility.private and name in visibility.digest:
            raise UserError(f"{name} can not be private and have a digest")
    most = function.most(key.circuit)
    if batch > most:
        raise UserError(f"{batch} examples are too many: the function was compiled for {most}")
    counts = {"public": 0, "digest": 0, "private": 0}
    for what, tensor in signature.tensors.items():
        counts[visibility.of(tensor.name)] += function.cells(key.circuit, what, Batch(batch))
    if counts["public"] > MOST_SHOWN:
        raise UserError(
            f"the statement would show {counts['public']:,} numbers, more than {MOST_SHOWN:,}: keep a tensor "
            "private, or prove fewer examples"
        )
    if counts["digest"] > MOST_SEALED:
        raise UserError(
            f"digests would be of {counts['digest']:,} numbers, more than {MOST_SEALED:,}: keep a tensor "
            "private without one, or prove fewer examples"
        )
    plan = _plan(artifact, visibility, batch)
    if security_bits(plan) < LEAST_BITS:
        raise UserError(f"a proof of {batch} examples would have less than {LEAST_BITS} bits")
    require_memory(
        plan,
        lambda examples: _plan(artifact, visibility, examples),
        range(1, batch),
        "examples",
        "prove fewer at a time",
    )


def _plan(artifact: Artifact, visibility: Visibility, batch: int) -> Plan:
    key = artifact.key
    by_visibility: dict[str, list[str]] = {"public": [], "digest": [], "private": []}
    for what, tensor in key.function_signature.tensors.items():
        by_visibility[visibility.of(tensor.name)].append(what)
    said = tuple(by_visibility["digest"]), tuple(by_visibility["private"])
    return Plan(key.circuit, key.parameters, Batch(batch), *said)
