"""The verifier accepts proofs that were made without a witness, if it asks the programmed oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from simulator import DRAW, Oracle, Simulator, random_bytes
from zklemma.errors import InvalidProof
from zklemma.runtime.model.links import link_subject, verify_link
from zklemma.runtime.model.weight_ranges import range_subject, verify_ranges
from zklemma.runtime.protocol import transcript
from zklemma.runtime.protocol.commitment import merkle
from zklemma.runtime.protocol.commitment.merkle import DIGEST, LEAF, NODE
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.disclosure.verifier import Code
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.pads.prover import Pads
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving import prover
from zklemma.runtime.proving.prover import CommittedWeights
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness.executor import Executor

STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oracle]:
    """In the place of BLAKE2b; and nobody touches a witness, or the prover's secrets."""
    oracle = Oracle()
    monkeypatch.setattr(merkle, "blake2b", oracle)
    monkeypatch.setattr(transcript, "blake2b", oracle)

    def never(*_: Any) -> Any:
        raise AssertionError("a simulator has no witness")

    for owner, name in (
        (Executor, "witness"),
        (CommittedWeights, "__init__"),
        (prover, "count_uses"),
        (prover, "lay_out"),
        (opening_prover, "prove_masked"),
        (Pads, "__init__"),
        (Sealed, "__init__"),
    ):
        monkeypatch.setattr(owner, name, never)
    yield oracle


@pytest.mark.parametrize(("prompt", "generated"), [(1, 1), (3, 2), (2, 6)])
def test_the_verifier_accepts(hidden: Any, oracle: Oracle, prompt: int, generated: int) -> None:
    statement = Statement(prompt, generated, (*range(6), 0, 1)[: prompt + generated], True)
    proof = Simulator(hidden.key, oracle).prove(statement)
    assert verify(hidden.key, proof).statement == statement


def test_one_challenge_and_the_paths_are_programmed(hidden: Any, oracle: Oracle) -> None:
    proof = Simulator(hidden.key, oracle).prove(STATEMENT)
    kinds = Counter(person for person, _, _ in oracle.programmed)
    assert kinds[DRAW] == 1 and set(kinds) == {DRAW, LEAF, NODE}
    code = hidden.key.parameters
    assert kinds[LEAF] <= 2 * code.queries + code.pads_queries
    # Each of them is needed: BLAKE2b itself answers otherwise.
    for person in (DRAW, LEAF, NODE):
        less = {k: v for k, v in oracle.programmed.items() if k[0] != person}
        kept, oracle.programmed = oracle.programmed, less
        with pytest.raises(InvalidProof):
            verify(hidden.key, proof)
        oracle.programmed = kept
    assert verify(hidden.key, proof).statement == STATEMENT


def test_proofs_under_one_key_agree_about_the_weights(hidden: Any, oracle: Oracle) -> None:
    """As many as the masks allow, and one oracle for all; a column opened twice is the same twice."""
    simulator = Simulator(hidden.key, oracle)
    proofs = [simulator.prove(STATEMENT) for _ in range(2)]
    code, opened = hidden.key.parameters, len(simulator.weights.columns)
    assert code.queries < opened <= 2 * code.queries
    for proof in proofs:
        assert verify(hidden.key, proof).statement == STATEMENT


ITEMS = [("prompt",), ("output",), ("prompt", "output")]


def private(prompt: int, generated: int, items: tuple[str, ...]) -> Statement:
    """A statement that shows random digests of what it keeps to itself, and some tokens of the rest."""
    shown = prompt * ("prompt" not in items) + generated * ("output" not in items)
    digests = {f"{what}_digest": random_bytes(DIGEST) for what in items}
    return Statement(prompt, generated, (*range(6), 0, 1)[:shown], True, **digests)


@pytest.mark.parametrize("items", ITEMS)
@pytest.mark.parametrize(("prompt", "generated"), [(1, 1), (4, 2), (2, 5)])
def test_private_prompts_and_outputs(
    hidden: Any, oracle: Oracle, prompt: int, generated: int, items: tuple[str, ...]
) -> None:
    """Nobody knows what the digests are of: there is nothing that they are of."""
    statement = private(prompt, generated, items)
    proof = Simulator(hidden.key, oracle).prove(statement)
    assert verify(hidden.key, proof).statement == statement


def test_what_is_programmed_for_digests(hidden: Any, oracle: Oracle) -> None:
    """Paths from the digests, no challenges: eta comes after Q' is bound, and Q* is uniform in any case."""
    statement, code = private(4, 2, ("prompt", "output")), hidden.key.parameters
    proof = Simulator(hidden.key, oracle).prove(statement)
    kinds = Counter(person for person, _, _ in oracle.programmed)
    assert kinds[DRAW] == 1 and set(kinds) == {DRAW, LEAF, NODE}
    digests = Code.of(6, code).queries + Code.of(2, code).queries
    assert 2 * code.queries < kinds[LEAF] <= 2 * code.queries + code.pads_queries + digests
    for digest in statement.digests.values():
        (step,) = (k for k, answer in oracle.programmed.items() if answer == digest)
        kept = oracle.programmed.pop(step)
        with pytest.raises(InvalidProof, match="an opened column is not the committed one"):
            verify(hidden.key, proof)
        oracle.programmed[step] = kept
    assert verify(hidden.key, proof).statement == statement


