"""gather: a value is, at each cell of an index, the row of a source that the index names.

    value[cell, *] = source[index[cell], *]

The rows of an embedding by token, the positions that generate, where a token is read again: whenever
the index is a column and not known to everybody.

One witness: the rows of a source are told apart by their numbers, so that the index names one of them
(and is a number of a row, which makes it a range too), and the value is that row.
"""

from __future__ import annotations

from ...dialects import zk
from ...dialects.quant.axes import Axes
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from .builder import Builder


def gather(b: Builder, name: str, index: Expr, value: Expr, source: Expr) -> None:
    """States that a value is what the index names."""
    b.state(zk.GatherOp(name, index, value, source, module=b.module))


def rows(b: Builder, name: str, index: Expr, axes: Axes, source: Expr) -> tuple[Expr, Interval]:
    """The column ``name``.rows of the rows of a source, one for each cell of an index; it has the source's
    interval."""
    interval = b.system.interval(source)
    found = b.witness(f"{name}.rows", axes, *interval)
    gather(b, f"{name}.row", index, found, source)
    return found, interval
