"""`lower-zk-to-circuit`: the final circuit, once everything that needs a pass has been through it.

Virtual columns must be gone (`virtualize`), bounds written (`bound-relations`) and ranges looked up
in tables (`merge-tables`). Prompt and output are revealed: either both are public inputs, whose
token ids the circuit reads by index, or both are columns, which `circuit.reveal` names.

Errors: `UserError` naming the pass that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import circuit, zk
from ...dialects.nn import module_path
from ...errors import UserError
from ...schema.circuit import REVEALS
from ..modules import systems


@dataclass(frozen=True)
class LowerZkToCircuit(ModulePass):
    """Turns each `zk.system` into a `circuit.system`."""

    name = "lower-zk-to-circuit"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, zk.SystemOp):
            Rewriter.replace_op(system, _lower(system))


def _lower(system: zk.SystemOp) -> circuit.SystemOp:
    if system.defines:
        raise UserError(f"column {next(iter(system.defines))} is virtual; run virtualize first")
    revealed = {op.what.data: op.names for op in system.reveals}
    if set(revealed) != set(REVEALS):
        raise UserError("the prompt and the output must be revealed, through columns or not")
    columns = [circuit.RevealOp(what, names) for what, names in revealed.items() if names]
    compute = system.compute
    compute.detach()
    return circuit.SystemOp(
        system.tokens,
        [
            *(circuit.AxisOp(axis.name, axis.size) for axis in system.axes.values()),
            *(_column(column) for column in system.columns.values()),
            *(circuit.TableOp(t.sym_name.data, t.rows.data) for t in system.tables.values()),
            *(_relation(relation) for relation in system.relations),
            *columns,
            compute,
        ],
    )


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
    missing = "merge-tables" if isinstance(relation, zk.RangeOp) else "bound-relations"
    raise UserError(f"relation {relation.label}: run {missing} first")
