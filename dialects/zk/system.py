"""A whole `zk.system`: declarations, the compute side, and the relations.

Why the two sides are regions of one operation and not two modules: they name the same columns, and
whatever renames, removes or adds one has to see both. Why verification is here: an expression can be
checked only against the axes and columns of its system.

Errors: names that do not resolve and axes that do not fit are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, region_def, traits_def
from xdsl.traits import IsolatedFromAbove, NoTerminator, SymbolTable
from xdsl.utils.exceptions import VerifyException

from ...runtime.circuit import kinds
from ...runtime.circuit.extents import Axis, CircuitError, Shape
from ...runtime.circuit.relations import Circuit, Column, Expr, Home, Linear, PublicKind
from ..nn import module_path, require
from .attributes import ExtentsAttr
from .compute import ComputeOp, ReadOp, Scope, Step, committed
from .declarations import AxisLike, AxisOp, ColumnLike, ColumnOp, TableLike, TableOp
from .relations import DefineOp, LookupLike, Relation, RevealLike, RevealOp


@irdl_op_definition
class ConstrainOp(Scope):
    """What must hold.

    ```mlir
    zk.constrain {
      zk.linear @one <"token: select[token, *] - 1">
    }
    ```
    """

    name = "zk.constrain"
    traits = traits_def(NoTerminator(), SymbolTable())

    def verify_(self) -> None:
        require(
            all(isinstance(op, Relation | DefineOp | RevealOp) for op in self.body.block.ops),
            "zk.constrain has relations only",
        )


class SystemLike(IRDLOperation):
    """Declarations, how the witness is made and what must hold; `extents` are the sizes that proofs choose, and the
    greatest of each."""

    extents = prop_def(ExtentsAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator(), IsolatedFromAbove(), SymbolTable())

    def __init__(
        self, extents: Mapping[str, int], operations: Sequence[Operation], **properties: Attribute
    ):
        super().__init__(
            properties={"extents": ExtentsAttr.of(extents), **properties},
            regions=[Region(Block(operations))],
        )

    @property
    def greatest(self) -> Shape:
        """The largest sizes of a proof."""
        return Shape(self.extents.sizes)

    @property
    def axes(self) -> dict[str, Axis]:
        return {a.axis.name: a.axis for a in self.body.block.ops if isinstance(a, AxisLike)}

    @property
    def columns(self) -> dict[str, ColumnLike]:
        return {c.sym_name.data: c for c in self.body.block.ops if isinstance(c, ColumnLike)}

    @property
    def tables(self) -> dict[str, TableLike]:
        return {t.sym_name.data: t for t in self.body.block.ops if isinstance(t, TableLike)}

    @property
    def symbols(self) -> set[str]:
        """The names of all declarations."""
        return {*self.axes, *self.columns, *self.tables}

    @property
    def compute(self) -> ComputeOp:
        return next(op for op in self.body.block.ops if isinstance(op, ComputeOp))

    @property
    def stated(self) -> Iterable[Operation]:
        """The operations of the constrain side."""
        raise NotImplementedError

    @property
    def relations(self) -> list[Relation]:
        return [op for op in self.stated if isinstance(op, Relation)]

    @property
    def reveals(self) -> list[RevealLike]:
        return [op for op in self.stated if isinstance(op, RevealLike)]

    def verify_lookups(self) -> None:
        """Raises `VerifyException` unless lookups name tables with a column for each of their expressions."""
        tables = self.tables
        for relation in self.relations:
            if isinstance(relation, LookupLike):
                table = tables.get(relation.table_name)
                require(
                    table is not None and table.arity == len(relation.exprs),
                    f"relation {relation.label}: table {relation.table_name} does not fit",
                )


@irdl_op_definition
class SystemOp(SystemLike):
    """A whole system. `extents` are the sizes that proofs choose, and the greatest of each.

    ```mlir
    zk.system extents <tokens 64> {
      zk.axis @token tokens
      zk.column @x witness [token] in 0 to 1
      zk.compute {
      }
      zk.constrain {
        zk.linear @zero <"token: x[token]">
      }
    }
    ```
    """

    name = "zk.system"
    assembly_format = "`extents` $extents attr-dict-with-keyword $body"

    @property
    def constrain(self) -> ConstrainOp:
        return next(op for op in self.body.block.ops if isinstance(op, ConstrainOp))

    @property
    def stated(self) -> Iterable[Operation]:
        return self.constrain.body.block.ops

    @property
    def defines(self) -> dict[str, DefineOp]:
        return {op.target: op for op in self.stated if isinstance(op, DefineOp)}

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        for kind in (ComputeOp, ConstrainOp):
            require(sum(isinstance(op, kind) for op in ops) == 1, f"one {kind.name} is needed")
        allowed = (AxisOp, ColumnOp, TableOp, ComputeOp, ConstrainOp)
        require(all(isinstance(op, allowed) for op in ops), "zk.system has declarations only")
        verify_names(
            self.extents.sizes, self.axes, self.columns.values(), self._reads(), self.reveals
        )
        verify_steps(self.compute, self.columns, self.tables)
        self.verify_lookups()
        virtual = {name for name, column in self.columns.items() if column.home.data == "virtual"}
        require(virtual == set(self.defines), "each virtual column, and no other, is defined once")

    def _reads(self) -> Iterator[tuple[str, Expr]]:
        columns = self.columns
        for op in self.stated:
            if isinstance(op, DefineOp):
                column = columns.get(op.target)
                require(
                    column is not None and column.axis_names == op.expr.data.axes,
                    f"zk.define @{op.target} does not fit a column of that name",
                )
            if isinstance(op, Relation | DefineOp):
                for expr in op.expressions():
                    yield op.label, expr


def verify_steps(
    compute: ComputeOp, columns: Mapping[str, ColumnLike], tables: Mapping[str, TableLike]
) -> None:
    """Raises `VerifyException` unless steps commit declared witness columns, each once, and read tables and
    columns that are declared."""
    made: set[str] = set()
    for op in compute.walk():
        if isinstance(op, ReadOp):
            column = columns.get(op.column_name)
            require(
                column is not None and column.home.data in ("param", "public"),
                f"zk.read: {op.column_name} is no param or public column",
            )
        elif isinstance(op, Step):
            where = f"{module_path(op) or op.name}: column"
            for name in committed(op):
                column = columns.get(name)
                require(
                    column is not None and column.home.data == "witness",
                    f"{where} {name} is no witness column",
                )
                require(name not in made, f"{where} {name} is made twice")
                made.add(name)
            table = op.options.get("table")
            require(
                table is None or table in tables,
                f"{module_path(op) or op.name}: there is no table {table}",
            )


def verify_names(
    extents: Mapping[str, int],
    axes: Mapping[str, Axis],
    columns: Any,
    reads: Iterator[tuple[str, Expr]],
    reveals: Sequence[RevealLike],
) -> None:
    """Raises `VerifyException` unless axes fit the extents, and columns, expressions and what is revealed fit the
    axes."""
    for axis in axes.values():
        known = isinstance(axis.size, int) or axis.size in extents
        require(known, f"axis {axis.name}: there is no extent {axis.size}")
    plain = []
    for column in columns:
        for axis in column.axis_names:
            require(axis in axes, f"column {column.sym_name.data}: unknown axis {axis}")
        home = cast(Home, column.home.data)
        kind = cast(PublicKind, column.kind.data if column.kind else "data")
        plain.append(
            Column(column.sym_name.data, column.axis_names, home, *column.range, kind=kind)
        )
    through = {op.what.data: op.names for op in reveals if op.names}
    if through:
        twice = len({op.what.data for op in reveals}) < len(reveals)
        require(not twice, "one thing is revealed twice, through columns")
    linears = tuple(Linear(label, expr, 1) for label, expr in reads)
    circuit = Circuit(
        tuple(axes.values()), tuple(plain), (), (), (), linears, extents, reveals=through
    )
    try:
        for label, expr in circuit.expressions():
            circuit._check_expr(label, expr)
        if through:
            kinds.of(extents).check_reveals(circuit)
    except CircuitError as error:
        raise VerifyException(str(error)) from None
