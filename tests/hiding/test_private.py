"""A proof about a private prompt or output tells nothing of it: not its tokens, not its length, not twice."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from itertools import combinations
from typing import Any

import msgpack
import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.commitment.merkle import SALT_WORDS
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement, private_bound
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving.prover import ProofResult, Prover, Request
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.verifying.disclosure import Opened

BOTH = ("prompt", "output")
ITEMS = pytest.mark.parametrize("items", [("prompt",), ("output",), BOTH])
BOUND = 4


class Model:
    """The toy model with private tokens, under a key that hides."""

    def __init__(self) -> None:
        proving, toy_model = import_module("proving"), import_module("toy").toy_model
        setting = proving.toy_setting()
        _, program, params = toy_model(2, private=True)
        masks = setting.prover.weights.masks
        self.public = setting.prover.executor
        self.verify = setting.verify
        self._prover = Prover(setting.key, program, params, masks, private=True)

    def prove(
        self, prompt: Sequence[int], generated: int, items: tuple[str, ...] = BOTH
    ) -> ProofResult:
        tokens = *prompt, *self.public.generate(prompt, generated)
        request = Request(tokens, len(prompt), True, items, private_bound(6, generated))
        return self._prover.prove(request, Clock(Silent()))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


def prove(
    setting: Any,
    items: tuple[str, ...],
    prompt: Sequence[int],
    output: Sequence[int],
    hiding: bool = True,
) -> tuple[Statement, bytes]:
    case = setting.private_case(items, prompt, output, BOUND, hiding)
    return case[0], setting.prove_private(*case)


def body(statement: Statement, proof: bytes) -> bytes:
    return proof[4 + len(statement.encode()) :]


# The statement.


def test_a_statement_says_no_more_than_the_bound(hidden: Any) -> None:
    """But for the digests it is the same for all prompts and outputs."""
    found = set()
    for prompt in ((0,), (1, 2), (5, 5, 5), (1, 2, 3, 4)):
        for output in ((0, 0), (3, 4)):
            statement, _, _ = hidden.private_case(BOTH, prompt, output, BOUND)
            assert statement.tokens == () and set(statement.digests) == set(BOTH)
            found.add(replace(statement, prompt_digest=b"", output_digest=b""))
    assert found == {Statement(BOUND, 2, (), True)}


def test_digests_of_the_same_tokens_differ(hidden: Any) -> None:
    """Also of what is both prompt and output, as vectors of cells."""
    seen = [hidden.private_case(BOTH, (1, 2), (3, 4), BOUND)[0].digests for _ in range(3)]
    flat = [digest for digests in seen for digest in digests.values()]
    assert len(set(flat)) == len(flat) == 6


class Partly(Randomness):
    """Random rows, or random salts, and zeros for the others."""

    def __init__(self, rows: bool, salts: bool):
        super().__init__(True)
        self._kinds = {SALT_WORDS: salts, 3: rows}

    def elements(self, *shape: int) -> np.ndarray:
        return super().elements(*shape) * np.uint64(self._kinds[shape[0]])


@pytest.mark.parametrize(("rows", "salts"), [(True, True), (True, False), (False, True)])
def test_digests_of_short_prompts_can_not_be_guessed(hidden: Any, rows: bool, salts: bool) -> None:
    """Masks and salts each suffice: two commitments to one token share no leaf at any position, no leaf occurs
    twice, and none is what the token alone gives."""
    code = hidden.key.parameters

    def leaves(cells: Sequence[int], randomness: Randomness) -> np.ndarray:
        return Sealed(cells, code, randomness).code.layers[0]

    for cells in ([1, 0, 0, 0, 0], [0]):
        bare = leaves(cells, Randomness(False))
        first, second = (leaves(cells, Partly(rows, salts)) for _ in range(2))
        for a, b in combinations((first, second, bare), 2):
            assert (a != b).any(axis=0).all()
        for digests in (first, second):
            assert np.unique(digests, axis=1).shape == digests.shape


def test_a_guess_does_not_open_a_digest(hidden: Any) -> None:
    """Who guesses right still lacks the masks and the salts."""
    statement, _, sealed = hidden.private_case(BOTH, (1,), (3, 4), BOUND)
    code, rows = hidden.key.parameters, sealed["prompt"].rows
    cells = [1, 1] + [0] * (statement.shape.rows - 1)
    tries = [Sealed(cells, code, Randomness(hiding)) for hiding in (False, True)]
    for guess in tries:
        assert (guess.rows[0, : len(cells)] == rows[0, : len(cells)]).all()
        with pytest.raises(InvalidProof, match="does not open"):
            disclosure.tokens(statement, "prompt", Opened(guess.rows, guess.salts), code)


# The proof.


@ITEMS
def test_two_proofs_of_the_same_tokens_share_nothing(hidden: Any, items: tuple[str, ...]) -> None:
    """No word of one is in the other: messages, opened columns, digests beside them."""
    proofs = [body(*prove(hidden, items, (1, 5, 2), (4, 3))) for _ in range(2)]
    first, second = (set(np.frombuffer(proof, "<u8").tolist()) for proof in proofs)
    common = first & second
    # Counters of work are small, and weights that are opened at the same position are the same.
    assert all(word < 1 << 24 for word in common - opened_weights(hidden))


def opened_weights(setting: Any) -> set[int]:
    """Any word of the weights' codeword or tree."""
    code = setting.prover.weights.code
    matrix = code.columns(list(range(1 << setting.key.parameters.log_code)))
    return {word for part in (matrix, *code.layers) for word in part.reshape(-1).tolist()}


