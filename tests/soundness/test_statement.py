"""A proof proves its own statement under its own key, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.generation import longest
from zklemma.runtime.model.files import encode_proof
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.verifying.verifier import verify

proving = import_module("proving")

MODES = pytest.mark.parametrize("hiding", [False, True])


def restated(proof: bytes, statement: Statement) -> bytes:
    """The messages of a proof behind another statement."""
    (size,) = struct.unpack("<I", proof[:4])
    header = statement.encode()
    return struct.pack("<I", len(header)) + header + proof[4 + size :]


@pytest.fixture(scope="module", params=[False, True], ids=["clear", "hiding"])
def proved(request: pytest.FixtureRequest, tiny: Any) -> tuple[Statement, bytes]:
    statement = Statement(3, 3, (3, 1, 4, 1, 5, 0), request.param)
    proof = tiny.prove(statement)
    assert tiny.verify(proof).statement == statement
    return statement, proof


CHANGES: dict[str, Callable[[Statement], Statement]] = {
    "the last output": lambda s: replace(s, tokens=(*s.tokens[:-1], s.tokens[-1] ^ 1)),
    "the first output": lambda s: replace(
        s, tokens=(*s.tokens[: s.prompt], s.tokens[s.prompt] ^ 1, *s.tokens[s.prompt + 1 :])
    ),
    "the first prompt token": lambda s: replace(s, tokens=(s.tokens[0] ^ 1, *s.tokens[1:])),
    "two prompt tokens swapped": lambda s: replace(
        s, tokens=(s.tokens[1], s.tokens[0], *s.tokens[2:])
    ),
    "an output as prompt": lambda s: replace(s, prompt=s.prompt + 1, generated=s.generated - 1),
    "a prompt token as output": lambda s: replace(
        s, prompt=s.prompt - 1, generated=s.generated + 1
    ),
    "one output less": lambda s: replace(s, generated=s.generated - 1, tokens=s.tokens[:-1]),
    "one output more": lambda s: replace(s, generated=s.generated + 1, tokens=(*s.tokens, 0)),
    "one prompt token less": lambda s: replace(s, prompt=s.prompt - 1, tokens=s.tokens[1:]),
    "the other mode": lambda s: replace(s, hiding=not s.hiding),
    "no output": lambda s: replace(s, prompt=len(s.tokens), generated=0),
    "a length that does not fit": lambda s: replace(s, prompt=s.prompt + 1),
    "a token outside the vocabulary": lambda s: replace(s, tokens=(20, *s.tokens[1:])),
    "as many positions as the key allows, and a token more": lambda s: replace(
        s, prompt=8, generated=1, tokens=(0,) * 9
    ),
    "more tokens than the key allows": lambda s: replace(
        s, prompt=s.prompt + 16, tokens=(*(0,) * 16, *s.tokens)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_statement(tiny: Any, proved: tuple[Statement, bytes], change: str) -> None:
    statement, proof = proved
    assert restated(proof, statement) == proof
    with pytest.raises(InvalidProof):
        tiny.verify(restated(proof, CHANGES[change](statement)))


@MODES
def test_a_text_may_have_as_many_tokens_as_the_key_allows(tiny: Any, hiding: bool) -> None:
    """One more has no more positions, since the last token needs none."""
    most = Statement(7, 1, (1,) * 8, hiding)
    assert tiny.verify(tiny.prove(most)).statement == most
    statement = Statement(8, 1, (1,) * 9, hiding)
    assert statement.shape.rows == most.shape.rows + 1 == longest(tiny.circuit)
    with pytest.raises(InvalidProof, match="more tokens than the key allows"):
        tiny.verify(tiny.prove(statement))


@pytest.mark.parametrize("change", ["the last output", "two prompt tokens swapped"])
def test_the_honest_witness_proves_no_other_statement(toy: Any, change: str) -> None:
    """Not the old messages, but a proof made for the changed statement from the true computation."""
    statement = toy.answer((3, 1, 4, 1), 3)
    other = CHANGES[change](statement)
    assert toy.failing(other, toy.witness(statement))
    with pytest.raises(InvalidProof, match="does not hold"):
        toy.verify(toy.prove(other, toy.witness(statement)))


@pytest.mark.parametrize(
    ("extents", "reason"),
    [
        ({"generated": 8, "image.batch": 8, "tokens": 8}, "leaves other sizes to its proofs"),
        ({"tokens": 8}, "leaves other sizes to its proofs"),
        ({}, "more tokens than the key allows"),
        ({"generated": 1, "tokens": 8}, "more generated than the key allows"),
    ],
)
def test_a_circuit_of_other_extents(
    tiny: Any, proved: tuple[Statement, bytes], extents: dict[str, int], reason: str
) -> None:
    circuit = replace(tiny.circuit, extents=extents, data=tiny.circuit.data)
    with pytest.raises(InvalidProof, match=reason):
        verify(replace(tiny.key, circuit=circuit), proved[1])


def test_another_key_digest(tiny: Any, proved: tuple[Statement, bytes]) -> None:
    with pytest.raises(InvalidProof):
        verify(replace(tiny.key, digest=b"\1" * 32), proved[1])


def test_a_file_that_says_it_is_of_another_model(
    tiny: Any, proved: tuple[Statement, bytes]
) -> None:
    """The true proof, under another model's id."""
    assert verify(tiny.key, encode_proof(tiny.key.digest, proved[1])).statement == proved[0]
    with pytest.raises(InvalidProof, match="the proof is one of model 0101"):
        verify(tiny.key, encode_proof(b"\1" * 32, proved[1]))


