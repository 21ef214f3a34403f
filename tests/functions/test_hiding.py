"""A proof about private tensors tells nothing of them: a simulator makes such proofs without them."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlp import SIGNATURE, TENSORS, examples, mlp_circuit
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.function import Batch, cells
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol import transcript
from zklemma.runtime.protocol.commitment import merkle
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.function_statement import FunctionStatement, Said
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving import prover
from zklemma.runtime.proving.inference import FunctionProver, Visibility
from zklemma.runtime.proving.prover import CommittedWeights, ProofResult
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying.function_verifier import verify_function
from zklemma.runtime.witness.function_executor import FunctionExecutor

sys.path.append(str(Path(__file__).parents[1] / "hiding"))
simulator: Any = import_module("simulator")

SEEN = ("public", "digest", "private")
ALL_BUT_ONE = Visibility(["left"], ["right", "hidden", "score"])


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """In the place of BLAKE2b; and nobody touches a witness, or the prover's secrets."""
    oracle = simulator.Oracle()
    monkeypatch.setattr(merkle, "blake2b", oracle)
    monkeypatch.setattr(transcript, "blake2b", oracle)

    def never(*_: Any) -> Any:
        raise AssertionError("a simulator has no witness")

    for owner, name in (
        (FunctionExecutor, "witness"),
        (CommittedWeights, "__init__"),
        (prover, "count_uses"),
        (opening_prover, "prove_masked"),
        (Sealed, "__init__"),
    ):
        monkeypatch.setattr(owner, name, never)
    return oracle


def claimed(seen: tuple[str, ...], batch: int) -> FunctionStatement:
    """A statement that nobody knows to be true: random digests, and random numbers of what is shown."""
    circuit, rng = mlp_circuit(), np.random.default_rng(batch)
    said: dict[str, Said] = {}
    for what, how in zip(TENSORS, seen, strict=True):
        count = cells(circuit, what, Batch(batch))
        said[what] = {
            "public": rng.integers(0, 128, count),
            "digest": simulator.random_bytes(merkle.DIGEST),
            "private": None,
        }[how]
    return FunctionStatement(batch, said, True)


CASES = [
    *product(SEEN, ("public",), ("public",), SEEN),
    ("digest",) * 4,
    ("private",) * 4,
    ("private", "digest", "digest", "public"),
]


@pytest.mark.parametrize("seen", CASES, ids="-".join)
def test_the_verifier_accepts_what_is_simulated(
    artifact: Artifact, oracle: Any, seen: tuple[str, ...]
) -> None:
    for batch in (1, 3):
        statement = claimed(seen, batch)
        proof = simulator.Simulator(artifact.key, oracle).prove(statement)
        found = verify_function(artifact.key, proof, check_ranges=False)
        assert found.statement == statement


def test_without_the_oracle_it_is_refused(artifact: Artifact, oracle: Any) -> None:
    proof = simulator.Simulator(artifact.key, oracle).prove(claimed(("private",) * 4, 3))
    oracle.programmed.clear()
    with pytest.raises(InvalidProof):
        verify_function(artifact.key, proof, check_ranges=False)


@pytest.fixture(scope="module")
def proving(made: Artifact) -> FunctionProver:
    return FunctionProver(made.key, made.params, made.masks)


def prove(
    artifact: Artifact,
    proving: FunctionProver,
    seed: int,
    visibility: Visibility = ALL_BUT_ONE,
    hiding: bool = True,
) -> ProofResult[FunctionStatement]:
    executor = FunctionExecutor(artifact.key.circuit, artifact.program, artifact.params)
    witness = executor.witness(SIGNATURE.quantize(examples(3, seed)))
    return proving.prove(SIGNATURE, witness, visibility, hiding, b"", Clock(Silent()))


def body(made: ProofResult[FunctionStatement]) -> bytes:
    return made.proof[4 + len(made.statement.encode()) :]


def opened_weights(artifact: Artifact, proving: FunctionProver) -> set[int]:
    """Any word of the weights' codeword or tree."""
    code = proving.weights.code
    matrix = code.columns(list(range(1 << artifact.key.parameters.log_code)))
    return {word for part in (matrix, *code.layers) for word in part.reshape(-1).tolist()}


def test_two_proofs_of_the_same_examples_share_nothing(
    artifact: Artifact, proving: FunctionProver
) -> None:
    made = [prove(artifact, proving, 1) for _ in range(2)]
    first, second = (set(np.frombuffer(body(each), "<u8").tolist()) for each in made)
    common = first & second
    # Counters of work are small, and weights that are opened at the same position are the same.
    assert all(word < 1 << 24 for word in common - opened_weights(artifact, proving))
    digests = [digest for each in made for digest in each.statement.digests.values()]
    assert len(set(digests)) == len(digests) == 6


def test_the_numbers_are_nowhere_in_the_proof(artifact: Artifact, proving: FunctionProver) -> None:
    made = prove(artifact, proving, 2)
    assert made.statement.shown == {}
    executor = FunctionExecutor(artifact.key.circuit, artifact.program, artifact.params)
    witness = executor.witness(SIGNATURE.quantize(examples(3, 2)))
    for name in ("left", "right", "hidden", "score"):
        for width in (1, 2, 4, 8):
            for array in (witness[name], witness[name].astype(np.int64) + 128):
                data = array.astype(f"<i{width}" if array.min() < 0 else f"<u{width}").tobytes()
                assert data not in made.proof
    shown = prove(artifact, proving, 2, Visibility())
    assert witness["left"].astype("<i1").tobytes() in shown.proof


@pytest.mark.parametrize("visibility", [ALL_BUT_ONE, Visibility(["left", "score"])])
def test_the_length_of_a_proof_tells_nothing(
    artifact: Artifact,
    proving: FunctionProver,
    visibility: Visibility,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where positions are fixed, as how many siblings an opening has depends on them."""
    monkeypatch.setattr(
        Transcript,
        "positions",
        lambda self, count, length: [(977 * i + 5) % length for i in range(count)],
    )
    assert len({len(body(prove(artifact, proving, seed, visibility))) for seed in range(4)}) == 1


def test_a_digest_of_a_single_cell_confirms_no_guess(artifact: Artifact) -> None:
    """Whoever guesses one of two values can not make the digest again."""
    p = artifact.key.parameters
    digests = {Sealed([1], p, Randomness(True)).digest for _ in range(3)}
    bare = {Sealed([value], p, Randomness(False)).digest for value in (0, 1)}
    assert len(digests) == 3 and not digests & bare
