"""Tables over named axes, of integers or over K, and their sums with weights along some of the axes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import field
from ...kernels.contract import contract
from ...kernels.extension import contract_extension, multiply

# Weights of joined axes are made cell by cell, so no more than this many at once.
JOINT = 1 << 12


@dataclass(frozen=True)
class Table:
    """``values`` holds integers, one dimension for each of ``axes``; or elements of K, (2, ...)."""

    axes: tuple[str, ...]
    values: np.ndarray

    @property
    def small(self) -> bool:
        return self.values.ndim == len(self.axes)

    @property
    def sizes(self) -> dict[str, int]:
        shape = self.values.shape
        return dict(zip(self.axes, shape[len(shape) - len(self.axes) :], strict=True))

    def elements(self) -> np.ndarray:
        """The values in K."""
        if not self.small:
            return self.values
        out = np.zeros((2, *self.values.shape), np.uint64)
        out[0] = field.to_field(self.values)
        return out

    def ordered(self, axes: Sequence[str]) -> Table:
        """The same with its axes in another order."""
        lead = () if self.small else (0,)
        order = [len(lead) + self.axes.index(axis) for axis in axes]
        return Table(tuple(axes), self.values.transpose(*lead, *order))

    def squeezed(self) -> Table:
        """Without the axes of size 1."""
        kept = tuple(axis for axis, n in self.sizes.items() if n > 1)
        sizes = [self.sizes[axis] for axis in kept]
        return Table(kept, self.values.reshape(sizes if self.small else [2, *sizes]))

    def summed(self, axes: Collection[str], weights: Table) -> Table:
        """The sum along ``axes`` with weights over K, which may depend on other axes of the table.

        The weights' axes are in the order of the table's.
        """
        own = [axis for axis in weights.axes if axis not in axes]
        left = [axis for axis in self.axes if axis not in axes]
        # Slices with weights of their own, what is summed, the rest: as they lie if they do.
        at = [i for i, axis in enumerate(self.axes) if axis in axes]
        adjacent = at[-1] - at[0] + 1 == len(at) if at else False
        if not adjacent or self.axes[: len(own)] != tuple(own) or at[0] < len(own):
            rest = [axis for axis in left if axis not in own]
            along = [axis for axis in self.axes if axis in axes]
            ends = [*rest, *along] if self.axes[-1] in axes else [*along, *rest]
            return self.ordered([*own, *ends]).summed(axes, weights)
        sizes = [self.sizes[axis] for axis in self.axes]
        before, along = math.prod(sizes[: at[0]]), math.prod(sizes[at[0] : at[-1] + 1])
        w = weights.ordered([*own, *self.axes[at[0] : at[-1] + 1]]).values
        w = np.ascontiguousarray(w).reshape(2, -1, along)
        lead = () if self.small else (2,)
        x = np.ascontiguousarray(self.values).reshape(*lead, before, along, -1)
        out = contract(x, w) if self.small else contract_extension(x, w)
        return Table(tuple(left), out.reshape(2, *(self.sizes[axis] for axis in left)))


def product(tables: Iterable[Table], sizes: Mapping[str, int]) -> Table:
    """The product of tables as a table over K, over the axes of ``sizes``, in their order."""
    axes = tuple(sizes)
    out = np.reshape(np.array([1, 0], np.uint64), (2, *(1 for _ in axes)))
    for number, table in enumerate(tables):
        values = table.ordered([axis for axis in axes if axis in table.axes]).elements()
        shape = [n if axis in table.axes else 1 for axis, n in sizes.items()]
        values = values.reshape(2, *shape)
        out = multiply(out, values) if number else values
    return Table(axes, np.broadcast_to(out, (2, *sizes.values())))


def bind(table: Table, bound: Mapping[str, np.ndarray]) -> Table:
    """The sum of a table with a vector of weights (2, n) along each of some axes.

    One pass over integers sums along neighbouring axes, those that shrink the table most as long as their
    joint weights stay few; the others are summed over K, in what is left.
    """
    runs: list[list[str]] = []
    above = ""
    for axis in reversed(table.axes):
        if axis in bound:
            if runs and runs[-1][0] == above:
                joint = math.prod(table.sizes[other] for other in (axis, *runs[-1]))
            else:
                joint = JOINT + 1
            if joint <= JOINT:
                runs[-1].insert(0, axis)
            else:
                runs.append([axis])
        above = axis
    runs.sort(key=lambda run: -math.prod(table.sizes[axis] for axis in run))
    for run in runs:
        vectors = [Table((axis,), bound[axis]) for axis in run]
        weights = product(vectors, {axis: table.sizes[axis] for axis in run})
        table = table.summed(run, weights)
    return table
