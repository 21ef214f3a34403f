"""`circuit-stats`: what a system costs, written on it as the attribute `stats`.

It reads a `circuit.system`, or a `zk.system` before all passes ran, where a virtual column counts
as committed, so that the effect of a pass is the difference of two runs. All numbers are at the
largest shape:

    param_cells, witness_cells   committed cells, without padding
    lookups                      cells looked up, over all lookups, ranges and gathers (one a row)
    einsums, linears, ...        relations of each kind
    table_rows                   rows over all tables and all sources of gathers
    products                     multiplications of all einsums, were they computed one by one
    messages                     field elements of the sumchecks: 3 n (n + 1) / 2 + 4 n for LogUp-GKR
                                 with n = log2(lookups + table_rows), 3 a variable and 3 values a
                                 relation for einsums, all batched over the same variables
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects import circuit, zk
from ...runtime.circuit.relations import Expr, Shape
from ..modules import systems
from .options import check_options
from .pack_columns import largest_shape

STATS = "stats"


@dataclass(frozen=True)
class CircuitStats(ModulePass):
    """Writes the statistics of each system on it."""

    name = "circuit-stats"
    generated: int | None = None

    def __post_init__(self) -> None:
        check_options(self, generated=(1, zk.MOST_TOKENS))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, circuit.SystemOp, zk.SystemOp):
            stats = statistics(system, largest_shape(system.tokens, self.generated))
            system.attributes[STATS] = DictionaryAttr(
                {name: IntegerAttr(value, i64) for name, value in stats.items()}
            )


def statistics(system: circuit.SystemOp | zk.SystemOp, shape: Shape) -> dict[str, int]:
    """The numbers of the module's docstring at a shape."""
    axes = system.axes

    def cells(names: Iterable[str]) -> int:
        return prod(shape.size(axes[name]) for name in names)

    committed: Counter[str] = Counter()
    for column in system.columns.values():
        home = "witness" if column.home.data == "virtual" else column.home.data
        committed[home] += cells(column.axis_names)
    counts: Counter[str] = Counter()
    sources: set[Expr] = set()
    variables = 0
    for op in system.relations:
        if isinstance(op, zk.EinsumOp | circuit.EinsumOp):
            counts["einsums"] += 1
            for product in op.products:
                joint = {axis for factor in product.data.factors for axis in factor.axes}
                counts["products"] += cells(joint)
                variables = max(variables, sum(_bits(cells([axis])) for axis in joint))
        elif isinstance(op, zk.RangeOp | zk.LookupLike):
            counts["lookup_relations"] += 1
            counts["lookups"] += cells(next(iter(op.expressions())).axes)
        elif isinstance(op, zk.GatherLike):
            counts["gathers"] += 1
            counts["lookups"] += cells(op.index.data.axes)
            sources.add(op.source.data)
        else:
            counts["linears"] += 1
    rows = sum(part.count for table in system.tables.values() for part in table.rows)
    rows += sum(cells(source.axes[:1]) for source in sources)
    depth = _bits(counts["lookups"] + rows)
    messages = 3 * depth * (depth + 1) // 2 + 4 * depth
    messages += 3 * variables + 3 * counts["einsums"]
    return {
        "columns": len(system.columns),
        "param_cells": committed["param"],
        "witness_cells": committed["witness"],
        "lookups": counts["lookups"],
        "lookup_relations": counts["lookup_relations"],
        "einsums": counts["einsums"],
        "linears": counts["linears"],
        "gathers": counts["gathers"],
        "products": counts["products"],
        "tables": len(system.tables),
        "table_rows": rows,
        "messages": messages,
    }


def _bits(size: int) -> int:
    return max(0, size - 1).bit_length()
