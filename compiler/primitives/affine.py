"""affine: a value is a sum of columns, each at some index, times constants, plus a constant.

    value[cell] = sum_i c_i column_i[index_i(cell)] + c

An index is the same one, a sum over an axis or over all layers before, a half-split rotation, or the
row of a position (`affine_expr`). Such a value is a virtual column: it has a name and a range, is
never committed, and `virtualize` writes its definition wherever it is read.

One witness: there is none. A virtual column has no cells, so nothing can be altered in it; where
`virtualize` is left out it is committed, and the relation that holds it has it with coefficient 1.
"""

from __future__ import annotations

from ...dialects import zk
from ...dialects.quant.axes import Axes
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from .builder import Builder


def declare(b: Builder, name: str, axes: Axes, interval: Interval) -> Expr:
    """A virtual column that has to be defined later."""
    return b.column(name, "virtual", axes, *interval)


def define(b: Builder, name: str, expr: Expr) -> None:
    """Says what a declared column is."""
    b.state(zk.DefineOp(name, expr))


def value(b: Builder, name: str, axes: Axes, expr: Expr, interval: Interval) -> Expr:
    """A virtual column and its definition."""
    column = declare(b, name, axes, interval)
    define(b, name, expr)
    return column
