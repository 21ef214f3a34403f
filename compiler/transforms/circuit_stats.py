"""`circuit-stats`: what a system costs, written on it as the attribute `stats`.

It reads a `circuit.system`, or a `zk.system` before all passes ran, where a virtual column counts
as committed, so that the effect of a pass is the difference of two runs. All numbers are at the
largest shape:

    param_cells, witness_cells   committed cells, without padding
    defined_cells                cells of the witness that relations define and nobody commits to
    lookups                      cells looked up, over all lookups, ranges and gathers (one a row)
    einsums, linears, ...        relations of each kind
    table_rows                   rows over all tables and all sources of gathers
    products                     multiplications of all einsums, were they computed one by one
    messages                     field elements of the sumchecks: 3 n (n + 1) / 2 + 4 n for LogUp-GKR
                                 with n = log2(lookups + table_rows), 3 a variable and 3 values a
                                 relation for einsums, all batched over the same variables

With ``modules`` the attribute `modules` says the same of what can be told apart, by module path: param_cells,
witness_cells, lookups, products. Seconds and bytes of memory depend on the machine and are `zklemma bench`'s; what
this pass writes is the same everywhere, so that lit tests can pin it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects import circuit, zk
from ...dialects.nn import module_path
from ...runtime.circuit.extents import Shape
from ...runtime.circuit.relations import LONGEST_EXTENT, Expr
from ..modules import systems
from .options import check_options
from .pack_columns import cells_over, largest_shape

STATS, MODULES = "stats", "modules"


@dataclass(frozen=True)
class CircuitStats(ModulePass):
    """Writes the statistics of each system on it."""

    name = "circuit-stats"
    generated: int | None = None
    modules: bool = False

    def __post_init__(self) -> None:
        check_options(self, generated=(1, LONGEST_EXTENT))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, circuit.SystemOp, zk.SystemOp):
            shape = largest_shape(system.greatest, self.generated)
            system.attributes[STATS] = _numbers(statistics(system, shape))
            if self.modules:
                found = by_module(system, shape)
                system.attributes[MODULES] = DictionaryAttr(
                    {path: _numbers(counts) for path, counts in found.items()}
                )


def _numbers(counts: Mapping[str, int]) -> DictionaryAttr:
    return DictionaryAttr({name: IntegerAttr(value, i64) for name, value in counts.items()})


def by_module(system: circuit.SystemOp | zk.SystemOp, shape: Shape) -> dict[str, Counter[str]]:
    """Cells, lookups and products of each module path, in order of the paths; what has none is at ""."""
    axes = system.axes

    def cells(names: Iterable[str]) -> int:
        return prod(shape.size(axes[name]) for name in names)

    def held(names: Sequence[str]) -> int:
        return cells_over(system, shape, names)

    found: dict[str, Counter[str]] = defaultdict(Counter)
    defined = system.defined if isinstance(system, circuit.SystemOp) else {}
    for name, column in system.columns.items():
        if column.home.data != "public":
            home = "param" if column.home.data == "param" else "witness"
            home = "defined" if name in defined else home
            found[module_path(column)][f"{home}_cells"] += held(column.axis_names)
    for op in system.relations:
        counts = found[module_path(op)]
        if isinstance(op, zk.EinsumLike):
            for product in op.products:
                joint = {axis for factor in product.data.factors for axis in factor.axes}
                counts["products"] += cells(joint)
        elif isinstance(op, zk.RangeOp | zk.LookupLike):
            counts["lookups"] += held(next(iter(op.expressions())).axes)
        elif isinstance(op, zk.GatherLike):
            counts["lookups"] += held(op.index.data.axes)
    return {path: counts for path, counts in sorted(found.items()) if counts}


def statistics(system: circuit.SystemOp | zk.SystemOp, shape: Shape) -> dict[str, int]:
    """The numbers of the module's docstring at a shape."""
    axes = system.axes

    def cells(names: Iterable[str]) -> int:
        return prod(shape.size(axes[name]) for name in names)

    costs = sum(by_module(system, shape).values(), Counter())
    counts: Counter[str] = Counter()
    sources: set[Expr] = set()
    variables = 0
    for op in system.relations:
        if isinstance(op, zk.EinsumLike):
            counts["einsums"] += 1
            for product in op.products:
                joint = {axis for factor in product.data.factors for axis in factor.axes}
                variables = max(variables, sum(_bits(cells([axis])) for axis in joint))
        elif isinstance(op, zk.RangeOp | zk.LookupLike):
            counts["lookup_relations"] += 1
        elif isinstance(op, zk.GatherLike):
            counts["gathers"] += 1
            sources.add(op.source.data)
        else:
            counts["linears"] += 1
    rows = sum(part.count for table in system.tables.values() for part in table.rows)
    rows += sum(cells(source.axes[:1]) for source in sources)
    depth = _bits(costs["lookups"] + rows)
    messages = 3 * depth * (depth + 1) // 2 + 4 * depth
    messages += 3 * variables + 3 * counts["einsums"]
    return {
        "columns": len(system.columns),
        "param_cells": costs["param_cells"],
        "witness_cells": costs["witness_cells"],
        "defined_cells": costs["defined_cells"],
        "lookups": costs["lookups"],
        "lookup_relations": counts["lookup_relations"],
        "einsums": counts["einsums"],
        "linears": counts["linears"],
        "gathers": counts["gathers"],
        "products": costs["products"],
        "tables": len(system.tables),
        "table_rows": rows,
        "messages": messages,
    }


def _bits(size: int) -> int:
    return max(0, size - 1).bit_length()
