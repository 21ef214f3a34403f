"""Soundness terms by hand, and parameters that give too little."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from proving import Setting, parameters
from tiny import tiny_circuit, tiny_private_circuit
from zklemma.runtime.circuit.generation import Generation, extents
from zklemma.runtime.model import choose_parameters as chosen
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.subjects import subject_of
from zklemma.runtime.protocol import plan as plans
from zklemma.runtime.protocol.channel import Channel, Reader
from zklemma.runtime.protocol.conversation import needed, verify_relations
from zklemma.runtime.protocol.parameters import Level, Parameters
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.soundness import (
    LEAST_BITS,
    claims_at_most,
    security_bits,
    sum_bits,
    terms,
)
from zklemma.runtime.protocol.statement import Statement

SHAPE = Generation(3, 4)
GOOD = parameters(13, [3, 2], pads=1500)


def test_terms_by_hand(tiny: Setting) -> None:
    code = Parameters(5, 13, 15, 100, 16, (Level(13, 3, 13, 80, 10),), 128, 15, 90, 24, 0)
    plan = Plan(tiny.circuit, code, SHAPE)
    bits = terms(plan, 1000)
    depth, folded = plan.lookup_depth, 5 + plan.slab_bits
    leaves = sum(1 << leaf.piece.log_size for leaf in plan.groups[0].leaves)
    assert bits["lookup identity"] == pytest.approx(128 - math.log2(leaves))
    rounds = sum(3 * k + 2 for k in range(depth))
    assert bits["lookup rounds"] == pytest.approx(128 - math.log2(rounds))
    assert bits["batching of claims"] == pytest.approx(128 - math.log2(1000))
    assert bits["row and slab folds"] == pytest.approx(128 - 15 - math.log2(folded + 1))
    assert bits["column queries"] == pytest.approx(16 + 100 * math.log2(8 / 5))
    rate = (needed(plan).pads + 129) / 2**15
    assert bits["pads queries"] == pytest.approx(16 - 90 * math.log2((1 + rate) / 2))
    assert bits["level 1 folds"] == pytest.approx(128 - 13 - math.log2(3))
    assert bits["level 1 queries"] == pytest.approx(10 + 80 * math.log2(16 / 9))
    assert sum_bits(bits) == pytest.approx(-math.log2(sum(2**-x for x in bits.values())))
    assert security_bits(plan) == math.floor(sum_bits(terms(plan, claims_at_most(plan))))


def test_the_identity_of_a_group_counts_its_tables(tiny: Setting) -> None:
    plan = Plan(tiny.circuit, parameters(13, [3, 2], group_bits=6), SHAPE)
    leaves = max(sum(1 << leaf.piece.log_size for leaf in group.leaves) for group in plan.groups)
    assert 1 << plan.lookup_depth >= leaves
    assert terms(plan, 1)["lookup identity"] == pytest.approx(128 - math.log2(leaves))


def test_a_gathered_row_counts_once_more_for_each_of_its_variables() -> None:
    plan = Plan(tiny_private_circuit(), GOOD, Generation(4, 2))
    (group,) = plan.groups
    # Five channels are three variables: six rows of the embedding are gathered at five positions, those
    # are a source themselves, read two times. Then ids by position, lookups of five positions, tables.
    rows, numbers = (6 + 5) + (5 + 2), (5 + 2) + (5 + 5) + (2 + 8)
    assert plan.shape.extents["tokens"] == 5 and plan.degree(group) == 4 * rows + numbers
    assert terms(plan, 1)["lookup identity"] == pytest.approx(128 - math.log2(4 * rows + numbers))


def test_claims_are_counted(tiny: Setting) -> None:
    statement = Statement(2, 2, (1, 2, 3, 4), False)
    subject = subject_of(tiny.key, statement)
    reader = Reader(tiny.prove(statement)[4 + len(statement.encode()) :])
    channel = Channel(subject.begin(), reader, hiding=False)
    claims = verify_relations(channel, subject).claims
    assert len(claims) <= claims_at_most(subject.plan)


def test_fewer_queries_less_work_or_a_higher_rate_give_fewer_bits(tiny: Setting) -> None:
    def bits(code: Parameters) -> float:
        return sum_bits(terms(Plan(tiny.circuit, code, SHAPE), 100))

    level = GOOD.levels[1]
    for weaker in (
        replace(GOOD, queries=GOOD.queries - 1),
        replace(GOOD, grind=GOOD.grind - 1),
        replace(GOOD, log_code=GOOD.log_code - 1),
        replace(GOOD, pads_queries=GOOD.pads_queries - 1),
        replace(GOOD, pads_log_code=GOOD.pads_log_code - 1),
        replace(GOOD, levels=(GOOD.levels[0], replace(level, queries=level.queries - 1))),
        replace(GOOD, levels=(GOOD.levels[0], replace(level, log_code=level.log_code - 1))),
    ):
        assert bits(weaker) < bits(GOOD)


def test_pads_that_fill_their_code_give_nothing(tiny: Setting) -> None:
    code = replace(GOOD, pads_log_code=7, pads_queries=1 << 19)
    assert terms(Plan(tiny.circuit, code, SHAPE), 1)["pads queries"] == 16


def test_parameters_chosen_for_a_circuit(tiny: Setting) -> None:
    code = choose_parameters([tiny.circuit], hiding=True)
    assert Parameters.from_list(code.to_list()) == code
    for shape in (Generation(1, 1), Generation(1, 7), Generation(7, 1), Generation(4, 4)):
        assert security_bits(Plan(tiny.circuit, code, shape)) >= LEAST_BITS


def test_no_statement_takes_more_pads_than_parameters_are_checked_for(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where positions are cut in three more claims are deferred than at full length."""
    monkeypatch.setattr(plans, "LISTED", 1)
    checked: list[Plan] = []
    monkeypatch.setattr(chosen, "security_bits", lambda plan: checked.append(plan) or LEAST_BITS)
    longest = 32
    circuit = replace(tiny.circuit, extents=extents(longest))
    code = choose_parameters([circuit], hiding=True)
    own = [plan for plan in checked if plan.circuit is circuit]
    pads = max(needed(plan).pads for plan in own)
    least = min(sum_bits(terms(plan, claims_at_most(plan))) for plan in own)
    assert pads > max(needed(plan).pads for plan in own if plan.shape.extents["tokens"] == longest)
    for tokens in range(2, longest + 1):
        for shape in (Generation(1, tokens - 1), Generation(tokens - 1, 1)):
            plan = Plan(circuit, code, shape)
            assert needed(plan).pads <= pads
            assert sum_bits(terms(plan, claims_at_most(plan))) >= least


@pytest.mark.parametrize(("rows", "tokens"), [(1 << 17, 512), (800_000, 128)])
def test_parameters_of_large_models_are_secure(rows: int, tokens: int) -> None:
    """By the number of their weights: 150 million and a billion, with 262144 tokens to choose from."""
    sizes = {"row": rows, "channel": 1152, "vocabulary": 1 << 18}
    circuits = [
        replace(
            circuit,
            axes=tuple(replace(a, size=sizes.get(a.name, a.size)) for a in circuit.axes),
            extents=extents(tokens),
        )
        for circuit in (tiny_circuit(), tiny_private_circuit())
    ]
    code = choose_parameters(circuits, hiding=True)
    assert Parameters.from_list(code.to_list()) == code
    for circuit in circuits:
        for generated in (1, tokens // 2):
            shape = Generation(tokens - generated, generated)
            assert security_bits(Plan(circuit, code, shape, tuple(circuit.reveals))) >= LEAST_BITS
