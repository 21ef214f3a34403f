"""`merge-tables`: one table set for the whole system.

Ranges become lookups in the tables `u1` .. `u18` of 0 .. 2^w - 1, and tables with the same contents
become one, named after the last part of the first one's name ("rsqrt"), with a number where
contents differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects.nn import module_path
from ...dialects.zk import LookupOp, RangeOp, RowsAttr, Step, SystemOp, TableOp
from ..modules import systems


@dataclass(frozen=True)
class MergeTables(ModulePass):
    """Merges equal tables of a `zk.system` and makes ranges lookups."""

    name = "merge-tables"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            _ranges_to_lookups(system)
            _merge(system)


def _ranges_to_lookups(system: SystemOp) -> None:
    tables = system.tables
    for op in system.relations:
        if not isinstance(op, RangeOp):
            continue
        bits = op.bits.value.data
        name = f"u{bits}"
        if name not in tables:
            tables[name] = TableOp(name, [RowsAttr.of(["x"], 0, 1 << bits)])
            Rewriter.insert_op(tables[name], InsertPoint.before(system.compute))
        lookup = LookupOp(op.label, name, [op.expr.data], module=module_path(op))
        Rewriter.replace_op(op, lookup)


def _merge(system: SystemOp) -> None:
    kept: dict[object, str] = {}
    renamed: dict[str, str] = {}
    for name, table in system.tables.items():
        if table.rows in kept:
            table.detach()
            table.erase()
        else:
            kept[table.rows] = _fresh(name.rpartition(".")[2], set(kept.values()))
            table.sym_name = StringAttr(kept[table.rows])
        renamed[name] = kept[table.rows]
    for op in system.walk():
        if isinstance(op, LookupOp):
            op.table = SymbolRefAttr(renamed[op.table_name])
        elif isinstance(op, Step):
            name = op.options.get("table")
            if isinstance(name, str):
                op.properties["table"] = SymbolRefAttr(renamed[name])


def _fresh(name: str, used: set[str]) -> str:
    found, n = name, 1
    while found in used:
        n += 1
        found = f"{name}{n}"
    return found
