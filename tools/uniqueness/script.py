"""Cells as SMT-LIB text.

Tables of many rows are functions of their first column: constants, max(key - n, 0), or uninterpreted but for
their ends: what holds for all such functions holds for the table. Rows that are no values of it are listed. A
product with a variable of few values, from a small table, is written once for each of them, which leaves it linear.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from ...errors import UserError
from ...runtime.circuit.relations import PRIME
from .cells import HALF, Cells, Equation, Fact, Form, Inside, Row
from .smt import (
    asserted,
    call,
    declared,
    equal,
    implies,
    name,
    negated,
    number,
    within,
)

FEW = 64
WRAPS = "wraps "
"""What the names of multiples of the prime begin with."""


@dataclass(frozen=True)
class Function:
    """A table as functions of its first column."""

    low: int
    high: int
    constants: tuple[int | None, ...]
    """The one value that a column has, if it has one only."""
    ramps: tuple[int | None, ...]
    """n, if a column is max(key - n, 0)."""
    ranges: tuple[tuple[int, int], ...]
    """The least and the largest value of each column."""
    extra: tuple[tuple[int, ...], ...]
    """Rows beside the function's."""
    at_extra: tuple[tuple[int, ...], ...]
    """The function's rows at the keys of those."""

    @property
    def uninterpreted(self) -> list[int]:
        """The columns of which nothing but the ends is said."""
        known = zip(self.constants, self.ramps, strict=True)
        return [i for i, found in enumerate(known) if found == (None, None)]

    def value(self, i: int, key: str, table: str) -> str:
        """What stands in the i-th column beside a key."""
        if (constant := self.constants[i]) is not None:
            return number(constant)
        if (ramp := self.ramps[i]) is not None:
            return f"(ite (< {number(ramp)} {key}) (- {key} {number(ramp)}) 0)"
        return f"({name(f'{table}.{i + 1}')} {key})"


def function_of(rows: np.ndarray, table: str) -> Function:
    """A table of many rows; `UserError` if it is not nearly a function of a range of keys."""
    keys, count = rows[:, 0], len(rows)
    low, high = int(keys.min()), int(keys.max())
    first = np.full(high - low + 1, count) if high - low < count else np.full(1, count)
    if len(first) > 1:
        # The last to be written stays, which is the first row of a key, but for rows that are unlike all others.
        order = np.argsort(_unlike(rows), kind="stable")[::-1]
        first[keys[order] - low] = order
    if first.max() == count or count - len(first) > FEW:
        raise UserError(f"table {table}: its first column does not determine the others")
    others = np.setdiff1d(np.arange(count), first, assume_unique=True)
    body, extra = rows[first], rows[others]
    constants = tuple(int(c[0]) if (c == c[0]).all() else None for c in body.T[1:])
    ramps = tuple(_ramp(body[:, 0], c) for c in body.T[1:])
    ranges = tuple((int(c.min()), int(c.max())) for c in body.T[1:])
    found = [tuple(map(int, row)) for row in extra]
    at_extra = [tuple(map(int, body[row[0] - low])) for row in found]
    return Function(low, high, constants, ramps, ranges, tuple(found), tuple(at_extra))


def _ramp(keys: np.ndarray, values: np.ndarray) -> int | None:
    """n, where all values are max(key - n, 0)."""
    start = int((keys - values).max())
    return start if (values == np.maximum(keys - start, 0)).all() else None


def _unlike(rows: np.ndarray) -> np.ndarray:
    """Which rows hold something else where nearly all hold the same."""
    found = np.zeros(len(rows), bool)
    for column in rows.T[1:]:
        values, counts = np.unique(column, return_counts=True)
        if counts.max() >= len(rows) - FEW:
            found |= column != values[counts.argmax()]
    return found


