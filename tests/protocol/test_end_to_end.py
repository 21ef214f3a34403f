"""Honest proofs verify: over lengths, with and without hiding, recursion levels and lookup groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from proving import Setting, parameters, tiny_setting, toy_setting
from zklemma.errors import InvalidProof, RangeError, UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.commitment import codeword
from zklemma.runtime.protocol.commitment.cells import Cells, Run
from zklemma.runtime.protocol.lookup import prover as logup_prover
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.soundness import security_bits
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving import prover


@pytest.mark.parametrize(
    ("prompt", "generated", "hiding", "folds", "group_bits"),
    [
        (1, 1, False, [4], 22),
        (5, 4, True, [2, 2], 22),
        (7, 3, False, [1, 2, 1], 17),
        (3, 2, True, [4], 17),
    ],
)
def test_the_miniature_model(
    prompt: int, generated: int, hiding: bool, folds: list[int], group_bits: int
) -> None:
    setting = toy_setting(parameters(13, folds, group_bits=group_bits))
    statement = setting.answer(range(1, prompt + 1), generated, hiding)
    proof = setting.prove(statement)
    found = setting.verify(proof)
    assert found.statement == statement and found.security_bits >= 100
    plan = Plan(setting.circuit, setting.key.parameters, statement.shape)
    assert (len(plan.groups) > 1) == (group_bits == 17)
    assert found.security_bits == security_bits(plan)


SHAPES = [(1, 1), (1, 7), (4, 4), (7, 1)]


@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize(("prompt", "generated"), SHAPES)
def test_every_length(tiny: Setting, prompt: int, generated: int, hiding: bool) -> None:
    tokens = np.random.default_rng(prompt).integers(0, 6, prompt + generated).tolist()
    statement = Statement(prompt, generated, tuple(tokens), hiding)
    assert tiny.failing(statement, tiny.witness(statement)) == set()
    assert tiny.verify(tiny.prove(statement)).statement == statement


@pytest.mark.parametrize(
    ("log_columns", "folds", "group_bits", "hiding"),
    [
        (5, [1], 6, True),
        (5, [5], 22, False),
        (8, [3], 5, False),
        (8, [8], 5, True),
        (9, [2, 3], 22, True),
        (9, [6, 3], 6, False),
        (11, [3, 2, 4], 6, True),
        (11, [1, 1, 1, 1], 22, False),
    ],
)
def test_levels_and_groups(
    log_columns: int, folds: list[int], group_bits: int, hiding: bool
) -> None:
    """One slab or many; a last vector of many cells or of one; groups of a single lookup."""
    code = parameters(log_columns, folds, pads=600, group_bits=group_bits)
    setting = tiny_setting(code)
    statement = Statement(3, 4, (1, 2, 3, 4, 5, 0, 1), hiding)
    assert setting.verify(setting.prove(statement)).statement == statement


def test_a_proof_that_hides_nothing_is_determined_by_its_statement(tiny: Setting) -> None:
    statement = Statement(2, 2, (1, 2, 3, 4), False)
    assert tiny.prove(statement) == tiny.prove(statement)


@pytest.mark.parametrize("group_bits", [6, 22])
def test_layers_of_lookups_made_anew(group_bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They give the proof that layers in memory give."""
    setting = tiny_setting(parameters(8, [3], pads=600, group_bits=group_bits))
    statement = Statement(3, 4, (1, 2, 3, 4, 5, 0, 1), False)
    plan = Plan(setting.circuit, setting.key.parameters, statement.shape)
    assert group_bits > 6 or len(plan.groups) > 2
    proof = setting.prove(statement)
    monkeypatch.setattr(logup_prover, "MEMORY", 0)
    assert setting.prove(statement) == proof


