"""What lookups in tables say of the expressions that are looked up: the interval that each is in.

An expression in several lookups is in the intervals of all of them. Intervals are of the entries of a
table's column, so a table is evaluated for this.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from ...dialects.table_expr import evaluate
from ...dialects.zk import LookupOp, SystemOp, TableLike
from ...runtime.circuit.relations import Expr
from .ranges import Interval


def intervals(system: SystemOp, wanted: Container[Expr]) -> dict[Expr, Interval]:
    """Of the wanted expressions those that are looked up, with their intervals, which may be empty."""
    tables = system.tables
    found: dict[Expr, Interval] = {}
    for op in system.relations:
        if isinstance(op, LookupOp):
            for i, expr in enumerate(op.expressions()):
                if expr in wanted:
                    low, high = _entries(tables[op.table_name], i)
                    least, most = found.get(expr, (low, high))
                    found[expr] = max(low, least), min(high, most)
    return found


def table_contents(table: TableLike) -> np.ndarray:
    """The rows of a table, (rows, components)."""
    parts = (
        np.stack([evaluate(text, p.low.data, p.high.data) for text in p.texts], axis=1)
        for p in table.rows
    )
    return np.concatenate(list(parts))


def _entries(table: TableLike, i: int) -> Interval:
    columns = [evaluate(p.texts[i], p.low.data, p.high.data) for p in table.rows]
    return min(int(c.min()) for c in columns), max(int(c.max()) for c in columns)
