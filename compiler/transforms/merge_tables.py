"""`merge-tables`: one table set for the whole system.

Ranges become lookups in the tables `u1` .. `u20` of 0 .. 2^w - 1, and tables with the same contents
become one, named after the last part of the first one's name ("rsqrt"), with a number where
contents differ or something else has that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.nn import module_path
from ...dialects.zk import ComputeOp, LookupOp, RangeOp, RowsAttr, Step, SystemOp, TableOp
from ..modules import fresh, systems
from .sweeping import declare, sweep


@dataclass(frozen=True)
class MergeTables(ModulePass):
    """Merges equal tables of a `zk.system` and makes ranges lookups."""

    name = "merge-tables"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            tables = {table.rows: name for name, table in system.tables.items()}
            sweep(system.constrain, RangeToLookup(system.compute, tables, system.symbols))
            names = merged_names(system)
            sweep(system, Merge(names), Rename(names))


@dataclass
class RangeToLookup(RewritePattern):
    """A range is a lookup in the table of its numbers, which is declared where there is none."""

    compute: ComputeOp
    tables: Mapping[ArrayAttr[RowsAttr], str]
    """Names by contents."""
    symbols: set[str]
    of_bits: dict[int, str] = field(default_factory=dict)
    """The tables of ranges."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RangeOp, rewriter: PatternRewriter) -> None:
        bits = op.bits.value.data
        if bits not in self.of_bits:
            rows = ArrayAttr([RowsAttr.of(["x"], 0, 1 << bits)])
            self.of_bits[bits] = self.tables.get(rows) or fresh(f"u{bits}", self.symbols)
            if rows not in self.tables:
                declare(TableOp(self.of_bits[bits], rows.data), self.compute, rewriter)
        lookup = LookupOp(op.label, self.of_bits[bits], [op.expr.data], module=module_path(op))
        rewriter.replace(op, lookup)


@dataclass
class Merge(RewritePattern):
    """Of the tables that get one name the first one stays, with that name."""

    names: Mapping[str, str]
    kept: set[str] = field(default_factory=set)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TableOp, rewriter: PatternRewriter) -> None:
        name = self.names[op.sym_name.data]
        if name in self.kept:
            rewriter.erase(op)
            return
        self.kept.add(name)
        op.sym_name = StringAttr(name)
        rewriter.notify_op_modified(op)


@dataclass
class Rename(RewritePattern):
    """A lookup or a step reads the table that its own one has become."""

    names: Mapping[str, str]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LookupOp | Step, rewriter: PatternRewriter) -> None:
        table = op.properties.get("table")
        if isinstance(table, SymbolRefAttr):
            op.properties["table"] = SymbolRefAttr(self.names[table.root_reference.data])
            rewriter.notify_op_modified(op)


def merged_names(system: SystemOp) -> dict[str, str]:
    """What each table will be called: all that have the same contents alike."""
    taken = {*system.axes, *system.columns}
    by_contents: dict[ArrayAttr[RowsAttr], str] = {}
    for name, table in system.tables.items():
        if table.rows not in by_contents:
            by_contents[table.rows] = fresh(name.rpartition(".")[2], taken)
            taken.add(by_contents[table.rows])
    return {name: by_contents[table.rows] for name, table in system.tables.items()}
