"""The relations of a gadget at one cell, as equations in integers.

Cells are independent but for what is summed, and gathered, along an axis. There, relations are taken at a few cells
that stand for any: one that is arbitrary, and for each copy of the witness one that a sum needs (if every summand
was zero, so was the sum), or at which a token is read. What is known is one variable for each thing that is read,
the same in all copies; a contraction of known factors is a single one.

A gathered row of a source that is multiplied with known factors is written as the source at the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...errors import UserError
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import (
    PRIME,
    Circuit,
    Einsum,
    Expr,
    Gather,
    Linear,
    Lookup,
    Product,
    Term,
)
from .gadgets import Relation, earlier, expressions
from .intervals import Interval, Intervals

ANY = "any"
HALF = PRIME // 2


@dataclass(frozen=True)
class Form:
    """A sum of variables times coefficients, and a constant."""

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    @staticmethod
    def sum(parts: Iterable[tuple[int, Form]]) -> Form:
        total: dict[str, int] = {}
        constant = 0
        for factor, form in parts:
            constant += factor * form.constant
            for name, coefficient in form.terms:
                total[name] = total.get(name, 0) + factor * coefficient
        return Form(tuple((n, c) for n, c in total.items() if c), constant)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.terms}

    def value(self, values: Mapping[str, int]) -> int:
        return self.constant + sum(c * values[name] for name, c in self.terms)


@dataclass(frozen=True)
class Equation:
    """form + sum of coefficient * product of factors = 0, over the integers if ``exact``, else modulo the prime."""

    label: str
    form: Form
    products: tuple[tuple[int, tuple[Form, ...]], ...] = ()
    exact: bool = True

    @property
    def names(self) -> set[str]:
        return self.form.names.union(*(f.names for _, factors in self.products for f in factors))

    def holds(self, values: Mapping[str, int]) -> bool:
        total = self.form.value(values)
        for coefficient, factors in self.products:
            for factor in factors:
                coefficient *= factor.value(values)
            total += coefficient
        return total % PRIME == 0


@dataclass(frozen=True)
class Row:
    """Forms are together a row of a table, each modulo the prime unless ``exact``."""

    label: str
    table: str
    forms: tuple[Form, ...]
    exact: bool = True

    @property
    def names(self) -> set[str]:
        return {name for form in self.forms for name in form.names}

    def holds(self, values: Mapping[str, int], data: Mapping[str, np.ndarray]) -> bool:
        found = [form.value(values) % PRIME for form in self.forms]
        rows = [[int(entry) % PRIME for entry in row] for row in self.candidates(data, found[0])]
        return found in rows

    def candidates(self, data: Mapping[str, np.ndarray], key: int) -> np.ndarray:
        rows = data[self.table]
        signed = key if key <= HALF else key - PRIME
        return rows[rows[:, 0] == signed] if -(1 << 63) <= signed < 1 << 63 else rows[:0]


@dataclass(frozen=True)
class Inside:
    """A form is in 0 .. ``size`` - 1, modulo the prime unless ``exact``."""

    label: str
    form: Form
    size: int
    exact: bool = True

    def holds(self, values: Mapping[str, int]) -> bool:
        return self.form.value(values) % PRIME < self.size


@dataclass(frozen=True)
class Fact:
    """What holds of the variables that stand for cells of an axis.

    ``same``   names i, j, x, y: x = y if i = j
    ``below``  names x, i, j: x is 1 if i < j, else 0
    ``some``   names s, x: x is not 0 unless s is
    """

    kind: str
    names: tuple[str, ...]

    def holds(self, values: Mapping[str, int]) -> bool:
        found = [values[name] for name in self.names]
        if self.kind == "same":
            return found[0] != found[1] or found[2] == found[3]
        if self.kind == "below":
            return found[0] == (found[1] < found[2])
        return found[0] == 0 or found[1] != 0


@dataclass
class Cells:
    """Equations, rows and facts of some relations in ``copies`` copies of the columns ``unknown``.

    ``ranged`` are columns that are known to be in their declared ranges, others are elements of the field;
    ``exact`` are the relations that are known to hold over the integers.
    """

    circuit: Circuit
    intervals: Intervals
    unknown: tuple[str, ...]
    relations: Sequence[Relation]
    ranged: frozenset[str]
    exact: frozenset[str]
    copies: tuple[int, ...] = (1, 2)
    variables: dict[str, Interval] = field(default_factory=dict)
    columns: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """Of variables of the witness: column, copy and cell."""
    equations: list[Equation] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    insides: list[Inside] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """The variable that is the index of each cell along ``axis``."""

    def __post_init__(self) -> None:
        self.gathered = {
            g.value.terms[0].column: g
            for g in self.relations
            if isinstance(g, Gather) and self.reads_unknown(g.index)
        }
        kept = [self.circuit.column[n].axes for n in self.unknown if n not in self.gathered]
        shared = set(kept[0]).intersection(*kept) if kept else set()
        extra = {axis for axes in kept for axis in axes} - shared
        extra |= {axis for kind, axis in self.read_along() if kind == "sum"}
        if len(extra) > 1:
            raise UserError(f"{self.unknown[0]}: columns determined together differ in two axes")
        self.axis = next(iter(extra), "")
        if self.axis:
            self.make_places()
        for copy in self.copies:
            for relation in self.relations:
                self.add(relation, copy)
        self.relate_places()

    # Places along an axis

    def make_places(self) -> None:
        last = self.intervals.size(self.axis) - 1
        self.places[ANY] = self.variable(f"index.{ANY}", (0, last))
        kinds = {kind for kind, axis in self.read_along() if axis == self.axis}
        for copy in self.copies:
            for kind, label in (("sum", "some"), ("next", "next")):
                if kind in kinds:
                    label = f"{label}.{copy}"
                    self.places[label] = self.variable(f"index.{label}", (0, last))
            for gather in self.gathered.values():
                (term,) = gather.index.terms
                self.places[f"at.{copy}"] = self.witness(term.column, copy, "")

    def read_along(self) -> Iterator[tuple[str, str]]:
        """How unknown columns are read along each of their axes."""
        for relation in self.relations:
            for expr, _ in expressions(relation):
                for term in expr.terms:
                    column = self.circuit.column[term.column]
                    of_next = column.kind == "below-next"
                    if (term.column in self.unknown and not earlier(term)) or of_next:
                        for index, axis in zip(term.indices, column.axes, strict=True):
                            yield "next" if of_next else index.kind, axis

    def relate_places(self) -> None:
        """Variables of one thing at two places are the same if the places are."""
        known: dict[str, dict[str, str]] = {}
        for name in self.variables:
            for place in self.places:
                if f"@{place}" in name:
                    known.setdefault(name.replace(f"@{place}", "@"), {})[place] = name
        for found in known.values():
            pairs = list(found.items())
            for i, (place, name) in enumerate(pairs):
                for other, twin in pairs[:i]:
                    indices = self.places[place], self.places[other]
                    self.facts.append(Fact("same", (*indices, name, twin)))

    # Variables

    def variable(self, name: str, interval: Interval) -> str:
        self.variables.setdefault(name, interval)
        return name

    def witness(self, column: str, copy: int, place: str) -> str:
        found = self.circuit.column[column]
        limits = (found.low, found.high) if column in self.ranged else (-HALF, HALF)
        name = self.variable(f"{column}{'@' if place else ''}{place}#{copy}", limits)
        self.columns[name] = column, copy, place
        return name

    def stands(self, column: str) -> None:
        """Make sure that a column stands for itself at any cell of each copy, unless it is a gathered row."""
        if column not in self.gathered:
            place = ANY if self.axis in self.circuit.column[column].axes else ""
            for copy in self.copies:
                self.witness(column, copy, place)

    def reads_unknown(self, expr: Expr) -> bool:
        return any(term.column in self.unknown and not earlier(term) for term in expr.terms)

    # Relations

    def add(self, relation: Relation, copy: int) -> None:
        if isinstance(relation, Gather):
            self.add_gather(relation, copy)
            return
        for place in self.places if self.axis in self.kept(relation) else ("",):
            self.add_at(relation, copy, place)

    def kept(self, relation: Einsum | Lookup | Linear) -> tuple[str, ...]:
        """The axes over whose cells a relation holds."""
        if isinstance(relation, Einsum):
            return relation.lhs.axes
        return relation.exprs[0].axes if isinstance(relation, Lookup) else relation.expr.axes

    def add_at(self, relation: Einsum | Lookup | Linear, copy: int, place: str) -> None:
        label = f"{relation.name}{'@' if place else ''}{place}#{copy}"
        exact = relation.name in self.exact
        if isinstance(relation, Einsum):
            form = [(1, self.form(relation.lhs, copy, place))]
            products = []
            for each in relation.products:
                if found := self.known_product(each, relation.lhs.axes, copy, place):
                    form.append((-each.coefficient, Form(((found, 1),))))
                else:
                    factors = tuple(self.form(f, copy, place) for f in each.factors)
                    products.append((-each.coefficient, factors))
            self.equations.append(Equation(label, Form.sum(form), tuple(products), exact))
        elif isinstance(relation, Linear):
            self.equations.append(Equation(label, self.form(relation.expr, copy, place), (), exact))
        else:
            forms = tuple(self.form(expr, copy, place) for expr in relation.exprs)
            self.rows.append(Row(label, relation.table, forms, exact))

    def add_gather(self, relation: Gather, copy: int) -> None:
        """The index is that of a row, at each cell and so at the first one, and the value is what stands there,
        unless it is written so where it is read."""
        label, exact = f"{relation.name}#{copy}", relation.name in self.exact
        size = self.intervals.size(relation.source.axes[0])
        for first in (False, True):
            index = self.form(relation.index, copy, "", first)
            self.insides.append(Inside(label, index, size, exact))
        if relation not in self.gathered.values() and self.reads_unknown(relation.value):
            source = f"{relation.name}.source"
            self.variable(source, self.intervals.expr(relation.source))
            parts = [(1, self.form(relation.value, copy, "")), (-1, Form(((source, 1),)))]
            self.equations.append(Equation(label, Form.sum(parts), (), exact))

    def form(self, expr: Expr, copy: int, place: str, first: bool = False) -> Form:
        """An expression at a place; with ``first`` at the first cell of columns that count."""
        parts = [
            (t.coefficient, self.term(t, copy, place))
            for t in expr.terms
            if not (first and self.counts(t.column))
        ]
        return Form.sum([*parts, (expr.constant, Form((), 1))])

    def term(self, term: Term, copy: int, place: str) -> Form:
        column = self.circuit.column[term.column]
        if term.column in self.unknown and not earlier(term):
            return Form(((self.unknown_term(term, copy, place), 1),))
        if column.kind == "below-next" and column.home == "public" and self.axis in column.axes:
            name = self.variable(f"{column.name}@{place}#{copy}", (0, 1))
            nexts = self.places.get(f"next.{copy}")
            if nexts is None:
                raise UserError(f"{column.name} is read where no output token is")
            fact = Fact("below", (name, self.places[place], nexts))
            if fact not in self.facts:
                self.facts.append(fact)
            return Form(((name, 1),))
        if place and column.axes == (self.axis,) and self.counts(column.name):
            return Form(((self.places[place], 1),))
        text = self.text(term, place)
        return Form(((self.variable(text, self.intervals.term(term)), 1),))

    def counts(self, column: str) -> bool:
        """Whether a public column over one axis holds the indices of that axis."""
        contents = self.circuit.data.get(column)
        if contents is None or contents.ndim != 1:
            return False
        return bool((contents == np.arange(len(contents))).all())

    def unknown_term(self, term: Term, copy: int, place: str) -> str:
        axes = self.circuit.column[term.column].axes
        for index, axis in zip(term.indices, axes, strict=True):
            if axis != self.axis:
                if index.kind != "same":
                    raise UserError(
                        f"{term.column}: {index.kind} of a column that is not known yet"
                    )
            elif index.kind == "sum":
                return self.total(term, copy)
            elif index.kind == "next":
                place = f"next.{copy}"
        return self.witness(term.column, copy, place if self.axis in axes else "")

    def total(self, term: Term, copy: int) -> str:
        """The sum of a column along the axis; some summand is not zero unless it is."""
        column = self.circuit.column[term.column]
        name = f"{column.name}@sum#{copy}"
        limits = self.intervals.term(term) if column.name in self.ranged else (-HALF, HALF)
        summand = self.witness(column.name, copy, f"some.{copy}")
        if name not in self.variables:
            self.facts.append(Fact("some", (self.variable(name, limits), summand)))
        return name

    # Products

    def known_product(
        self, product: Product, kept: tuple[str, ...], copy: int, place: str
    ) -> str | None:
        """The variable of a contraction of known factors; None if it has others."""
        texts = []
        for factor in product.factors:
            if not self.reads_unknown(factor):
                texts.append(self.expr_text(factor, place))
                continue
            term = factor.terms[0]
            if term.column not in self.gathered or len(factor.terms) > 1:
                return None
            source = self.gathered[term.column].source
            texts.append(self.expr_text(_scaled(source, term), f"at.{copy}"))
        return self.variable(" * ".join(sorted(texts)), self.intervals.product(product, kept))

    def expr_text(self, expr: Expr, place: str) -> str:
        parts = [f"{t.coefficient} {self.text(t, place)}" for t in expr.terms]
        return f"({' + '.join([*sorted(parts), str(expr.constant)])})"

    def text(self, term: Term, place: str) -> str:
        """What a known term reads."""
        indices = [self.index_text(index, place) for index in term.indices]
        return f"{term.column}[{', '.join(indices)}]"

    def index_text(self, index: Index, place: str) -> str:
        if self.axis and index.axis == self.axis and place:
            return f"@{place}" if index.kind == "same" else f"{index.kind}(@{place})"
        if index.kind == "same":
            return index.axis
        return " ".join([index.kind, *map(str, index.table), index.axis]).strip()


def _scaled(source: Expr, term: Term) -> Expr:
    terms = [Term(term.coefficient * t.coefficient, t.column, t.indices) for t in source.terms]
    return Expr(source.axes, tuple(terms), term.coefficient * source.constant)
