"""A column that a relation defines: nobody commits to it, and it is what the relation says all the same."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.generation import Tokens
from zklemma.runtime.circuit.relations import Expr, Lookup, Table
from zklemma.runtime.field import Ext
from zklemma.runtime.protocol.axis_weights import Expander
from zklemma.runtime.protocol.deferred import Weighted, deferred_weights
from zklemma.runtime.protocol.einsum.prover import claim_value
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.witness.columns import Columns

LOOKUP = import_module("proving").LOOKUP
CLAIM = "deferred claims"
SUMCHECK = "einsum sumcheck"
STATEMENT = Statement(2, 3, (1, 2, 3, 4, 5), False)


def test_it_is_in_no_commitment(tiny: Any) -> None:
    plan = Plan(tiny.circuit, tiny.key.parameters, STATEMENT.shape)
    assert tiny.circuit.defined.keys() == {"rem"} and "rem" not in plan.placed
    assert plan.placed.keys() >= {column.name for column in tiny.circuit.committed}
    kept = tuple(replace(einsum, defines="") for einsum in tiny.circuit.einsums)
    every = Plan(replace(tiny.circuit, einsums=kept), tiny.key.parameters, STATEMENT.shape)
    token, row = every.sizes(("token", "row"))
    assert every.committed_cells - plan.committed_cells == token * row


def test_the_honest_one_proves(tiny: Any) -> None:
    assert tiny.verify(tiny.prove(STATEMENT)).statement == STATEMENT
    assert not tiny.failing(STATEMENT, tiny.witness(STATEMENT))


@pytest.mark.parametrize("cell", [(0, 0), (3, 1), (2, 2)])
def test_another_value_in_range(tiny: Any, cell: tuple[int, int]) -> None:
    """The lookups hold; what they leave is a claim that the relation's products contradict."""
    witness = dict(tiny.witness(STATEMENT))
    witness["rem"] = witness["rem"].astype(np.int64)
    witness["rem"][cell] = (witness["rem"][cell] + 1) % 4
    assert not tiny.lost(STATEMENT, witness)
    assert tiny.failing(STATEMENT, witness) == {CLAIM}
    with pytest.raises(InvalidProof, match="the masked claim does not hold"):
        tiny.verify(tiny.prove(STATEMENT, witness))


def test_sums_that_fit_what_lookups_left(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value in range, and the products' sums that go with it: the sumcheck is about the products."""
    witness = dict(tiny.witness(STATEMENT))
    witness["rem"] = witness["rem"].astype(np.int64)
    witness["rem"][1, 2] = (witness["rem"][1, 2] + 1) % 4
    einsum = tiny.circuit.defined["rem"]
    assert [product.coefficient for product in einsum.products] == [einsum.defined.coefficient]
    shape = STATEMENT.shape
    inputs = Tokens(STATEMENT.tokens, shape)
    columns = Columns(tiny.circuit, shape, {**tiny.params, **witness}, inputs)
    expander = Expander(tiny.circuit, shape, inputs)
    left: list[Weighted] = []

    def weigh(*arguments: Any) -> list[Weighted]:
        found = deferred_weights(*arguments)
        left[:] = found
        return found

    def masked(channel: ProverChannel, label: str, values: list[Ext]) -> None:
        if label == "deferred values":
            values = [claim_value(expander, columns, einsum.lhs, left.pop(0).weights)]
        send(channel, label, values)

    send = ProverChannel.masked
    for module in ("proving", "zklemma.runtime.proving.prover"):
        monkeypatch.setattr(import_module(module), "deferred_weights", weigh)
    monkeypatch.setattr(ProverChannel, "masked", masked)
    assert tiny.failing(STATEMENT, witness) == {SUMCHECK}
    with pytest.raises(InvalidProof, match=f"^{SUMCHECK} does not hold$"):
        tiny.verify(tiny.prove(STATEMENT, witness))


def test_another_quotient(tiny: Any) -> None:
    """The relation holds with the quotient one less and the remainder a divisor more, which no table has; and
    with the quotient less and the remainder as it was the claim on it is false."""
    honest = dict(tiny.witness(STATEMENT))
    cell = tuple(np.argwhere(honest["y"] > 0)[0])
    y, rem = (honest[name].astype(np.int64) for name in ("y", "rem"))
    y[cell] -= 1
    assert CLAIM in tiny.failing(STATEMENT, {**honest, "y": y})
    rem[cell] += 4
    found = tiny.failing(STATEMENT, {**honest, "y": y, "rem": rem})
    assert LOOKUP in found and CLAIM not in found
    with pytest.raises(InvalidProof, match=re.escape(f"{LOOKUP} does not hold")):
        tiny.verify(tiny.prove(STATEMENT, {**honest, "y": y, "rem": rem}))


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "by pieces"])
def test_a_column_that_is_looked_up_twice_at_once(
    listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an expression with two terms that read it, and through another lookup; along an axis that is listed and
    along one that is not. A value whose double is in no table is found out."""
    if not listed:
        monkeypatch.setattr("zklemma.runtime.protocol.plan.LISTED", 1)
    base = import_module("tiny").tiny_circuit()
    term = base.einsums[0].defined
    doubled = Expr(base.einsums[0].lhs.axes, (term, replace(term, coefficient=2), term))
    more = Lookup("fourfold", "fours", (doubled,))
    circuit = replace(
        base,
        tables=(*base.tables, Table("fours", 1, 4)),
        lookups=(*base.lookups, more),
        data={**base.data, "fours": 4 * np.arange(4)[:, None]},
    )
    setting = import_module("proving").tiny_setting(circuit=circuit)
    assert setting.verify(setting.prove(STATEMENT)).statement == STATEMENT
    assert not setting.failing(STATEMENT, setting.witness(STATEMENT))
    witness = dict(setting.witness(STATEMENT))
    witness["rem"] = witness["rem"].astype(np.int64)
    witness["rem"][1, 1] = (witness["rem"][1, 1] + 1) % 4
    assert setting.failing(STATEMENT, witness) == {CLAIM}
