"""`circuit-dot`: a final circuit as a graph for Graphviz: which relations read which columns.

Columns are boxes, dashed where they are public, bold for weights; relations are ellipses, tables are
cylinders. Columns that only their own range reads are left out with it, unless ``whole`` asks for them.

Errors: `UserError` for a module without exactly one circuit.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from ...dialects import circuit
from .circuit_json import the_circuit

STYLES = {"param": "bold", "public": "dashed", "witness": "solid"}


@dataclass(frozen=True)
class CircuitDot(Target):
    """A directed graph."""

    name = "circuit-dot"
    whole: bool = False

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        system = the_circuit(module)
        reads = {
            op.label: sorted({term.column for expr in op.expressions() for term in expr.terms})
            for op in system.relations
        }
        tables = {
            op.label: op.table_name for op in system.relations if isinstance(op, circuit.LookupOp)
        }
        ranges = {
            op.label
            for op in system.relations
            if isinstance(op, circuit.LookupOp) and len(op.exprs) == 1 and not self.whole
        }
        shown = {label: names for label, names in reads.items() if label not in ranges}
        used = Counter(name for names in shown.values() for name in names)
        lines = ["digraph circuit {", "  rankdir=LR;"]
        for name, column in system.columns.items():
            if self.whole or used[name]:
                label = f"{name}[{', '.join(column.axis_names)}]"
                style = STYLES[column.home.data]
                lines.append(
                    f"  {_node('c', name)} [shape=box, style={style}, label={_text(label)}];"
                )
        for table in sorted({tables[label] for label in shown if label in tables}):
            lines.append(f"  {_node('t', table)} [shape=cylinder, label={_text(table)}];")
        for label, names in shown.items():
            lines.append(f"  {_node('r', label)} [label={_text(label)}];")
            lines += [f"  {_node('c', name)} -> {_node('r', label)};" for name in names]
            if label in tables:
                lines.append(f"  {_node('t', tables[label])} -> {_node('r', label)};")
        output.write("\n".join([*lines, "}", ""]))


def _node(kind: str, name: str) -> str:
    return _text(f"{kind}:{name}")


def _text(text: str) -> str:
    """A quoted string, as Graphviz and JSON both write it."""
    return json.dumps(text, ensure_ascii=False)
