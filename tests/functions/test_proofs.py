"""Proofs of functions: honest ones of every visibility and batch are valid, and what cheats is not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zklemma
from mlp import LABELS, MOST, NAMES, SIGNATURE, TENSORS, examples, expected, mlp_artifact
from zklemma.errors import InvalidProof, RangeError, UserError
from zklemma.runtime.circuit.packed import pack as pack_values
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.disclosure import prover as disclosure_prover
from zklemma.runtime.protocol.disclosure.prover import Sealed
from zklemma.runtime.protocol.function_statement import FunctionStatement, Said
from zklemma.runtime.protocol.statement import frame
from zklemma.runtime.proving import inference
from zklemma.runtime.proving.inference import FunctionProver, Inference, Visibility
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.verifying.disclosure import Opened
from zklemma.runtime.verifying.function_verifier import VerifiedFunction, verify_function
from zklemma.runtime.witness.columns import Columns
from zklemma.runtime.witness.function_executor import FunctionExecutor

Witness = dict[str, np.ndarray]
ALL = Visibility(digest=NAMES)


def verified(artifact: Artifact, proof: bytes) -> VerifiedFunction:
    found = zklemma.verify(artifact.key, proof)
    assert isinstance(found, VerifiedFunction)
    return found


def outputs(artifact: Artifact, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    cells = SIGNATURE.quantize(given)
    return expected(dict(artifact.params), cells["left"], cells["right"])


@pytest.mark.parametrize("count", [1, 3, MOST])
def test_batches(artifact: Artifact, count: int) -> None:
    given = examples(count, seed=count)
    made = zklemma.prove(artifact, given)
    assert isinstance(made, Inference)
    found = verified(artifact, made.proof)
    assert found.statement.batch == count and found.statement.hiding
    assert found.security_bits >= 100 and set(found.values) == set(NAMES)
    for name, cells in outputs(artifact, given).items():
        assert (found.values[name] * 16 == cells).all() and (made.outputs[name] * 16 == cells).all()
    for name, cells in SIGNATURE.quantize(given).items():
        assert (found.values[name] * 32 == cells).all()
    best = outputs(artifact, given)["score"].argmax(axis=1)
    assert found.labels == {"score": [LABELS[i] for i in best]}


@pytest.mark.parametrize("hiding", [True, False])
@pytest.mark.parametrize("seen", [*itertools.product(("public", "digest", "private"), repeat=2)])
def test_visibilities(artifact: Artifact, seen: tuple[str, str], hiding: bool) -> None:
    """Of an input and an output; without hiding the verifier checks at once what it defers otherwise."""
    by_name: dict[str, str] = dict(zip(("left", "score"), seen, strict=True))
    visibility = Visibility(
        private=[name for name, how in by_name.items() if how == "private"],
        digest=[name for name, how in by_name.items() if how == "digest"],
    )
    given = examples(3)
    made = inference.prove(artifact, given, visibility, hiding, nonce=b"n")
    found = verified(artifact, made.proof)
    statement = found.statement
    assert statement.hiding is hiding and statement.nonce == b"n"
    assert set(found.values) == {name for name in NAMES if by_name.get(name, "public") == "public"}
    for what in ("input left", "output score"):
        how = by_name[what.split()[1]]
        assert (what in statement.digests) == (how == "digest")
        assert (what in statement.silent) == (how == "private")
    wanted = {**SIGNATURE.quantize(given), **outputs(artifact, given)}
    assert set(made.result.sealed) == set(statement.digests)
    for what, sealed in made.result.sealed.items():
        cells = disclosure.cells(statement, what, Opened(sealed.rows, sealed.salts), artifact.key)
        assert (cells == wanted[what.split()[1]]).all()


def test_public_weights(public: Artifact) -> None:
    """What is private is hidden all the same; where nothing is, there is nothing to hide."""
    given = examples(2)
    shown = verified(public, zklemma.prove(public, given).proof)
    assert not shown.statement.hiding
    for visibility in (Visibility(private=["left"]), Visibility(digest=["left"])):
        assert verified(public, zklemma.prove(public, given, visibility).proof).statement.hiding
    with pytest.raises(UserError, match="public weights"):
        zklemma.prove(public, given, hiding=True)
    case = Case(public)
    pretended = replace(case.statement, hiding=True)
    with pytest.raises(InvalidProof, match="without masks"):
        verify_function(public.key, frame(pretended), check_ranges=False)


class Case:
    """A true statement that shows all, its witness, and what proves it."""

    def __init__(self, artifact: Artifact, count: int = 3, hiding: bool = False):
        self.artifact, self.key = artifact, artifact.key
        executor = FunctionExecutor(self.key.circuit, artifact.program, artifact.params)
        self.witness: Witness = executor.witness(SIGNATURE.quantize(examples(count)))
        said: dict[str, Said] = {what: self.flat(what, self.witness) for what in TENSORS}
        self.statement = FunctionStatement(count, said, hiding)
        self.prover = FunctionProver(self.key, artifact.params, artifact.masks)

    def flat(self, what: str, witness: Witness) -> np.ndarray:
        return inference.tensor_cells(self.key.circuit, witness, what).reshape(-1)

    def saying(self, **said: Said) -> FunctionStatement:
        changed = {what: said[what.split()[1]] for what in TENSORS if what.split()[1] in said}
        return replace(self.statement, tensors={**self.statement.tensors, **changed})

    def seal(self, what: str, cells: np.ndarray) -> Sealed:
        return Sealed(cells, self.key.parameters, Randomness(self.statement.hiding))

    def prove(
        self,
        statement: FunctionStatement,
        witness: Witness | None = None,
        sealed: dict[str, Sealed] | None = None,
    ) -> bytes:
        """Whether it holds or not."""
        columns = self.witness if witness is None else witness
        clock = Clock(Silent())
        return self.prover.prove_witness(statement, columns, clock, False, sealed).proof

    def refused(self, proof: bytes, match: str | None = None) -> None:
        with pytest.raises(InvalidProof, match=match):
            verify_function(self.key, proof, check_ranges=False)

    def accepted(self, proof: bytes) -> FunctionStatement:
        return verify_function(self.key, proof, check_ranges=False).statement


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "hiding"])
def case(request: Any, made: Artifact) -> Case:
    return Case(made, hiding=request.param)


def test_the_case_is_honest(case: Case) -> None:
    assert case.accepted(case.prove(case.statement)) == case.statement


@pytest.mark.parametrize("what", TENSORS)
@pytest.mark.parametrize("place", [0, -1])
def test_an_altered_column(case: Case, what: str, place: int) -> None:
    """Whether the statement says what it was, what it is, or nothing."""
    name = what.split()[1]
    altered = {**case.witness, name: case.witness[name].copy()}
    altered[name].flat[place] += 1 if altered[name].flat[place] < 127 else -1
    said = case.flat(what, altered)
    for statement in (case.statement, case.saying(**{name: said}), case.saying(**{name: None})):
        case.refused(case.prove(statement, altered))
    sealed = {what: case.seal(what, said)}
    statement = case.saying(**{name: sealed[what].digest})
    case.refused(case.prove(statement, altered, sealed))


@pytest.mark.parametrize("what", TENSORS)
def test_other_values_are_shown(case: Case, what: str) -> None:
    name = what.split()[1]
    honest = case.flat(what, case.witness)
    for place, step in ((0, 1), (len(honest) - 1, 1), (len(honest) // 2, -1)):
        cells = honest.copy()
        cells[place] += step if 0 < cells[place] < 127 else 1
        case.refused(case.prove(case.saying(**{name: cells})))
    rotated = np.roll(honest, 1)
    assert (rotated != honest).any()
    case.refused(case.prove(case.saying(**{name: rotated})))
    examples_swapped = honest.reshape(3, -1)[[1, 0, 2]].reshape(-1)
    assert (examples_swapped != honest).any()
    case.refused(case.prove(case.saying(**{name: examples_swapped})))


def test_axes_are_told_apart(case: Case) -> None:
    """The same numbers with rows and features exchanged."""
    cells = case.witness["left"].astype(np.int64)
    turned = cells.reshape(3, 2, 3).transpose(0, 2, 1).reshape(-1)
    case.refused(case.prove(case.saying(left=turned)))


def test_swapped_tensors(case: Case) -> None:
    left, right = (case.flat(f"input {name}", case.witness) for name in ("left", "right"))
    case.refused(case.prove(case.saying(left=right, right=left)))
    swapped = {**case.witness, "left": case.witness["right"], "right": case.witness["left"]}
    case.refused(case.prove(case.saying(left=right, right=left), swapped))


@pytest.mark.parametrize("what", ["input left", "output hidden"])
def test_another_digest(case: Case, what: str) -> None:
    name = what.split()[1]
    honest = case.flat(what, case.witness)
    sealed = {what: case.seal(what, honest)}
    statement = case.saying(**{name: sealed[what].digest})
    proof = case.prove(statement, sealed=sealed)
    assert case.accepted(proof) == statement
    for cells in (honest[::-1], np.where(np.arange(len(honest)) == 4, 1 + honest, honest)):
        wrong = {what: case.seal(what, cells)}
        case.refused(case.prove(case.saying(**{name: wrong[what].digest}), sealed=wrong))
    digest = sealed[what].digest
    forged = proof.replace(digest, b"x" * 32)
    assert forged != proof
    case.refused(forged)
    again = case.seal(what, honest)
    # Without masks a digest is that of its cells, which anyone can make.
    assert (again.digest == digest) is not case.statement.hiding
    if case.statement.hiding:
        with pytest.raises(InvalidProof):
            case.accepted(case.prove(case.saying(**{name: again.digest}), sealed=sealed))


def test_a_digest_whose_form_is_sent(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prover says of the columns what holds of the digest."""
    what, honest = "input left", disclosure_prover.prove
    other = {**case.witness, "left": case.witness["left"][::-1]}
    wrong = {what: case.seal(what, case.flat(what, other))}

    def lie(channel: Any, plan: Any, columns: Any, sealed: Any) -> None:
        values = {**columns.values, "left": other["left"]}
        lies = Columns(columns.circuit, columns.shape, values, columns.inputs)
        honest(channel, plan, lies, sealed)

    monkeypatch.setattr(disclosure_prover, "prove", lie)
    case.refused(case.prove(case.saying(left=wrong[what].digest), sealed=wrong))


