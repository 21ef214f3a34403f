"""Mistakes in the lookups: cells that are in no row, with the counts that would make the fractions fit.

A prover that follows the protocol does not count what is in no table; these count it where the mistake would
have it, so that nothing else gives them away.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.runtime.protocol.lookup.multiplicities import count_uses
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.witness.columns import Columns

proving = import_module("proving")
STATEMENT = Statement(2, 3, (1, 2, 3, 4, 5), False)
PICKS = [(y, p, y * p) for y in range(-8, 8) for p in (0, 1)]

Counts = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def setting() -> Any:
    return proving.tiny_setting(proving.parameters(8, [2], pads=400, group_bits=6))


@pytest.fixture(scope="module")
def honest(setting: Any) -> tuple[dict[str, np.ndarray], Counts]:
    """The witness and its counts."""
    witness = dict(setting.witness(STATEMENT))
    plan = Plan(setting.circuit, setting.key.parameters, STATEMENT.shape)
    assert len(plan.groups) > 2
    columns = Columns(
        setting.circuit,
        STATEMENT.shape,
        {**setting.params, **witness},
        STATEMENT.inputs,
    )
    counts = count_uses(plan, columns)
    assert setting.failing(STATEMENT, witness, counts=dict(counts)) == set()
    return witness, counts


def rows(setting: Any, witness: dict[str, np.ndarray], counts: Counts) -> set[str]:
    return setting.failing(STATEMENT, witness, counts=counts)


def test_every_group_has_an_identity_of_its_own(setting: Any, honest: Any) -> None:
    """A count that is off in one group only, whichever it is."""
    witness, counts = honest
    for name in counts:
        for row in (0, len(counts[name]) - 1):
            wrong = {**counts, name: counts[name].copy()}
            wrong[name][row] += 1
            assert rows(setting, witness, wrong) == {proving.LOOKUP}, name


def test_groups_do_not_make_up_for_each_other(setting: Any, honest: Any) -> None:
    """A use of a table's row counted in another group that has the table too."""
    witness, counts = honest
    tables: dict[str, list[str]] = {}
    for name in counts:
        tables.setdefault(name.split(".", 2)[2], []).append(name)
    shared = [names for names in tables.values() if len(names) > 1]
    assert shared
    for first, second, *_ in shared:
        wrong = {**counts, first: counts[first].copy(), second: counts[second].copy()}
        wrong[first][1] += 1
        wrong[second][1] -= 1
        assert rows(setting, witness, wrong) == {proving.LOOKUP}


def picked(witness: dict[str, np.ndarray]) -> tuple[tuple[int, int], int]:
    """A cell whose y is picked and no zero, and y there."""
    y = witness["y"] - 8
    cell = next(c for c in zip(*np.nonzero(y), strict=True) if c[1] == 0)
    return cell, int(y[cell])


def test_all_components_are_compared(setting: Any, honest: Any) -> None:
    """The last component of a tuple is another, and the use is counted at the right first two."""
    witness, counts = honest
    cell, y = picked(witness)
    for z in (y + 1, 0, -y):
        array = witness["z"].copy()
        array[cell] = z
        assert rows(setting, {**witness, "z": array}, counts) == {proving.LOOKUP}


def test_components_do_not_make_up_for_each_other(setting: Any, honest: Any) -> None:
    """(y, 1, z) in the place of a row with the same sum, or with its components in another order."""
    witness, counts = honest
    cell, y = picked(witness)
    row = PICKS.index((y, 1, y))
    others = [(y + 1, 0, 0), (y - 1, 1, y - 1)]
    names = [name for name in counts if name.endswith(".picks") and counts[name][row]]
    for other in others:
        array = witness["z"].copy()
        array[cell] = sum(other) - y - 1
        for name in names:
            moved = {**counts, name: counts[name].copy()}
            moved[name][row] -= 1
            moved[name][PICKS.index(other)] += 1
            found = rows(setting, {**witness, "z": array}, moved)
            assert found == {proving.LOOKUP}


def test_a_row_of_another_table(setting: Any, honest: Any) -> None:
    """rem = 5 is in no table of two bits, but in one of four, counted there."""
    witness, counts = honest
    array, y = witness["rem"].copy(), witness["y"].copy()
    cell = next(c for c in zip(*np.nonzero(y > 0), strict=True))
    value = int(array[cell])
    array[cell] += 4
    low = [name for name in counts if name.endswith(".u2") and counts[name][value]]
    high = [name for name in counts if name.endswith(".u4")]
    assert low and high
    for name in low:
        for other in high:
            moved = {**counts, name: counts[name].copy(), other: counts[other].copy()}
            moved[name][value] -= 1
            moved[other][value + 4] += 1
            assert proving.LOOKUP in rows(setting, {**witness, "rem": array}, moved)
