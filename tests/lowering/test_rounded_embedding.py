"""Rows of the embedding that are rounded: each relation alone refuses another value, whether tokens are inputs or
columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.interpret_circuit import check
from zklemma.compiler.interpret_quant import interpret
from zklemma.runtime.witness.executor import Executor

SHIFT = 3
LIMB, REM, TABLE = "embed_tokens.limb0", "embed_tokens.rem0", "embed_tokens.weight"
RELATION = "embed_tokens.requantize"
CELL = (2, 7)

Arrays = dict[str, np.ndarray]


def violated(run: Any, changes: Arrays) -> set[str]:
    tokens = () if run.circuit.reveals else run.tokens
    return set(check(run.circuit, run.shape, {**run.columns, **changes}, tokens))


def changed(run: Any, limb: int, rem: int) -> Arrays:
    found = {name: run.columns[name].astype(np.int64) for name in (LIMB, REM)}
    found[LIMB][CELL] += limb
    found[REM][CELL] += rem
    return found


def test_an_honest_witness(rounded_run: Any) -> None:
    """One limb of 14 bits, and one of the remainder's."""
    run = rounded_run
    assert violated(run, {}) == set()
    assert {name: run.circuit.column[name].high for name in (LIMB, REM)} == {
        LIMB: (1 << 14) - 1,
        REM: (1 << SHIFT) - 1,
    }
    count = len(run.tokens)
    rows = run.columns[TABLE][run.tokens].astype(np.int64)
    y = run.columns[LIMB][:count].astype(np.int64) - (1 << 13)
    assert np.array_equal(y, np.floor(rows[: len(y)] / 2**SHIFT + 0.5))
    assert (y << SHIFT != rows[: len(y)]).any()


@pytest.mark.parametrize("limb, rem", [(1, 0), (0, 1), (0, -1), (-1, 0)])
def test_another_value_or_remainder(rounded_run: Any, limb: int, rem: int) -> None:
    assert RELATION in violated(rounded_run, changed(rounded_run, limb, rem))


@pytest.mark.parametrize("by", [1, -1])
def test_a_remainder_out_of_range(rounded_run: Any, by: int) -> None:
    """The same row, rounded to a neighbour: its range alone refuses the remainder."""
    found = violated(rounded_run, changed(rounded_run, by, -by << SHIFT))
    assert f"{REM}.range" in found and RELATION not in found


def test_another_row(rounded_run: Any) -> None:
    """Another table, or with tokens in columns another row than was gathered."""
    run = rounded_run
    rows = "embed_tokens.rows"
    name, cell = (rows, CELL) if rows in run.columns else (TABLE, (run.tokens[2], 7))
    array = run.columns[name].astype(np.int64)
    array[cell] += 1
    assert RELATION in violated(run, {name: array})


def test_all_agree(rounded_run: Any, rounded_model: tuple[ModuleOp, Arrays]) -> None:
    """The integers of `quant`, and of the program with and without cached positions."""
    module, weights = rounded_model
    run = rounded_run
    executor = Executor(run.circuit, run.program, run.params)
    generated = len(run.tokens) - 5
    said = [int(t) for t in interpret(module, weights, run.tokens[:-1], rows=generated)]
    assert said == run.tokens[5:] == executor.generate(run.tokens[:5], generated)
