"""The builder that primitives write through: declarations and relations of a system, in order.

A `System` is what has been declared and stated so far. A `Builder` writes into it for one operation of
the model: it knows the axes that stand before an operation's own, ("layer",) in the body of
`zk.layers`, and the module path that every column and relation carries.

An axis tuple in a signature is without the layer; expressions are over the layer too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation

from ...dialects import zk
from ...dialects.affine_expr import affine, read
from ...dialects.quant.axes import Axes
from ...errors import expect
from ...runtime.circuit.extents import Axis, Shape
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval, SystemRanges

Roles = dict[str, str | Sequence[str]]
"""The witness columns that a step commits, by role: one column, or the limbs of a number."""


@dataclass
class System:
    """The parts of a `zk.system`: ``extents`` with the greatest of each, ``sizes`` of axes."""

    extents: dict[str, int]
    sizes: dict[str, int | str]
    columns: dict[str, zk.ColumnOp] = field(default_factory=dict)
    tables: dict[str, zk.TableOp] = field(default_factory=dict)
    relations: list[Operation] = field(default_factory=list)

    def size(self, axis: str) -> int:
        """The size of an axis that does not depend on the proof."""
        return expect(self.sizes[axis], int)

    def interval(self, expr: Expr) -> Interval:
        """Between which integers an expression is."""
        sizes = {axis: Axis(axis, size) for axis, size in self.sizes.items()}
        defines = {op.target: op for op in self.relations if isinstance(op, zk.DefineOp)}
        return SystemRanges.over(self.columns, sizes, defines, Shape(self.extents)).expr(expr)


@dataclass(frozen=True)
class Builder:
    """Writes columns, tables and relations of one module, over ``outer`` and an operation's axes."""

    system: System
    outer: Axes = ()
    module: str = ""

    def over(self, axes: Axes) -> Axes:
        return (*self.outer, *axes)

    def read(self, name: str, axes: Axes) -> Expr:
        """A column over axes, at the same indices."""
        return read(name, self.over(axes))

    # Columns and tables

    def column(self, name: str, home: str, axes: Axes, low: int, high: int) -> Expr:
        made = zk.ColumnOp(name, home, self.over(axes), low, high, module=self.module)
        self.system.columns[name] = made
        return self.read(name, axes)

    def witness(self, name: str, axes: Axes, low: int, high: int) -> Expr:
        """Declares a column of the witness. Its range is what its relations have to show."""
        return self.column(name, "witness", axes, low, high)

    def public(
        self,
        name: str,
        axes: Axes,
        low: int,
        high: int,
        kind: str = "data",
        contents: Sequence[str] = (),
        windows: Sequence[int] = (),
    ) -> str:
        """The name of a public column over just these axes, the same one for the same contents."""
        made = zk.ColumnOp(
            name, "public", axes, low, high, kind=kind, contents=contents, windows=windows
        )
        columns = self.system.columns
        while (old := columns.get(name)) and old.properties != made.properties:
            name += "_"
            made.sym_name = StringAttr(name)
        columns.setdefault(name, made)
        return name

    def counter(self, name: str, axis: str, size: int) -> Expr:
        """The public column of an axis's own indices."""
        return read(self.public(name, (axis,), 0, size - 1, contents=[axis]), (axis,))

    def per_layer(self, name: str, values: Sequence[int]) -> Expr:
        """A number, or one for each layer."""
        if len(set(values)) == 1:
            return constant(values[0])
        contents = list(map(str, values))
        column = self.public(name, ("layer",), min(values), max(values), contents=contents)
        return read(column, ("layer",))

    def table(self, name: str, rows: Sequence[zk.RowsAttr]) -> str:
        """Declares a table of its own; `merge-tables` finds equal ones."""
        self.system.tables[name] = zk.TableOp(name, rows)
        return name

    # Relations

    def state(self, relation: zk.Relation | zk.DefineOp) -> None:
        self.system.relations.append(relation)

    def zero(self, name: str, expr: Expr) -> None:
        """States that an expression is zero at each cell."""
        self.state(zk.LinearOp(name, expr, module=self.module))

    def range(self, name: str, bits: int, expr: Expr) -> None:
        """States that an expression is in 0 .. 2^bits - 1 at each cell, bits <= 20."""
        self.state(zk.RangeOp(name, bits, expr, module=self.module))


def constant(value: int) -> Expr:
    """A number as an expression over no axes."""
    return affine((), (), value)
