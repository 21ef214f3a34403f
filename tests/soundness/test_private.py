"""Prompt and output in columns: shown or behind a digest, they are what the proof is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import msgpack
import numpy as np
import pytest
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.model.files import OPENING, pack
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.disclosure import prover as disclosure_prover
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.disclosure.shared import MASKS, Code
from zklemma.runtime.protocol.statement import Statement, private_bound
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness.columns import Columns

tiny_private_witness = import_module("tiny").tiny_private_witness

PROMPT, OUTPUT = (1, 5, 2), (4, 3)
BOTH = ("prompt", "output")
COMBINATIONS = [("prompt",), ("output",), BOTH]


def case(
    tiny: Any, items: tuple[str, ...], hiding: bool, bound: int = 4
) -> tuple[Statement, dict[str, np.ndarray], dict[str, Sealed]]:
    """A true statement that keeps the items private, its witness, and what its digests commit to."""
    length = bound if "prompt" in items else len(PROMPT)
    tokens = PROMPT * ("prompt" not in items) + OUTPUT * ("output" not in items)
    statement = Statement(length, len(OUTPUT), tokens, hiding, *(b"?" * 32,) * 2)
    witness = tiny_private_witness(tiny.params, statement.shape, PROMPT, OUTPUT)
    statement = replace(statement, prompt_digest=b"", output_digest=b"")
    statement, sealed = tiny.seal(statement, witness, items)
    return statement, witness, sealed


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("items", COMBINATIONS)
def test_true_statements_are_accepted(tiny: Any, items: tuple[str, ...], hiding: bool) -> None:
    for bound in (3, 5):
        statement, witness, sealed = case(tiny, items, hiding, bound)
        proof = tiny.prove_private(statement, witness, sealed)
        assert tiny.verify(proof).statement == statement
        for what, found in sealed.items():
            opened = Opened(found.rows, found.salts)
            ids = disclosure.tokens(statement, what, opened, tiny.key.parameters)
            assert tuple(ids) == {"prompt": PROMPT, "output": OUTPUT}[what]


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize(
    ("items", "tokens"),
    [
        (("prompt",), (4, 2)),
        (("prompt",), (3, 3)),
        (("output",), (1, 5, 3)),
        (("output",), (2, 5, 2)),
        (("output",), (1, 5)),
        (("output",), (1, 5, 2, 0)),
        (("output",), (1, 5, 2, 4)),
    ],
)
def test_what_is_shown_must_be_what_was_proved(
    tiny: Any, items: tuple[str, ...], tokens: tuple[int, ...], hiding: bool
) -> None:
    statement, _, _ = case(tiny, items, hiding)
    length = len(tokens) if items == ("output",) else statement.prompt
    statement = replace(statement, tokens=tokens, prompt=length)
    witness = tiny_private_witness(tiny.params, statement.shape, PROMPT, OUTPUT)
    statement, sealed = tiny.seal(statement, witness, items)
    with pytest.raises(InvalidProof):
        tiny.verify(tiny.prove_private(statement, witness, sealed))


COLUMNS = [
    "prompt.length",
    "prompt.ids",
    "prompt.before",
    "ids",
    "rows",
    "last",
    "score",
    "output.ids",
]


def changes(witness: Mapping[str, np.ndarray], column: str) -> list[np.ndarray]:
    """The column with one cell changed, in several ways."""
    found = []
    for i, delta in enumerate((1, -1, 8, -8, 1 << 32)):
        changed = witness[column].astype(np.int64)
        changed.reshape(-1)[(i * 5 + 1) % changed.size] += delta
        found.append(changed)
    return found


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_constrained(tiny: Any, column: str, hiding: bool) -> None:
    statement, witness, _ = case(tiny, BOTH, hiding)
    for number, changed in enumerate(changes(witness, column)[: 2 if hiding else None]):
        if column == "ids" and number == 3:
            continue  # Beyond what the row of another token could explain.
        altered = {**witness, column: changed}
        said, sealed = tiny.seal(statement, altered, BOTH)
        with pytest.raises(InvalidProof):
            tiny.verify(tiny.prove_private(said, altered, sealed))


def consistent(tiny: Any, statement: Statement, **changed: Any) -> dict[str, np.ndarray]:
    """A witness of one wrong idea, with all that follows from it."""
    witness = tiny_private_witness(tiny.params, statement.shape, PROMPT, OUTPUT)
    return witness | changed


def cheats(tiny: Any, statement: Statement) -> dict[str, dict[str, np.ndarray]]:
    """Structured lies: each is right but for one relation."""
    honest = consistent(tiny, statement)
    length, rows = len(PROMPT), statement.shape.rows
    position = np.arange(rows)
    embedding, weights = tiny.params["embedding"], tiny.params["weights"].astype(np.int64)

    def last(at: int) -> dict[str, np.ndarray]:
        rows = 2 * honest["rows"][at : at + len(OUTPUT)] + 1
        return {"last": rows, "score": rows @ weights.T}

    longer = position < length + 1
    return {
        "length beyond the boundary": {"prompt.length": np.array(length + 1)},
        "boundary beyond the length": {
            "prompt.before": longer.astype(np.int64),
            "prompt.ids": longer * honest["ids"],
        },
        "a hole in the prompt": {
            "prompt.before": honest["prompt.before"] * (position != 1),
            "prompt.ids": honest["prompt.ids"] * (position != 1),
        },
        "rows of another position": last(length),
        "rows of an earlier position": last(length - 2),
        "the row of another token": {
            "rows": np.concatenate([embedding[[3]].astype(np.int64), honest["rows"][1:]])
        },
        "rows swapped": {"rows": honest["rows"][[1, 0, *range(2, rows)]]},
        "an output that is not fed back": {"output.ids": np.array([3, 3])},
        "outputs swapped": {"output.ids": honest["output.ids"][::-1].copy()},
    }


@pytest.mark.parametrize("hiding", [False, True])
def test_structured_lies(tiny: Any, hiding: bool) -> None:
    base, _, _ = case(tiny, BOTH, hiding)
    for name, changed in cheats(tiny, base).items():
        witness = consistent(tiny, base, **changed)
        statement, sealed = tiny.seal(base, witness, BOTH)
        with pytest.raises(InvalidProof):
            tiny.verify(tiny.prove_private(statement, witness, sealed))
            raise AssertionError(name)


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("what", BOTH)
@pytest.mark.parametrize("tokens", [((1, 4, 2), (4, 2)), (PROMPT[::-1], OUTPUT[::-1])])
def test_a_digest_of_other_tokens(
    tiny: Any, what: str, hiding: bool, tokens: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Other ones, or the same in another order."""
    statement, witness, sealed = case(tiny, BOTH, hiding)
    other = tiny_private_witness(tiny.params, statement.shape, *tokens)
    _, wrong = tiny.seal(statement, other, BOTH)
    said = replace(statement, **{f"{what}_digest": wrong[what].digest})
    with pytest.raises(InvalidProof):
        tiny.verify(tiny.prove_private(said, witness, {**sealed, what: wrong[what]}))


