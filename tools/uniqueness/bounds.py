"""That no relation wraps: what holds modulo the prime holds over the integers.

|left| + |right| of an einsum, and |left| of a linear relation, stay within the bound that stands on it, below the
prime, if all columns are in their ranges; what is looked up and what is in the table differ by less than the prime.
Intervals of affine forms and of products show most of it. Sums over n cells are bounded by n times what bounds each
cell, and an inequality that holds at each cell holds of the sums. Three sides are smaller than their intervals:

* x u g, where |x|^2 was shown to be 4^e m + rem, rem < 4^e and u = 2^(E - e) r: with |x|^2 in units of 4^e,
  (x u)^2 <= 4^E (m + 1) r^2, which the table of m and r bounds;
* sum e v inv, where inv sum e = 2^k - rem: |e v| <= e V at each cell;
* |x|^2, where x differs by a small d from an x' whose |x'|^2 was shown to be small before:
  (x' + d)^2 <= (1 + B/A) x'^2 + (1 + A/B) d^2 at each cell, so |x|^2 <= (A + B)^2 where A >= |x'| and B >= |d|.
  That is an induction over the norms of a stream, in the order of layers.

Numbers are real here, which is more than what has to be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from math import isqrt

from ...errors import expect
from ...runtime.circuit.index import Index
from ...runtime.circuit.index_maps import composed
from ...runtime.circuit.relations import PRIME, Circuit, Einsum, Expr, Linear, Lookup, Product, Term
from .cells import Cells
from .claims import Claim
from .gadgets import Gadget, Relation, earlier, gadgets, relations
from .intervals import Interval, Intervals, magnitude, scaled, times
from .norms import norm_limit
from .script import FEW, Script
from .smt import asserted, call, declared, equal, implies, name, negated, number, within

Cell = tuple[str, int | None, tuple[str, ...]]
"""A column, the layer at which it is read, and how along its other axes."""
LAYER = "layer"


def bounds(circuit: Circuit) -> Iterator[Claim]:
    """The claims on all relations; those on one relation have it as their subject."""
    yield from _Bounds(circuit).claims()


def false_bounds(circuit: Circuit) -> list[tuple[Einsum | Linear, int]]:
    """The relations whose sides may exceed the bound that stands on them, and how far they may go.

    It needs no solver, as it takes the ranges of columns as they are declared, and knows norms by their form only
    (`norms`).
    """
    least = least_bounds(circuit)
    found = [*circuit.einsums, *circuit.linears]
    return [(each, least[each.name]) for each in found if each.bound < least[each.name]]


def false_bound(relation: Einsum | Linear, most: int) -> str:
    """What is wrong with one of them, for people."""
    path = f" ({relation.origin})" if relation.origin else ""
    return f"relation {relation.name}{path}: its sides may reach {most}, more than its bound {relation.bound}"


def least_bounds(circuit: Circuit) -> dict[str, int]:
    """By einsum and linear relation, the least bound that is shown for it."""
    whole = _Bounds(circuit, premises=False)
    for _ in whole.claims():
        pass  # Each finds its bound on the way.
    return whole.least


@dataclass
class _Query:
    """Text of a claim: variables of real numbers in intervals, assumptions, and what must not be."""

    lines: list[str] = field(default_factory=list)

    def variable(self, symbol: str, interval: Interval | None = None) -> str:
        self.lines.append(declared(name(symbol), "Real"))
        if interval:
            self.lines.append(asserted(within(interval[0], name(symbol), interval[1])))
        return name(symbol)

    def assume(self, term: str) -> None:
        self.lines.append(asserted(term))

    def text(self, wanted: str) -> str:
        return "\n".join([*self.lines, asserted(negated(wanted))]) + "\n"


@dataclass
class _Bounds:
    circuit: Circuit
    premises: bool = True
    """Whether to claim what the bounds on norms and averages rest on, too."""
    norms: list[tuple[dict[Cell, int], int, int]] = field(default_factory=list)
    """Of squares shown so far: what is squared, its constant, and a bound on its norm."""
    least: dict[str, int] = field(default_factory=dict)
    """The largest |left| + |right| of each relation so far."""

    def __post_init__(self) -> None:
        self.intervals = Intervals(self.circuit)
        self.gadgets = gadgets(self.circuit) if self.premises else []
        self.definitions = dict(_definitions(self.circuit))

    def claims(self) -> Iterator[Claim]:
        for relation in relations(self.circuit):
            if not is_square(relation):
                yield from self.relation(relation)
        yield from self.squares()

    def claim(self, relation: Relation, text: str) -> Claim:
        return Claim("bound", relation.name, text)

    # Intervals, step by step

    def expr(self, relation: Relation, expr: Expr, interval: Interval) -> Claim:
        """An affine form stays in an interval, wherever its terms depend on the place."""
        query, cases = _Query(), []
        variables = [query.variable(f"term {i}") for i in range(len(expr.terms))]
        seen = set()
        for place in self.intervals.places(expr):
            ranges = tuple(self.intervals.term(term, place) for term in expr.terms)
            if ranges in seen:
                continue
            seen.add(ranges)
            inside = [within(a, v, b) for v, (a, b) in zip(variables, ranges, strict=True)]
            cases.append(call("and", inside))
        query.assume(call("or", cases))
        terms = zip(expr.terms, variables, strict=True)
        parts = [f"(* {number(term.coefficient)} {variable})" for term, variable in terms]
        value = call("+", [*parts, number(expr.constant)])
        return self.claim(relation, query.text(within(interval[0], value, interval[1])))

    def product(self, relation: Relation, factors: list[Interval], found: Interval) -> Claim:
        """A product of numbers in intervals, or the square of one."""
        query = _Query()
        variables = [query.variable(f"factor {i}", f) for i, f in enumerate(factors)]
        if len(variables) == 1:
            variables *= 2
        return self.claim(relation, query.text(within(found[0], call("*", variables), found[1])))

    def sides(self, relation: Einsum | Linear, left: Interval, right: list[Interval]) -> Claim:
        """|left| + |right| is within the bound, which is below the prime."""
        found = magnitude(left) + sum(map(magnitude, right))
        self.least[relation.name] = max(found, self.least.get(relation.name, 1))
        query = _Query()
        lhs = query.variable("left", left)
        parts = [query.variable(f"right {i}", each) for i, each in enumerate(right)]
        rhs, bound = call("+", parts), number(relation.bound)
        cases = [f"(+ {lhs} {rhs})", f"(- {lhs} {rhs})"]
        inside = [f"(<= (- {bound}) {case} {bound})" for case in cases]
        return self.claim(relation, query.text(call("and", [*inside, f"(< {bound} {PRIME})"])))

    # Relations

    def relation(self, relation: Relation) -> Iterator[Claim]:
        if isinstance(relation, Einsum):
            yield from self.einsum(relation)
        elif isinstance(relation, Linear):
            left = self.intervals.expr(relation.expr)
            yield self.expr(relation, relation.expr, left)
            yield self.sides(relation, left, [])
        elif isinstance(relation, Lookup):
            data = self.circuit.data[relation.table]
            for expr, column in zip(relation.exprs, data.T, strict=True):
                yield from self.differ(relation, expr, (int(column.min()), int(column.max())))
        else:
            rows = self.intervals.size(relation.source.axes[0]) - 1
            yield from self.differ(relation, relation.index, (0, rows))
            yield from self.differ(relation, relation.value, self.intervals.expr(relation.source))

    def differ(self, relation: Relation, expr: Expr, other: Interval) -> Iterator[Claim]:
        """A form and a number in an interval differ by less than the prime."""
        found = self.intervals.expr(expr)
        yield self.expr(relation, expr, found)
        query = _Query()
        value, entry = query.variable("value", found), query.variable("entry", other)
        less = f"(< (- {PRIME}) (- {value} {entry}) {PRIME})"
        yield self.claim(relation, query.text(less))

    def einsum(self, einsum: Einsum) -> Iterator[Claim]:
        left = self.intervals.expr(einsum.lhs)
        yield self.expr(einsum, einsum.lhs, left)
        right = [self.intervals.product(p, einsum.lhs.axes) for p in einsum.products]
        enough = magnitude(left) + sum(
            abs(p.coefficient) * magnitude(r) for p, r in zip(einsum.products, right, strict=True)
        )
        for i, product in enumerate(einsum.products):
            special = None
            if enough > einsum.bound:
                special = self.normalised(einsum, product) or self.averaged(einsum, product)
            if special:
                right[i], claims = special
                if self.premises:
                    yield from claims
            else:
                yield from self.plain(einsum, product)
            right[i] = scaled(product.coefficient, right[i])
        yield self.sides(einsum, left, right)

    def plain(self, einsum: Einsum, product: Product) -> Iterator[Claim]:
        factors = list(dict.fromkeys(product.factors))
        ranges = [self.intervals.expr(factor) for factor in factors]
        for factor, interval in zip(factors, ranges, strict=True):
            yield self.expr(einsum, factor, interval)
        found = (1, 1)
        for interval in ranges:
            found = times(found, interval)
        if len(factors) < len(product.factors):
            found = 0, magnitude(ranges[0]) ** 2
        if len(product.factors) > 1:
            yield self.product(einsum, ranges, found)

    # x u g

    def normalised(
        self, einsum: Einsum, product: Product
    ) -> tuple[Interval, Iterator[Claim]] | None:
        """The bound on a normalised value times a gain, and the claims that show it."""
        for found in filter(is_square, self.circuit.einsums):
            square = expect(found, Einsum)
            x = square.products[0].factors[0]
            others = [f for f in product.factors if f != x]
            if not self.premises:
                for u, gain in permutations(others, 2):
                    if limit := norm_limit(self.circuit, square, u):
                        high = limit * magnitude(self.intervals.expr(gain))
                        return (-high, high), iter(())
                continue
            gadget = next(g for g in self.gadgets if square in g.relations)
            for u in others:
                column = u.terms[0].column
                if len(others) == 2 and u.terms[1:] == () and column in gadget.columns:
                    (gain,) = [f for f in others if f != u]
                    return self.by_norm(einsum, square, gadget, column, gain)
        return None

    def by_norm(
        self, einsum: Einsum, square: Einsum, gadget: Gadget, u: str, gain: Expr
    ) -> tuple[Interval, Iterator[Claim]] | None:
        parts = _norm_parts(self.circuit, gadget, u)
        if parts is None:
            return None
        p4, m, r, exponents, reciprocals = parts
        unit = int(exponents[0][0] ** 2 * exponents[0][1])
        most = max((int(a) + 1) * int(b) ** 2 for a, b in reciprocals)
        limit = isqrt(most * unit) + 1
        found = self.intervals.expr(gain)

        def claims() -> Iterator[Claim]:
            columns = frozenset(column.name for column in self.circuit.columns)
            names = frozenset(relation.name for relation in relations(self.circuit))
            cells = Cells(
                self.circuit, self.intervals, gadget.columns, gadget.relations, columns, names, (1,)
            )
            script = Script.of(cells)
            total = next(
                name(n)
                for e in cells.equations
                if e.label == f"{square.name}#1"
                for n in e.form.names
                if n not in cells.columns and " * " in n
            )
            variables = {c: name(v) for v, (c, *_) in cells.columns.items()}
            cases = []
            for d, c in exponents.tolist():
                row = equal(variables[p4], number(c))
                small = f"(< {total} (* {number(c)} (+ {variables[m]} 1)))"
                scale = equal(variables[u], f"(* {number(d)} {variables[r]})")
                exact = equal(number(c * d * d), number(unit))
                cases.append(implies(row, call("and", [small, scale, exact])))
            text = script.text + asserted(negated(call("and", cases))) + "\n"
            yield Claim("bound", einsum.name, text, gadget, cells)
            query = _Query()
            y, m_, r_ = (query.variable(v) for v in ("x^2 / 4^e", "m", "r"))
            query.assume(f"(< {y} (+ {m_} 1))")
            query.assume(f"(<= (* (+ {m_} 1) {r_} {r_}) {number(most)})")
            yield self.claim(einsum, query.text(f"(<= (* {y} {r_} {r_}) {number(most)})"))
            query = _Query()
            z, g = query.variable("x u"), query.variable("gain", found)
            query.assume(f"(<= (* {z} {z}) {number(most * unit)})")
            yield self.claim(einsum, query.text(within(-limit, z, limit)))
            yield self.expr(einsum, gain, found)
            query = _Query()
            z, g = query.variable("x u", (-limit, limit)), query.variable("gain", found)
            high = limit * magnitude(found)
            yield self.claim(einsum, query.text(within(-high, f"(* {z} {g})", high)))

        high = limit * magnitude(found)
        return (-high, high), claims()

    # sum e v inv

    def averaged(self, einsum: Einsum, product: Product) -> tuple[Interval, Iterator[Claim]] | None:
        """The bound on a weighted sum whose weights' sum times the same factor is known."""
        for other in self.circuit.einsums:
            if other is einsum or len(other.products) != 1:
                continue
            for e in product.factors:
                for inverse in product.factors:
                    total = [f for f in other.products[0].factors if f != inverse]
                    if len(total) == 1 and _is_sum_of(total[0], e) and inverse != e:
                        (v,) = [f for f in product.factors if f not in (e, inverse)]
                        return self.by_weights(einsum, other, e, inverse, v)
        return None

    def by_weights(
        self, einsum: Einsum, other: Einsum, e: Expr, inverse: Expr, v: Expr
    ) -> tuple[Interval, Iterator[Claim]] | None:
        weights, values, factor = map(self.intervals.expr, (e, v, inverse))
        most, largest = self.intervals.expr(other.lhs)[1], magnitude(values)
        if weights[0] < 0 or factor[0] < 0 or other.products[0].coefficient != 1:
            return None
        high = most * largest

        def claims() -> Iterator[Claim]:
            for expr, interval in ((e, weights), (v, values), (inverse, factor)):
                yield self.expr(einsum, expr, interval)
            query = _Query()
            a, b = query.variable("weight", weights), query.variable("value", values)
            inside = f"(<= (* {number(-largest)} {a}) (* {a} {b}) (* {number(largest)} {a}))"
            yield self.claim(einsum, query.text(inside))
            query = _Query()
            total, mixed = query.variable("sum of weights"), query.variable("sum of products")
            scale = query.variable("factor", factor)
            query.assume(f"(<= (* {scale} {total}) {number(most)})")
            query.assume(
                f"(<= (* {number(-largest)} {total}) {mixed} (* {number(largest)} {total}))"
            )
            yield self.claim(einsum, query.text(within(-high, f"(* {scale} {mixed})", high)))

        return (-high, high), claims()

    # |x|^2

    def squares(self) -> Iterator[Claim]:
        """Sums of squares in the order of layers, then those after all layers."""
        squares = [e for e in self.circuit.einsums if is_square(e)]
        layers = self.intervals.size(LAYER) if LAYER in self.circuit.axis else 0
        within_layers = [e for e in squares if LAYER in e.lhs.axes]
        seen: set[str] = set()
        for layer in range(layers):
            for einsum in within_layers:
                yield from _new(self.square(einsum, layer), seen)
        for einsum in squares:
            if einsum not in within_layers:
                yield from _new(self.square(einsum, None), seen)

    def square(self, einsum: Einsum, layer: int | None) -> Iterator[Claim]:
        """A sum of squares, at one layer, by its interval or as near to one before it."""
        (product,) = einsum.products
        x, n = product.factors[0], self.intervals.cells(product, einsum.lhs.axes)
        if layer is None and LAYER in x.axes:  # A sum over layers is near to none before it.
            yield from self.einsum(einsum)
            return
        left = self.intervals.expr(einsum.lhs)
        cells, constant = self.flat(x, layer)
        largest = magnitude(self.range_of(cells, constant))
        best, claims = (
            isqrt(n * largest**2) + 1,
            [
                self.flat_claim(einsum, cells, constant, largest),
                self.product(einsum, [(-largest, largest)], (0, largest**2)),
            ],
        )
        total = n * largest**2
        for before, offset, norm in self.norms:
            difference = {k: cells.get(k, 0) - before.get(k, 0) for k in cells | before}
            difference = {k: c for k, c in difference.items() if c}
            step = magnitude(self.range_of(difference, constant - offset))
            small = isqrt(n * step**2) + 1
            if norm + small < best:
                best, total = norm + small, (norm + small) ** 2
                claims = self.near(einsum, difference, constant - offset, step, n, norm, small)
        yield self.expr(einsum, einsum.lhs, left)
        yield from claims
        yield self.sides(einsum, left, [scaled(product.coefficient, (0, total))])
        shown = min(best, isqrt(left[1]) + 1)
        self.norms.append((cells, constant, shown))

    def near(
        self,
        einsum: Einsum,
        difference: dict[Cell, int],
        constant: int,
        step: int,
        n: int,
        norm: int,
        small: int,
    ) -> list[Claim]:
        """|x' + d|^2 <= (norm + small)^2 if |x'| <= norm and |d_i| <= step for n of them."""
        query = _Query()
        x, d = query.variable("x'"), query.variable("d")
        a, b = f"(/ {small} {norm})", f"(/ {norm} {small})"
        sides = f"(+ (* (+ 1 {a}) {x} {x}) (* (+ 1 {b}) {d} {d}))"
        cell = query.text(f"(<= (* (+ {x} {d}) (+ {x} {d})) {sides})")
        query = _Query()
        squares = query.variable("sum of x'^2", (0, norm**2))
        steps = query.variable("sum of d^2", (0, n * step**2))
        total = query.variable("sum of x^2")
        query.assume(f"(<= {total} (+ (* (+ 1 {a}) {squares}) (* (+ 1 {b}) {steps})))")
        sums = query.text(f"(<= {total} {number((norm + small) ** 2)})")
        return [
            self.flat_claim(einsum, difference, constant, step),
            self.product(einsum, [(-step, step)], (0, step**2)),
            self.claim(einsum, cell),
            self.claim(einsum, sums),
        ]

    def flat_claim(
        self, einsum: Einsum, cells: dict[Cell, int], constant: int, largest: int
    ) -> Claim:
        """A sum over cells, layer by layer, is no larger."""
        query = _Query()
        parts = [number(constant)]
        for cell, coefficient in cells.items():
            column, layer, reads = cell
            symbol = f"{column} at {layer} {' '.join(reads)}"
            variable = query.variable(symbol, self.cell_range(cell))
            parts.append(f"(* {number(coefficient)} {variable})")
        return self.claim(einsum, query.text(within(-largest, call("+", parts), largest)))

    def range_of(self, cells: dict[Cell, int], constant: int) -> Interval:
        low = high = constant
        for cell, coefficient in cells.items():
            a, b = scaled(coefficient, self.cell_range(cell))
            low, high = low + a, high + b
        return low, high

    def flat(self, expr: Expr, layer: int | None) -> tuple[dict[Cell, int], int]:
        """An expression as a sum over cells of columns, each at its layer, and a constant.

        A generated token stands for the position that it is read at, a gathered row for the one that it was.
        """
        cells: dict[Cell, int] = {}
        constant = expr.constant
        for term in expr.terms:
            column = self.circuit.column[term.column]
            layers: list[int | None] = [None]
            reads = []
            for index, axis in zip(term.indices, column.axes, strict=True):
                if axis == LAYER and index.kind in ("same", "before", "sum"):
                    layers = list(self.layers_read(index.kind, layer))
                else:
                    reads.append(self.reading(index, axis))
            rows = next((g for g in self.circuit.gathers if _alone(g.value) == term.column), None)
            inner = self.definition(term)
            # Beside others of positions, rows at other positions would not be the same.
            whole = not any(self.of_positions(other) for other in expr.terms if other is not term)
            if rows and whole and self.circuit.axis[rows.source.axes[0]].size == "tokens":
                inner, layers = rows.source, [layer]
            if inner:
                for each in layers:
                    part, offset = self.flat(inner, each)
                    for cell, coefficient in part.items():
                        cells[cell] = cells.get(cell, 0) + term.coefficient * coefficient
                    constant += term.coefficient * offset
                continue
            if column.home == "public" and column.axes == (LAYER,):
                data = self.circuit.data[column.name]
                constant += term.coefficient * sum(int(data[each or 0]) for each in layers)
                continue
            for each in layers:
                cell = term.column, each, tuple(reads)
                cells[cell] = cells.get(cell, 0) + term.coefficient
        return cells, constant

    def of_positions(self, term: Term) -> bool:
        """Whether what a term reads belongs to positions, or is gathered."""
        gathered = any(_alone(g.value) == term.column for g in self.circuit.gathers)
        axes = self.circuit.column[term.column].axes
        return gathered or any(self.circuit.axis[axis].size == "tokens" for axis in axes)

    def definition(self, term: Term) -> Expr | None:
        """What a linear relation says that a column is, by columns before it or at layers before, read as the
        term reads it; None where nothing does, or it can not be read so. Layers are those of the column."""
        defined = self.definitions.get(term.column)
        if defined is None:
            return None
        outer = dict(zip(defined.axes, term.indices, strict=True))
        if any(i.kind in ("sum", "before", "rotate") for a, i in outer.items() if a != LAYER):
            return None
        found = []
        for inner in defined.terms:
            indices = [_through(index, outer) for index in inner.indices]
            if None in indices:
                return None
            found.append(replace(inner, indices=tuple(indices)))
        return Expr(defined.axes, tuple(found), defined.constant)

    def layers_read(self, kind: str, layer: int | None) -> range:
        if kind == "sum":
            return range(self.intervals.size(LAYER))
        own = expect(layer, int)
        return range(own) if kind == "before" else range(own, own + 1)

    def reading(self, index: Index, axis: str) -> str:
        """How an axis is read, with the position that a generated token is read at called by its own name."""
        names = {"window": "same", "previous": "token", "generating": "position"}
        named = names.get(index.kind, index.kind)
        return " ".join([axis, named, *map(str, index.table)])

    def cell_range(self, cell: Cell) -> Interval:
        """What is read there: a cell, one with either sign, or a sum of cells."""
        column, _, reads = cell
        low, high = self.circuit.column[column].low, self.circuit.column[column].high
        for axis, kind in (read.split(" ")[:2] for read in reads):
            n = self.intervals.size(axis)
            if kind == "rotate":
                low, high = min(low, -high), max(high, -low)
            elif kind == "sum":
                low, high = n * low, n * high
            elif kind == "before":
                low, high = min(0, (n - 1) * low), max(0, (n - 1) * high)
        return low, high


