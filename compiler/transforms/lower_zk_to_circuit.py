"""`lower-zk-to-circuit`: the final circuit, once everything that needs a pass has been through it.

Bounds must be written (`bound-relations`). Prompt and output are revealed: either both are public
inputs, whose token ids the circuit reads by index, or both are columns, which `circuit.reveal` names.

What optimisations would have made smaller becomes what it is by itself:

* a virtual column that is left (`virtualize`) is committed. A linear relation, definition - column = 0,
  holds it to its definition, and so in the interval of that: no range of its own is needed. The
  witness program solves the relation for it, in a step of its own;
* a range that is left (`merge-tables`) is a lookup in a table of its own.

Errors: `UserError` naming the pass that is missing, and a column whose numbers are too large to be
committed.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import circuit, zk
from ...dialects.affine_expr import affine
from ...dialects.nn import module_path
from ...errors import UserError
from ...runtime.circuit.generation import REVEALS
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import Term
from ..analysis.ranges import SystemRanges
from ..modules import systems

# Of a column that is held to its definition: sums of both are computed in 64 bits.
LARGEST = 1 << 62


@dataclass(frozen=True)
class LowerZkToCircuit(ModulePass):
    """Turns each `zk.system` into a `circuit.system`."""

    name = "lower-zk-to-circuit"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, zk.SystemOp):
            Rewriter.replace_op(system, _lower(system))


def _lower(system: zk.SystemOp) -> circuit.SystemOp:
    revealed = {op.what.data: op.names for op in system.reveals}
    if set(revealed) != set(REVEALS):
        raise UserError("the prompt and the output must be revealed, through columns or not")
    tables = [circuit.TableOp(t.sym_name.data, t.rows.data) for t in system.tables.values()]
    columns = [circuit.RevealOp(what, names) for what, names in revealed.items() if names]
    relations: list[Operation] = []
    for relation in system.relations:
        if isinstance(relation, zk.RangeOp):
            table = circuit.TableOp(
                f"{relation.label}.table",
                [zk.RowsAttr.of(["x"], 0, 1 << relation.bits.value.data)],
            )
            tables.append(table)
            relation = zk.LookupOp(
                relation.label,
                table.sym_name.data,
                [relation.expr.data],
                module=module_path(relation),
            )
        relations.append(_relation(relation))
    relations += _commit_virtual(system)
    compute = system.compute
    compute.detach()
    return circuit.SystemOp(
        system.extents.sizes,
        [
            *(circuit.AxisOp(axis.name, axis.size) for axis in system.axes.values()),
            *(_column(column) for column in system.columns.values()),
            *tables,
            *relations,
            *columns,
            compute,
        ],
    )


def _commit_virtual(system: zk.SystemOp) -> list[circuit.LinearOp]:
    """Makes virtual columns witness columns, with steps; returns what holds them to their definitions."""
    ranges, columns, defines = SystemRanges.of(system), system.columns, system.defines
    intervals = {name: ranges.expr(define.expr.data) for name, define in defines.items()}
    relations = []
    for name in _in_order(defines):
        column, label, path = columns[name], defines[name].label, module_path(columns[name])
        axes, expr, (low, high) = column.axis_names, defines[name].expr.data, intervals[name]
        if max(-low, high) >= LARGEST:
            raise UserError(
                f"{path or name}: {name} may reach 2^{max(-low, high).bit_length() - 1}, which is too "
                "large for a column of its own; do not leave virtualize out"
            )
        own = Term(-1, name, tuple(Index("same", axis) for axis in axes))
        whole = affine(axes, [*expr.terms, own], expr.constant)
        relations.append(circuit.LinearOp(label, whole, max(1, high - low), path))
        column.home = StringAttr("witness")
        column.low, column.high = IntAttr(low), IntAttr(high)
        made = zk.ValueType.of(axes, low, high)
        step = zk.SolveOp(results=[made], relation=label, x=name, name=label, module=path)
        system.compute.body.block.add_op(step)
    return relations


def _in_order(defines: dict[str, zk.DefineOp]) -> list[str]:
    """The defined columns, each after those that its definition reads."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for term in defines[name].expr.data.terms:
                if term.column in defines:
                    visit(term.column)
            order[name] = None

    for name in defines:
        visit(name)
    return list(order)


def _column(column: zk.ColumnOp) -> circuit.ColumnOp:
    return circuit.ColumnOp.create(
        properties=dict(column.properties), attributes=dict(column.attributes)
    )


def _relation(relation: zk.Relation) -> Operation:
    path = module_path(relation)
    if isinstance(relation, zk.LookupOp):
        return circuit.LookupOp(
            relation.label, relation.table_name, list(relation.expressions()), module=path
        )
    if isinstance(relation, zk.GatherOp):
        return circuit.GatherOp(relation.label, *relation.expressions(), module=path)
    if isinstance(relation, zk.EinsumOp | zk.LinearOp) and relation.bound is not None:
        bound = relation.bound.data
        if isinstance(relation, zk.LinearOp):
            return circuit.LinearOp(relation.label, relation.expr.data, bound, path)
        products = [product.data for product in relation.products]
        return circuit.EinsumOp(relation.label, relation.lhs.data, products, bound, path)
    raise UserError(f"relation {relation.label}: run bound-relations first")
