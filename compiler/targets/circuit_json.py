"""`circuit-json`: a final circuit as JSON, for programs that know neither this package nor MLIR.

    {"prime",
     "extents":   {name: greatest}
     "axes":      [{"name", "size"}]                          a number or the name of an extent
     "columns":   [{"name", "home", "axes", "low", "high", "module", "kind", "windows", "contents"}]
     "tables":    [{"name", "parts": [{"expressions", "low", "high"}]}]
     "relations": [{"kind", "name", "module", ...}]           see below
     "bands":     [{"rows", "columns", "window", "block"}]     block is a log2, as in `runtime.circuit.band`
     "reveals":   {"prompt": [...], "output": [...]}}          of a function {"input NAME": [...], ...}

An expression is {"axes", "constant", "terms": [{"coefficient", "column", "indices"}]}, an index
{"kind", "axis", "table"} as in `runtime.circuit.relations.Index`. Relations have, by kind:

    einsum   left, products [{"coefficient", "factors"}], bound     linear   expression, bound
    lookup   table, expressions                                     gather   index, value, source

Integers may need more than 53 bits. The witness program is not part of it: nothing there is trusted.

Errors: `UserError` for a module without exactly one circuit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import IO, Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...dialects import circuit
from ...dialects.nn import module_path
from ...dialects.zk import ColumnLike, Relation
from ...errors import UserError
from ...runtime.circuit.relations import PRIME
from ..modules import systems


@dataclass(frozen=True)
class CircuitJson(Target):
    """One JSON object."""

    name = "circuit-json"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        json.dump(plain(the_circuit(module)), output, indent=1)
        output.write("\n")


def the_circuit(module: ModuleOp) -> circuit.SystemOp:
    """The one circuit of a module."""
    found = systems(module, circuit.SystemOp)
    if len(found) != 1:
        raise UserError(f"the module has {len(found)} circuits, not one")
    return found[0]


def plain(system: circuit.SystemOp) -> dict[str, Any]:
    """A circuit as the plain data of the module's docstring."""
    return {
        "prime": PRIME,
        "extents": system.extents.sizes,
        "axes": [asdict(axis) for axis in system.axes.values()],
        "columns": [_column(name, column) for name, column in system.columns.items()],
        "tables": [
            {
                "name": name,
                "parts": [
                    {"expressions": part.texts, "low": part.low.data, "high": part.high.data}
                    for part in table.rows
                ],
            }
            for name, table in system.tables.items()
        ],
        "relations": [
            {
                "kind": op.name.partition(".")[2],
                "name": op.label,
                "module": module_path(op),
                **_relation(op),
            }
            for op in system.relations
        ],
        "bands": [asdict(band) for band in system.bands],
        "reveals": {op.what.data: op.names for op in system.reveals},
    }


def _column(name: str, column: ColumnLike) -> dict[str, Any]:
    low, high = column.range
    return {
        "name": name,
        "home": column.home.data,
        "axes": column.axis_names,
        "low": low,
        "high": high,
        "module": module_path(column),
        "kind": column.kind.data if column.kind else None,
        "windows": column.windows.get_values() if column.windows else (),
        "contents": column.texts,
    }


def _relation(op: Relation) -> dict[str, Any]:
    if isinstance(op, circuit.EinsumOp):
        products = [asdict(product.data) for product in op.products]
        return {"left": asdict(op.lhs.data), "products": products, "bound": op.bound.data} | (
            {"defines": op.defined} if op.defined else {}
        )
    if isinstance(op, circuit.LinearOp):
        return {"expression": asdict(op.expr.data), "bound": op.bound.data}
    expressions = [asdict(expr) for expr in op.expressions()]
    if isinstance(op, circuit.LookupOp):
        return {"table": op.table_name, "expressions": expressions}
    return dict(zip(("index", "value", "source"), expressions, strict=True))
