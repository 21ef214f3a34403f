"""What the einsums and linear relations of a proof cost, counted on sizes alone.

The prover's own steps (`einsum.prover`, `contraction.bind`, `product_sum`) are followed with axes in the place of
tables: each cell of a factor is multiplied once with a weight in K as axes are bound, and what is left is folded
round by round. Not counted are the sums of columns that make a factor, and tables of eq.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..runtime.circuit.relations import Expr
from ..runtime.kernels.products import half_of
from ..runtime.protocol.axis_weights import Expander, Sparse, Weight
from ..runtime.protocol.einsum.contraction import JOINT
from ..runtime.protocol.einsum.product_sum import LIMIT
from ..runtime.protocol.plan import Instance, Plan


@dataclass(frozen=True)
class Shadow:
    """A table of which only the axes are known; ``small`` if it holds integers, of at most ``bound``."""

    axes: tuple[str, ...]
    small: bool
    bound: int = 0


@dataclass
class Counts:
    """Integers times weights in K, and products in K."""

    macs: int = 0
    products: int = 0

    def contract(self, table: Shadow, cells: int) -> None:
        if table.small:
            self.macs += cells
        else:
            self.products += cells


def instance_counts(plan: Plan, instance: Instance) -> Counts:
    """Of the sumcheck of one product of an einsum."""
    counts = Counts()
    axes = {axis for factor in instance.factors for axis in factor.axes}
    size = {axis: plan.sizes([axis])[0] for axis in axes}
    tables = []
    for factor in instance.factors:
        bound = [axis for axis in factor.axes if axis not in instance.variables]
        whole = Shadow(factor.axes, True, largest(plan, factor))
        tables.append(_bind(whole, bound, size, counts))
    uses = [instance.factors.index(factor) for factor in instance.product.factors]
    _Rounds(instance, tables, uses, size, counts).run()
    return counts


def claim_counts(expander: Expander, expr: Expr, point: Mapping[str, Weight]) -> Counts:
    """Of an expression's value at a point."""
    counts = Counts()
    for read in expander.expand(expr, point)[1]:
        column = expander.circuit.column[read.column]
        if column.home != "public" and column.axes:
            size = {
                str(i): len(w.entries) if isinstance(w, Sparse) else expander.size[axis]
                for i, (axis, w) in enumerate(zip(column.axes, read.weights, strict=True))
            }
            _bind(Shadow(tuple(size), True), list(size), size, counts)
    return counts


def largest(plan: Plan, expr: Expr) -> int:
    """No cell of the expression is larger."""
    total = abs(expr.constant)
    for term in expr.terms:
        column = plan.circuit.column[term.column]
        most = abs(term.coefficient) * max(abs(column.low), abs(column.high))
        for index, n in zip(term.indices, plan.sizes(column.axes), strict=True):
            most *= n if index.kind in ("sum", "before") else 1
        total += most
    return total


def _cells(axes: Collection[str], size: Mapping[str, int]) -> int:
    return math.prod(size[axis] for axis in axes)


def _bind(table: Shadow, bound: Collection[str], size: Mapping[str, int], counts: Counts) -> Shadow:
    """`contraction.bind`."""
    runs: list[list[str]] = []
    above = ""
    for axis in reversed(table.axes):
        if axis in bound:
            joined = runs and runs[-1][0] == above
            if joined and _cells([axis, *runs[-1]], size) <= JOINT:
                runs[-1].insert(0, axis)
            else:
                runs.append([axis])
        above = axis
    for run in sorted(runs, key=lambda run: -_cells(run, size)):
        _product([(axis,) for axis in run], size, counts)
        table = _summed(table, run, size, counts)
    return table


def _summed(
    table: Shadow, axes: Collection[str], size: Mapping[str, int], counts: Counts
) -> Shadow:
    counts.contract(table, _cells(table.axes, size))
    return Shadow(tuple(axis for axis in table.axes if axis not in axes), False)


def _product(tables: Sequence[tuple[str, ...]], size: Mapping[str, int], counts: Counts) -> None:
    """`contraction.product` of tables over these axes."""
    axes: set[str] = set()
    for number, own in enumerate(tables):
        axes.update(own)
        counts.products += _cells(axes, size) if number else 0


