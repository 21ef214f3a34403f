"""window: elements of images as a window moves over them, and the larger of two values.

    at[.., i, ..] = x[.., s i + t, ..]        0 where x has no such element, t = tap - padding
    (a - b, larger - b) in { (d, max(d, 0)) }

One tap of a window at a time is an affine form in x, for each place of the window: a sum over taps is a sum of such
forms, a convolution a sum of their products with weights. The largest of a window is found tap by tap.

One witness: a form has no cells. At each a - b the table has one row, which determines the larger of the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...dialects import zk
from ...dialects.affine_expr import added, scaled
from ...dialects.quant.axes import Axes
from ...runtime.circuit.index import Index
from ...runtime.circuit.index_maps import MAPS
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from .builder import Builder
from .table import look_up


def taps(
    axis: str, count: int, size: int, kernel: int, stride: int, padding: int
) -> Iterator[tuple[int, Index]]:
    """The taps of a window along an axis of ``size`` elements that any of its ``count`` places, along ``axis``, has
    inside, each with the index that reads it."""
    for tap in range(kernel):
        start = tap - padding
        index = Index("stride", axis, (stride, start))
        if stride == 1 and start == 0 and size == count:
            index = Index("same", axis)
        if any(0 <= stride * i + start < size for i in range(count)):
            yield tap, index


def inside(index: Index, count: int, size: int) -> bool:
    """Whether each place reads an element."""
    return MAPS[index.kind].ones(index, count, size) is None


def larger(b: Builder, name: str, axes: Axes, one: Expr, other: Expr, interval: Interval) -> Expr:
    """The column ``name``: the larger of two values that are both in an interval."""
    low, high = interval
    half = 1 << (high - low).bit_length()
    table = b.table(f"{name}.max", [zk.RowsAttr.of([f"x + {half}", "max(x, 0)"], -half, half)])
    larger, minus = b.witness(name, axes, low, high), scaled(-1, other)
    ahead = added(b.over(axes), one, minus)
    look_up(b, f"{name}.lookup", table, scaled(1, ahead, half), added(b.over(axes), larger, minus))
    return larger
