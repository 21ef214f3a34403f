"""The catch-all: change one cell of any witness column, prove honestly around it, and be rejected.

For the miniature model the relations that read the column are proved by themselves, and must fail just
where the brute-force checker of the executor's tests says; the small circuit goes the whole way, in both
modes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.relations import Circuit
from zklemma.runtime.field import P
from zklemma.runtime.protocol.statement import Statement

CellwiseCheck = import_module("check").CellwiseCheck
LOOKUP = import_module("proving").LOOKUP

IN_PADS = "the relations do not hold for the committed pads"


def signed(x: int) -> int:
    """The integer of least magnitude in a class modulo P."""
    return x - P if x > P // 2 else x


HALF, SHORT = signed(pow(2, -1, P)), signed(pow(2, -16, P))


def reading(circuit: Circuit, name: str, lookups: bool = True) -> Circuit:
    """The relations that read one column."""

    def keep(relations: tuple) -> tuple:
        return tuple(r for r in relations if f"'{name}'" in text(r))

    kept = keep(circuit.lookups) if lookups else ()
    used = {lookup.table for lookup in kept}
    return replace(
        circuit,
        einsums=keep(circuit.einsums),
        lookups=kept,
        linears=keep(circuit.linears),
        tables=tuple(table for table in circuit.tables if table.name in used),
    )


@cache
def text(relation: object) -> str:
    return repr(relation)


def test_every_column_of_the_model(toy: Any) -> None:
    statement = toy.answer([3, 1, 4, 1, 5], 2)
    honest = toy.witness(statement)
    check = CellwiseCheck(toy.circuit, statement.shape, {**honest, **toy.params}, statement.tokens)
    random = np.random.default_rng(0)
    lookups = {lookup.name for lookup in toy.circuit.lookups}
    for number, column in enumerate(toy.circuit.home("witness")):
        circuit = reading(toy.circuit, column.name)
        names = {r.name for r in (*circuit.einsums, *circuit.linears)} | {LOOKUP}
        array = honest[column.name].astype(np.int64)
        for i, delta in enumerate(
            (
                int(random.choice([-1, 1])),
                (1 << 16, -1 << 16, 1 << 40, -1 << 40, SHORT, HALF)[number % 6],
            )
        ):
            changed = array.copy()
            cell = tuple(random.integers(array.shape))
            changed[cell] += delta
            witness = {**honest, column.name: changed}
            lost = toy.lost(statement, witness, circuit)
            if (number + i) % 10:
                # The proof of lookups takes most of the time; it is left out here, but not always.
                found = toy.failing(statement, witness, reading(toy.circuit, column.name, False))
                found |= {LOOKUP} if lost else set()
            else:
                found = toy.failing(statement, witness, circuit)
            assert found, f"{column.name}{cell} may be changed by {delta}"
            assert found <= names and (LOOKUP in found) == bool(lost)
            if abs(delta) > 1 << 40:
                continue  # The checker computes over the integers.
            kept, check.columns[column.name] = check.columns[column.name], changed.tolist()
            expected = {name for name in check.run(column.name) if " of " not in name}
            check.columns[column.name] = kept
            if expected & lookups:
                assert expected & lookups == lost
                expected = expected - lookups | {LOOKUP}
            assert found == expected, (column.name, cell, delta)


@pytest.mark.parametrize("column", ["y", "rem", "square", "z", "total", "cube"])
def test_every_column_the_whole_way(tiny: Any, column: str) -> None:
    random = np.random.default_rng(len(column))
    circuit = reading(tiny.circuit, column)
    names = [r.name for r in (*circuit.einsums, *circuit.linears)]
    reasons = "|".join(re.escape(f"{name} does not hold") for name in [*names, LOOKUP])
    for delta in (1, -1, 1 << 16, HALF):
        for hiding in (False, True):
            statement = Statement(2, 3, (1, 2, 3, 4, 5), hiding)
            witness = dict(tiny.witness(statement))
            array = witness[column].astype(np.int64)
            array[tuple(random.integers(array.shape))] += delta
            with pytest.raises(InvalidProof, match=IN_PADS if hiding else f"^({reasons})$"):
                tiny.verify(tiny.prove(statement, {**witness, column: array}))


def test_a_pair_that_cancels_modulo_the_prime(tiny: Any) -> None:
    """y + 1/4 and rem - 1 satisfy 4 y + rem = acc in the field; only the ranges tell."""
    statement = Statement(3, 1, (1, 2, 3, 4), False)
    witness = dict(tiny.witness(statement))
    quarter = signed(pow(4, -1, P))
    cell = next(c for c in zip(*np.nonzero(witness["rem"]), strict=True) if c[0] < 2)
    y, rem = witness["y"].copy(), witness["rem"].copy()
    y[cell] += quarter
    rem[cell] -= 1
    witness |= {"y": y, "rem": rem}
    assert tiny.failing(statement, witness) == {LOOKUP}
    assert tiny.lost(statement, witness) == {"y.range", "square", "pick"}
    with pytest.raises(InvalidProof, match=LOOKUP):
        tiny.verify(tiny.prove(statement, witness))


@pytest.mark.parametrize("hiding", [False, True])
def test_counts_of_table_rows(tiny: Any, hiding: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A use counted at another row, or in another group, or once too often."""
    prover = import_module("zklemma.runtime.proving.prover")
    count_uses = prover.count_uses
    proving = import_module("proving")
    setting = proving.tiny_setting(proving.parameters(8, [2], pads=400, group_bits=6))
    statement = Statement(2, 3, (1, 2, 3, 4, 5), hiding)
    moves = [
        {"multiplicity.0.u4": [(0, 1), (1, -1)]},
        {"multiplicity.0.u4": [(3, 1)]},
        {"multiplicity.0.u4": [(2, P - 1)]},
        {"multiplicity.0.u2": [(0, 1)], "multiplicity.0.u4": [(0, -1)]},
    ]
    last = max(
        name
        for name, _ in proving.Plan(
            setting.circuit, setting.key.parameters, statement.shape
        ).witness_sizes
        if name.startswith("multiplicity.")
    )
    first = "multiplicity.0.u4"
    assert last.split(".")[1] != "0"
    moves.append({first: [(5, 1)], last: [(5, -1)]})
    for move in moves:

        def moved(*arguments: Any, move: dict = move) -> dict[str, np.ndarray]:
            counts = count_uses(*arguments)
            for name, changes in move.items():
                for row, change in changes:
                    counts[name][row] += signed(change)
            return counts

        monkeypatch.setattr(prover, "count_uses", moved)
        with pytest.raises(InvalidProof, match=IN_PADS if hiding else LOOKUP):
            setting.verify(setting.prove(statement))
    monkeypatch.setattr(prover, "count_uses", count_uses)
    assert setting.verify(setting.prove(statement)).statement == statement
