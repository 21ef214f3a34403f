"""Mistakes in the gathers: values that are elsewhere in a source, counted where a mistake would have them.

As in `test_lookups`, the counts are those that would make the fractions fit.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.runtime.circuit.index import Inputs
from zklemma.runtime.protocol.lookup.multiplicities import count_uses
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.witness.columns import Columns

proving = import_module("proving")
PROMPT, OUTPUT = (1, 5, 2), (4, 3)
STATEMENT = Statement(4, 2, (), False, b"?" * 32, b"?" * 32)
SOURCES = ("rows of row", "rows of last", "rows of fed")

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def setting() -> Any:
    return proving.tiny_setting(proving.parameters(8, [2], pads=400, group_bits=6))


@pytest.fixture(scope="module")
def honest(setting: Any) -> tuple[Arrays, Arrays]:
    """The witness and its counts."""
    _, witness, _ = setting.private_case(("prompt", "output"), PROMPT, OUTPUT, 4, hiding=False)
    circuit = setting.key.private_circuit
    plan = Plan(circuit, setting.key.parameters, STATEMENT.shape)
    columns = Columns(circuit, STATEMENT.shape, {**setting.params, **witness}, Inputs())
    counts = count_uses(plan, columns)
    assert failing(setting, witness, counts) == set()
    return dict(witness), counts


def failing(setting: Any, witness: Arrays, counts: Arrays) -> set[str]:
    return setting.failing(STATEMENT, witness, setting.key.private_circuit, dict(counts))


def moved(counts: Arrays, old: tuple[str, int], new: tuple[str, int]) -> list[Arrays]:
    """The counts with one use of a source's row counted as one of another; in any groups that have them."""
    found = []
    for name in (n for n in counts if n.endswith(f".{old[0]}") and counts[n][old[1]]):
        for other in (n for n in counts if n.endswith(f".{new[0]}")):
            wrong = {key: array.copy() for key, array in counts.items()}
            wrong[name][old[1]] -= 1
            wrong[other][new[1]] += 1
            found.append(wrong)
    assert found
    return found


def test_every_source_has_counts_in_an_identity(setting: Any, honest: Any) -> None:
    witness, counts = honest
    for source in SOURCES:
        names = [name for name in counts if name.endswith(f".{source}")]
        assert names
        for name in names:
            for row in (0, len(counts[name]) - 1):
                wrong = {**counts, name: counts[name].copy()}
                wrong[name][row] += 1
                assert failing(setting, witness, wrong) == {proving.LOOKUP}, name


def test_rows_are_gathered_at_their_index(setting: Any, honest: Any) -> None:
    """The row of another token, counted there, at a position that nothing else reads."""
    witness, counts = honest
    rows = witness["rows"].copy()
    rows[0] = setting.params["embedding"][3]
    for wrong in moved(counts, (SOURCES[0], PROMPT[0]), (SOURCES[0], 3)):
        assert failing(setting, {**witness, "rows": rows}, wrong) == {proving.LOOKUP}


def test_rows_of_a_sum_are_gathered_at_their_index(setting: Any, honest: Any) -> None:
    """What generates is the position before, not the one before that."""
    witness, counts = honest
    last = witness["last"].copy()
    last[0] = 2 * witness["rows"][1] + 1
    lie = {"last": last, "score": last @ setting.params["weights"].T.astype(np.int64)}
    for wrong in moved(counts, (SOURCES[1], 2), (SOURCES[1], 1)):
        assert failing(setting, {**witness, **lie}, wrong) == {proving.LOOKUP}


def test_numbers_are_gathered_at_their_index(setting: Any, honest: Any) -> None:
    """The output is what is read on, not what was read before."""
    witness, counts = honest
    output = witness["output.ids"].copy()
    output[0] = PROMPT[2]
    for wrong in moved(counts, (SOURCES[2], 3), (SOURCES[2], 2)):
        assert failing(setting, {**witness, "output.ids": output}, wrong) == {proving.LOOKUP}


def test_every_cell_of_a_row_counts_by_its_place(setting: Any, honest: Any) -> None:
    """One cell is another, two cells make up for each other, two change places; index and counts are right."""
    witness, counts = honest
    row = witness["rows"][0]
    for cell in range(len(row)):
        for other in {(cell + 1) % len(row), len(row) - 1} - {cell}:
            lies = [row.copy() for _ in range(3)]
            lies[0][cell] += 1
            lies[1][cell] += 1
            lies[1][other] -= 1
            lies[2][[cell, other]] = row[[other, cell]]
            for lie in lies:
                if (lie == row).all():
                    continue
                rows = np.concatenate([[lie], witness["rows"][1:]])
                assert failing(setting, {**witness, "rows": rows}, counts) == {proving.LOOKUP}


def test_a_cell_does_not_make_up_for_the_index(setting: Any, honest: Any) -> None:
    """The position after, whose token is one more or less: index and value have weights of their own."""
    witness, counts = honest
    ids = witness["ids"]
    # (3, ids[3]) as (4, ids[4]): the same sum where ids[4] = ids[3] - 1.
    assert ids[4] == ids[3] - 1
    output = witness["output.ids"].copy()
    output[0] = ids[4]
    for wrong in moved(counts, (SOURCES[2], 3), (SOURCES[2], 4)):
        assert failing(setting, {**witness, "output.ids": output}, wrong) == {proving.LOOKUP}


def test_a_row_of_another_source(setting: Any, honest: Any) -> None:
    """A row of the embedding in the place of what generates, counted there: the index is in both sources."""
    witness, counts = honest
    last = witness["last"].copy()
    last[0] = setting.params["embedding"][2]
    lie = {"last": last, "score": last @ setting.params["weights"].T.astype(np.int64)}
    for wrong in moved(counts, (SOURCES[1], 2), (SOURCES[0], 2)):
        assert failing(setting, {**witness, **lie}, wrong) == {proving.LOOKUP}


def test_a_row_of_a_table(setting: Any, honest: Any) -> None:
    """The index, where a table of numbers has it, with nothing gathered."""
    witness, counts = honest
    output = witness["output.ids"].copy()
    output[0] = 0
    for wrong in moved(counts, (SOURCES[2], 3), ("u3", 3)):
        assert failing(setting, {**witness, "output.ids": output}, wrong) == {proving.LOOKUP}
