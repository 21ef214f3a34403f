"""Circuits that no key may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny import tiny_circuit, tiny_private_circuit
from zklemma.errors import UserError, ZklemmaError
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.extents import Axis, CircuitError
from zklemma.runtime.circuit.generation import (
    GENERATED,
    TOKENS,
    Generation,
    Tokens,
    extents,
    longest,
)
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import (
    MOST_AXES,
    MOST_DIMENSIONS,
    MOST_PARTS,
    PRIME,
    Circuit,
    Column,
    Einsum,
    Expr,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)
from zklemma.runtime.model.keys import VerifyingKey

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
        (lambda: replace(GOOD, axes=(*GOOD.axes, Axis("", 2))), "an axis has no name"),
        (
            lambda: public(Column("multiplicity.0.u4", (), "witness", 0, 1)),
            "column has a name of proofs",
        ),
        (lambda: replace(GOOD, tables=(Table("rows of x", 1, 1),)), "table has a name of proofs"),
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
        (
            replace(PRIVATE, extents=extents(4), data={**PRIVATE.data, **SMALLER}),
            "different models",
        ),
    ],
)
def test_a_key_has_two_circuits_of_one_model(private: Circuit, reason: str) -> None:
    def key(circuit: Circuit) -> VerifyingKey:
        return VerifyingKey(
            name="tiny",
            weights=1,
            code=[],
            eos=(),
            weight_root=bytes(32),
            circuit_bytes=encode_circuit(GOOD),
            private_circuit_bytes=encode_circuit(circuit),
            function_bytes=b"",
            tokenizer_bytes=b"",
            range_proof=b"",
        )

    assert key(PRIVATE).private_circuit == PRIVATE
    with pytest.raises(UserError, match=reason):
        _ = key(private).private_circuit


def changed(name: str, **change: Any) -> Circuit:
    """The circuit with one of its columns, tables or relations changed."""

    def each(parts: tuple) -> tuple:
        fits = (part.name == name and change.keys() <= vars(part).keys() for part in parts)
        return tuple(replace(p, **change) if fit else p for p, fit in zip(parts, fits, strict=True))

    kinds = ("columns", "tables", "einsums", "lookups", "linears")
    circuit = replace(GOOD, **{kind: each(getattr(GOOD, kind)) for kind in kinds})
    assert circuit != GOOD
    return circuit


def products(*factors: Expr) -> Circuit:
    (product,) = GOOD.einsums[0].products
    return changed("requantize", products=(replace(product, factors=factors),))


def spare(column: Column, array: np.ndarray | None = None) -> Circuit:
    """With another column, and a second axis of positions and one of three."""
    circuit = public(column, array)
    return replace(circuit, axes=(*circuit.axes, STEPS))


def index(kind: Any, source: str, target: str, table: tuple[int, ...] = ()) -> Circuit:
    """With a relation over ``target`` that reads a column over ``source``."""
    circuit = spare(Column("spare", (source,), "witness", 0, 1))
    more = (Axis("four", 4), Axis("more", TOKENS))
    term = Term(1, "spare", (Index(kind, target, table),))
    return replace(
        circuit,
        axes=(*circuit.axes, *more),
        linears=(Linear("extra", Expr((target,) if target else (), (term,)), 10),),
    )


def enlarged(**parts: Any) -> Circuit:
    """With further parts of a kind, which need not mean anything."""
    return replace(GOOD, **{kind: (*getattr(GOOD, kind), *added) for kind, added in parts.items()})


def sums(name: str, axes: tuple[str, ...], *terms: Term) -> Linear:
    return Linear(name, Expr(axes, terms), 10)


def over(number: int, *axes: str) -> Linear:
    """A relation over as many axes as there may be, and more."""
    return sums(f"s{number}", (*(axis.name for axis in LINES), *axes))


def defining(column: Column, left: Expr, circuit: Circuit = GOOD) -> Circuit:
    """With a relation that defines a column, which is one more where there is none of that name."""
    columns = circuit.columns if column.name in circuit.column else (*circuit.columns, column)
    product = Product(1, (Expr(left.axes, (), 1),))
    einsum = Einsum("defining", left, (product,), 9, defines=column.name)
    return replace(circuit, columns=columns, einsums=(*circuit.einsums, einsum))


# One more than there may be.
MANY = range(MOST_PARTS + 1)
LINES = [Axis(f"line{i}", 1) for i in range(MOST_DIMENSIONS)]
SPARE = Column("", ("row",), "witness", 0, 1)
CONSTANT = Product(1, (Expr(GOOD.einsums[0].lhs.axes, (), 1),))
FACTORS = GOOD.einsums[0].products[0].factors
WHERE = GOOD.einsums[0].lhs.axes
REMAINDER = GOOD.einsums[0].defined
SQUARE = Column("square2", ("token", "source"), "witness", 0, 3)
OF_SQUARE = Term(1, "square2", (Index("same", "token"), Index("same", "source")))
TRANSPOSED = replace(OF_SQUARE, indices=OF_SQUARE.indices[::-1])
SUMMED = replace(REMAINDER, indices=(Index("same", "token"), Index("sum")))
LEFT_TWICE = replace(GOOD.einsums[0].lhs, terms=(*GOOD.einsums[0].lhs.terms, REMAINDER))
MASK = Column("m", ("step", "token", "source"), "public", 0, 1, "", "mask", (0, 0, 0))
BELOW = Column("b", ("generated", "vocabulary"), "public", 0, 1, kind="below-next")
HALF = PRIME // 2
NOTHING = np.zeros((0, 1), np.int64)
EMPTY = (replace(GOOD.einsums[0].products[0], factors=()),)
ONE_AXIS = Expr(("token",), ())
PICKED = Term(1, "picked", (Index("same", "row"),))

CONDITIONS: list[tuple[str, Callable[[], Circuit]]] = [
    ("nowhere is no column to be defined", lambda: changed("requantize", defines="nowhere")),
    ("weights is no column to be defined", lambda: changed("requantize", defines="weights")),
    ("the left side is not rem and a rest", lambda: changed("requantize", lhs=LEFT_TWICE)),
    ("the left side is not y and a rest", lambda: changed("requantize", defines="y")),
    ("the left side is not total and", lambda: changed("requantize", defines="total")),
    ("two relations define one column", lambda: changed("cube", defines="rem")),
    (
        "relation more: square2 is defined by relation defining, and so only lookups read it, cell by cell",
        lambda: replace(
            defining(SQUARE, Expr(SQUARE.axes, (OF_SQUARE,))),
            axes=(*GOOD.axes, Axis("source", "tokens")),
            lookups=(*GOOD.lookups, Lookup("more", "u2", (Expr(SQUARE.axes, (TRANSPOSED,)),))),
        ),
    ),
    (
        "one is no column to be defined",
        lambda: defining(Column("one", (), "witness", 0, 1), Expr((), (Term(1, "one", ()),))),
    ),
    (
        "the left side is not summed and a rest",
        lambda: defining(
            Column("summed", ("token", "row"), "witness", 0, 1),
            Expr(("token",), (replace(SUMMED, column="summed"),)),
        ),
    ),
    (
        "relation more: rem is defined by relation requantize, and so only lookups read it",
        lambda: enlarged(linears=[Linear("more", Expr(WHERE, (REMAINDER,)), 9)]),
    ),
    (
        "relation more: rem is defined by relation requantize, and so only lookups read it",
        lambda: enlarged(lookups=[Lookup("more", "u2", (Expr(("token",), (SUMMED,)),))]),
    ),
    (
        "relation more: rem is defined by relation requantize, and so only lookups read it",
        lambda: enlarged(
            lookups=[Lookup("more", "u2", (Expr((*WHERE, "vocabulary"), (REMAINDER,)),))]
        ),
    ),
    ("kind axis, more than", lambda: enlarged(axes=[Axis(f"a{i}", 1) for i in range(MOST_AXES)])),
    (
        "kind column, more than",
        lambda: enlarged(columns=[replace(SPARE, name=f"c{i}") for i in MANY]),
    ),
    ("kind product, more than", lambda: changed("requantize", products=(CONSTANT,) * len(MANY))),
    (
        "kind term, more than",
        lambda: enlarged(linears=[sums("s", ("row",), *[PICKED] * len(MANY))]),
    ),
    ("kind axis of an expression", lambda: enlarged(axes=LINES, linears=[*map(over, MANY[::4])])),
    ("17 parts of kind axis of one part", lambda: enlarged(axes=LINES, linears=[over(0, "row")])),
    ("unknown axis nowhere", lambda: changed("rem", axes=("token", "nowhere"))),
    ("column rem: range", lambda: changed("rem", low=-HALF)),
    ("column rem: range", lambda: changed("rem", high=HALF)),
    ("column rem: range", lambda: changed("rem", low=4)),
    ("table more", lambda: replace(GOOD, tables=(*GOOD.tables, Table("more", 1, 4)))),
    ("table u4", lambda: replace(changed("u4", rows=0), data={**GOOD.data, "u4": NOTHING})),
    ("bound 0 may wrap", lambda: changed("requantize", bound=0)),
    ("bound .* may wrap", lambda: changed("requantize", bound=PRIME)),
    ("bound 0 may wrap", lambda: changed("total", bound=0)),
    ("factors do not cover", lambda: products(*FACTORS, *FACTORS)),
    ("factors do not cover", lambda: products(FACTORS[0])),
    ("factors do not cover", lambda: without_left_side()),
    ("factors do not cover", lambda: changed("requantize", lhs=Expr((), ()), products=EMPTY)),
    ("table u4 does not fit", lambda: changed("y.range", exprs=GOOD.lookups[2].exprs)),
    ("different axes", lambda: changed("square", exprs=(GOOD.lookups[2].exprs[0], ONE_AXIS))),
    (
        "contents missing or",
        lambda: spare(Column("d", ("step",), "public", 0, 1), np.zeros(4, int)),
    ),
    ("mask over other axes", lambda: spare(replace(MASK, axes=("step", "token", "row")))),
    ("mask over other axes", lambda: spare(replace(MASK, axes=("step", "row", "row")))),
    ("mask over other axes", lambda: spare(replace(MASK, windows=(0, 0)))),
    ("windows", lambda: spare(replace(MASK, windows=(0, -1, 0)))),
    ("below-next over", lambda: spare(replace(BELOW, axes=("generated",)))),
    ("below-next over", lambda: spare(replace(BELOW, axes=("generated", "vocabulary", "row")))),
    ("below-next over", lambda: spare(replace(BELOW, axes=("row", "vocabulary")))),
    ("below-next over", lambda: spare(replace(BELOW, axes=("generated", "token")))),
    ("unknown axis nowhere", lambda: linear("row", "nowhere", term=PICKED)),
    ("stands twice", lambda: linear("row", "row", term=PICKED)),
    ("same does not fit", lambda: index("same", "row", "channel")),
    ("before does not fit", lambda: index("before", "row", "channel")),
    ("before does not fit", lambda: index("before", "token", "source")),
    ("rotate does not fit", lambda: index("rotate", "four", "vocabulary")),
    ("rotate does not fit", lambda: index("rotate", "token", "source")),
    ("rotate does not fit", lambda: index("rotate", "row", "step")),
    ("window does not fit", lambda: index("window", "token", "source")),
    ("window does not fit", lambda: index("window", "row", "generated")),
    ("token does not fit", lambda: index("token", "vocabulary", "generated")),
    ("token does not fit", lambda: index("token", "row", "token")),
    ("previous does not fit", lambda: index("previous", "vocabulary", "token")),
    ("previous does not fit", lambda: index("previous", "row", "generated")),
    ("next does not fit", lambda: index("next", "vocabulary", "token")),
    ("next does not fit", lambda: index("next", "row", "generated")),
    ("pick does not fit", lambda: index("pick", "token", "row", (0, 0, 0))),
    ("pick does not fit", lambda: index("pick", "row", "row", (0, 1))),
    ("pick does not fit", lambda: index("pick", "row", "row", (0, 1, -1))),
    ("pick does not fit", lambda: index("pick", "row", "row", (0, 1, 3))),
    ("stride does not fit", lambda: index("stride", "row", "row", (1,))),
    ("stride does not fit", lambda: index("stride", "row", "row", (0, 0))),
    ("stride does not fit", lambda: index("stride", "token", "row", (1, 0))),
    ("at does not fit", lambda: index("at", "row", "", (3,))),
    ("at does not fit", lambda: index("at", "row", "", (-1,))),
    ("at names no axis", lambda: index("at", "row", "row", (0,))),
    ("same does not fit", lambda: index("same", "row", "row", (0,))),
]


def without_left_side() -> Circuit:
    """The left side has an axis that no factor has."""
    left = GOOD.einsums[0].lhs
    return changed("requantize", lhs=replace(left, axes=(*left.axes, "vocabulary")))


@pytest.mark.parametrize(
    ("reason", "circuit"), CONDITIONS, ids=[f"{n} {what}" for n, (what, _) in enumerate(CONDITIONS)]
)
def test_each_condition_by_itself(reason: str, circuit: Callable[[], Circuit]) -> None:
    """Circuits that break one condition and no other."""
    with pytest.raises(CircuitError, match=reason):
        circuit().check()


@pytest.mark.parametrize(
    ("kind", "source", "target", "table"),
    [
        ("same", "row", "step", ()),
        ("before", "row", "step", ()),
        ("rotate", "four", "four", ()),
        ("window", "token", "generated", ()),
        ("token", "vocabulary", "token", ()),
        ("previous", "vocabulary", "generated", ()),
        ("next", "vocabulary", "generated", ()),
        ("pick", "row", "four", (2, 0, 1, 2)),
        ("stride", "row", "four", (2, -1)),
        ("at", "row", "", (2,)),
    ],
)
def test_each_index_where_it_fits(
    kind: str, source: str, target: str, table: tuple[int, ...]
) -> None:
    index(kind, source, target, table).check()


def test_sizes_of_axes() -> None:
    shape, sizes = Generation(3, 2), (TOKENS, GENERATED, 7)
    assert [shape.size(Axis("a", size)) for size in sizes] == [4, 2, 7]
    with pytest.raises(CircuitError, match="axis a: size other"):
        shape.size(Axis("a", "other"))


def gathering(**change: Expr) -> Circuit:
    first, *others = PRIVATE.gathers
    return replace(PRIVATE, gathers=(replace(first, **change), *others))


def of(name: str, **change: Any) -> Circuit:
    """The private circuit with one of its columns changed."""
    columns = tuple(replace(c, **change) if c.name == name else c for c in PRIVATE.columns)
    return replace(PRIVATE, columns=columns)


NUMBER = Expr((), (), 1)
IDS, ROWS, SOURCE = PRIVATE.gathers[0].index, PRIVATE.gathers[0].value, PRIVATE.gathers[0].source
WIDE = Expr(("vocabulary", "channel", "row"), ())

PRIVATE_CONDITIONS: list[tuple[str, Callable[[], Circuit]]] = [
    (
        "one axis or two",
        lambda: gathering(source=WIDE, value=Expr(("token", "channel", "row"), ())),
    ),
    ("one axis or two", lambda: gathering(source=NUMBER, value=IDS)),
    ("one axis or two", lambda: gathering(index=NUMBER, value=Expr(("channel",), ()))),
    ("do not fit", lambda: gathering(value=IDS)),
    ("or neither", lambda: replace(PRIVATE, reveals={"prompt": PRIVATE.reveals["prompt"]})),
    ("through columns", lambda: replace(PRIVATE, reveals={**PRIVATE.reveals, "output": ("ids",)})),
    ("through columns", lambda: replace(PRIVATE, reveals={**PRIVATE.reveals, "output": ("no",)})),
    ("through columns", lambda: of("output.ids", home="public", kind="data")),
    (
        "output.ids is no column to be defined",
        lambda: defining(
            PRIVATE.column["output.ids"],
            Expr(("generated",), (Term(1, "output.ids", (Index("same", "generated"),)),)),
            PRIVATE,
        ),
    ),
    ("takes no tokens as inputs", lambda: replace(PRIVATE, linears=(TOKEN_READ,))),
    ("takes no tokens as inputs", lambda: replace(PRIVATE, columns=(*PRIVATE.columns, BELOW))),
]
TOKEN_READ = Linear(
    "extra",
    Expr(
        ("token", "channel"),
        (Term(1, "embedding", (Index("token", "token"), Index("same", "channel"))),),
    ),
    10,
)


@pytest.mark.parametrize(
    ("reason", "circuit"),
    PRIVATE_CONDITIONS,
    ids=[f"{n} {what}" for n, (what, _) in enumerate(PRIVATE_CONDITIONS)],
)
def test_each_condition_on_tokens_by_itself(reason: str, circuit: Callable[[], Circuit]) -> None:
    PRIVATE.check()
    made = circuit()
    if made.column["output.ids"].home == "public":
        made = replace(made, data={**made.data, "output.ids": np.zeros(longest(made), np.int64)})
    with pytest.raises(CircuitError, match=reason):
        made.check()


@pytest.mark.parametrize("count", [0, 2, 4])
def test_inputs_of_another_number_of_tokens(count: int) -> None:
    Tokens((0,) * 3, Generation(2, 1))
    with pytest.raises(ZklemmaError, match=f"{count} tokens for a proof of another number"):
        Tokens((0,) * count, Generation(2, 1))