def is_square(relation: Relation) -> bool:
    """Whether a relation is about a sum of squares."""
    if not isinstance(relation, Einsum) or len(relation.products) != 1:
        return False
    factors = relation.products[0].factors
    return len(factors) == 2 and factors[0] == factors[1]


def _new(claims: Iterator[Claim], seen: set[str]) -> Iterator[Claim]:
    """Claims that were not made at another layer."""
    for claim in claims:
        if claim.text + claim.subject not in seen:
            seen.add(claim.text + claim.subject)
            yield claim


def _alone(expr: Expr) -> str:
    """The column that an expression is, or ""."""
    whole = len(expr.terms) == 1 and expr.constant == 0 and expr.terms[0].coefficient == 1
    return expr.terms[0].column if whole else ""


def _is_sum_of(total: Expr, summand: Expr) -> bool:
    """Whether a form is a column summed over an axis, and another one the column itself."""
    column = _alone(total)
    kinds = [index.kind for term in total.terms for index in term.indices]
    return bool(column) and column == _alone(summand) and kinds.count("sum") == 1


def _definitions(circuit: Circuit) -> Iterator[tuple[str, Expr]]:
    """Columns that a linear relation gives, each by columns before it or at layers before."""
    order = {column.name: i for i, column in enumerate(circuit.columns)}
    for linear in circuit.linears:
        expr = linear.expr
        for term in expr.terms:
            own = tuple(Index("same", axis) for axis in expr.axes)
            rest = tuple(other for other in expr.terms if other is not term)
            column = circuit.column[term.column]
            if (term.coefficient, term.indices, column.axes) == (-1, own, expr.axes) and all(
                earlier(other) or order[other.column] < order[term.column] for other in rest
            ):
                yield term.column, Expr(expr.axes, rest, expr.constant)


def _through(inner: Index, outer: Mapping[str, Index]) -> Index | None:
    """How what a definition reads is read by whoever reads the defined column; None for no way that has a name."""
    if not inner.axis or inner.axis == LAYER:
        return inner
    through = outer[inner.axis]
    return composed(inner, through)


def _norm_parts(circuit: Circuit, gadget: Gadget, u: str):
    """The columns 4^e, m, r of a norm's gadget, whose u is r 2^(E-e); its tables of (2^(E-e), 4^e) and (m, r)."""
    pairs = {}
    for relation in gadget.relations:
        if isinstance(relation, Lookup) and len(relation.exprs) == 2:
            first, second = map(_alone, relation.exprs)
            data = circuit.data[relation.table]
            pairs[len(data) <= FEW] = first, second, data
    scales = [
        {_alone(factor) for factor in relation.products[0].factors}
        for relation in gadget.relations
        if isinstance(relation, Einsum) and _alone(relation.lhs) == u
    ]
    if set(pairs) != {True, False} or len(scales) != 1:
        return None
    (p2, p4, exponents), (m, r, reciprocals) = pairs[True], pairs[False]
    return (p4, m, r, exponents, reciprocals) if scales[0] == {p2, r} else None