@ITEMS
def test_no_small_number_is_sent(
    hidden: Any, items: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, lengths, flags and counts are small; uniform words are not: one in 2^32 is below 2^32."""
    works = len(hidden.key.parameters.levels) + 2 + len(items)

    def salted(messages: np.ndarray, log_code: int, salts: np.ndarray) -> Codeword:
        return Codeword(messages, log_code, Randomness(True).elements(*salts.shape))

    # What is folded from f' needs no salts, which would be zeros here.
    monkeypatch.setattr(opening_prover, "Codeword", salted)
    small = []
    for hiding in (True, False):
        proof = body(*prove(hidden, items, (1, 5, 2), (4, 3), hiding))
        small.append(int((np.frombuffer(proof, "<u8") < 1 << 32).sum()))
    assert small[0] <= works < small[1]


def encodings(tokens: Sequence[int]) -> list[bytes]:
    """A row of ids in all ways that they might be written."""
    found = [
        struct.pack(f"{order}{len(tokens)}{size}", *tokens) for order in "<>" for size in "BHIQ"
    ]
    found += [b"".join(struct.pack("<QQ", token, 0) for token in tokens)]
    packed = msgpack.packb(list(tokens))
    assert packed is not None
    return [*found, packed[1:]]


def test_the_tokens_are_nowhere_in_the_proof(model: Model) -> None:
    """Their ids, however they are written; whoever writes text has to read ids."""
    prompt = (2, 3, 4, 5, 6)
    for items in (("prompt",), BOTH):
        made = model.prove(prompt, 3, items)
        assert model.verify(made.proof).statement == made.statement
        for sealed in made.sealed.values():
            assert sealed.rows[1:].all() and sealed.salts.all()
        output = model.public.generate(prompt, 3)
        for tokens in (prompt, output) if items == BOTH else (prompt,):
            for data in encodings(tokens):
                assert len(data) < 5 or data not in made.proof
        if items != BOTH:
            packed = msgpack.packb(output)
            assert packed is not None and packed in made.proof


@pytest.fixture
def fixed_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions are hashes of what is masked; how many siblings an opening has depends on them."""
    monkeypatch.setattr(
        Transcript,
        "positions",
        lambda self, count, length: [(977 * i + 5) % length for i in range(count)],
    )


@ITEMS
def test_the_length_of_a_proof_tells_the_bound_only(
    hidden: Any, items: tuple[str, ...], fixed_positions: None
) -> None:
    prompts = [(0,), (1, 2), (5, 5, 5), (1, 2, 3, 4), (0, 0, 0, 0)]
    if "prompt" not in items:
        prompts = [p for p in prompts if len(p) == BOUND]
    outputs = [(0, 0), (3, 4)] if "output" in items else [(3, 4)]
    found = {len(prove(hidden, items, p, output)[1]) for p in prompts for output in outputs}
    assert len(found) == 1


def test_the_models_proofs_of_a_bound_are_of_one_length(
    model: Model, fixed_positions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Message by message; and they are about as many cells and lookups."""
    said: list[tuple[str, int]] = []
    raw = ProverChannel.raw

    def listen(self: ProverChannel, label: str, data: bytes) -> None:
        said.append((label, len(data)))
        raw(self, label, data)

    monkeypatch.setattr(ProverChannel, "raw", listen)
    found = set()
    for prompt in ((7,), (3, 1, 4, 1, 5, 9)):
        said.clear()
        made = model.prove(prompt, 2)
        found.add((len(made.proof), made.committed_cells, made.lookups, *said))
    assert len(found) == 1
