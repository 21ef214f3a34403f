"""Circuits that no key may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tiny import tiny_circuit, tiny_private_circuit
from zklemma.errors import UserError
from zklemma.runtime.keys import VerifyingKey
from zklemma.schema.circuit import (
    PRIME,
    Axis,
    Circuit,
    CircuitError,
    Column,
    Expr,
    Index,
    Linear,
    Term,
)
from zklemma.schema.encoding import encode_circuit

GOOD = tiny_circuit()
STEPS = Axis("step", 3)


def linear(*axes: str, term: Term, bound: int = 10) -> Circuit:
    extra = Linear("extra", Expr(axes, (term,)), bound)
    return replace(GOOD, axes=(*GOOD.axes, STEPS), linears=(extra,))


def public(column: Column, array: np.ndarray | None = None) -> Circuit:
    data = {**GOOD.data} if array is None else {**GOOD.data, column.name: array}
    axes = (*GOOD.axes, Axis("source", "tokens"))
    return replace(GOOD, axes=axes, columns=(*GOOD.columns, column), data=data)


@pytest.mark.parametrize(
    ("circuit", "reason"),
    [
        (lambda: replace(GOOD, axes=(*GOOD.axes, GOOD.axes[0])), "share a name"),
        (lambda: replace(GOOD, columns=(*GOOD.columns, GOOD.columns[0])), "share a name"),
        (lambda: linear("row", term=Term(1, "picked", (Index("same", "nowhere"),))), "lacks"),
        (lambda: linear("row", term=Term(1, "nothing", (Index("same", "row"),))), "unknown column"),
        (lambda: linear("row", term=Term(1, "picked", ())), "other axes"),
        (lambda: linear("row", term=Term(1, "picked", (Index("sum", "row"),))), "names no axis"),
        (lambda: linear("row", term=Term(1, "picked", (Index("token", "row"),))), "does not fit"),
        (lambda: linear("token", term=Term(1, "picked", (Index("token", "token"),))), "not fit"),
        (lambda: linear("row", term=Term(1, "picked", (Index("rotate", "row"),))), "not fit"),
        (lambda: linear("row", term=Term(1, "picked", (Index("pick", "row", (0, 3, 1)),))), "fit"),
        (
            lambda: linear(
                "row",
                term=Term(1, "weights", (Index("before", "row"), Index("pick", "row", (0, 1, 2)))),
            ),
            "not index by index",
        ),
        (
            lambda: linear("row", term=Term(1, "picked", (Index("same", "row"),)), bound=PRIME),
            "may wrap",
        ),
        (lambda: public(Column("m", ("row", "token"), "public", 0, 1, kind="mask")), "mask"),
        (
            lambda: public(
                Column("m", ("row", "token", "source"), "public", 0, 1, kind="mask", windows=(0,))
            ),
            "mask",
        ),
        (lambda: public(Column("b", ("row", "row"), "public", 0, 1, kind="below-next")), "below"),
        (lambda: public(Column("d", ("row",), "public", 0, 1)), "contents missing"),
        (lambda: public(Column("d", ("row",), "public", 0, 1), np.array([0, 1, 2])), "outside"),
        (lambda: replace(GOOD, data={**GOOD.data, "u4": np.arange(15)[:, None]}), "table u4"),
        (lambda: replace(GOOD, lookups=(replace(GOOD.lookups[0], table="u9"),)), "does not fit"),
    ],
)
def test_malformed_circuits_are_refused(circuit: Callable[[], Circuit], reason: str) -> None:
    GOOD.check()
    with pytest.raises(CircuitError, match=reason):
        circuit().check()


PRIVATE = tiny_private_circuit()
SMALLER = {name: array[:4] for name, array in PRIVATE.data.items() if name in ("position", "step")}


@pytest.mark.parametrize(
    ("private", "reason"),
    [
        (GOOD, "does not hold tokens in columns"),
        (
            replace(PRIVATE, columns=(*PRIVATE.columns, Column("more", ("row",), "param", 0, 1))),
            "different models",
        ),
        (replace(PRIVATE, max_tokens=4, data={**PRIVATE.data, **SMALLER}), "different models"),
    ],
)
def test_a_key_has_two_circuits_of_one_model(private: Circuit, reason: str) -> None:
    def key(circuit: Circuit) -> VerifyingKey:
        circuits = encode_circuit(GOOD), encode_circuit(circuit)
        return VerifyingKey("tiny", 1, [], (), bytes(32), *circuits, b"", b"", b"")

    assert key(PRIVATE).private_circuit == PRIVATE
    with pytest.raises(UserError, match=reason):
        _ = key(private).private_circuit