def test_what_is_shown_is_not_proved_by_silence(case: Case) -> None:
    """A proof of a statement that says nothing of a tensor, with its numbers put in."""
    silent = case.saying(score=None)
    proof = case.prove(silent)
    assert case.accepted(proof) == silent
    rest = proof[len(frame(silent)) :]
    case.refused(frame(case.statement) + rest)
    case.refused(frame(case.saying(score=1 + case.flat("output score", case.witness) // 2)) + rest)
    shown = case.prove(case.statement)[len(frame(case.statement)) :]
    case.refused(frame(silent) + shown)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_another_batch(case: Case, count: int) -> None:
    """The proof of three examples as one of others."""
    proof = case.prove(case.statement)
    rest = proof[len(frame(case.statement)) :]
    said: dict[str, Said] = {
        what: np.resize(case.flat(what, case.witness), count * len(cells) // 3)
        for what, cells in case.statement.shown.items()
    }
    case.refused(frame(FunctionStatement(count, said, case.statement.hiding)) + rest)
    case.refused(frame(replace(case.statement, batch=count)) + rest, "number of cells")


def test_another_nonce(case: Case) -> None:
    statement = replace(case.statement, nonce=b"1")
    proof = case.prove(statement)
    rest = proof[len(frame(statement)) :]
    case.refused(frame(replace(statement, nonce=b"2")) + rest)


def test_weights_of_another_function(case: Case) -> None:
    other = Case(mlp_artifact(seed=1), hiding=case.statement.hiding)
    case.refused(other.prove(other.statement))


def test_what_can_not_be_proved_uses_no_masks_up(artifact: Artifact) -> None:
    given = examples(2)
    left = artifact.budget.proofs_left()
    weights = artifact.params["w"].astype(int)
    largest = weights[np.abs(weights).sum(axis=1).argmax()]
    wide = {name: np.where(largest > 0, 3.9, -4.0) + np.zeros((2, 3, 2)) for name in given}
    with pytest.raises(RangeError, match="of example"):
        zklemma.prove(artifact, wide)
    for visibility, reason in (
        (Visibility(private=["up"]), "no tensor up, only hidden, left, right, score"),
        (Visibility(["left"], ["left"]), "private and have a digest"),
    ):
        with pytest.raises(UserError, match=reason):
            zklemma.prove(artifact, given, visibility)
    with pytest.raises(UserError, match="longer than 64"):
        zklemma.prove(artifact, given, nonce=bytes(65))
    with pytest.raises(UserError, match=f"{MOST + 1} examples are too many"):
        zklemma.prove(artifact, examples(MOST + 1))
    assert artifact.budget.proofs_left() == left
    zklemma.prove(artifact, given)
    assert left and artifact.budget.proofs_left() == left - 1


@pytest.mark.parametrize(
    ("limit", "seen", "reason"),
    [
        ("MOST_SHOWN", Visibility(), "would show 60 numbers, more than 59"),
        ("MOST_SEALED", ALL, "digests would be of 60 numbers, more than 59"),
    ],
)
def test_limits_of_statements(
    artifact: Artifact, limit: str, seen: Visibility, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, limit, 59)
    with pytest.raises(UserError, match=reason):
        zklemma.prove(artifact, examples(2), seen)


def test_too_little_memory(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    from zklemma.runtime.proving import footprint

    monkeypatch.setattr(footprint, "free_bytes", lambda: 0)
    with pytest.raises(UserError, match="no proof of this model fits; prove fewer at a time"):
        zklemma.prove(artifact, examples(2))


def test_openings(artifact: Artifact) -> None:
    made = inference.prove(artifact, examples(2), ALL)
    statement = verified(artifact, made.proof).statement
    opened = {what: Opened(found.rows, found.salts) for what, found in made.result.sealed.items()}
    data = disclosure.encode(opened)
    found = disclosure.decode(data, "x")
    assert list(found) == list(TENSORS) and disclosure.encode(found) == data
    key = artifact.key
    cells = disclosure.cells(statement, "output score", found["output score"], key)
    assert (cells == outputs(artifact, examples(2))["score"]).all() and cells.min() < 0
    with pytest.raises(InvalidProof, match="does not open the digest"):
        disclosure.cells(statement, "input left", found["input right"], key)
    with pytest.raises(InvalidProof, match="not of the size"):
        disclosure.cells(statement, "input left", found["output score"], key)
    public = replace(statement, tensors={**statement.tensors, "input left": None})
    with pytest.raises(InvalidProof, match="no digest"):
        disclosure.cells(public, "input left", found["input left"], key)
    one = {"output score": found["output score"]}
    assert list(disclosure.decode(disclosure.encode(one), "x")) == ["output score"]


@pytest.mark.parametrize(
    "name", ["prompt", "left", "input left!", 5, b"input left", ["input left"]]
)
def test_openings_of_what_is_no_tensor(artifact: Artifact, name: Any) -> None:
    """Alone, and beside one that is."""
    sealed = Sealed(np.arange(3), artifact.key.parameters, Randomness(False))
    opened = Opened(sealed.rows, sealed.salts)
    for names in ([name], ["input left", name]):
        meta = pack_values([[n, opened.rows.shape[1], opened.salts.shape[1]] for n in names])
        arrays = [
            array.astype("<u8").tobytes() * len(names) for array in (opened.rows, opened.salts)
        ]
        data = b"".join(files.pack(files.OPENING, [[meta], *([array] for array in arrays)]))
        if names == ["prompt"]:
            assert disclosure.decode(data, "x")
            continue
        with pytest.raises(UserError, match=r"^x: the opening is malformed$"):
            disclosure.decode(data, "x")
