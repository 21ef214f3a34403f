"""Soundness terms by hand, and keys whose parameters make no sense."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from proving import parameters
from zklemma.errors import InvalidProof
from zklemma.runtime.protocol.choose import choose_parameters
from zklemma.runtime.protocol.parameters import Level, Parameters, choose, queries
from zklemma.runtime.protocol.statement import Statement

GOOD = parameters(13, [3, 2], pads=1500)


@pytest.mark.parametrize("rate", [1 / 2, 1 / 4, 1 / 8, 1 / 32, 0.265])
def test_the_least_number_of_queries(rate: float) -> None:
    survive = (1 + rate) / 2
    count = queries(rate, 100)
    assert survive**count <= 2**-100 < survive ** (count - 1)


def test_published_query_counts() -> None:
    assert [queries(r, 100) for r in (0.265, 0.25, 0.5)] == [152, 148, 241]
    assert [queries(r, 104) for r in (0.265, 0.25, 0.5)] == [158, 154, 251]


def test_terms_by_hand() -> None:
    code = Parameters(5, 13, 15, 100, 16, (Level(13, 3, 13, 80, 10),), 128, 15, 90, 24)
    terms = code.terms(lookup_cells=1 << 30, pads=895)
    assert terms["lookup identity"] == 104
    assert terms["row folds and mask"] == 128 - 16
    assert terms["column queries"] == pytest.approx(16 + 100 * math.log2(8 / 5))
    assert terms["pads queries"] == pytest.approx(16 + 90 * math.log2(64 / 33))
    assert terms["level 1 folds"] == 128 - 14
    assert terms["level 1 queries"] == pytest.approx(10 + 80 * math.log2(16 / 9))
    total = -math.log2(sum(2**-bits for bits in terms.values()))
    assert code.security_bits(1 << 30, 895) == pytest.approx(total)
    assert total < min(terms.values())


def test_fewer_queries_less_work_or_a_higher_rate_give_fewer_bits() -> None:
    bits = GOOD.security_bits(1 << 20, 1500)
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
        assert weaker.security_bits(1 << 20, 1500) < bits
    assert GOOD.security_bits(1 << 20, 3000) < bits


def test_hopeless_parameters_have_few_bits() -> None:
    assert replace(GOOD, pads_log_code=0, pads_queries=1 << 19).security_bits(1, 1500) < 0


@pytest.mark.parametrize("log_cells", [8, 12, 16, 20, 24, 28])
def test_chosen_parameters_are_strong_enough_and_fit(log_cells: int) -> None:
    for witness in (1 << log_cells, 3 << log_cells):
        code = choose(1 << log_cells, witness, 1000)
        assert code.security_bits(witness, 1000) >= 100
        assert Parameters.from_list(code.to_list()) == code
        assert code.levels[0].log_cells == code.log_columns
        assert code.pads_masks >= code.pads_queries


def test_parameters_for_a_circuit(tiny) -> None:
    code = choose_parameters(tiny.circuit, tiny.circuit.max_tokens)
    assert Parameters.from_list(code.to_list()) == code
    assert code.security_bits(1000, 300) >= 100


@pytest.mark.parametrize("code", [GOOD, parameters(8, [2]), parameters(10, [1, 1, 1])])
def test_lists_round_trip(code: Parameters) -> None:
    items = code.to_list()
    assert Parameters.from_list(items) == code
    assert all(isinstance(x, int | list) for x in items)


def changed(at: int, value: Any) -> list[Any]:
    items = GOOD.to_list()
    items[at] = value
    return items


def with_level(number: int, at: int, value: Any) -> list[Any]:
    items = GOOD.to_list()
    items[5][number][at] = value
    return items


@pytest.mark.parametrize(
    "items",
    [
        [],
        [1],
        GOOD.to_list()[:-1],
        [*GOOD.to_list(), 0],
        changed(0, -1),
        changed(0, 17),
        changed(0, 5.0),
        changed(0, True),
        changed(0, "5"),
        changed(0, None),
        changed(1, 1),
        changed(1, 12),
        changed(2, 13),
        changed(2, 33),
        changed(3, 1 << 20),
        changed(4, -1),
        changed(5, 7),
        changed(5, []),
        changed(5, [7]),
        changed(5, [[]]),
        changed(5, None),
        changed(6, -1),
        changed(7, 25),
        changed(8, 2.5),
        changed(9, None),
        with_level(0, 0, 12),
        with_level(1, 0, 11),
        with_level(0, 1, 4),
        with_level(1, 1, 12),
        with_level(0, 2, 10),
        with_level(1, 2, 33),
        with_level(1, 3, -1),
        with_level(1, 4, "16"),
        [*GOOD.to_list()[:5], [[13, 3, 13, 80]], *GOOD.to_list()[6:]],
    ],
    ids=str,
)
def test_nonsense_is_refused(items: list[Any]) -> None:
    with pytest.raises(ValueError, match="malformed"):
        Parameters.from_list(items)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (Statement(0, 3, (1, 2, 3), False), "at least one"),
        (Statement(3, 0, (1, 2, 3), False), "at least one"),
        (Statement(4, -1, (1, 2, 3), False), "at least one"),
        (Statement(2, 2, (1, 2, 3), False), "do not fit its lengths"),
        (Statement(1 << 60, 1, (1, 2, 3), False), "do not fit its lengths"),
        (Statement(8, 2, (1,) * 10, False), "more tokens"),
        (Statement(1, 2, (1, 2, 6), False), "outside the vocabulary"),
        (Statement(1, 2, (-1, 2, 3), False), "outside the vocabulary"),
    ],
)
def test_statements_that_can_not_be(statement: Statement, reason: str) -> None:
    Statement(1, 2, (1, 2, 5), False).check(6, 8)
    with pytest.raises(InvalidProof, match=reason):
        statement.check(6, 8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x95\x01",
        bytes([0x94, 1, 1, 1, 0x92, 1, 2]),
        bytes([0x95, 2, 1, 1, 0x92, 1, 2, 0xC2]),
        bytes([0x95, 0xC3, 1, 1, 0x92, 1, 2, 0xC2]),
        bytes([0x95, 1, 1, 0xC3, 0x92, 1, 2, 0xC2]),
        bytes([0x95, 1, 1, 1, 0x92, 1, 2, 0]),
        bytes([0x95, 1, 1, 1, 0x92, 1, 0xC2, 0xC2]),
        bytes([0x95, 1, 1, 1, 0x92, 1, 0xCC, 2, 0xC2]),
        bytes([0x95, 1, 1, 1, 0x92, 1, 2, 0xC2, 0]),
        bytes([0x95, 1, 1, 1, 0xA2, 1, 2, 0xC2]),
        bytes([0x95, 1, 1, 1, 0x82, 1, 2, 3, 4, 0xC2]),
        bytes([0x95, 1, 1, 1, 0x81, 0x90, 2, 0xC2]),
        bytes([0x95, 1, 1, 1, 7, 0xC2]),
        bytes([0x95, 1, 0xA1, 0xFF, 1, 0x92, 1, 2, 0xC2]),
        b"\x91" * 5000 + b"\x90",
        bytes([0x95, 1, 1, 1, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0xC2]),
        bytes([0xC7, 0, 0xFF]),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_malformed_statements(data: bytes) -> None:
    good = Statement(1, 1, (1, 2), False)
    assert good.encode() == bytes([0x95, 1, 1, 1, 0x92, 1, 2, 0xC2])
    assert Statement.decode(good.encode()) == good
    with pytest.raises(InvalidProof):
        Statement.decode(data)