def test_columns_of_a_large_witness_are_made_again(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = Statement(2, 2, (1, 2, 3, 4), False)
    proof = tiny.prove(statement)
    monkeypatch.setattr(codeword, "KEPT_BYTES", 0)
    assert tiny.prove(statement) == proof
    hidden = Statement(2, 2, (1, 2, 3, 4), True)
    assert tiny.verify(tiny.prove(hidden)).statement == hidden


def test_cells_outside_the_columns_are_read_by_nothing(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rubbish between and behind the blocks of the committed vector changes no claim."""
    lay_out, rng = prover.lay_out, np.random.default_rng(0)
    filled = 0

    def fill(placed, columns, first_slab: int, slabs: list[int]) -> list[Cells]:
        nonlocal filled
        ones = {name: np.ones_like(array) for name, array in columns.items()}
        out = []
        for used, cells in zip(
            lay_out(placed, ones, first_slab, slabs),
            lay_out(placed, columns, first_slab, slabs),
            strict=True,
        ):
            size = cells.rows * tiny.key.parameters.data_columns
            dense = rng.integers(-(2**62), 2**62, size)
            filled += dense.size
            for run, mark in zip(cells.runs, used.runs, strict=True):
                own = slice(run.start, run.end)
                dense[own] = np.where(mark[own] == 1, run[own], dense[own])
                filled -= int((mark[own] == 1).sum())
            out.append(Cells([Run(0, dense.reshape(1, -1))], cells.rows))
        return out

    monkeypatch.setattr(prover, "lay_out", fill)
    for hiding in (False, True):
        statement = Statement(3, 4, (1, 2, 3, 4, 5, 0, 1), hiding)
        assert tiny.verify(tiny.prove(statement)).statement == statement
    assert filled > 1000


def test_a_value_in_no_table_stops_a_strict_prover(tiny: Setting) -> None:
    statement = Statement(2, 2, (1, 2, 3, 4), False)
    witness = dict(tiny.witness(statement))
    witness["square"] = witness["square"] + 1000
    with pytest.raises(RangeError, match=r"square: \d+ values are not in squares"):
        tiny.prover.prove_witness(statement, witness, Clock(Silent()))


def test_other_weights_than_the_keys_do_not_start_a_prover(tiny: Setting) -> None:
    params = {**tiny.params, "weights": tiny.params["weights"] // 2}
    with pytest.raises(UserError, match="not those that the key commits to"):
        prover.Prover(tiny.key, tiny.program, params, tiny.prover.weights.masks)


@pytest.mark.parametrize("part", ["queries", "pads_queries", "levels"])
def test_a_key_of_few_bits_is_not_believed(part: str) -> None:
    code = parameters(8, [2], pads=300)
    (level,) = code.levels
    weaker = {"queries": 100, "pads_queries": 60, "levels": (replace(level, queries=50),)}
    setting = tiny_setting(replace(code, **{part: weaker[part]}))
    with pytest.raises(InvalidProof, match="bits of security"):
        setting.verify(setting.prove(Statement(2, 2, (1, 2, 3, 4), False)))


def test_a_key_that_hides_no_weights_lets_nothing_hide() -> None:
    setting = tiny_setting(parameters(8, [2], pads=300, hiding=0))
    statement = Statement(2, 2, (1, 2, 3, 4), False)
    assert setting.verify(setting.prove(statement)).statement == statement
    with pytest.raises(InvalidProof, match="committed without masks"):
        setting.verify(setting.prove(replace(statement, hiding=True)))


def test_rows_round_up_to_three_ones() -> None:
    shape = Generation(10, 10)
    assert shape.rows == 20 and Generation(1, 9).rows == 10 and Generation(8, 10).rows == 20


def test_a_proof_hides_nothing_under_a_key_whose_weights_are_not_masked() -> None:
    setting = tiny_setting(replace(parameters(8, [3]), hiding=0))
    tokens = (1, 2, 3, 4)
    assert setting.verify(setting.prove(Statement(2, 2, tokens, False)))
    with pytest.raises(InvalidProof, match="without masks"):
        setting.verify(setting.prove(Statement(2, 2, tokens, True)))
