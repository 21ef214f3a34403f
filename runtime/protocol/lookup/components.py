"""The leaves of the LogUp trees, for the kernels: where each component lies, and what it weighs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ... import field
from ...field import Ext
from ...kernels.contract import contract
from ...kernels.leaves import AXES, LEAF, LEAST_RUN, PAIRS, PART, TYPES, Leaves
from ...witness.columns import Columns
from ..plan import Leaf, Plan, multiplicity
from ..prover_channel import as_pair
from ..weight_tables import vector
from .verifier import LookupChallenges

_ZERO = np.zeros(2, np.uint64)


class Component:
    """An integer array over a box whose sides are powers of two, or elements of K (n, 2), as kernels read it;
    ``factor`` is what it weighs in a fingerprint."""

    def __init__(self, values: np.ndarray, factor: np.ndarray = _ZERO, pairs: bool = False):
        if not pairs and values.dtype.name not in TYPES[:-1]:
            values = _narrow(values.astype(np.int64, copy=False))
        run, outer = _layout(values)
        if len(outer) > AXES or (outer and run < LEAST_RUN):
            values = np.ascontiguousarray(values)
            run, outer = _layout(values)
        self.values, self.factor, self.run = values, factor, run
        self.kind = PAIRS if pairs else TYPES.index(values.dtype.name)
        self.outer = [*outer, *[(0, 0)] * (AXES - len(outer))]


def _narrow(values: np.ndarray) -> np.ndarray:
    """The same integers in the least type that holds them."""
    low, high = int(values.min()), int(values.max())
    limits = {name: np.iinfo(name) for name in TYPES}
    name = next(n for n, type in limits.items() if type.min <= low and high <= type.max)
    return values.astype(name, copy=False)


def _layout(values: np.ndarray) -> tuple[int, list[tuple[int, int]]]:
    """log2 of the length of contiguous runs, and (log2 of the size, stride) of the axes before, innermost
    first."""
    run, outer = 0, []
    for size, stride in zip(reversed(values.shape), reversed(values.strides), strict=True):
        bits = size.bit_length() - 1
        if not bits:
            continue
        if not outer and stride == values.itemsize << run:
            run += bits
        elif outer and stride == outer[-1][1] << outer[-1][0]:
            outer[-1] = outer[-1][0] + bits, outer[-1][1]
        else:
            outer.append((bits, stride))
    return run, outer


def lookup_values(plan: Plan, columns: Columns, leaf: Leaf) -> list[np.ndarray]:
    """The components of the looked-up tuples on a leaf's piece, over its box; one that is a row has one
    more axis. Views of columns where they are no more than that."""
    exprs = plan.lookups[leaf.lookup].exprs
    box = dict(zip(exprs[0].axes, leaf.piece.slices, strict=True))
    return [columns.expr(expr, box) for expr in exprs]


def row_values(plan: Plan, columns: Columns, leaf: Leaf) -> list[np.ndarray]:
    """The components of the rows of a source on a leaf's piece, as `lookup_values`."""
    rows, entries = leaf.piece.slices[0], plan.sources[leaf.table].entries
    if entries is None:
        return list(plan.circuit.data[leaf.table][rows].T)
    return [np.arange(rows.start, rows.stop), columns.expr(entries, {entries.axes[0]: rows})]


def cells(values: list[np.ndarray]) -> list[np.ndarray]:
    """Components by cell."""
    return [v.reshape(values[0].size, *v.shape[values[0].ndim :]) for v in values]


def lookup_leaves(plan: Plan, columns: Columns) -> tuple[Leaves, list[list[Component]]]:
    """Leaves without fractions, whose lookups' components can be read. What is second must live as long."""
    parts = [
        [Component(v) for v in lookup_values(plan, columns, leaf)] if leaf.lookup >= 0 else []
        for group in plan.groups
        for leaf in group.leaves
    ]
    return _assemble(plan, parts, [_ZERO] * len(parts)), parts


def fraction_leaves(
    plan: Plan, columns: Columns, counts: Mapping[str, np.ndarray], challenges: LookupChallenges
) -> tuple[Leaves, list[list[Component]]]:
    """Leaves as fractions. What is second must live as long."""
    betas = [as_pair(beta) for beta in challenges.betas if isinstance(beta, Ext)]
    factors = [np.array([1, 0], np.uint64), *betas]
    rows: dict[tuple[str, int], list[Component]] = {}

    def components(values: list[np.ndarray], leaf: Leaf) -> list[Component]:
        flat = cells(values)
        found = [
            Component(v, factor)
            for v, by_cell, factor in zip(values, flat, factors, strict=False)
            if by_cell.ndim == 1
        ]
        for axis, weight in challenges.carried(plan, leaf).items():
            (gathered,) = (v for v in flat if v.ndim == 2)
            at_point = vector(weight, *plan.sizes([axis]))
            row = contract(gathered[:, :, None], field.kmul(at_point, factors[1][:, None]))
            found.append(Component(np.ascontiguousarray(row[:, :, 0].T), pairs=True))
        return found

    parts, bases = [], []
    for number, group in enumerate(plan.groups):
        for leaf in group.leaves:
            if leaf.lookup >= 0:
                own = components(lookup_values(plan, columns, leaf), leaf)
            else:
                # Groups have rows in common.
                key = leaf.table, leaf.piece.offsets[0]
                if key not in rows:
                    rows[key] = components(row_values(plan, columns, leaf), leaf)
                uses = counts[multiplicity(number, leaf.table)][leaf.piece.slices[0]]
                own = [*rows[key], Component(uses)]
            parts.append(own)
            tag = plan.sources[leaf.table].tag
            bases.append(as_pair(challenges.alpha - challenges.tag * tag))
    return _assemble(plan, parts, bases), parts


def _assemble(plan: Plan, parts: list[list[Component]], bases: list[np.ndarray]) -> Leaves:
    leaves = [leaf for group in plan.groups for leaf in group.leaves]
    flat = [component for own in parts for component in own]

    records = zip(
        [leaf.start + (1 << leaf.piece.log_size) for leaf in leaves],
        [leaf.lookup >= 0 for leaf in leaves],
        np.cumsum([0, *map(len, parts)]),
        map(len, parts),
        *np.array(bases, np.uint64).reshape(-1, 2).T,
        strict=False,
    )
    return Leaves(
        first=np.cumsum([0, *(len(group.leaves) for group in plan.groups)]),
        leaf=np.array(list(records), LEAF),
        part=np.array(
            [(c.values.ctypes.data, c.kind, c.values.itemsize, c.run, *c.factor) for c in flat],
            PART,
        ),
        outer=np.array([c.outer for c in flat], np.int64).reshape(-1, AXES, 2),
    )
