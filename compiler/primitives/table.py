"""table: a tuple of values is a row of a table.

    (x - low, y) in { (i, f(low + i)) : low + i in the domain }

The rows are integers of an expression (`table_expr`), known to everybody. A table with one row for
each x is a function: any activation, and the rounding of its result with it, is one lookup. The same
lookup says that x is in the domain, so that x needs no range of its own.

One witness: at each x there is one row, and y is that row's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects import zk
from ...dialects.affine_expr import scaled
from ...dialects.quant.axes import Axes
from ...dialects.table_expr import evaluate
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from .builder import Builder


@dataclass(frozen=True)
class Tabulated:
    """A value of a function, its interval, and the table."""

    value: Expr
    interval: Interval
    table: str


def look_up(b: Builder, name: str, table: str, *exprs: Expr) -> None:
    """States that the expressions are a row of a declared table at each cell."""
    b.state(zk.LookupOp(name, table, exprs, module=b.module))


def tabulate(
    b: Builder, name: str, axes: Axes, x: Expr, expression: str, domain: Interval
) -> Tabulated:
    """The column ``name`` of an expression at x, for low <= x < high of the domain."""
    low, high = domain
    contents = evaluate(expression, low, high)
    table = b.table(
        f"{name}.{name.rpartition('.')[2]}",
        [zk.RowsAttr.of([f"x + {-low}", expression], low, high)],
    )
    interval = int(contents.min()), int(contents.max())
    y = b.witness(name, axes, *interval)
    look_up(b, f"{name}.lookup", table, scaled(1, x, -low), y)
    return Tabulated(y, interval, table)
