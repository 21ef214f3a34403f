"""`dedup-lookups`: each fact is looked up once.

A `zk.range` is dropped where the same expression stands in another range that is no wider, or in a
column of a `zk.lookup` whose table has only entries in the range there. It runs after
`virtualize`, which makes equal expressions equal texts.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects.table_expr import evaluate
from ...dialects.zk import LookupOp, RangeOp, SystemOp, TableLike
from ...runtime.circuit.relations import Expr
from ..modules import systems

Interval = tuple[int, int]


@dataclass(frozen=True)
class DedupLookups(ModulePass):
    """Drops ranges that other lookups imply."""

    name = "dedup-lookups"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            _dedup(system)


def _dedup(system: SystemOp) -> None:
    tables = system.tables
    known: dict[Expr, Interval] = {}
    ranges = [op for op in system.relations if isinstance(op, RangeOp)]
    wanted = {op.expr.data for op in ranges}
    for op in system.relations:
        if isinstance(op, LookupOp):
            for i, expr in enumerate(op.expressions()):
                if expr in wanted:
                    known[expr] = _column_interval(tables[op.table_name], i)
    for op in sorted(ranges, key=lambda op: op.bits.value.data):
        top = (1 << op.bits.value.data) - 1
        low, high = known.get(op.expr.data, (-1, top))
        if low >= 0 and high <= top:
            op.detach()
            op.erase()
        else:
            known[op.expr.data] = (0, top)


def _column_interval(table: TableLike, i: int) -> Interval:
    columns = [evaluate(p.texts[i], p.low.data, p.high.data) for p in table.rows]
    return min(int(c.min()) for c in columns), max(int(c.max()) for c in columns)
