"""The sumcheck of one product of tables, each over some of the variables' axes: the prover's side.

The variables are the bits of axes, one axis after the other. While the rounds run along one axis, every other
axis that only one of its tables has is summed out of that table before, so that all that is left of most
products is as small as the axis. What is not summed out is folded round by round, from the integers on.
eq of an axis is kept apart: the round's own bit is a factor of the round polynomial, later bits are weights.

Sources: linear-time sumcheck in phases, Libra (ePrint 2019/317, section 3); eq as a factor of the round
polynomial, Gruen (ePrint 2024/108, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from ... import field
from ...field import Ext
from ...kernels.products import (
    fold_axis,
    fold_integers,
    half_of,
    integer_round_values,
    round_values,
)
from ...kernels.sumcheck import eq_table
from ..prover_channel import as_array, as_pair
from ..rounds import lagrange
from .contraction import Table, product

# Many sums are folded at one challenge.
_lagrange = lru_cache(maxsize=8)(lagrange)

# Products of differences of integers below this fit 64 bits.
LIMIT = 1 << 30


class ProductSum:
    """sum over all cells of prod_axis eq(point[axis], .) * prod_use tables[use].

    ``variables`` are the sizes of the axes in the order of their rounds; ``point`` gives the axes that have
    an eq. ``total`` is the sum; after all rounds `finals` are the tables' values at the challenges.
    """

    def __init__(
        self,
        variables: Mapping[str, int],
        tables: Sequence[Table],
        uses: Sequence[int],
        point: Mapping[str, Sequence[Ext]],
    ):
        self._sizes = {axis: n for axis, n in variables.items() if n > 1}
        self._left = list(self._sizes)
        self._tables = {i: table.squeezed() for i, table in enumerate(tables)}
        self._uses = list(uses)
        self._point = {axis: point[axis] for axis in self._left if axis in point}
        # The product of eq at the bits bound so far, and the sum without that factor.
        self._scale = Ext.ONE
        self._claim: Ext | None = None
        self._values: list[Ext] = []
        if self._left:
            self._begin()
            self._values = self._evaluate()
            low, high = self._line()
            self.total = self._claim = low * self._values[0] + high * self._values[1]
        else:
            values = self.finals()
            self.total = math.prod((values[i] for i in self._uses), start=Ext.ONE)

    def round(self) -> list[Ext]:
        """The round polynomial at 0..its degree."""
        self._values = self._values or self._evaluate()
        if not self._eq.size:
            return [self._scale * value for value in self._values]
        values = extended(self._values, len(self._values))
        low, high = self._line()
        at, step = self._scale * low, self._scale * (high - low)
        out = []
        for value in values:
            out.append(at * value)
            at = at + step
        return out

    def fold(self, r: Ext) -> None:
        """Bind the round's variable."""
        weights = _lagrange(r, len(self._values) - 1)
        terms = (w * v for w, v in zip(weights, self._values, strict=True))
        self._claim, self._values = sum(terms, Ext.ZERO), []
        low, high = self._line()
        self._challenges.append(r)
        if self._eq.size:
            self._scale = self._scale * (low + r * (high - low))
            half = self._eq.shape[1] // 2
            if half:
                self._eq = field.add(self._eq[:, :half], self._eq[:, half:])
        for i, cells in self._work.items():
            fold_cells = fold_integers if cells.ndim == 2 else fold_axis
            self._work[i] = fold_cells(cells, as_pair(r))
        self._size = half_of(self._size)
        if self._size == 1:
            self._end()

    def finals(self) -> list[Ext]:
        """The values of the tables, once all variables are bound."""
        return [Ext.of(self._tables[i].elements().reshape(2)) for i in range(len(self._tables))]

    def _line(self) -> list[Ext]:
        """The eq of the round's variable at 0 and 1."""
        if not self._eq.size:
            return [Ext.ONE, Ext.ONE]
        z = self._point[self._left[0]][len(self._challenges)]
        return [1 - z, z]

    def _evaluate(self) -> list[Ext]:
        """What remains of the round polynomial without eq of variables up to the round's, at 0, 1, ..."""
        cells = [self._work[i] for i in self._own]
        if cells[0].ndim == 2:
            f, g = cells
            a, b, lead = map(Ext.of, integer_round_values(f, g, self._weights, self._eq))
            return [a, b, 2 * (b + lead) - a]
        low, high = self._line()
        maps = [self._maps[i] for i in self._own]
        if self._claim is None or not high:
            values = round_values(cells, maps, self._weights, self._eq, skip=False)
            return [Ext.of(v) for v in values]
        values = [Ext.of(v) for v in round_values(cells, maps, self._weights, self._eq, skip=True)]
        values.insert(1, (self._claim - low * values[0]) / high)
        return values

    def _begin(self) -> None:
        """Start on an axis: sum out what can be, and lay out what cannot."""
        axis = self._left[0]
        self._size, self._challenges = self._sizes[axis], []
        z = self._point.get(axis)
        self._eq = eq_table(as_array(z[1:])) if z else np.empty((2, 0), np.uint64)
        self._own = [i for i in self._uses if axis in self._tables[i].axes]
        others = [self._tables[i] for i in self._uses if i not in self._own]
        others += [self._eq_of(other) for other in self._left[1:] if other in self._point]
        tables = {i: self._tables[i] for i in self._own}
        for i in tables:
            tables[i], others = self._isolated(i, axis, tables, others)
        self._lay_out(axis, tables, others)

    def _eq_of(self, axis: str) -> Table:
        return Table((axis,), eq_table(as_array(self._point[axis]))[:, : self._sizes[axis]])

    def _isolated(
        self, i: int, axis: str, tables: Mapping[int, Table], others: list[Table]
    ) -> tuple[Table, list[Table]]:
        """Table i without the axes that it alone has of those with ``axis``, and the tables that are left
        of the others."""
        table = tables[i]
        shared = {a for j in self._own if j != i for a in tables[j].axes}
        alone = {a for a in table.axes if a not in shared and a != axis}
        used = [other for other in others if alone.intersection(other.axes)]
        axes = alone.union(*(other.axes for other in used))
        if not alone or self._own.count(i) > 1 or not axes.issubset(table.axes):
            return table, others
        weights = product(used, {a: n for a, n in table.sizes.items() if a in axes})
        return table.summed(alone, weights), [o for o in others if all(o is not u for u in used)]

    def _lay_out(self, axis: str, tables: Mapping[int, Table], others: Sequence[Table]) -> None:
        """Tables as (rows, axis, one more axis or none), and the other tables as weights of the rows."""
        largest = max(tables.values(), key=lambda table: table.values.size)
        axes = list(dict.fromkeys([*largest.axes, *(a for t in tables.values() for a in t.axes)]))
        weighted = {a for other in others for a in other.axes}
        integers = _fit_integers([tables[i] for i in self._own])
        across = largest.axes[-1:]
        if integers or axis in across or weighted.intersection(across):
            across = ()
        rows = [a for a in axes if a != axis and a not in across]
        sizes = {a: self._sizes[a] for a in rows}
        stray = [a for a in self._left if a in weighted and a not in axes]
        weights = product(others, {a: n for a, n in self._sizes.items() if a in weighted})
        if stray:
            weights = weights.summed(stray, product([], {a: self._sizes[a] for a in stray}))
        self._weights = product([weights], sizes).values.reshape(2, -1)
        self._work, self._maps, self._kept = {}, {}, {}
        for i, table in tables.items():
            own = [a for a in rows if a in table.axes]
            last = [a for a in across if a in table.axes]
            cells = table.ordered([*own, axis, *last])
            count, n = math.prod(sizes[a] for a in own), self._size
            if integers:
                self._work[i] = np.ascontiguousarray(cells.values, np.int32).reshape(count, n)
            else:
                self._work[i] = cells.elements().reshape(2, count, n, -1)
            number = np.arange(count).reshape([sizes[a] if a in own else 1 for a in rows])
            self._maps[i] = np.broadcast_to(number, list(sizes.values())).reshape(-1)
            if table is self._tables[i]:
                # Folded round by round, it ends as the table without the axis.
                del self._tables[i]
                self._kept[i] = [*own, *last]

    def _end(self) -> None:
        """All bits of the axis are bound: so are the tables that have it."""
        axis = self._left.pop(0)
        at = Table((axis,), eq_table(as_array(self._challenges))[:, : self._sizes[axis]])
        for i, cells in self._work.items():
            if i in self._kept:
                axes = self._kept[i]
                values = cells.reshape(2, *(self._sizes[a] for a in axes))
                self._tables[i] = Table(tuple(axes), values)
            else:
                self._tables[i] = self._tables[i].summed([axis], at)
        self._work.clear()
        if self._left:
            self._begin()


def extended(values: Sequence[Ext], degree: int) -> list[Ext]:
    """Values at 0..degree of the polynomial of least degree with the given ones at 0, 1, ..."""
    out, k = list(values), len(values)
    signs = [(-1) ** (k - 1 - j) * math.comb(k, j) for j in range(k)]
    while len(out) <= degree:
        last = out[len(out) - k :]
        out.append(sum((v * s for v, s in zip(last, signs, strict=True)), Ext.ZERO))
    return out


def _fit_integers(tables: Sequence[Table]) -> bool:
    """Whether these are two tables of integers over the same axes that the first round can multiply."""
    if len(tables) != 2 or set(tables[0].axes) != set(tables[1].axes):
        return False
    if not all(table.small for table in tables):
        return False
    ends = [int(end) for t in tables for end in (t.values.min(), t.values.max())]
    return max(map(abs, ends)) < LIMIT