class _Rounds:
    """`ProductSum`, axis by axis."""

    def __init__(
        self,
        instance: Instance,
        tables: Sequence[Shadow],
        uses: Sequence[int],
        size: Mapping[str, int],
        counts: Counts,
    ):
        self.size, self.counts, self.uses = size, counts, uses
        self.left = [axis for axis in instance.variables if size[axis] > 1]
        self.eq = set(instance.shared)
        self.tables = {
            i: replace(table, axes=tuple(a for a in table.axes if size[a] > 1))
            for i, table in enumerate(tables)
        }
        self.claimed = False

    def run(self) -> None:
        while self.left:
            self._axis(self.left[0])
            self.left.pop(0)

    def _axis(self, axis: str) -> None:
        size, counts = self.size, self.counts
        own = [i for i in self.uses if axis in self.tables[i].axes]
        others = [self.tables[i].axes for i in self.uses if i not in own]
        others += [(other,) for other in self.left[1:] if other in self.eq]
        tables = {i: self.tables[i] for i in own}
        for i in tables:
            tables[i], others = self._isolated(i, axis, own, tables, others)
        integers = (
            len(own) == 2
            and set(tables[own[0]].axes) == set(tables[own[1]].axes)
            and all(table.small and table.bound < LIMIT for table in tables.values())
        )
        largest = max(tables.values(), key=lambda table: _cells(table.axes, size))
        axes = dict.fromkeys([*largest.axes, *(a for t in tables.values() for a in t.axes)])
        weighted = {a for other in others for a in other}
        across = largest.axes[-1:]
        if integers or axis in across or weighted.intersection(across):
            across = ()
        rows = [a for a in axes if a != axis and a not in across]
        _product(others, {a: size[a] for a in weighted}, counts)
        if any(a in weighted and a not in axes for a in self.left):
            counts.products += _cells(weighted, size)
        self._fold(axis, own, tables, integers, _cells(rows, size), _cells(across, size))
        for i, table in tables.items():
            rest = tuple(a for a in table.axes if a != axis)
            if table is not self.tables[i]:
                # Folded as well, but summed anew.
                table = _summed(self.tables[i], [axis], size, counts)
                rest = table.axes
            self.tables[i] = Shadow(rest, False)

    def _isolated(
        self,
        i: int,
        axis: str,
        own: list[int],
        tables: Mapping[int, Shadow],
        others: list[tuple[str, ...]],
    ) -> tuple[Shadow, list[tuple[str, ...]]]:
        table = tables[i]
        shared = {a for j in own if j != i for a in tables[j].axes}
        alone = {a for a in table.axes if a not in shared and a != axis}
        used = [n for n, other in enumerate(others) if alone.intersection(other)]
        axes = alone.union(*(others[n] for n in used))
        if not alone or own.count(i) > 1 or not axes.issubset(table.axes):
            return table, others
        _product([others[n] for n in used], self.size, self.counts)
        left = [other for n, other in enumerate(others) if n not in used]
        return _summed(table, alone, self.size, self.counts), left

    def _fold(
        self,
        axis: str,
        own: list[int],
        tables: Mapping[int, Shadow],
        integers: bool,
        rows: int,
        across: int,
    ) -> None:
        """The rounds over the bits of an axis, of ``rows`` rows of tables ``across`` wide."""
        counts, k, n = self.counts, len(own), self.size[axis]
        while n > 1:
            half = half_of(n)
            eq = axis in self.eq
            if integers:
                counts.macs += 3 * rows * half
                counts.products += 3 * rows
            else:
                points = k if self.claimed else k + 1
                weights = k - 1 + (eq and across == 1)
                counts.products += rows * half * across * points * weights + rows * (k + 1)
                if eq and across > 1:
                    counts.products += rows * half * (k + 1)
            self.claimed = True
            for table in tables.values():
                cells = _cells([a for a in table.axes if a != axis], self.size) * half
                counts.contract(Shadow((), integers), cells)
            integers, n = False, half