def test_another_weight_root(tiny: Any, proved: tuple[Statement, bytes]) -> None:
    root = bytes([tiny.key.weight_root[0] ^ 1]) + tiny.key.weight_root[1:]
    with pytest.raises(InvalidProof):
        verify(replace(tiny.key, weight_root=root), proved[1])


@pytest.mark.parametrize("field", ["row_bits", "log_code", "queries", "pads_queries"])
def test_other_parameters(tiny: Any, proved: tuple[Statement, bytes], field: str) -> None:
    """Even if they were no part of the key's digest. One more query may fall on an opened column."""
    code = tiny.key.parameters
    more = 8 if "queries" in field else 1
    code = replace(code, **{field: getattr(code, field) + more})
    with pytest.raises(InvalidProof):
        verify(replace(tiny.key, parameters=code), proved[1])


@MODES
def test_another_models_proof(tiny: Any, hiding: bool) -> None:
    """The same circuit with other weights: its proof is for its own key only."""
    other = proving.tiny_setting(tiny.key.parameters, seed=1)
    statement = Statement(2, 2, (1, 2, 3, 4), hiding)
    proof = other.prove(statement)
    assert other.verify(proof).statement == statement
    assert other.key.weight_root != tiny.key.weight_root
    with pytest.raises(InvalidProof):
        tiny.verify(proof)
    with pytest.raises(InvalidProof):
        verify(replace(other.key, digest=tiny.key.digest), tiny.prove(statement))


@MODES
@pytest.mark.parametrize("weights", ["committed", "opened"])
def test_other_weights_under_the_honest_key(
    tiny: Any, hiding: bool, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prover who computes with weights of its own but absorbs the key's digest and root: it opens
    either the key's commitment, which its claims do not fit, or its own, which is not the key's."""
    cheat = proving.tiny_setting(tiny.key.parameters, seed=1)
    statement = Statement(2, 2, (1, 2, 3, 4), hiding)
    cheat.prover.key = tiny.key
    if weights == "committed":
        monkeypatch.setattr(cheat.prover.weights, "code", tiny.prover.weights.code)
        reason = "folded vector does not satisfy"
    else:
        reason = "not the committed one"
    with pytest.raises(InvalidProof, match=reason):
        tiny.verify(cheat.prove(statement))


@MODES
def test_every_shorter_and_longer_proof(tiny: Any, hiding: bool) -> None:
    statement = Statement(2, 2, (1, 2, 3, 4), hiding)
    proof = tiny.prove(statement)
    random = np.random.default_rng(0)
    lengths = {0, 1, 3, 4, 5, 12, 40, len(proof) // 2, len(proof) - 8, len(proof) - 1}
    for length in sorted(lengths | set(random.integers(0, len(proof), 10).tolist())):
        with pytest.raises(InvalidProof):
            tiny.verify(proof[:length])
    for tail in (b"\0", proof[-32:], proof):
        with pytest.raises(InvalidProof, match="goes on after its end"):
            tiny.verify(proof + tail)
    assert tiny.verify(proof).statement == statement


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 3, b"\0" * 4, b"\xff" * 4, b"\xff" * 4000, b"\0" * 4000, b"\1\0\0\0\xc0"],
    ids=lambda data: f"{len(data)} bytes {data[:1].hex()}",
)
def test_what_is_no_proof_at_all(tiny: Any, data: bytes) -> None:
    with pytest.raises(InvalidProof):
        tiny.verify(data)


@pytest.mark.parametrize(("prompt", "generated"), [(1, 8), (8, 1), (9, 1), (1, 9), (1, 1), (7, 2)])
@MODES
def test_messages_of_zeros_for_any_split(
    tiny: Any, prompt: int, generated: int, hiding: bool
) -> None:
    """The sizes that a statement asks for never stop the verifier in any other way."""
    statement = Statement(prompt, generated, (0,) * (prompt + generated), hiding)
    header = statement.encode()
    with pytest.raises(InvalidProof):
        tiny.verify(struct.pack("<I", len(header)) + header + bytes(1 << 18))
