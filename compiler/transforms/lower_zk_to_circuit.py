"""`lower-zk-to-circuit`: the final circuit, once everything that needs a pass has been through it.

Bounds must be written (`bound-relations`). Prompt and output are revealed: either both are public
inputs, whose token ids the circuit reads by index, or both are columns, which `circuit.reveal` names. Of a function
it names the column of each input and output.
What both dialects say alike keeps its text. What optimisations would have made smaller becomes what it is
by itself:

* a virtual column that is left (`virtualize`) is committed. A linear relation, definition - column = 0,
  holds it to its definition, and so in the interval of that: no range of its own is needed. The
  witness program solves the relation for it, in a step of its own;
* a range that is left (`merge-tables`) is a lookup in a table of its own.

Errors: `UserError` naming the pass that is missing, and a column whose numbers are too large to be
committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import circuit, zk
from ...dialects.affine_expr import affine
from ...dialects.nn import module_path
from ...errors import UserError
from ...runtime.circuit import kinds
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import Term
from ..analysis.ranges import Interval, SystemRanges
from ..modules import systems
from .sweeping import declare, sweep

# Of a column that is held to its definition: sums of both are computed in 64 bits.
LARGEST = 1 << 62


@dataclass(frozen=True)
class LowerZkToCircuit(ModulePass):
    """Turns each `zk.system` into a `circuit.system`."""

    name = "lower-zk-to-circuit"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, zk.SystemOp):
            kind = kinds.of(system.extents.sizes)
            if not kind.complete({reveal.what.data for reveal in system.reveals}):
                raise UserError(kind.MISSING)
            intervals = SystemRanges.of(system).definitions(system.defines)
            paths = {name: module_path(column) for name, column in system.columns.items()}
            _definitions_last(system)
            sweep(
                system,
                Same(),
                LowerColumn(intervals),
                LowerBounded(),
                LowerRange(system.compute),
                LowerReveal(),
                CommitVirtual(system.compute, intervals, paths),
            )
            Rewriter.replace_op(system, _circuit(system))


SAME: dict[type[Operation], type[Operation]] = {
    zk.AxisOp: circuit.AxisOp,
    zk.TableOp: circuit.TableOp,
    zk.LookupOp: circuit.LookupOp,
    zk.GatherOp: circuit.GatherOp,
}
"""The operations that say the same of a circuit."""


class Same(RewritePattern):
    """Only the dialect changes."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if type(op) in SAME:
            rewriter.replace(op, _renamed(op, SAME[type(op)]))


@dataclass
class LowerColumn(RewritePattern):
    """A virtual column is committed, in the interval of its definition."""

    intervals: Mapping[str, Interval]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: zk.ColumnOp, rewriter: PatternRewriter) -> None:
        column = _renamed(op, circuit.ColumnOp)
        if op.home.data == "virtual":
            low, high = self.intervals[op.sym_name.data]
            ends = {"low": IntAttr(low), "high": IntAttr(high)}
            column.properties |= {"home": StringAttr("witness"), **ends}
        rewriter.replace(op, column)


class LowerBounded(RewritePattern):
    """What must not wrap has a bound, and no longer says what the bound was found by."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: zk.EinsumOp | zk.LinearOp, rewriter: PatternRewriter) -> None:
        if op.bound is None:
            raise UserError(f"relation {op.label}: run bound-relations first")
        kind = circuit.EinsumOp if isinstance(op, zk.EinsumOp) else circuit.LinearOp
        relation = _renamed(op, kind)
        relation.properties.pop("limit", None)
        rewriter.replace(op, relation)


@dataclass
class LowerRange(RewritePattern):
    """A range is a lookup in a table of its own."""

    compute: zk.ComputeOp

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: zk.RangeOp, rewriter: PatternRewriter) -> None:
        rows = zk.RowsAttr.of(["x"], 0, 1 << op.bits.value.data)
        table = circuit.TableOp(f"{op.label}.table", [rows])
        declare(table, self.compute, rewriter)
        lookup = circuit.LookupOp(
            op.label, table.sym_name.data, [op.expr.data], module=module_path(op)
        )
        rewriter.replace(op, lookup)


class LowerReveal(RewritePattern):
    """An input of the circuit is none of its columns."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: zk.RevealOp, rewriter: PatternRewriter) -> None:
        if op.names:
            rewriter.replace(op, _renamed(op, circuit.RevealOp))
        else:
            rewriter.erase(op)


@dataclass
class CommitVirtual(RewritePattern):
    """A relation holds a committed column to its definition, and the last step solves it for the column."""

    compute: zk.ComputeOp
    intervals: Mapping[str, Interval]
    paths: Mapping[str, str]
    """Module paths of columns."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: zk.DefineOp, rewriter: PatternRewriter) -> None:
        name, expr = op.target, op.expr.data
        path, (low, high) = self.paths[name], self.intervals[name]
        if max(-low, high) >= LARGEST:
            raise UserError(
                f"{path or name}: {name} may reach 2^{max(-low, high).bit_length() - 1}, which is too "
                "large for a column of its own; do not leave virtualize out"
            )
        own = Term(-1, name, tuple(Index("same", axis) for axis in expr.axes))
        whole = affine(expr.axes, [*expr.terms, own], expr.constant)
        made = zk.ValueType.of(expr.axes, low, high)
        step = zk.SolveOp(results=[made], relation=op.label, x=name, name=op.label, module=path)
        rewriter.insert(step, InsertPoint.at_end(self.compute.body.block))
        rewriter.replace(op, circuit.LinearOp(op.label, whole, max(1, high - low), path))


def _renamed(op: Operation, kind: type[Operation]) -> Operation:
    return kind.create(properties=dict(op.properties), attributes=dict(op.attributes))


def _definitions_last(system: zk.SystemOp) -> None:
    """Moves definitions behind all relations, each after those that it reads: columns are solved for in
    this order."""
    defines, block = system.defines, system.constrain.body.block
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for term in defines[name].expr.data.terms:
                if term.column in defines:
                    visit(term.column)
            order[name] = None

    for name in defines:
        visit(name)
    for name in order:
        defines[name].detach()
        block.add_op(defines[name])


KINDS = (circuit.AxisOp, circuit.ColumnOp, circuit.TableOp)
"""Of declarations, in their order."""


def _circuit(system: zk.SystemOp) -> circuit.SystemOp:
    """The lowered operations of a system in one region: declarations, relations, what is revealed, steps."""
    compute, stated = system.compute, list(system.stated)
    declared = [op for kind in KINDS for op in system.body.block.ops if isinstance(op, kind)]
    revealed = [op for op in stated if isinstance(op, circuit.RevealOp)]
    relations = [op for op in stated if not isinstance(op, circuit.RevealOp)]
    ops = [*declared, *relations, *revealed, compute]
    for op in ops:
        op.detach()
    return circuit.SystemOp(system.extents.sizes, ops)
