"""maximum: a value is the largest of several, and one of them attains it.

Two halves: nothing is larger, and something is as large. Three forms, for who has to know where:

* `selected`, by a lookup. At each cell (distance, f, select) is a row of a table that has select = 1 at
  distance 0 only, and sum select = 1. Distances below zero have no row, so `top` is no smaller than any
  value; where the selected one is, the distance is 0. A forbidden cell's distance is raised beyond those
  of all allowed ones, so that it can not be selected. f is a function of the distance, from the same row.
* `attained`, at a place known to everybody. best - value_j - [j < place] >= 0 by limbs, and 0 at
  j = place, where the bracket is 0: the place is the lowest index of the largest value.
* `ordered`, at a place that is a column. best is the value at the place by a product of its own, and over
  V indices V (best - value_j) + j - place >= 0 by limbs orders (value, -index) by one number: j and place
  differ by less than V, so best >= value_j, and j >= place where they are equal.

One witness: the largest value is unique, and the lowest index that attains it is. `best` needs no range,
as it equals a value, an integer. In `selected` the top, distances and f are unique; which of several
equal cells is selected is not, and nothing reads it.
"""

from __future__ import annotations

from ...dialects import zk
from ...dialects.affine_expr import added, affine, read, scaled
from ...dialects.quant.axes import Axes
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import Expr, Term
from .builder import Builder, Roles
from .contract import Factors, contract
from .round import limbs
from .table import look_up


def distances(b: Builder, name: str, expression: str, span: int) -> str:
    """The table of (distance, f, select) for values of a range of ``span`` integers: f is an expression
    of distances below that, and 0 beyond, to where forbidden cells are raised."""
    rows = [
        zk.RowsAttr.of(["x", expression, "1"], 0, 1),
        zk.RowsAttr.of(["x", expression, "0"], 0, span),
        zk.RowsAttr.of(["x", "0", "0"], span, 3 * span),
    ]
    return b.table(name, rows)


def selected(b: Builder, name: str, table: str, axes: Axes, distance: Expr, f: Expr) -> None:
    """States that the distances are from a top that one cell along the last axis attains, and what f is.

    ``name``.select says which; it is declared already, over ``axes``."""
    whole = b.over(axes)
    look_up(b, f"{name}.exponential", table, distance, f, read(f"{name}.select", whole))
    chosen = read(f"{name}.select", whole, **{axes[-1]: Index("sum")})
    b.zero(f"{name}.one_maximum", scaled(1, chosen, -1))


def attained(
    b: Builder, name: str, cells: Axes, largest: int, width: int, values: list[Factors]
) -> Roles:
    """States that the next token is the lowest index, along the last of ``cells``, of the largest of values
    of magnitude ``largest``; differences have ``width`` bits."""
    best = b.witness(f"{name}.best", cells[:-1], -largest, largest)
    gap, digits = limbs(b, f"{name}.limb", cells, width)
    below = read(b.public(f"{name}.below_next", cells, 0, 1, "below-next"), cells)
    lhs = added(cells, best, scaled(-1, gap), scaled(-1, below))
    contract(b, f"{name}.maximum", lhs, values)
    row = cells[0]
    place = (Index("same", row), Index("next", row))
    terms = [Term(term.coefficient, term.column, place) for term in gap.terms]
    b.zero(f"{name}.attained", affine((row,), terms))
    return Roles(best=f"{name}.best", limbs=digits)


def ordered(
    b: Builder,
    name: str,
    cells: Axes,
    largest: int,
    width: int,
    values: list[Factors],
    place: Expr,
    at_place: list[Factors],
) -> Roles:
    """States that ``place`` is the lowest index, along the last of ``cells``, of the largest of values of
    magnitude ``largest``; ``at_place`` are the values there, and what is ordered has ``width`` bits."""
    count = b.system.size(cells[-1])
    best = b.witness(f"{name}.best", cells[:-1], -largest, largest)
    contract(b, f"{name}.attained", best, at_place)
    order, digits = limbs(b, f"{name}.limb", cells, width)
    index = b.counter(f"{cells[-1]}_index", cells[-1], count)
    ahead = added(cells, scaled(count, best), index, scaled(-1, place), scaled(-1, order))
    contract(b, f"{name}.order", ahead, values, factor=count)
    return Roles(best=f"{name}.best", limbs=digits)
