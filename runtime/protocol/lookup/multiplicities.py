"""Committed cells: witness columns laid into slabs, and how often each table row is used."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from ....errors import RangeError
from ...circuit.relations import Table
from ...kernels.leaves import RowIndex, count_rows
from ...kernels.operand import operand
from ...kernels.pool import chunks
from ...witness.columns import Columns
from ..plan import Plan, multiplicity
from .components import cells, lookup_leaves

_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


class Rows:
    """Finds the row of a table that a tuple is."""

    def __init__(self, table: Table, contents: np.ndarray):
        self.table = table
        self.contents = contents
        first = contents[:, 0]
        # Most tables list their inputs in order, so that the first component is the row.
        self._plain = bool((first[:-1] == np.arange(len(first) - 1)).all())
        keys = self._keys([contents[:, i] for i in range(table.arity)])
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    @staticmethod
    def _keys(values: list[np.ndarray]) -> np.ndarray:
        keys = np.zeros(values[0].shape, np.uint64)
        for value, mix in zip(values, _MIX, strict=False):
            keys = (keys ^ value.astype(np.int64).view(np.uint64)) * mix
            keys ^= keys >> np.uint64(29)
        return keys

    def find(self, values: list[np.ndarray]) -> np.ndarray:
        """Row indices of tuples given by component, -1 where a tuple is in no row."""
        first = values[0].astype(np.int64, copy=False)
        rows = np.where((first >= 0) & (first < len(self.contents)), first, 0)
        if self._plain and self._same(rows, values).all():
            return rows
        at = np.searchsorted(self._sorted, self._keys(values))
        rows = self._order[np.minimum(at, len(self._order) - 1)]
        return np.where(self._same(rows, values), rows, -1)

    def _same(self, rows: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
        same = np.ones(rows.shape, bool)
        for i, value in enumerate(values):
            same &= self.contents[rows, i] == value
        return same


class GatheredRows:
    """Finds the row (index, value) of a gather's source: it is the index, if the value is there."""

    def __init__(self, entries: np.ndarray):
        self.entries = entries

    def find(self, values: list[np.ndarray]) -> np.ndarray:
        """Row indices of pairs, -1 where the index is outside or the value another."""
        index, value = values[0].astype(np.int64, copy=False), values[1]
        inside = (index >= 0) & (index < len(self.entries))
        rows = np.where(inside, index, 0)
        same = self.entries[rows] == value
        return np.where(inside & (same if same.ndim == 1 else same.all(axis=1)), rows, -1)


def finder(plan: Plan, columns: Columns, table: str) -> Rows | GatheredRows:
    """What finds rows in a source."""
    entries = plan.sources[table].entries
    if entries is not None:
        return GatheredRows(columns.expr(entries))
    return Rows(plan.circuit.table[table], plan.circuit.data[table])


# Of a table that is not in order: the first component's values that are listed, for each row.
SPARSE = 16


def indexed(contents: np.ndarray) -> RowIndex:
    """A table's rows by their first component; by none where too few of its values have a row."""
    inputs, none = contents[:, 0].astype(np.int64), np.empty(0, np.int64)
    low, high = int(inputs.min()), int(inputs.max())
    if (inputs == np.arange(low, low + len(inputs))).all():
        start = order = none
    elif high - low < SPARSE * len(inputs):
        order = np.argsort(inputs, kind="stable")
        start = np.searchsorted(inputs[order], np.arange(low, high + 2))
    else:
        start, order = np.zeros(1, np.int64), none
    return RowIndex(
        low, operand(start, np.int64), operand(order, np.int64), operand(contents, np.int64)
    )


def count_uses(plan: Plan, columns: Columns, strict: bool = True) -> dict[str, np.ndarray]:
    """The multiplicity columns. Raises `RangeError` naming the relation whose cell is in no row
    (with ``strict`` off such cells count nowhere, and the proof will not verify)."""
    finders = {name: cache(partial(finder, plan, columns, name)) for name in plan.sources}
    tables = {name: cache(partial(indexed, array)) for name, array in plan.circuit.data.items()}
    leaves, parts = lookup_leaves(plan, columns)
    counts = {
        multiplicity(number, table): np.zeros(plan.sources[table].rows, np.int64)
        for number, group in enumerate(plan.groups)
        for table in group.tables
    }

    def count(number: int) -> None:
        for index, leaf in enumerate(plan.groups[number].leaves, int(leaves.first[number])):
            if leaf.lookup < 0:
                continue
            uses = counts[multiplicity(number, leaf.table)]
            values = cells([component.values for component in parts[index]])
            if plan.sources[leaf.table].entries is None:
                missed = np.empty(1 << leaf.piece.log_size, np.int64)
                missed = missed[: count_rows(leaves, index, tables[leaf.table](), uses, missed)]
                if not missed.size:
                    continue
                values = [v[missed] for v in values]
            rows = finders[leaf.table]().find(values)
            lost = rows < 0
            if strict and lost.any():
                lookup = plan.lookups[leaf.lookup]
                where = f" ({lookup.origin})" if lookup.origin else ""
                raise RangeError(
                    f"{lookup.name}{where}: {int(lost.sum())} values are not in {leaf.table}"
                )
            uses += np.bincount(rows[~lost], minlength=len(uses))

    # A group's counts are its own, so that groups may be counted at once.
    chunks(lambda lo, hi: [count(number) for number in range(lo, hi)], len(plan.groups), 1)
    return counts
