"""That a witness exists: how an honest prover finds one, and that it meets every relation and range.

What to do is read off the relations, one rule at a time until every column has a value:

* table      what a large table holds at a known key;
* define     a column that is alone unknown in an equation, with coefficient 1 or -1;
* digits     columns whose sum with coefficients is known: its digits, the coefficients being their places;
* divide     q E + rest = N with E known: q = N div E, rest = N mod E;
* normalise  p m + rest = S with p in a small table: the p with which m = S div p is in the range of m;
* maximum    where exactly one cell of a row is selected: at an allowed cell where the looked-up distance is 0;
* choose     a column of two values: the first with which the lookups of it and what is known hold; a token: any.

Inputs are those at which an honest prover does not stop: values that other gadgets read fit their columns, as do
the gaps of an argmax and the exponent of a norm, and the denominator of a division is not 0. In a softmax the cell
that is selected is allowed, and no allowed one is above it.

The rules are hints: a rule that does not suit makes a claim that does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from ...errors import UserError
from ...runtime.circuit.relations import Linear
from .cells import Cells, Equation, Form, Row
from .gadgets import Gadget, terms
from .script import FEW, Script, fact_text, form_text
from .smt import asserted, call, equal, implies, name, negated, number, within


def witness_exists(cells: Cells, gadget: Gadget) -> Iterator[str]:
    """Texts of claims that ``cells``, one copy of a gadget's, have a witness for all honest inputs.

    A norm's has one for each exponent, and one that these are all.
    """
    first = _Honest(cells, gadget)
    yield first.text()
    for case in range(1, first.cases + 1):
        yield _Honest(cells, gadget, case).text()


@dataclass
class _Honest:
    cells: Cells
    gadget: Gadget
    case: int = 0
    cases: int = 0
    """How many rows the small table of a norm has; ``case`` is one of them, counted from 1."""
    windows: str = ""
    """That one of them suits."""
    defined: set[str] = field(default_factory=set)

    def text(self) -> str:
        cells = self.cells
        self.script = Script(cells)
        self.lines = self.script.lines
        unknown = set(cells.columns) | {v for v in cells.variables if "@sum" in v}
        self.defined = set(cells.variables) - unknown
        self.script.declare(unbounded=unknown)
        for fact in cells.facts:
            if not unknown & set(fact.names):
                self.assume(fact_text(fact))
        rules: list[Callable[[], bool]] = [
            self.token, self.normalise, self.maximum, self.choose, self.table, self.define,
            self.divide, self.digits,
        ]  # fmt: skip
        while self.undefined:
            if not any(rule() for rule in rules):
                left = ", ".join(sorted(self.undefined))
                raise UserError(f"{self.gadget.name}: no rule finds an honest {left}")
        if self.cases and not self.case:
            # That there is a case for each input.
            self.assume(negated(self.windows))
            return self.script.text
        goals = [self.inside(variable) for variable in sorted(unknown)]
        relations = [(row.names, self.script.row(row)) for row in cells.rows]
        relations += [(i.form.names, self.script.inside(i)) for i in cells.insides]
        relations += [(e.names, self.script.equation(e)) for e in cells.equations]
        for names, holds in relations:
            # What is about inputs alone says which inputs there are.
            if names & unknown:
                goals.append(holds)
            else:
                self.assume(holds)
        self.assume(negated(call("and", goals)))
        return self.script.text

    @property
    def undefined(self) -> set[str]:
        return set(self.cells.variables) - self.defined

    def assume(self, term: str) -> None:
        self.lines.append(asserted(term))

    def inside(self, variable: str) -> str:
        low, high = self.cells.variables[variable]
        return within(low, name(variable), high)

    def set(self, variable: str, value: str) -> None:
        self.assume(equal(name(variable), value))
        self.defined.add(variable)

    def symbol(self, value: str) -> str:
        found = self.script.new()
        self.assume(equal(found, value))
        return found

    def missing(self, form: Form) -> list[str]:
        return [variable for variable, _ in form.terms if variable not in self.defined]

    def known_part(self, form: Form) -> Form:
        terms = tuple((v, c) for v, c in form.terms if v in self.defined)
        return Form(terms, form.constant)

    def value_of(self, equation: Equation) -> str:
        """What is known of an equation's sum."""
        parts = [form_text(self.known_part(equation.form))]
        for coefficient, factors in equation.products:
            if not any(self.missing(factor) for factor in factors):
                parts.append(f"(* {number(coefficient)} {self.script.product(list(factors))})")
        return call("+", parts)

    def unknown_products(self, equation: Equation) -> list[tuple[int, tuple[Form, ...]]]:
        return [p for p in equation.products if any(self.missing(f) for f in p[1])]

    # Rules: each returns whether it found something

    def token(self) -> bool:
        """A token is any; that its gaps fit makes it the right one."""
        for variable in self.cells.places.values():
            if variable not in self.defined:
                self.assume(self.inside(variable))
                self.defined.add(variable)
                return True
        return False

    def table(self) -> bool:
        for row in self.cells.rows:
            data = self.cells.circuit.data[row.table]
            if self.missing(row.forms[0]) or len(data) <= FEW or len(row.forms) < 2:
                continue
            found = False
            for i, form in enumerate(row.forms[1:]):
                (variable,) = self.missing(form) or [""]
                if variable:
                    known = f"(- 0 {form_text(self.known_part(form))})"
                    held = self.contents(row, i, form_text(row.forms[0]))
                    self.set(variable, call("+", [held, known]))
                    found = True
            if found:
                return True
        return False

    def contents(self, row: Row, i: int, key: str) -> str:
        """What the i-th column of a table holds at a key."""
        data = self.cells.circuit.data[row.table]
        self.script.entries(row.table, data, [key, *([key] * (data.shape[1] - 1))])
        return self.script.functions[row.table].value(i, key, row.table)

    def define(self) -> bool:
        for equation in self.cells.equations:
            missing = self.missing(equation.form)
            if len(missing) != 1 or self.unknown_products(equation):
                continue
            coefficient = dict(equation.form.terms)[missing[0]]
            if abs(coefficient) == 1:
                self.set(missing[0], f"(* {number(-coefficient)} {self.value_of(equation)})")
                return True
        return False

    def digits(self) -> bool:
        for equation in self.cells.equations:
            missing, coefficients = self.missing(equation.form), dict(equation.form.terms)
            signs = {coefficients[v] > 0 for v in missing}
            if len(signs) == 1 and not self.unknown_products(equation):
                sign = 1 if True in signs else -1
                places = {v: sign * coefficients[v] for v in missing}
                total = self.symbol(f"(* {number(-sign)} {self.value_of(equation)})")
                self.write(total, places, self.stops(missing))
                return True
        return False

    def stops(self, variables: list[str]) -> bool:
        """Whether an honest prover stops where these columns do not hold a number."""
        columns = {self.cells.columns[v][0] for v in variables if v in self.cells.columns}
        read = set(self.gadget.read)
        for relation in self.gadget.relations:
            named = {term.column for term, _ in terms(relation)}
            if isinstance(relation, Linear) and named & read:
                read |= named  # What is read is a sum of it.
        return bool(columns & read) or bool(self.cells.places and not self.selects)

    @property
    def selects(self) -> bool:
        return any(fact.kind == "some" for fact in self.cells.facts)

    def write(self, total: str, places: dict[str, int], fits: bool) -> None:
        """Digits of a number, each from its column's least value on; ``fits``: only numbers that they hold."""
        order = sorted(places, key=lambda variable: places[variable])
        if places[order[0]] < 1:
            raise UserError(f"{order[0]}: a digit with a negative place")
        lows = {v: self.cells.variables[v][0] for v in order}
        offset = sum(places[v] * lows[v] for v in order)
        rest = self.symbol(f"(- {total} {number(offset)})")
        rest, _ = self.divided(rest, places[order[0]])
        for variable, above in zip(order, [*order[1:], None], strict=True):
            digit = rest
            if above:
                rest, digit = self.divided(rest, max(1, places[above] // places[variable]))
            self.set(variable, f"(+ {digit} {number(lows[variable])})")
        if fits:
            top = order[-1]
            self.assume(within(lows[top], name(top), self.cells.variables[top][1]))

    def divided(self, total: str, by: int) -> tuple[str, str]:
        """Quotient and remainder of a number."""
        quotient, rest = self.script.new(), self.script.new()
        self.assume(equal(total, f"(+ (* {number(by)} {quotient}) {rest})"))
        self.assume(within(0, rest, by - 1))
        return quotient, rest

    def divide(self) -> bool:
        for equation in self.cells.equations:
            products = self.unknown_products(equation)
            if len(products) != 1 or len(products[0][1]) != 2:
                continue
            coefficient, factors = products[0]
            (known, *_) = [f for f in factors if not self.missing(f)] or [None]
            rest = self.missing(equation.form)
            if known is None or not rest:
                continue
            (quotient,) = [f for f in factors if f is not known]
            sign = -1 if coefficient < 0 else 1
            total = self.symbol(f"(* {number(-sign)} {self.value_of(equation)})")
            denominator, q, r = self.symbol(form_text(known)), self.script.new(), self.script.new()
            self.assume(f"(>= {denominator} 1)")
            self.assume(equal(total, f"(+ (* {q} {denominator}) {r})"))
            self.assume(f"(and (<= 0 {r}) (< {r} {denominator}))")
            places = {v: sign * dict(equation.form.terms)[v] for v in rest}
            factor_places = dict(quotient.terms)
            self.write(q, factor_places, self.stops(list(factor_places)))
            self.write(r, places, False)
            return True
        return False

    def normalise(self) -> bool:
        """p m + rest = S, p in a small table of rows that also determine other columns."""
        for equation in self.cells.equations:
            factors = equation.products[0][1] if equation.products else ()
            names = [f.terms[0][0] for f in factors if len(f.terms) == 1]
            if len(names) != 2 or any(v in self.defined for v in names):
                continue
            p = next((v for v in names if v in self.script.few), "")
            if not p or len(equation.form.terms) != 1:
                continue
            (m,) = [v for v in names if v != p]
            ((whole, _),) = equation.form.terms
            other = next(
                e for e in self.cells.equations if whole in e.form.names and e is not equation
            )
            rest = [v for v in self.missing(other.form) if v != whole]
            if not rest or self.unknown_products(other):
                continue
            total = self.symbol(f"(* (- 1) {self.value_of(other)})")
            self.split(total, p, m, whole)
            places = {v: dict(other.form.terms)[v] for v in rest}
            self.write(self.symbol(f"(- {total} {name(whole)})"), places, False)
            return True
        return False

    def split(self, total: str, p: str, m: str, whole: str) -> None:
        """p, what stands in its row, m and p m for the row that makes m fit."""
        row = next(r for r in self.cells.rows if Form(((p, 1),)) in r.forms)
        place = row.forms.index(Form(((p, 1),)))
        rows = sorted(self.cells.circuit.data[row.table].tolist(), key=lambda found: found[place])
        low, high = self.cells.variables[m]
        self.cases = len(rows)
        self.assume(within(rows[0][place] * low, total, rows[-1][place] * (high + 1) - 1))
        windows = [
            call("and", [f"(<= {number(r[place] * low)} {total})", f"(< {total} {number(above)})"])
            for r, above in zip(
                rows,
                [*(r[place] * low for r in rows[1:]), rows[-1][place] * (high + 1)],
                strict=True,
            )
        ]
        self.windows = call("or", windows)
        if self.case:
            found = rows[self.case - 1]
            self.assume(windows[self.case - 1])
            for form, value in zip(row.forms, found, strict=True):
                self.set(form.terms[0][0], number(value))
            self.set(m, self.divided(total, found[place])[0])
            self.set(whole, f"(* {number(found[place])} {name(m)})")
        self.defined |= {form.terms[0][0] for form in row.forms} | {m, whole}

    def maximum(self) -> bool:
        """At the selected cell the key of the table is 0; nowhere is an allowed one below."""
        some = next((fact for fact in self.cells.facts if fact.kind == "some"), None)
        if some is None or some.names[0] in self.defined:
            return False
        total, summand = some.names
        _, _, place = self.cells.columns[summand]
        rows = [row for row in self.cells.rows if len(row.forms) > 1]
        (at,) = [row for row in rows if Form(((summand, 1),)) in row.forms]
        for row in rows:
            below = f"(>= {form_text(row.forms[0])} 0)"
            masks = row.forms[0].names & set(self.masks)
            for variable in masks:
                allowed = equal(name(variable), "1")
                self.assume(allowed if row is at else implies(allowed, below))
            if not masks:  # Every cell is allowed.
                self.assume(below)
        key = at.forms[0]
        missing = self.missing(key)
        places = {v: dict(key.terms)[v] for v in missing}
        known = self.symbol(f"(* (- 1) {form_text(self.known_part(key))})")
        self.write(known, places, False)
        for row in rows:
            index = self.index_of(row, summand)
            here = equal(name(self.cells.places[place]), name(self.cells.places[index]))
            (chosen,) = [
                f.terms[0][0]
                for f in row.forms[1:]
                if self.cells.columns[f.terms[0][0]][0] == self.cells.columns[summand][0]
            ]
            self.set(chosen, f"(ite {here} 1 0)")
        self.set(total, "1")
        return True

    @property
    def masks(self) -> list[str]:
        """Variables of public columns: in the key of a softmax's table, whether a cell is allowed."""
        masks = [c.name for c in self.cells.circuit.columns if c.home == "public"]
        return [v for v in self.cells.variables if v.partition("[")[0] in masks]

    def index_of(self, row: Row, summand: str) -> str:
        """The place of a row's cell."""
        return next(
            place
            for place in self.cells.places
            if any(f"@{place}" in v for form in row.forms for v in form.names)
        )

    def choose(self) -> bool:
        """A column of two values that lookups of one entry decide."""
        for variable, values in self.script.few.items():
            rows = [r for r in self.cells.rows if variable in r.names]
            open_ = {v for row in rows for form in row.forms for v in self.missing(form)}
            options = sorted(set(values))
            alone = all(form == Form(((variable, 1),)) for row in rows for form in row.forms)
            if variable in self.defined or len(options) != 2 or open_ != {variable} or alone:
                continue
            first = [self.script.row(_with(row, variable, options[0])) for row in rows]
            self.set(variable, f"(ite {call('and', first)} {options[0]} {options[1]})")
            return True
        return False


def _with(row: Row, variable: str, value: int) -> Row:
    """A row with a value in a variable's place."""
    forms = []
    for form in row.forms:
        coefficient = dict(form.terms).get(variable, 0)
        terms = tuple((v, c) for v, c in form.terms if v != variable)
        forms.append(Form(terms, form.constant + coefficient * value))
    return replace(row, forms=tuple(forms))