def test_all_kinds_of_statements_under_one_key(hidden: Any, oracle: Oracle) -> None:
    """They agree about the weights, whose columns are of two circuits."""
    simulator = Simulator(hidden.key, oracle)
    statements = [STATEMENT, *(private(4, 2, items) for items in ITEMS), private(4, 2, ITEMS[0])]
    proofs = [simulator.prove(statement) for statement in statements]
    code, opened = hidden.key.parameters, len(simulator.weights.columns)
    assert code.queries < opened <= len(proofs) * code.queries
    for statement, proof in zip(statements, proofs, strict=True):
        assert verify(hidden.key, proof).statement == statement


def test_ranges_of_the_weights(hidden: Any, oracle: Oracle) -> None:
    """The proof that a key carries is simulated by the same means."""
    key = hidden.key
    subject = range_subject(key.circuit, key.parameters, key.weight_root)
    proof = Simulator(key, oracle).converse(subject)
    verify_ranges(key.circuit, key.parameters, key.weight_root, proof)


def test_links_of_the_weights(hidden: Any, oracle: Oracle) -> None:
    """So is the proof that another root holds the same weights, whatever it holds."""
    key, other = hidden.key, bytes(range(32))
    subject = link_subject(key.circuit, key.parameters, key.weight_root, other)
    simulator = Simulator(key, oracle)
    proof = simulator.converse(subject, [simulator.tree(other)])
    verify_link(key.circuit, key.parameters, key.weight_root, other, proof)


def test_what_is_false_is_simulated_too(toy: Any, oracle: Oracle) -> None:
    """The model would not say that; only a prover who programs the oracle can."""
    said = toy.prover.executor.generate([3, 1, 4], 1)
    statement = Statement(3, 1, (3, 1, 4, said[0] ^ 1), True)
    simulated = Simulator(toy.key, oracle).prove(statement)
    assert verify(toy.key, simulated).statement == statement


def test_any_output_of_a_private_prompt(toy: Any, oracle: Oracle) -> None:
    """The model's own circuit: a prompt that nobody knows, of at most five tokens, and what it leads to."""
    statement = Statement(5, 2, (7, 11), True, prompt_digest=random_bytes(DIGEST))
    simulated = Simulator(toy.key, oracle).prove(statement)
    assert verify(toy.key, simulated).statement == statement


@pytest.mark.parametrize("items", ITEMS)
def test_a_simulated_proof_of_private_tokens_is_like_a_real_one(
    hidden: Any, monkeypatch: pytest.MonkeyPatch, items: tuple[str, ...]
) -> None:
    oracle = Oracle()
    statement, witness, sealed = hidden.private_case(items, (1, 5, 2), (4, 3), bound=4)
    real = hidden.prove_private(statement, witness, sealed)
    with monkeypatch.context() as patch:
        patch.setattr(merkle, "blake2b", oracle)
        patch.setattr(transcript, "blake2b", oracle)
        simulated = Simulator(hidden.key, oracle).prove(statement)
        assert verify(hidden.key, simulated).statement == statement
        assert verify(hidden.key, real).statement == statement
    assert messages(hidden, real) == messages(hidden, simulated, oracle)
    with pytest.raises(InvalidProof):
        verify(hidden.key, simulated)


def test_a_simulated_proof_is_like_a_real_one(hidden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sizes, but for the number of distinct positions; and it is no proof for BLAKE2b."""
    oracle = Oracle()
    real = hidden.prove(STATEMENT)
    with monkeypatch.context() as patch:
        patch.setattr(merkle, "blake2b", oracle)
        patch.setattr(transcript, "blake2b", oracle)
        simulated = Simulator(hidden.key, oracle).prove(STATEMENT)
        assert verify(hidden.key, simulated).statement == STATEMENT
        assert verify(hidden.key, real).statement == STATEMENT
    assert messages(hidden, real) == messages(hidden, simulated, oracle)
    with pytest.raises(InvalidProof):
        verify(hidden.key, simulated)


def messages(setting: Any, proof: bytes, oracle: Oracle | None = None) -> list[tuple[str, int]]:
    """What the verifier hears, in order: labels and sizes; columns without their number."""
    heard: list[tuple[str, int]] = []
    absorb = transcript.Transcript.absorb

    def listen(self: Any, label: str, data: bytes) -> None:
        heard.append((label, 0 if label == "columns" else len(data)))
        absorb(self, label, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transcript.Transcript, "absorb", listen)
        if oracle:
            patch.setattr(merkle, "blake2b", oracle)
            patch.setattr(transcript, "blake2b", oracle)
        verify(setting.key, proof)
    return heard


def test_masks_outnumber_the_columns_that_a_proof_opens() -> None:
    """Else the opened columns of a real proof would not be uniform, as simulated ones are."""
    options = import_module("zklemma.runtime.protocol.parameters").options
    for weights, witness in ((10**4, 10**4), (10**6, 10**5), (10**8, 10**7)):
        code = options(weights, witness, 2000, hiding=True)[0]
        assert code.mask_columns >= code.queries and code.pads_masks >= code.pads_queries
