"""Mistakes in the relations that a compiled circuit states: values that only one of them refuses.

The circuit is the small quantised model of the lowering tests, lowered by the real pipeline; each case is
the honest witness with just those cells changed that a prover would need to exploit the mistake.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zklemma.compiler.interpret_circuit import Evaluator
from zklemma.runtime.circuit.relations import Circuit, Lookup
from zklemma.runtime.witness.executor import Executor

SOURCE = Path(__file__).parents[2] / "lowering" / "conftest.py"


@pytest.fixture(scope="module")
def run() -> Any:
    spec = importlib.util.spec_from_file_location("lowering_model", SOURCE)
    assert spec and spec.loader
    model = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    sys.modules[spec.name] = model
    spec.loader.exec_module(model)
    _, module = model.tiny_module()
    circuit, program = model.lower(module)
    params = model.param_arrays(circuit, model.random_weights(module))
    executor = Executor(circuit, program, params)
    tokens = model.PROMPT + executor.generate(model.PROMPT, model.GENERATED)
    shape = model.Generation(len(model.PROMPT), model.GENERATED)
    witness = executor.witness(tokens, shape.prompt, shape.generated)
    return model.Run(circuit, program, shape, tokens, {**witness, **params})


@cache
def text(relation: object) -> str:
    return repr(relation)


def reading(circuit: Circuit, names: set[str]) -> Circuit:
    """The relations that read any of the columns."""

    def keep(relations: tuple) -> tuple:
        return tuple(r for r in relations if any(f"'{name}'" in text(r) for name in names))

    return replace(
        circuit,
        einsums=keep(circuit.einsums),
        lookups=keep(circuit.lookups),
        linears=keep(circuit.linears),
    )


def violated(run: Any, changes: dict[str, np.ndarray]) -> set[str]:
    """The relations that fail with these columns in the place of the honest ones."""
    circuit = reading(run.circuit, set(changes))
    evaluator = Evaluator(circuit, run.shape, {**run.columns, **changes}, np.array(run.tokens))
    return set(evaluator.violated())


def changed(run: Any, column: str, cell: tuple[int, ...], by: int) -> np.ndarray:
    array = run.columns[column].astype(np.int64)
    array[cell] += by
    return array


def of_one_column(lookup: Lookup) -> str:
    """The column that a lookup ranges as it is, or nothing."""
    (expr, *more) = lookup.exprs
    if more or expr.constant or len(expr.terms) != 1 or expr.terms[0].coefficient != 1:
        return ""
    return expr.terms[0].column


def test_every_limb_has_a_table_of_its_own_width(run: Any) -> None:
    """Highest limbs too: else a gap, a slack or a remainder could be negative. A limb that is looked up in
    a function's table, over its whole domain, needs no other."""
    ranged = {of_one_column(x): run.circuit.table[x.table].rows for x in run.circuit.lookups}
    inputs = {
        term.column
        for lookup in run.circuit.lookups
        if len(lookup.exprs) > 1 and run.circuit.table[lookup.table].rows == 1 << 16
        for term in lookup.exprs[0].terms
    }
    limbs = 0
    for column in run.circuit.home("witness"):
        if column.name[-1].isdigit() and column.name.rpartition(".")[2] not in ("p2", "p4"):
            limbs += 1
            if column.name not in inputs:
                assert ranged.get(column.name) == column.high + 1, column.name
    assert limbs > 50


