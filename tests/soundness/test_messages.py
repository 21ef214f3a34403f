"""Provers that lie in one message and go on honestly from there.

Unlike a flipped bit, the lie is part of the transcript, so that just the check that is there for it can notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.field import Ext, P
from zklemma.runtime.model.subjects import subject_of
from zklemma.runtime.protocol import verification
from zklemma.runtime.protocol.axis_weights import Expander
from zklemma.runtime.protocol.channel import Affine, Channel, Reader
from zklemma.runtime.protocol.commitment import codeword
from zklemma.runtime.protocol.commitment import prover as commitment_prover
from zklemma.runtime.protocol.conversation import needed, verify_relations
from zklemma.runtime.protocol.einsum.prover import read_value
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.opening import verifier as opening_verifier
from zklemma.runtime.protocol.pads import prover as pads_prover
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel, as_pair
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving import prover
from zklemma.runtime.randomness import Randomness

proving = import_module("proving")

MODES = pytest.mark.parametrize("hiding", [False, True], ids=["clear", "hiding"])
IN_PADS = "the relations do not hold for the committed pads"
MASKED = "opening: the masked claim does not hold"
FOLDED = "opening: the folded vector does not satisfy the claims"
LAYER = "lookup: a layer of fractions does not hold"

# Label, which of its messages, which element: the reason; in hiding, a masked value's is in the pads.
MASKED_LIES = [
    ("lookup root", 0, 0, "lookup: the sum of fractions does not hold"),
    ("lookup root", 0, 1, LAYER),
    ("lookup round", 0, 0, LAYER),
    ("lookup round", -1, 2, LAYER),
    ("lookup children", 0, 1, LAYER),
    ("lookup children", -1, 2, LAYER),
    ("einsum values", 0, 0, "cube does not hold"),
    ("einsum values", 0, 1, "cube does not hold"),
    ("deferred values", 0, 0, "einsum sumcheck does not hold"),
    ("deferred values", -1, 0, "einsum sumcheck does not hold"),
    ("linear value", 0, 0, "total does not hold"),
    ("einsum round", 0, 0, "einsum sumcheck does not hold"),
    ("einsum round", -1, 3, "einsum sumcheck does not hold"),
    ("factor", 0, 0, "einsum partial product does not hold"),
    ("factor", -1, 0, "einsum sumcheck does not hold"),
    ("partial product", 0, 0, "einsum partial product does not hold"),
    ("row round", 0, 0, MASKED),
    ("slab round", -1, 1, MASKED),
    ("mask", 0, 0, MASKED),
]
CLEAR_LIES = [
    ("fold round", 0, 0, FOLDED),
    ("fold round", -1, 1, FOLDED),
    ("final", 0, 0, FOLDED),
    ("final", 0, -1, FOLDED),
    ("final round", -1, 0, FOLDED),
    ("pad sums", 0, 0, IN_PADS),
    ("pad sums", 0, 1, "a product of pads is wrong"),
    ("pad sums", 0, 2, "a product of pads is wrong"),
    ("pads", 0, -1, "the pads sent are not the committed ones"),
]
BOTH = ("prompt", "output")
VALUES = "the digest of the {} does not hold"
COMMITTED = "the {} is not the one that its digest commits to"
PRIVATE_LIES = [
    ("{} values", 0, VALUES),
    ("{} values", 1, VALUES),
    ("{} masked", 0, COMMITTED),
    ("{} masked", 1, COMMITTED),
    ("{} masked", -1, COMMITTED),
]


@pytest.fixture(scope="module")
def setting() -> Any:
    """Two levels and several groups, so that every kind of message occurs."""
    return proving.tiny_setting(proving.parameters(8, [1, 1], pads=400, group_bits=6))


def statement(hiding: bool) -> Statement:
    return Statement(2, 3, (1, 2, 3, 4, 5), hiding)


def prove(setting: Any, hiding: bool, items: tuple[str, ...] = ()) -> bytes:
    """An honest proof, about private items or with none."""
    if not items:
        return setting.prove(statement(hiding))
    return setting.prove_private(*setting.private_case(items, (1, 5, 2), (4, 3), 4, hiding))


def lying(
    setting: Any,
    hiding: bool,
    change: Callable[[ProverChannel, str, list[Ext]], list[Ext]],
    items: tuple[str, ...] = (),
) -> bytes:
    """A proof whose elements go through ``change`` before they are sent."""
    clear = ProverChannel.clear

    def send(self: ProverChannel, label: str, values: Sequence[Ext]) -> None:
        clear(self, label, change(self, label, list(values)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProverChannel, "clear", send)
        return prove(setting, hiding, items)


def count(setting: Any, hiding: bool, items: tuple[str, ...] = ()) -> dict[str, int]:
    found: dict[str, int] = {}

    def listen(_: ProverChannel, label: str, values: list[Ext]) -> list[Ext]:
        found[label] = found.get(label, 0) + 1
        return values

    assert setting.verify(lying(setting, hiding, listen, items)).statement.hiding == hiding
    return found


@pytest.fixture(scope="module")
def messages(setting: Any) -> dict[str, int]:
    """How many messages of each label there are; the same in both modes."""
    found = count(setting, False)
    assert found == count(setting, True)
    lies = {label for label, *_ in (*MASKED_LIES, *CLEAR_LIES)}
    assert set(found) == lies | {"opened value"}
    return found


@MODES
@pytest.mark.parametrize(
    ("label", "number", "element", "reason"),
    [*MASKED_LIES, *CLEAR_LIES, ("opened value", 0, 0, MASKED)],
)
def test_one_element_is_wrong(
    setting: Any,
    messages: dict[str, int],
    hiding: bool,
    label: str,
    number: int,
    element: int,
    reason: str,
) -> None:
    left = number % messages[label]

    def lie(_: ProverChannel, heard: str, values: list[Ext]) -> list[Ext]:
        nonlocal left
        if heard == label:
            if left == 0:
                values[element] = values[element] + Ext(1, 1)
            left -= 1
        return values

    proof = lying(setting, hiding, lie)
    assert left < 0
    if hiding and label == "opened value":
        reason = FOLDED
    elif hiding and (label, number, element, reason) in MASKED_LIES:
        reason = IN_PADS
    with pytest.raises(InvalidProof, match=f"^{re.escape(reason)}$"):
        setting.verify(proof)


def test_all_messages_about_private_tokens(setting: Any, messages: dict[str, int]) -> None:
    """What there is beside the messages of any proof."""
    found = count(setting, True, BOTH)
    assert found == count(setting, False, BOTH)
    own = {label.format(what) for what in BOTH for label, *_ in PRIVATE_LIES}
    assert set(found) - set(messages) == own and all(found[label] == 1 for label in own)


@MODES
@pytest.mark.parametrize("what", BOTH)
@pytest.mark.parametrize(("label", "element", "reason"), PRIVATE_LIES)
def test_one_element_about_private_tokens_is_wrong(
    setting: Any, hiding: bool, what: str, label: str, element: int, reason: str
) -> None:
    def lie(_: ProverChannel, heard: str, values: list[Ext]) -> list[Ext]:
        if heard == label.format(what):
            values[element] = values[element] + Ext(1, 1)
        return values

    reason = IN_PADS if hiding and reason == VALUES else reason.format(what)
    # What opens a digest is checked by the prover as well, which replays the relations.
    with pytest.raises(InvalidProof, match=f"^{re.escape(reason)}$"):
        setting.verify(lying(setting, hiding, lie, BOTH))


@MODES
@pytest.mark.parametrize("number", [0, 1])
def test_another_vector_is_committed_than_is_folded(
    setting: Any, hiding: bool, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commitment of each level, to a vector that differs in one cell."""
    commit, calls = opening_prover._commit, 0

    def other(f: np.ndarray, fold_bits: int, log_code: int) -> Any:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            f = f.copy()
            f[0, 3] = (int(f[0, 3]) + 1) % P
        return commit(f, fold_bits, log_code)

    monkeypatch.setattr(opening_prover, "_commit", other)
    proof = setting.prove(statement(hiding))
    assert calls == 2
    with pytest.raises(InvalidProof, match=FOLDED):
        setting.verify(proof)


