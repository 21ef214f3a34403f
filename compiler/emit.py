"""From the circuit dialect to plain data: `relations.Circuit` and `program.Program`.

Tables and public data columns are evaluated here from their expressions. A `param` column keeps as
its origin the checkpoint's name of the weight, with "{layer}" for the layer number; `param_arrays`
gives quantised weights the shapes of their columns (query heads are cut into (kv, group, dim)).

Errors: `UserError` for a module without a circuit, one beyond the limits of keys, contents outside a
column's range, and weights that are missing or of another size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from ..dialects import circuit as ir
from ..dialects.nn import module_path
from ..dialects.table_expr import evaluate_grid
from ..dialects.zk import ColumnLike, TableLike
from ..errors import UserError
from ..runtime.circuit.encoding import MOST_CELLS
from ..runtime.circuit.extents import Axis, CircuitError, Shape
from ..runtime.circuit.program import Program
from ..runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Gather,
    Home,
    Linear,
    Lookup,
    PublicKind,
    Table,
)
from .analysis.looked_up import table_contents
from .witness_program import witness_program


def emit(module: ModuleOp) -> tuple[Circuit, Program]:
    """The circuit and the witness program of a lowered module."""
    systems = [op for op in module.body.ops if isinstance(op, ir.SystemOp)]
    if len(systems) != 1:
        raise UserError("the module holds no circuit; lower it first")
    system = systems[0]
    return circuit_of(system), witness_program(system.compute, system.axes)


def circuit_of(system: ir.SystemOp) -> Circuit:
    """A circuit without its witness program."""
    circuit = _circuit(system)
    try:
        circuit.check()
    except CircuitError as error:
        raise UserError(str(error)) from None
    return circuit


def param_arrays(circuit: Circuit, quantized: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The param columns' arrays; ``quantized`` has (layers, out, in) by the first layer's name."""
    arrays = {}
    for column in circuit.home("param"):
        name = column.origin.replace("{layer}", "0")
        array = quantized.get(name)
        sizes = circuit.sizes(column, Shape())
        if array is None:
            raise UserError(f"weight {name} is missing")
        if array.size != int(np.prod(sizes)):
            raise UserError(f"weight {name} has shape {array.shape}, the circuit needs {sizes}")
        low, high = int(array.min()), int(array.max())
        if low < column.low or high > column.high:
            raise UserError(f"weight {name}: {low} .. {high} is not in its declared range")
        arrays[column.name] = np.ascontiguousarray(array).reshape(sizes)
    return arrays


def _circuit(system: ir.SystemOp) -> Circuit:
    axes, columns, tables = system.axes, system.columns, system.tables
    relations = system.relations
    cells = sum(table.arity * part.count for table in tables.values() for part in table.rows)
    if cells > MOST_CELLS:
        raise UserError(
            f"the tables have {cells:,} cells, more than the {MOST_CELLS:,} of a key: do not leave "
            "merge-tables out, or stack-layers"
        )
    data = {name: table_contents(table) for name, table in tables.items()}
    for name, column in columns.items():
        if column.texts:
            data[name] = _contents(column, axes, system.greatest)
    return Circuit(
        axes=tuple(axes.values()),
        columns=tuple(map(_column, columns.values())),
        tables=tuple(
            Table(name, table.arity, len(data[name]), _table_text(table))
            for name, table in tables.items()
        ),
        einsums=tuple(
            Einsum(
                op.label,
                op.lhs.data,
                tuple(product.data for product in op.products),
                op.bound.data,
                module_path(op),
                op.defined,
            )
            for op in relations
            if isinstance(op, ir.EinsumOp)
        ),
        lookups=tuple(
            Lookup(op.label, op.table_name, tuple(op.expressions()), module_path(op))
            for op in relations
            if isinstance(op, ir.LookupOp)
        ),
        linears=tuple(
            Linear(op.label, op.expr.data, op.bound.data, module_path(op))
            for op in relations
            if isinstance(op, ir.LinearOp)
        ),
        extents=system.extents.sizes,
        bands=system.bands,
        gathers=tuple(
            Gather(op.label, op.index.data, op.value.data, op.source.data, module_path(op))
            for op in relations
            if isinstance(op, ir.GatherOp)
        ),
        reveals={op.what.data: op.names for op in system.reveals},
        data=data,
    )


def _column(column: ColumnLike) -> Column:
    return Column(
        name=column.sym_name.data,
        axes=column.axis_names,
        home=cast(Home, column.home.data),
        low=column.low.data,
        high=column.high.data,
        origin=module_path(column),
        kind=cast(PublicKind, column.kind.data if column.kind else "data"),
        windows=tuple(column.windows.get_values()) if column.windows else (),
    )


def _table_text(table: TableLike) -> str:
    return "; ".join(
        f"({', '.join(part.texts)}) for {part.low.data} <= x < {part.high.data}"
        for part in table.rows
    )


def _contents(column: ColumnLike, axes: Mapping[str, Axis], greatest: Shape) -> np.ndarray:
    """A public data column: its expressions over its axes' names, at the largest shape."""
    name, texts = column.sym_name.data, column.texts
    sizes = [greatest.size(axes[axis]) for axis in column.axis_names]
    if len(texts) not in (1, sizes[0]):
        raise UserError(f"column {name}: {len(texts)} expressions for {sizes[0]} indices")
    if math.prod(sizes) > MOST_CELLS:
        raise UserError(f"column {name}: more than {MOST_CELLS} cells")
    grids = np.meshgrid(*map(np.arange, sizes), indexing="ij", sparse=True)
    if len(texts) == 1:
        array = evaluate_grid(texts[0], dict(zip(column.axis_names, grids, strict=True)))
    else:
        rest = {a: g[0] for a, g in zip(column.axis_names[1:], grids[1:], strict=True)}
        array = np.stack([evaluate_grid(text, rest) for text in texts])
    low, high = column.range
    if array.min() < low or array.max() > high:
        raise UserError(f"column {name}: contents leave the range {low} to {high}")
    return np.ascontiguousarray(array)