@pytest.mark.parametrize("column", ["lm_head.limb1", "self_attn.softmax.slack1", "norm.slack2"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_highest_limb_out_of_range(run: Any, column: str, by: int) -> None:
    array = run.columns[column].astype(np.int64)
    cell = (0,) * array.ndim
    array[cell] = -1 if by < 0 else run.circuit.column[column].high + 1
    assert f"{column}.range" in violated(run, {column: array})


def test_a_maximum_selected_nowhere(run: Any) -> None:
    name = "self_attn.softmax.select"
    array = run.columns[name].copy()
    array[1, 0, 0, 3] = 0
    assert violated(run, {name: array}) == {"self_attn.softmax.one_maximum"}


def test_a_maximum_selected_where_it_is_not(run: Any) -> None:
    """At another cell that it may look at, or twice there and minus once at its own."""
    name = "self_attn.softmax.select"
    honest = run.columns[name].astype(np.int64)
    e = run.columns["self_attn.softmax.e"]
    cells = np.argwhere((e > 0) & (e < 1 << 15))
    at = tuple(int(i) for i in cells[len(cells) // 2])
    own = (*at[:-1], int(honest[at[:-1]].argmax()))
    for here, there in ((1, 0), (2, -1)):
        array = honest.copy()
        array[at], array[own] = here, there
        assert violated(run, {name: array}) == {"self_attn.softmax.exponential"}


def test_the_table_of_exponentials_selects_at_distance_zero_only(run: Any) -> None:
    """Ones where the distance is zero, zeros everywhere; nothing at all beyond the scores' span."""
    (lookup,) = (x for x in run.circuit.lookups if x.name == "self_attn.softmax.exponential")
    rows = run.circuit.data[lookup.table]
    assert set(rows[:, 2]) == {0, 1}
    assert rows[rows[:, 2] == 1].tolist() == [[0, 1 << 15, 1]]
    zeros = rows[rows[:, 2] == 0]
    assert len(np.unique(zeros[:, 0])) == len(zeros) and not zeros[zeros[:, 0] >= 1 << 16, 1].any()


def test_exponentials_of_future_tokens(run: Any) -> None:
    """As large as if they were allowed."""
    name = "self_attn.softmax.e"
    array = run.columns[name].astype(np.int64)
    assert not array[0, 0, 0, 1, 2:].any()
    array[0, 0, 0, 1, 2] = 1 << 15
    assert "self_attn.softmax.exponential" in violated(run, {name: array})


def test_a_reciprocal_one_less(run: Any) -> None:
    """inv - 1 and remainder + E: the slack can not be made up for."""
    inv, rest, cell = "self_attn.softmax.inv0", "self_attn.softmax.remainder0", (1, 0, 0, 2)
    total = int(run.columns["self_attn.softmax.e"][cell].sum())
    high = run.columns["self_attn.softmax.remainder1"].astype(np.int64)
    value = int(run.columns[rest][cell]) + (int(high[cell]) << 16) + total
    low = run.columns[rest].astype(np.int64)
    low[cell], high[cell] = value & 0xFFFF, value >> 16
    found = violated(
        run,
        {inv: changed(run, inv, cell, -1), rest: low, "self_attn.softmax.remainder1": high},
    )
    assert "self_attn.softmax.remainder_below" in found
    assert "self_attn.softmax.reciprocal" not in found


def test_another_reciprocal(run: Any) -> None:
    """The normaliser is tied to the sum of exponentials."""
    inv = changed(run, "self_attn.softmax.inv0", (1, 0, 0, 2), 1)
    assert "self_attn.softmax.reciprocal" in violated(run, {"self_attn.softmax.inv0": inv})


@pytest.mark.parametrize("name", ["input_layernorm", "self_attn.q_norm", "norm"])
def test_factors_of_a_norm_that_are_in_no_table(run: Any, name: str) -> None:
    """Twice 2^(emax - e) with twice u; r + 1 with u + 2^(emax - e)."""
    cell = (0,) * run.columns[f"{name}.u"].ndim
    r, p2 = (int(run.columns[f"{name}.{part}"][cell]) for part in ("r", "p2"))
    twice = {
        f"{name}.p2": changed(run, f"{name}.p2", cell, p2),
        f"{name}.u": changed(run, f"{name}.u", cell, r * p2),
    }
    found = violated(run, twice)
    assert f"{name}.exponent" in found and f"{name}.scale" not in found
    more = {
        f"{name}.r": changed(run, f"{name}.r", cell, 1),
        f"{name}.u": changed(run, f"{name}.u", cell, p2),
    }
    found = violated(run, more)
    assert f"{name}.reciprocal" in found and f"{name}.scale" not in found


@pytest.mark.parametrize("name", ["input_layernorm", "self_attn.q_norm", "norm"])
def test_a_mantissa_one_less(run: Any, name: str) -> None:
    """m - 1 and remainder + 4^e leave the square sum as it is."""
    cell = (0,) * run.columns[f"{name}.m"].ndim
    p4 = int(run.columns[f"{name}.p4"][cell])
    limbs = [c for c in run.columns if c.startswith(f"{name}.remainder")]
    value = sum(int(run.columns[c][cell]) << 16 * i for i, c in enumerate(limbs)) + p4
    changes = {
        f"{name}.m": changed(run, f"{name}.m", cell, -1),
        f"{name}.pm": changed(run, f"{name}.pm", cell, -p4),
    }
    for i, column in enumerate(limbs):
        limb = value >> 16 * i & (0xFFFF if i + 1 < len(limbs) else -1)
        changes[column] = changed(run, column, cell, limb - int(run.columns[column][cell]))
    found = violated(run, changes)
    assert f"{name}.remainder_below" in found
    assert not {f"{name}.square_sum", f"{name}.mantissa"} & found


def test_a_maximum_that_is_not_attained(run: Any) -> None:
    """The largest logit one more, and every gap: only the token's own gap tells."""
    best = run.columns["lm_head.best"] + 1
    gap = run.columns["lm_head.limb0"].astype(np.int64)
    gap += run.columns["lm_head.limb1"].astype(np.int64) << 16
    changes = {
        "lm_head.best": best,
        "lm_head.limb0": gap + 1 & 0xFFFF,
        "lm_head.limb1": gap + 1 >> 16,
    }
    assert violated(run, changes) == {"lm_head.attained"}


def test_logits_of_other_weights(run: Any) -> None:
    """A gap one more at a token that is not the answer."""
    gap = run.columns["lm_head.limb0"].astype(np.int64)
    other = next(t for t in range(gap.shape[1]) if t not in run.tokens and gap[0, t] < 0xFFFF)
    gap[0, other] += 1
    assert violated(run, {"lm_head.limb0": gap}) == {"lm_head.maximum"}


def test_ties_go_to_the_lowest_token(run: Any) -> None:
    """Below the answer a gap of zero means a logit one less than the largest."""
    (maximum,) = (x for x in run.circuit.einsums if x.name == "lm_head.maximum")
    below = [t for t in maximum.lhs.terms if run.circuit.column[t.column].home == "public"]
    assert [(t.coefficient, run.circuit.column[t.column].kind) for t in below] == [
        (-1, "below-next")
    ]


@pytest.mark.parametrize(
    ("weight", "relation"),
    [
        ("self_attn.q_proj.weight", "self_attn.q_proj.requantize"),
        ("mlp.down_proj.weight", "mlp.down_proj.requantize"),
    ],
)
def test_a_weight_of_another_layer(run: Any, weight: str, relation: str) -> None:
    assert violated(run, {weight: run.columns[weight][::-1]}) == {relation}
