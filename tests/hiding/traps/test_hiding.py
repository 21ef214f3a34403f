"""Mistakes that reveal something, and that honest proofs would not be noticed to make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import Ext
from zklemma.runtime.protocol.channel import Channel, Reader
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.commitment.merkle import SALT_WORDS
from zklemma.runtime.protocol.opening import verifier as opening_verifier
from zklemma.runtime.protocol.pads import prover as pads_prover
from zklemma.runtime.protocol.pads.prover import Pads
from zklemma.runtime.protocol.pads.verifier import cells
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.protocol.verification import verify_relations
from zklemma.runtime.randomness import Randomness
from zklemma.runtime.verifying.verifier import subject_of

STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)


def pad_sums(setting: Any, change: tuple[str, int] | None) -> list[Ext]:
    """tau, U, V for one conversation and fixed vectors, a cell of one of them changed by one."""
    subject = subject_of(setting.key, STATEMENT)
    replay = Channel(subject.begin(), Reader(setting.conversation), hiding=True)
    claims = verify_relations(replay, subject).claims
    opening_verifier.verify_masked(replay, subject.plan, claims)
    pads = Pads(subject.plan, Randomness(False))
    random = np.random.default_rng(0)
    for vector in (pads.pads, pads.other):
        vector[:] = random.integers(0, field.P, vector.shape, np.uint64)
    if change:
        vector, cell = change
        getattr(pads, vector)[0, cell] = (int(getattr(pads, vector)[0, cell]) + 1) % field.P
    channel = ProverChannel(Transcript("test"), pads.pads)
    pads_prover.prove(channel, subject.plan, pads, replay)
    return [Ext.from_bytes(bytes(channel.out[16 * i : 16 * i + 16])) for i in range(3)]


def test_the_products_sums_are_masked_by_the_spare_cells(
    hidden: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V contains x'y + xy', which tells about pads; a spare cell that nothing else uses covers it."""
    statement = STATEMENT.encode()
    monkeypatch.setattr(
        hidden, "conversation", hidden.prove(STATEMENT)[4 + len(statement) :], raising=False
    )
    spare = Plan(hidden.circuit, hidden.key.parameters, STATEMENT.shape).pads
    tau, u, v = pad_sums(hidden, None)
    assert pad_sums(hidden, ("pads", spare)) == [tau, u, v + 1]
    assert pad_sums(hidden, ("other", spare)) == [tau, u + 1, v]


def test_salts_can_not_be_guessed() -> None:
    """128 bits at least: without, the leaf of a column that is zero but for few masks could be."""
    assert SALT_WORDS * 63 >= 126


def test_every_leaf_has_a_salt_of_its_own(hidden: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the trees of the weights, the witness and the pads, no two words of all salts are equal."""
    salts, init = [hidden.prover.weights.masks.salts], Codeword.__init__

    def keep(self: Codeword, messages: np.ndarray, log_code: int, drawn: np.ndarray) -> None:
        salts.append(drawn)
        init(self, messages, log_code, drawn)

    monkeypatch.setattr(Codeword, "__init__", keep)
    hidden.prove(STATEMENT)
    code = hidden.key.parameters
    # The last are those of f', which is uniform and needs none.
    lengths = [code.log_code, code.log_code, code.pads_log_code]
    assert [s.shape for s in salts[:3]] == [(SALT_WORDS, 1 << k) for k in lengths]
    words = np.concatenate([s.reshape(-1) for s in salts[:3]])
    assert words.all() and len(np.unique(words)) == words.size


def test_mask_cells_are_the_top_coefficients_of_every_row(
    hidden: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consecutive, so that any positions are served; and the data are where they are without hiding."""
    committed, init = [], Codeword.__init__

    def keep(self: Codeword, messages: np.ndarray, *rest: Any) -> None:
        committed.append(messages.copy())
        init(self, messages, *rest)

    monkeypatch.setattr(Codeword, "__init__", keep)
    hidden.prove(Statement(3, 2, STATEMENT.tokens, False))
    clear = committed[0]
    committed.clear()
    hidden.prove(STATEMENT)
    data = hidden.key.parameters.data_columns
    assert (committed[0][:-2, :data] == clear[:-2, :data]).all()
    assert not clear[:, data:].any() and committed[0][:, data:].all()
    # No mask occurs in two rows.
    masks = committed[0][:, data:]
    assert len(np.unique(masks)) == masks.size
    plan = Plan(hidden.circuit, hidden.key.parameters, STATEMENT.shape)
    vector = committed[1]
    assert vector.shape == (4, cells(plan)) and vector[:, plan.pads :].all()