@MODES
def test_work_that_was_not_done(
    setting: Any, hiding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commitment_prover, "grind", lambda seed, bits: 5)
    with pytest.raises(InvalidProof, match="proof of work is missing"):
        setting.verify(setting.prove(statement(hiding)))


def test_columns_that_are_committed_in_another_encoding(
    setting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zero committed as P: the same element, but not the same bytes."""
    encode, replaced = codeword.encode, 0

    def encode_otherwise(messages: np.ndarray, out: np.ndarray) -> None:
        nonlocal replaced
        encode(messages, out)
        # Unused rows are zero throughout where nothing hides.
        replaced += int((out == 0).sum())
        out[out == 0] = P

    other = proving.tiny_setting(proving.parameters(8, [2], pads=300, hiding=0))
    monkeypatch.setattr(codeword, "encode", encode_otherwise)
    proof = other.prove(statement(False))
    assert replaced
    with pytest.raises(InvalidProof, match="non-canonical"):
        other.verify(proof)


def test_pads_in_a_proof_that_does_not_hide(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would serve to shift values that the verifier takes at face value."""
    init = pads_prover.Pads.__init__

    def with_other(self: Any, plan: Plan, randomness: Randomness) -> None:
        init(self, plan, randomness)
        self.other = Randomness(True).elements(*self.other.shape)
        salts = np.zeros((codeword.SALT_WORDS, 1 << plan.parameters.pads_log_code), np.uint64)
        self.code = codeword.Codeword(
            np.concatenate([self.pads, self.other]), plan.parameters.pads_log_code, salts
        )

    monkeypatch.setattr(pads_prover.Pads, "__init__", with_other)
    with pytest.raises(InvalidProof, match="does not hide has pads"):
        setting.verify(setting.prove(statement(False)))


def test_pads_of_products_that_are_not_products(
    setting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = pads_prover.Pads.__init__

    def without(self: Any, plan: Plan, randomness: Randomness) -> None:
        triples = needed(plan).triples[:]
        needed(plan).triples.clear()
        init(self, plan, randomness)
        needed(plan).triples.extend(triples)

    monkeypatch.setattr(pads_prover.Pads, "__init__", without)
    with pytest.raises(InvalidProof, match=IN_PADS):
        setting.verify(setting.prove(statement(True)))


# Claims: what relations leave to the opening.


def reduced(setting: Any, statement: Statement, out: bytes) -> tuple[Channel, Plan, Any]:
    """A channel that has read the relations from the messages ``out`` and collects constraints."""
    subject = subject_of(setting.key, statement)
    channel = Channel(subject.begin(), Reader(out), hiding=True)
    return channel, subject.plan, verify_relations(channel, subject)


def test_every_claim_is_there_and_true(setting: Any) -> None:
    """Two of the lookups, one for each relation that defines nothing, one for each hidden factor."""
    shown = statement(False)
    out = setting.prove(shown)[4 + len(shown.encode()) :]
    _, plan, found = reduced(setting, shown, out)
    factors = [(i.einsum.name, f) for i in plan.instances for f in i.factors]
    relations = len(setting.circuit.linears) + len(plan.relations)
    assert len(found.claims) == 2 + relations + len(factors)
    witness = setting.witness(shown)
    columns = import_module("zklemma.runtime.witness.columns").Columns(
        setting.circuit, shown.shape, {**setting.params, **witness}, shown.inputs
    )
    counts = import_module("zklemma.runtime.protocol.lookup.multiplicities").count_uses(
        plan, columns
    )
    expander = Expander(setting.circuit, shown.shape, shown.inputs)
    for claim in found.claims[1:]:
        total = Ext.ZERO
        for read in claim.reads:
            total = total + read_value(expander, columns, read) * read.coefficient
        assert claim.value.constant == total
        assert claim.reads
    # The two of the lookups read every multiplicity, and every column that is looked up, or in the place of
    # one what its relation says of it.
    assert {read.column for read in found.claims[0].reads} == set(counts)
    looked_up = {
        term.column
        for lookup in setting.circuit.lookups
        for expr in lookup.exprs
        for term in expr.terms
        if setting.circuit.column[term.column].home != "public"
    }
    defined = setting.circuit.defined
    instead = {t.column for name in looked_up if name in defined for t in defined[name].rest.terms}
    assert {read.column for read in found.claims[1].reads} == looked_up - {*defined} | instead


@MODES
@pytest.mark.parametrize("items", [(), BOTH])
def test_every_claim_is_opened(
    setting: Any, hiding: bool, items: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that is off by one, and nothing else, is not opened; nor are two that make up for each
    other."""
    proof = prove(setting, hiding, items)
    wrong: list[tuple[int, int]] = []
    total = 0

    def off(*arguments: Any) -> Any:
        nonlocal total
        found = verify_relations(*arguments)
        claims, total = list(found.claims), len(found.claims)
        for number, by in wrong:
            value = claims[number].value
            value = Affine(value.constant + Ext(0, by), value.node)
            claims[number] = replace(claims[number], value=value)
        return replace(found, claims=claims)

    monkeypatch.setattr(verification, "verify_relations", off)
    assert setting.verify(proof).statement.hiding == hiding and total > 5
    pairs = [[(i, 1), (i + 1, -1)] for i in range(0, total - 1, 3)]
    for case in [[(i, 1)] for i in range(total)] + pairs:
        wrong[:] = case
        with pytest.raises(InvalidProof, match=IN_PADS if hiding else MASKED):
            setting.verify(proof)


@MODES
@pytest.mark.parametrize("lie", ["einsum values", "linear value"])
@pytest.mark.parametrize("opened", ["truly", "falsely", "with another vector"])
def test_a_false_claim_does_not_survive_the_opening(
    setting: Any, hiding: bool, lie: str, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells that break a relation, and messages that do not: the claim on the cells is false. The
    prover opens what its cells give; or what the claims ask for, from its cells or from a vector that
    has it."""
    shown = statement(hiding)
    column = {"einsum values": "cube", "linear value": "total"}[lie]
    witness = dict(setting.witness(shown))
    cells = witness[column].copy()
    cells.flat[1] += 1
    witness[column] = cells
    clear, masked = ProverChannel.clear, ProverChannel.masked
    vectors: list[tuple[np.ndarray, np.ndarray]] = []
    asked: list[Ext] = []

    def fit(self: ProverChannel, label: str, values: Sequence[Ext]) -> None:
        if label == lie:
            values = [sum(values[1:], Ext.ZERO), *values[1:]]
        masked(self, label, values)

    def open_falsely(self: ProverChannel, label: str, values: Sequence[Ext]) -> None:
        if label == "opened value" and opened != "truly":
            # With zero sent, the last constraint's value is what has to be sent; in hiding the pad
            # of the mask message has a part in it, which the prover knows.
            channel, plan, found = reduced(setting, shown, bytes(self.out) + bytes(16))
            opening_verifier.verify_masked(channel, plan, found.claims)
            name, value = channel.constraints.pop()
            assert name == "opening: the masked claim"
            channel.constraints = [(name, value)]
            form, sigma = channel.linear_form(Ext.ONE)
            pads = [Ext(int(a), int(b)) for a, b in self._pads.T]
            part = sum((w * p for w, p in zip(form, pads, strict=False)), Ext.ZERO)
            asked.append(part - sigma)
            assert [asked[0]] != list(values)
            values = asked
        clear(self, label, values)

    folding = opening_prover.prove_masked

    def fold(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        f, g = folding(*arguments)
        if opened == "with another vector":
            at = int(np.argmax(g.any(axis=0)))
            have = Ext(*import_module("zklemma.runtime.field").kdot(f, g))
            weight = Ext(int(g[0, at]), int(g[1, at]))
            step = (asked[0] - have) / weight
            f = f.copy()
            f[:, at] = as_pair(Ext(int(f[0, at]), int(f[1, at])) + step)
        vectors.append((f, g))
        return f, g

    monkeypatch.setattr(ProverChannel, "masked", fit)
    monkeypatch.setattr(ProverChannel, "clear", open_falsely)
    monkeypatch.setattr(prover.opening_prover, "prove_masked", fold)
    proof = setting.prove(shown, witness)
    assert len(vectors) == 1
    monkeypatch.undo()
    reason = FOLDED if opened != "truly" else IN_PADS if hiding else MASKED
    with pytest.raises(InvalidProof, match=reason):
        setting.verify(proof)
