"""No-wrap analysis: a bound below the prime for each relation, so that it holds over the integers.

Intervals of columns give intervals of expressions and |left| + |right| of every relation, at the
largest shape, which covers the smaller ones since intervals only grow with the size of an axis.
Virtual columns get the interval of their definition. Two products need more than intervals:

* RMS norm. S = sum_i x_i^2 + eps with eps >= 0 and S = 4^e m + rem with rem < 4^e hold over the
  integers by relations of their own, so |x_i| <= sqrt(S) < sqrt(m + 1) 2^e and, with
  u = r 2^(emax - e) and r = table[m],

      |x_i u| < sqrt(m + 1) r 2^emax <= max over the table of sqrt(m + 1) r, times 2^emax.

* Attention. inv E + rem = 2^k with E = sum_j e_j and rem >= 0, and e, inv >= 0, so

      |sum_j e_j inv v_j| <= inv E max |v| <= 2^k max |v|.

* The residual stream, whose norms bound each other's inputs: see `stream_bounds`.

`zk.einsum` carries such a limit on its products in `limit`.

A gather needs no bound: where a value equals a row of its source in the field, it has that row's
interval, which must be inside the one that the value's columns declare.

Errors: `UserError` naming the module of a relation whose bound reaches the prime, or of a gather
whose rows may leave their value's range; and for circular definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isqrt

from ...dialects.nn import module_path
from ...dialects.zk import ColumnLike, DefineOp, EinsumOp, GatherOp, LinearOp, Relation, SystemOp
from ...errors import UserError
from ...runtime.circuit.extents import Axis, Shape
from ...runtime.circuit.index_maps import MAPS
from ...runtime.circuit.relations import PRIME, Expr, Product

Interval = tuple[int, int]


def magnitude(interval: Interval) -> int:
    """The largest absolute value in an interval."""
    return max(abs(interval[0]), abs(interval[1]))


def rms_norm_limit(rows: Iterable[tuple[int, int]], emax: int) -> int:
    """A bound on |x u| of an RMS norm; ``rows`` are the (m, r) of its reciprocal table."""
    square = max((m + 1) * r**2 for m, r in rows)
    return (isqrt(square) + 1) << emax


def attend_limit(k: int, values: Interval) -> int:
    """A bound on |sum_j e_j inv v_j| of attention whose reciprocals are of 2^k."""
    return magnitude(values) << k


@dataclass
class Ranges:
    """Intervals of expressions. ``column`` gives a column's axes and interval."""

    column: Callable[[str], tuple[tuple[str, ...], Interval]]
    size: Callable[[str], int]

    def expr(self, expr: Expr) -> Interval:
        low = high = expr.constant
        for term in expr.terms:
            axes, (least, most) = self.column(term.column)
            for index, axis in zip(term.indices, axes, strict=True):
                least, most = MAPS[index.kind].interval(least, most, self.size(axis))
            ends = (term.coefficient * least, term.coefficient * most)
            low, high = low + min(ends), high + max(ends)
        return low, high

    def product(self, product: Product, kept: tuple[str, ...]) -> int:
        """A bound on a product contracted over the axes that are not ``kept``."""
        bound = abs(product.coefficient)
        for factor in product.factors:
            bound *= magnitude(self.expr(factor))
        for axis in {axis for factor in product.factors for axis in factor.axes} - set(kept):
            bound *= self.size(axis)
        return bound


@dataclass
class SystemRanges(Ranges):
    """The intervals of a `zk.system`, its virtual columns included."""

    virtual: dict[str, Interval] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    @staticmethod
    def of(system: SystemOp) -> SystemRanges:
        return SystemRanges.over(system.columns, system.axes, system.defines, system.greatest)

    @staticmethod
    def over(
        columns: Mapping[str, ColumnLike],
        axes: Mapping[str, Axis],
        defines: Mapping[str, DefineOp],
        greatest: Shape,
    ) -> SystemRanges:
        def column(name: str) -> tuple[tuple[str, ...], Interval]:
            op = columns[name]
            return op.axis_names, ranges.defined(name, defines) or op.range

        ranges = SystemRanges(column, lambda axis: greatest.size(axes[axis]))
        return ranges

    def defined(self, name: str, defines: Mapping[str, DefineOp]) -> Interval | None:
        if name not in defines:
            return None
        if name not in self.virtual:
            if name in self.pending:
                raise UserError(f"column {name} is defined by itself")
            self.pending.add(name)
            self.virtual[name] = self.expr(defines[name].expr.data)
            self.pending.remove(name)
        return self.virtual[name]

    def definitions(self, defines: Mapping[str, DefineOp]) -> dict[str, Interval]:
        """The intervals of all virtual columns."""
        return {name: self.expr(define.expr.data) for name, define in defines.items()}

    def relation(self, relation: EinsumOp | LinearOp) -> int:
        """A bound on |left| + |right|; `UserError` where it may wrap."""
        if isinstance(relation, LinearOp):
            bound = magnitude(self.expr(relation.expr.data))
        else:
            lhs = relation.lhs.data
            if relation.limit is not None:
                right = relation.limit.data
            else:
                right = sum(self.product(p.data, lhs.axes) for p in relation.products)
            bound = magnitude(self.expr(lhs)) + right
        if bound >= PRIME:
            raise UserError(
                f"{_where(relation)}: its numbers may reach 2^{bound.bit_length() - 1}, beyond the "
                "field's prime; use fewer bits for what enters it"
            )
        return max(1, bound)

    def gather(self, relation: GatherOp) -> None:
        """`UserError` where a row of the source may be outside the range of the value."""
        low, high = self.expr(relation.value.data)
        least, most = self.expr(relation.source.data)
        if least < low or most > high:
            raise UserError(
                f"{_where(relation)}: rows may hold {least} .. {most}, but their value is declared "
                f"to be in {low} .. {high}; declare the range of the source"
            )


def _where(relation: Relation) -> str:
    path = module_path(relation)
    return f"{path} ({relation.label})" if path else relation.label
