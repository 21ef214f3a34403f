"""`widen-limbs`: a last limb of a few bits joins the limb before it, and is neither committed nor looked up.

A number of 17 to 20 bits, or of 33 to 36, has a last limb of at most 4 bits beside one of 16. As one column of up
to 20 bits it is in range by one lookup in a table of up to 2^20 rows. All relations read limbs as the number that
they make, so that nothing else changes. The larger table has to be worth it: the cells that are saved at the
largest shape by columns of one width are at least `rows` times as many as the rows of their table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntAttr, IntegerAttr, ModuleOp, SymbolRefAttr, i64
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from ...dialects.zk import (
    ColumnOp,
    DefineOp,
    ExprAttr,
    ProductAttr,
    RangeOp,
    Relation,
    Step,
    SystemOp,
)
from ...dialects.zk.compute import roles
from ...runtime.circuit.program import LIMB_BITS, WIDEST_LIMB_BITS
from ...runtime.circuit.relations import Expr, Product, Term, whole
from ..modules import systems
from .options import check_options
from .pack_columns import largest_shape
from .sweeping import sweep


@dataclass(frozen=True)
class WidenLimbs(ModulePass):
    """Joins the last two limbs of numbers."""

    name = "widen-limbs"
    rows: int = 2

    def __post_init__(self) -> None:
        check_options(self, rows=(0, 1 << 32))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            joined = worthwhile(system, dict(joinable(system)), self.rows)
            sweep(system, Join(joined))


@dataclass(frozen=True)
class Limbs:
    """A limb of 16 bits, and the width of both together."""

    first: str
    width: int


class Join(RewritePattern):
    """Drops last limbs wherever they stand, and lets the limb before each have the bits of both.

    ``joined`` is by the name of the last limb.
    """

    def __init__(self, joined: dict[str, Limbs]):
        self.joined = joined
        self.widths = {limbs.first: limbs.width for limbs in joined.values()}

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        name = _named(op)
        if name in self.joined:
            rewriter.erase(op)
        elif name in self.widths:
            width = self.widths[name]
            if isinstance(op, RangeOp):
                op.bits = IntegerAttr(width, i64)
            else:
                op.properties["high"] = IntAttr((1 << width) - 1)
            rewriter.notify_op_modified(op)
        elif isinstance(op, Relation | DefineOp | Step):
            found = {key: self.without(value) for key, value in op.properties.items()}
            if found != op.properties:
                op.properties |= found
                rewriter.notify_op_modified(op)

    def without(self, attribute: Attribute) -> Attribute:
        """An attribute without the last limbs that it names."""
        if isinstance(attribute, ExprAttr):
            return ExprAttr(self._expr(attribute.data))
        if isinstance(attribute, ProductAttr):
            product = attribute.data
            factors = tuple(self._expr(factor) for factor in product.factors)
            return ProductAttr(Product(product.coefficient, factors))
        if isinstance(attribute, ArrayAttr):
            return ArrayAttr(self.without(each) for each in attribute if not self._dropped(each))
        return attribute

    def _dropped(self, attribute: Attribute) -> bool:
        return isinstance(attribute, SymbolRefAttr) and attribute.string_value() in self.joined

    def _expr(self, expr: Expr) -> Expr:
        kept = tuple(term for term in expr.terms if term.column not in self.joined)
        return expr if len(kept) == len(expr.terms) else Expr(expr.axes, kept, expr.constant)


def joinable(system: SystemOp) -> Iterator[tuple[str, Limbs]]:
    """Last limbs that are read as parts of their number only, besides by a range of each limb."""
    ranged: dict[str, list[int]] = defaultdict(list)
    reads: dict[str, list[tuple[Expr, Term]]] = defaultdict(list)
    for op in system.constrain.body.block.ops:
        if isinstance(op, RangeOp) and (name := _named(op)):
            ranged[name].append(op.bits.value.data)
        elif isinstance(op, Relation | DefineOp):
            for expr in op.expressions():
                for term in expr.terms:
                    reads[term.column].append((expr, term))
    revealed = {name for reveal in system.reveals for name in reveal.names}
    for step in system.compute.walk():
        for names in roles(step).values() if isinstance(step, Step) else ():
            for first, last in list(pairwise(names))[-1:]:
                widths = ranged[first] + ranged[last]
                together = len(widths) == 2 and widths[0] == LIMB_BITS and sum(widths)
                if not together or together > WIDEST_LIMB_BITS or {first, last} & revealed:
                    continue
                low = Counter((e, t.indices, t.coefficient << LIMB_BITS) for e, t in reads[first])
                high = Counter((e, t.indices, t.coefficient) for e, t in reads[last])
                if low == high:
                    yield last, Limbs(first, together)


def worthwhile(system: SystemOp, found: dict[str, Limbs], rows: int) -> dict[str, Limbs]:
    """Those of one width whose cells are many beside the rows of its table."""
    shape, columns = largest_shape(system.greatest, None), system.columns
    saved: Counter[int] = Counter()
    for last, limbs in found.items():
        sizes = (shape.size(system.axes[axis]) for axis in columns[last].axis_names)
        saved[limbs.width] += prod(sizes)
    return {last: x for last, x in found.items() if saved[x.width] >= rows << x.width}


def _named(op: Operation) -> str:
    """The column that an operation declares, or that a range is of, cell by cell."""
    if isinstance(op, ColumnOp):
        return op.sym_name.data
    if isinstance(op, RangeOp):
        expr = op.expr.data
        plain = len(expr.terms) == 1 and not expr.constant and whole(expr.terms[0], expr)
        if plain and expr.terms[0].coefficient == 1:
            return expr.terms[0].column
    return ""
