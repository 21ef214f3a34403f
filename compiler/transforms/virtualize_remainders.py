"""`virtualize-remainders`: what a relation says of a column that only lookups read is not committed as well.

A rounding's remainder is what is left of a sum of products, rem = products - 2^s y + half(s), and all that is
asked of it is that it is in range. Where a `circuit.einsum` has such a column on its left side, with a
coefficient of 1 or -1 and cell by cell, the relation `defines` it: the claims that the lookup argument ends in
are claims on the relation's products, and no cell of the column is committed. Of several limbs of a remainder
that is the first one.

Two kinds of column stay. Small ones: the verifier would take longer, and the prover hardly less. With `share` n
those are defined that have at least 1/n of the committed cells at the largest shape. And those that would make
the einsum dearer than they are: the leaves of an axis whose length is no power of two are several claims at points
of their own, each with a sumcheck over all that the products' factors share. They are neither to have more cells
than the column, nor to be many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.circuit import EinsumOp, LookupOp, SystemOp
from ...dialects.zk import Relation
from ...runtime.circuit.extents import Axis
from ...runtime.circuit.relations import Expr, Term, whole
from ..modules import systems
from .options import check_options
from .pack_columns import largest_shape
from .sweeping import sweep

SUMCHECKS = 64
"""The most that a column is to add."""


@dataclass(frozen=True)
class VirtualizeRemainders(ModulePass):
    """Lets einsums of each `circuit.system` define columns."""

    name = "virtualize-remainders"
    share: int = 1024

    def __post_init__(self) -> None:
        check_options(self, share=(1, 1 << 62))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            shape = largest_shape(system.greatest, None)
            sizes = {name: shape.size(axis) for name, axis in system.axes.items()}
            sweep(system, Define(_candidates(system, sizes, self.share), sizes, system.axes))


@dataclass
class Define(RewritePattern):
    """Of the columns that may be, defines the first on an einsum's left side.

    ``candidates`` are the columns, and how lookups read them; ``sizes`` are of axes.
    """

    candidates: Mapping[str, tuple[Expr, Term]]
    sizes: Mapping[str, int]
    axes: Mapping[str, Axis]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: EinsumOp, rewriter: PatternRewriter) -> None:
        left = op.lhs.data
        for term in left.terms:
            if term.column not in self.candidates or abs(term.coefficient) != 1:
                continue
            expr, looked_up = self.candidates[term.column]
            as_looked_up = whole(term, left) and term.indices == looked_up.indices
            if as_looked_up and self.few(op, expr.axes[0]):
                op.defines = SymbolRefAttr(term.column)
                rewriter.notify_op_modified(op)
                return

    def few(self, op: EinsumOp, first: str) -> bool:
        """Whether sumchecks beyond one of each product, and their cells, are few; pieces along ``first`` are one
        claim."""
        sumchecks, cells = 0, 0
        for product in op.products:
            uses = Counter(axis for factor in product.data.factors for axis in factor.axes)
            shared = [axis for axis, count in uses.items() if count > 1]
            apart = [axis for axis in op.lhs.data.axes if axis != first and axis not in shared]
            fixed = [size for axis in apart if isinstance(size := self.axes[axis].size, int)]
            more = prod(size.bit_count() for size in fixed) - 1
            sumchecks, cells = sumchecks + more, cells + more * self.cells(shared)
        return sumchecks <= SUMCHECKS and cells <= self.cells(op.lhs.data.axes)

    def cells(self, axes: Iterable[str]) -> int:
        return prod(self.sizes[axis] for axis in axes)


def _candidates(
    system: SystemOp, sizes: Mapping[str, int], share: int
) -> dict[str, tuple[Expr, Term]]:
    """The larger witness columns that are read twice in all, once by a lookup, cell by cell: how that reads it."""
    reads: dict[str, list[tuple[Relation, Expr, Term]]] = defaultdict(list)
    for relation in system.relations:
        for expr in relation.expressions():
            for term in expr.terms:
                reads[term.column].append((relation, expr, term))
    cells = {
        name: prod(sizes[axis] for axis in column.axis_names)
        for name, column in system.columns.items()
        if column.home.data == "witness" and column.axis_names
    }
    total = sum(cells.values())
    revealed = {name for reveal in system.reveals for name in reveal.names}
    found = {}
    for name in cells.keys() - revealed:
        by_lookups = [(e, t) for relation, e, t in reads[name] if isinstance(relation, LookupOp)]
        if cells[name] * share >= total and len(reads[name]) == 2 and len(by_lookups) == 1:
            expr, term = by_lookups[0]
            if whole(term, expr):
                found[name] = expr, term
    return found