@dataclass
class Script:
    """The text of some cells: declarations, then what is asserted."""

    cells: Cells
    lines: list[str] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    few: dict[str, list[int]] = field(default_factory=dict)
    """The values of variables that are looked up in small tables."""
    fresh: int = 0

    @staticmethod
    def of(cells: Cells) -> Script:
        """Everything that holds of the cells."""
        script = Script(cells)
        script.declare()
        for fact in cells.facts:
            script.lines.append(asserted(fact_text(fact)))
        for row in cells.rows:
            script.lines.append(asserted(script.row(row)))
        for inside in cells.insides:
            script.lines.append(asserted(script.inside(inside)))
        for equation in cells.equations:
            script.lines.append(asserted(script.equation(equation)))
        return script

    def declare(self, unbounded: Collection[str] = ()) -> None:
        """The variables, in their intervals but for those that are ``unbounded``."""
        for variable, (low, high) in self.cells.variables.items():
            self.lines.append(declared(name(variable)))
            if variable not in unbounded:
                self.lines.append(asserted(within(low, name(variable), high)))
        for row in self.cells.rows:
            data = self.cells.circuit.data[row.table]
            if len(data) > FEW:
                continue
            for form, column in zip(row.forms, data.T, strict=True):
                if form.constant == 0 and [c for _, c in form.terms] == [1]:
                    values = self.few.setdefault(form.terms[0][0], list(map(int, column)))
                    self.few[form.terms[0][0]] = [v for v in values if v in column]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def new(self) -> str:
        self.fresh += 1
        symbol = f"|~{self.fresh}|"
        self.lines.append(declared(symbol))
        return symbol

    def modular(self, label: str, exact: bool) -> str:
        """A multiple of the prime, 0 where a relation holds over the integers."""
        if exact:
            return "0"
        symbol = name(f"{WRAPS}{label}")
        self.lines.append(declared(symbol))
        return f"(* {PRIME} {symbol})"

    def equation(self, equation: Equation) -> str:
        """That an equation holds."""
        parts = [form_text(equation.form)]
        for coefficient, factors in equation.products:
            product = self.product([f for f in factors])
            parts.append(f"(* {number(coefficient)} {product})")
        return equal(call("+", parts), self.modular(equation.label, equation.exact))

    def product(self, factors: list[Form]) -> str:
        """A product; where a factor has few values it is one of as many linear terms."""
        for i, factor in enumerate(factors):
            others = factors[:i] + factors[i + 1 :]
            found = factor.terms[0][0] if factor.terms else ""
            if Form(((found, 1),)) == factor and found in self.few and len(others) == 1:
                symbol, other = self.new(), form_text(others[0])
                for value in sorted(set(self.few[found])):
                    case = equal(name(found), number(value))
                    then = equal(symbol, f"(* {number(value)} {other})")
                    self.lines.append(asserted(implies(case, then)))
                return symbol
        return call("*", map(form_text, factors))

    def reduced(self, form: Form, label: str, exact: bool) -> str:
        """A form, or the integer of least magnitude that it is modulo the prime."""
        if exact:
            return form_text(form)
        found, wraps = self.new(), self.modular(label, False)
        self.lines.append(asserted(equal(form_text(form), f"(+ {found} {wraps})")))
        self.lines.append(asserted(within(-HALF, found, HALF)))
        return found

    def inside(self, inside: Inside) -> str:
        """That a form is an index."""
        self.fresh += 1
        label = f"{inside.label} {self.fresh}"
        return within(0, self.reduced(inside.form, label, inside.exact), inside.size - 1)

    def row(self, row: Row) -> str:
        """That forms are a row of their table."""
        data = self.cells.circuit.data[row.table]
        entries = [
            self.reduced(form, f"{row.label} {i}", row.exact) for i, form in enumerate(row.forms)
        ]
        return self.entries(row.table, data, entries)

    def entries(self, table: str, data: np.ndarray, entries: list[str]) -> str:
        if data.shape[1] == 1 and (len(data) > FEW or is_range(data)):
            return within(int(data.min()), entries[0], int(data.max()))
        if len(data) <= FEW:
            return call("or", (one_row(entries, row) for row in data.tolist()))
        if table not in self.functions:
            self.functions[table] = self.declare_function(table, data)
        function = self.functions[table]
        parts = [within(function.low, entries[0], function.high)]
        for i, entry in enumerate(entries[1:]):
            value = function.value(i, entries[0], table)
            if i in function.uninterpreted:
                low, high = function.ranges[i]
                self.lines.append(asserted(within(low, value, high)))
            parts.append(equal(entry, value))
        rows = [call("and", parts), *(one_row(entries, row) for row in function.extra)]
        return call("or", rows)

    def declare_function(self, table: str, data: np.ndarray) -> Function:
        function = function_of(data, table)
        for i in function.uninterpreted:
            self.lines.append(f"(declare-fun {name(f'{table}.{i + 1}')} (Int) Int)")
            for row in function.at_extra:
                value = function.value(i, number(row[0]), table)
                self.lines.append(asserted(equal(value, number(row[i + 1]))))
        return function

    def differ(self, pairs: Iterable[tuple[str, str]]) -> None:
        """The goal: one pair of variables is not equal."""
        goals = (negated(equal(name(a), name(b))) for a, b in pairs)
        self.lines.append(asserted(call("or", goals)))


def is_range(data: np.ndarray) -> bool:
    found = np.unique(data[:, 0])
    return bool(len(found) == found[-1] - found[0] + 1)


def one_row(entries: list[str], row: Iterable[int]) -> str:
    return call("and", (equal(e, number(v)) for e, v in zip(entries, row, strict=True)))


def form_text(form: Form) -> str:
    parts = [name(n) if c == 1 else f"(* {number(c)} {name(n)})" for n, c in form.terms]
    if form.constant or not parts:
        parts.append(number(form.constant))
    return call("+", parts)


def fact_text(fact: Fact) -> str:
    symbols = [name(found) for found in fact.names]
    if fact.kind == "same":
        return implies(equal(symbols[0], symbols[1]), equal(symbols[2], symbols[3]))
    if fact.kind == "below":
        return equal(symbols[0], f"(ite (< {symbols[1]} {symbols[2]}) 1 0)")
    return implies(equal(symbols[1], "0"), equal(symbols[0], "0"))
