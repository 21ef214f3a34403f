"""Witnesses of compiled functions: what makes them, and what becomes of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
import zklemma
from zklemma.compiler.interpret_circuit import check
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.runtime.protocol.statement import frame
from zklemma.runtime.proving.inference import FunctionProver
from zklemma.runtime.verifying.function_verifier import VerifiedFunction
from zklemma.runtime.witness.function_executor import FunctionExecutor
from zklemma.tools.compiled import Compiled
from zklemma.tools.uniqueness.examine import Examination


def executor(compiled: Compiled) -> FunctionExecutor:
    artifact = compiled.artifact
    return FunctionExecutor(compiled.key.circuit, artifact.program, artifact.params)


def integers(compiled: Compiled, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Those of examples of the only input."""
    signature = compiled.key.function_signature
    return signature.quantize({signature.inputs[0].name: x.numpy()})


def undetermined(compiled: Compiled) -> list[str]:
    """The roles of columns that no relation determines, as all other claims about the circuit hold."""
    examination = Examination()
    examination.circuit(compiled.key.circuit)
    assert not examination.failures
    return [each.rpartition(".")[2] for each in examination.free]


def only_witness(
    compiled: Compiled, x: torch.Tensor, changed: Callable[[dict[str, np.ndarray]], Iterable[str]]
) -> None:
    """Each of these columns of a witness fails a relation if one of its cells is another."""
    circuit, params = compiled.key.circuit, compiled.artifact.params
    witness, random = executor(compiled).witness(integers(compiled, x)), np.random.default_rng(3)
    for name in changed(witness):
        other = witness[name].astype(np.int64)
        other.flat[random.integers(other.size)] += random.choice((-1, 1))
        assert check(circuit, Batch(len(x)), {**witness, **params, name: other}), name


def proved_alone(
    compiled: Compiled, x: torch.Tensor, changed: Callable[[dict[str, np.ndarray]], Iterable[str]]
) -> VerifiedFunction:
    """What a proof of public tensors says, if those of a witness with one other cell, in each of these columns, and
    those that say another first number of a tensor are refused."""
    artifact, key = compiled.artifact, compiled.key
    witness = executor(compiled).witness(integers(compiled, x))
    prover = FunctionProver(key, artifact.params, artifact.masks)
    said = {
        what: witness[names[0]].reshape(-1).astype(np.int64)
        for what, names in key.circuit.reveals.items()
    }
    honest = FunctionStatement(len(x), said, True)
    proof = prover.prove_witness(honest, witness, Clock(Silent())).proof
    found = zklemma.verify(key, proof)
    assert isinstance(found, VerifiedFunction)
    random = np.random.default_rng(4)
    for name in changed(witness):
        other = witness[name].astype(np.int64)
        other.flat[random.integers(other.size)] += 1
        cheated = {**witness, name: other}
        forged = prover.prove_witness(honest, cheated, Clock(Silent()), strict=False)
        with pytest.raises(InvalidProof):
            zklemma.verify(key, forged.proof)
    for what, array in said.items():
        lied = replace(honest, tensors={**said, what: array + (np.arange(array.size) == 0)})
        with pytest.raises(InvalidProof):
            zklemma.verify(key, frame(lied) + proof[len(frame(honest)) :])
    return found