@pytest.mark.parametrize("hiding", [False, True])
def test_a_digest_of_other_tokens_whose_form_is_sent(
    tiny: Any, hiding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prover says of the columns what holds of the digest."""
    statement, witness, sealed = case(tiny, BOTH, hiding)
    other = tiny_private_witness(tiny.params, statement.shape, (1, 4, 2), OUTPUT)
    _, wrong = tiny.seal(statement, other, BOTH)
    said = replace(statement, prompt_digest=wrong["prompt"].digest)
    honest = disclosure_prover.prove

    def lie(channel: Any, plan: Any, columns: Any, sealed: Any) -> None:
        values = {**columns.values, **{k: v for k, v in other.items() if k.startswith("prompt")}}
        lies = Columns(columns.circuit, columns.shape, values, columns.inputs)
        honest(channel, plan, lies, sealed)

    monkeypatch.setattr(disclosure_prover, "prove", lie)
    with pytest.raises(InvalidProof):
        tiny.verify(tiny.prove_private(said, witness, {**sealed, "prompt": wrong["prompt"]}))


def test_the_digest_is_part_of_the_statement(tiny: Any) -> None:
    statement, witness, sealed = case(tiny, BOTH, True)
    proof = tiny.prove_private(statement, witness, sealed)
    for what in BOTH:
        other = replace(statement, **{f"{what}_digest": b"x" * 32})
        forged = proof.replace(statement.digests[what], b"x" * 32)
        assert forged != proof and other.encode() in forged
        with pytest.raises(InvalidProof):
            tiny.verify(forged)


def test_a_committed_vector_that_is_no_codeword(tiny: Any) -> None:
    statement, witness, sealed = case(tiny, BOTH, True)
    code = sealed["prompt"].code
    code.matrix[0, ::2] = 7
    from zklemma.runtime.protocol.commitment.codeword import LEAF, NODE, hash_columns, hash_pairs

    code.layers = [hash_columns(code.matrix, LEAF)]
    while code.layers[-1].shape[1] > 1:
        code.layers.append(hash_pairs(code.layers[-1], NODE))
    said = replace(statement, prompt_digest=code.root)
    with pytest.raises(InvalidProof, match="the prompt is not the one"):
        tiny.verify(tiny.prove_private(said, witness, sealed))


def test_a_key_without_columns_for_tokens(tiny: Any) -> None:
    statement, witness, sealed = case(tiny, BOTH, True)
    key = replace(tiny.key, private_circuit=tiny.key.circuit)
    with pytest.raises(InvalidProof, match="does not serve"):
        verify(key, tiny.prove_private(statement, witness, sealed))


def test_the_two_circuits_of_a_key(tiny: Any) -> None:
    """One that takes tokens as inputs and one that holds them in columns, of the same weights."""
    first, second = tiny.circuit, tiny.key.private_circuit
    other = replace(second, columns=(replace(second.columns[0], high=4), *second.columns[1:]))
    code = tiny.key.parameters.to_list()

    def key(first: Circuit, second: Circuit) -> VerifyingKey:
        return VerifyingKey(
            name="tiny",
            weights=45,
            code=code,
            eos=(),
            weight_root=tiny.key.weight_root,
            circuit_bytes=encode_circuit(first),
            private_circuit_bytes=encode_circuit(second),
            function_bytes=b"",
            tokenizer_bytes=b"{}",
            range_proof=b"",
        )

    found = key(first, second)
    assert found.circuit == first and found.private_circuit == second
    with pytest.raises(UserError, match="different models"):
        _ = key(first, other).private_circuit
    with pytest.raises(UserError, match="does not hold tokens in columns"):
        _ = key(first, first).private_circuit
    with pytest.raises(UserError, match="does not take tokens as inputs"):
        _ = key(second, second).circuit


def test_an_opening_opens_one_digest(tiny: Any) -> None:
    statement, _, sealed = case(tiny, BOTH, True)
    p = tiny.key.parameters
    rows, salts = sealed["prompt"].rows, sealed["prompt"].salts
    for wrong in (
        Opened(sealed["output"].rows, sealed["output"].salts),
        Opened(np.where(np.arange(rows.shape[1]) == 2, 1, rows).astype(np.uint64), salts),
        Opened(rows, salts[:, ::-1].copy()),
        Opened(rows[:, 1:], salts),
        Opened(rows, salts[:, 1:]),
    ):
        with pytest.raises(InvalidProof):
            disclosure.tokens(statement, "prompt", wrong, p)
    with pytest.raises(InvalidProof, match="non-canonical"):
        wrapped = Opened(rows + np.uint64(0xFFFFFFFF00000001), salts)
        disclosure.digest(wrapped, rows.shape[1] - MASKS, p)
    public = replace(statement, prompt_digest=b"", tokens=PROMPT)
    with pytest.raises(InvalidProof, match="public"):
        disclosure.tokens(public, "prompt", Opened(rows, salts), p)


@pytest.mark.parametrize("what", BOTH)
def test_an_opening_is_as_long_as_the_statement_says(tiny: Any, what: str) -> None:
    """Rows with zeros at the top, or without them, have the same root: masks must not become tokens."""
    statement, witness, sealed = case(tiny, BOTH, True)
    p = tiny.key.parameters
    found = sealed[what]
    cells = found.rows.shape[1] - MASKS
    found.rows[0, cells : cells + 2] = 4, 4  # Masks that look like ids.
    found.rows[:, -2:] = 0
    found.code = Codeword(found.rows, Code.of(cells, p).log_code, found.salts)
    statement = replace(statement, **{f"{what}_digest": found.code.root})
    proof = tiny.prove_private(statement, witness, sealed)
    assert tiny.verify(proof).statement == statement
    assert disclosure.tokens(statement, what, Opened(found.rows, found.salts), p)
    longer = np.pad(found.rows, ((0, 0), (0, 2)))
    for rows in (longer, found.rows[:, :-2]):
        with pytest.raises(InvalidProof, match="not of the size"):
            disclosure.tokens(statement, what, Opened(rows, found.salts), p)


def test_a_bound_is_all_that_the_positions_bound(tiny: Any) -> None:
    statement, _, _ = case(tiny, BOTH, True, bound=6)
    assert private_bound(65, 1) == 79 and private_bound(79, 1) == 79
    replace(statement, prompt=6).check(6, 80)
    for bound in (15, 17):
        wrong = replace(statement, prompt=bound, generated=2)
        assert private_bound(bound, 2) != bound
        with pytest.raises(InvalidProof, match="bound"):
            wrong.check(6, 80)


def test_openings_in_files(tiny: Any) -> None:
    _, _, sealed = case(tiny, BOTH, True)
    kept = {what: Opened(found.rows, found.salts) for what, found in sealed.items()}
    data = disclosure.encode(kept)
    found = disclosure.decode(data, "x")
    assert list(found) == list(BOTH) and disclosure.encode(found) == data
    assert all((found[w].rows == kept[w].rows).all() for w in BOTH)
    one = disclosure.encode({"output": kept["output"]})
    assert list(disclosure.decode(one, "x")) == ["output"]
    assert kept["prompt"].rows.astype("<u8").tobytes() not in one
    for end in range(0, len(data), 997):
        with pytest.raises(UserError, match="x: "):
            disclosure.decode(data[:end], "x")


@pytest.mark.parametrize(
    "meta",
    [
        [["prompt", 0, 256], ["output", 133, 256]],
        [["prompt", 9, 0], ["output", 9, 0]],
        [["prompt", 1 << 63, 256]],
        [["prompt", 9, 1 << 63]],
        [["output", 9, 4], ["prompt", 9, 4]],
    ],
    ids=str,
)
def test_openings_of_other_forms(meta: list[list[Any]]) -> None:
    """As many words as these say, but no cells, no salts, more than memory holds, another order."""
    words = [sum(width * item[i] for item in meta) for i, width in ((1, 3), (2, 2))]
    parts = [bytes(8 * count) if count < 1 << 20 else b"" for count in words]
    data = msgpack.packb(meta)
    assert data is not None
    file = b"".join(pack(OPENING, [[data], *([part] for part in parts)]))
    with pytest.raises(UserError, match=r"^x: the opening is malformed$"):
        disclosure.decode(file, "x")


def test_commitments_to_the_same_tokens_differ(tiny: Any) -> None:
    p = tiny.key.parameters
    one, two = (Sealed([3, 1, 2], p, Randomness(True)) for _ in range(2))
    assert one.digest != two.digest and not (one.salts == two.salts).any()
    assert not (one.rows[:, 3:] == two.rows[:, 3:]).any()
