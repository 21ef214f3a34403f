"""How large an expression gets: its least and largest value if every column is in its declared range.

Where an expression reads layers before its own, rotates an axis, moves a window over one or names the index of one,
its terms depend on each other through the place along that axis; it is bounded at each place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from ...runtime.circuit.extents import Shape
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import Circuit, Column, Expr, Product, Term

Interval = tuple[int, int]
Place = Mapping[str, int]


def magnitude(interval: Interval) -> int:
    """The largest absolute value in an interval."""
    return max(abs(interval[0]), abs(interval[1]))


def times(a: Interval, b: Interval) -> Interval:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def scaled(factor: int, interval: Interval) -> Interval:
    ends = factor * interval[0], factor * interval[1]
    return min(ends), max(ends)


def _inside(index: Index, place: int, size: int) -> bool:
    """Whether a window that moves over an axis reads an entry at a place."""
    step, start = index.table
    return 0 <= step * place + start < size


@dataclass(frozen=True)
class Intervals:
    """The intervals of a circuit's expressions at its largest shape, which covers all smaller ones."""

    circuit: Circuit

    def size(self, axis: str) -> int:
        return Shape(self.circuit.extents).size(self.circuit.axis[axis])

    def expr(self, expr: Expr) -> Interval:
        ends = [self.at(expr, place) for place in self.places(expr)]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def at(self, expr: Expr, place: Place) -> Interval:
        """The interval of an expression at one place along its dependent axes."""
        low = high = expr.constant
        for term in expr.terms:
            least, most = scaled(term.coefficient, self.term(term, place))
            low, high = low + least, high + most
        return low, high

    def places(self, expr: Expr) -> Iterator[Place]:
        """Places along the axes through which terms of an expression depend on each other, each kind once."""
        kinds: dict[str, set[str]] = {}
        for term in expr.terms:
            for index in term.indices:
                if index.kind in ("before", "rotate", "stride"):
                    kinds.setdefault(index.axis, set()).add(index.kind)
        names = sorted(kinds)
        sizes = [self.size(axis) for axis in names]
        along = [
            self._alike(expr, axis, size) if kinds[axis] == {"stride"} else range(size)
            for axis, size in zip(names, sizes, strict=True)
        ]
        for place in product(*along):
            yield dict(zip(names, place, strict=True))

    def _alike(self, expr: Expr, axis: str, size: int) -> list[int]:
        """Of the places along an axis that only windows move over, one for each choice of what these have inside,
        and of what public columns hold there."""
        found: dict[tuple[object, ...], int] = {}
        for i in range(size):
            read: list[object] = []
            for term in expr.terms:
                column = self.circuit.column[term.column]
                for at, (index, own) in enumerate(zip(term.indices, column.axes, strict=True)):
                    if index.axis == axis and index.kind == "stride":
                        read.append(_inside(index, i, self.size(own)))
                    elif index.axis == axis and self._known(column):
                        read.append(self.circuit.data[column.name].take(i, at).tobytes())
            found.setdefault(tuple(read), i)
        return [*found.values()]

    def term(self, term: Term, place: Place | None = None) -> Interval:
        """The interval of a term without its coefficient."""
        column, place = self.circuit.column[term.column], place or {}
        low, high = self.column(column, term, place)
        for index, axis in zip(term.indices, column.axes, strict=True):
            n = self.size(axis)
            if index.kind == "sum":
                low, high = n * low, n * high
            elif index.kind == "before" and index.axis in place:
                low, high = place[index.axis] * low, place[index.axis] * high
            elif index.kind == "before":
                low, high = min(0, (n - 1) * low), max(0, (n - 1) * high)
            elif index.kind == "rotate" and place.get(index.axis, n) < n // 2:
                low, high = -high, -low
            elif index.kind == "rotate" and index.axis not in place:
                low, high = min(low, -high), max(high, -low)
            elif index.kind == "stride" and index.axis not in place:
                low, high = min(low, 0), max(high, 0)
            elif index.kind == "stride" and not _inside(index, place[index.axis], n):
                low, high = 0, 0
        return low, high

    def _known(self, column: Column) -> bool:
        return column.home == "public" and column.kind == "data"

    def column(self, column: Column, term: Term, place: Place) -> Interval:
        """A column's declared range, or its contents where the place says which cell is read."""
        if self._known(column) and all(i.kind == "same" and i.axis in place for i in term.indices):
            value = int(self.circuit.data[column.name][tuple(place[i.axis] for i in term.indices)])
            return value, value
        return column.low, column.high

    def cells(self, product: Product, kept: tuple[str, ...]) -> int:
        """How many cells a product is summed over."""
        axes = {axis for factor in product.factors for axis in factor.axes} - set(kept)
        return prod(self.size(axis) for axis in axes)

    def product(self, product: Product, kept: tuple[str, ...]) -> Interval:
        """A product without its coefficient, summed over the axes that are not ``kept``."""
        factors, found = list(product.factors), (1, 1)
        if len(factors) == 2 and factors[0] == factors[1]:
            found = 0, magnitude(self.expr(factors[0])) ** 2
            factors = []
        for factor in factors:
            found = times(found, self.expr(factor))
        return scaled(self.cells(product, kept), found)
