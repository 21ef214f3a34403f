"""Parameters as they are chosen, and keys whose parameters or statements make no sense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from proving import parameters
from zklemma.errors import InvalidProof
from zklemma.runtime.protocol.parameters import (
    MOST_LAST,
    MOST_PADS_MASKS,
    MOST_QUERIES,
    Level,
    Parameters,
    options,
    queries,
)
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


@pytest.mark.parametrize("log_cells", [8, 12, 16, 20, 24, 28])
def test_chosen_parameters_fit(log_cells: int) -> None:
    for witness, hiding in ((1 << log_cells, True), (3 << log_cells, False)):
        code = options(1 << log_cells, witness, 1000, hiding)[0]
        assert Parameters.from_list(code.to_list()) == code
        assert code.levels[0].log_cells == code.log_columns
        assert code.pads_masks >= code.pads_queries
        assert code.mask_columns >= code.queries * (30 if hiding else 1)
        assert bool(code.hiding) == hiding


@pytest.mark.parametrize(
    "code", [GOOD, replace(parameters(10, [2]), hiding=0), parameters(10, [1, 1, 1])]
)
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
        changed(3, 0),
        changed(4, -1),
        changed(4, 33),
        changed(5, 7),
        changed(5, []),
        changed(5, [7]),
        changed(5, [[]]),
        changed(5, None),
        changed(6, -1),
        changed(6, 1 << 20),
        changed(6, MOST_PADS_MASKS + 1),
        changed(7, 25),
        changed(8, 2.5),
        changed(8, 0),
        changed(9, None),
        changed(9, 0),
        changed(9, 33),
        changed(10, 2),
        changed(6, GOOD.pads_queries - 1),
        parameters(9, [2]).to_list(),
        replace(parameters(10, [2]), levels=()).to_list(),
        changed(10, True),
        with_level(0, 0, 12),
        with_level(1, 0, 11),
        with_level(0, 1, 4),
        with_level(1, 1, 12),
        with_level(0, 2, 10),
        with_level(1, 2, 33),
        with_level(1, 1, 0),
        with_level(1, 3, -1),
        with_level(1, 3, 0),
        with_level(1, 3, MOST_QUERIES),
        with_level(1, 4, 33),
        with_level(1, 4, "16"),
        with_level(0, 1, {}),
        with_level(0, 1, None),
        changed(1, []),
        changed(5, [bytes(level) for level in GOOD.to_list()[5]]),
        changed(5, tuple(GOOD.to_list()[5])),
        [*GOOD.to_list()[:5], [[13, 3, 13, 80]], *GOOD.to_list()[6:]],
    ],
    ids=str,
)
def test_nonsense_is_refused(items: list[Any]) -> None:
    with pytest.raises(ValueError, match="malformed"):
        Parameters.from_list(items)


def test_the_vector_sent_last_is_short() -> None:
    def folded(by: int) -> Parameters:
        return replace(GOOD, log_columns=14, log_code=16, levels=(Level(14, by, 16, 80, 16),))

    longest = folded(14 - MOST_LAST)
    assert Parameters.from_list(longest.to_list()) == longest
    with pytest.raises(ValueError, match="malformed"):
        Parameters.from_list(folded(13 - MOST_LAST).to_list())


def test_lists_nested_deeply_are_refused() -> None:
    nested: Any = []
    for _ in range(5000):
        nested = [nested]
    for items in (nested, changed(0, nested), changed(5, nested), with_level(0, 1, nested)):
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


def test_another_version_is_named() -> None:
    data = bytes([0x98, 2, 1, 1, 0x92, 1, 2, 0xC2, *REST])
    with pytest.raises(InvalidProof, match="another version"):
        Statement.decode(data)


# Two digests and a nonce, all empty.
REST = b"\xc4\0" * 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x98\x02",
        bytes([0x95, 3, 1, 1, 0x92, 1, 2, 0xC2]),
        bytes([0x98, 2, 1, 1, 0x92, 1, 2, 0xC2, *REST]),
        bytes([0x98, 0xC3, 1, 1, 0x92, 1, 2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 0xC3, 0x92, 1, 2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 0x92, 1, 2, 0, *REST]),
        bytes([0x98, 3, 1, 1, 0x92, 1, 0xC2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 0x92, 1, 0xCC, 2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 0x92, 1, 2, 0xC2, 0, *REST]),
        bytes([0x98, 3, 1, 1, 0xA2, 1, 2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 0x82, 1, 2, 3, 4, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 0x81, 0x90, 2, 0xC2, *REST]),
        bytes([0x98, 3, 1, 1, 7, 0xC2, *REST]),
        bytes([0x98, 3, 0xA1, 0xFF, 1, 0x92, 1, 2, 0xC2, *REST]),
        b"\x91" * 5000 + b"\x90",
        bytes([0x98, 3, 1, 1, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0xC2, *REST]),
        bytes([0xC7, 0, 0xFF]),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_malformed_statements(data: bytes) -> None:
    good = Statement(1, 1, (1, 2), False)
    assert good.encode() == bytes([0x98, 3, 1, 1, 0x92, 1, 2, 0xC2, *REST])
    assert Statement.decode(good.encode()) == good
    with pytest.raises(InvalidProof):
        Statement.decode(data)
