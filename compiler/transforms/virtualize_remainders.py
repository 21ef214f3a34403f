"""`virtualize-remainders`: what a relation says of a column that only lookups read is not committed as well.

A rounding's remainder is what is left of a sum of products, rem = products - 2^s y + half(s), and all that is
asked of it is that it is in range. Where a `circuit.einsum` has such a column on its left side, with a
coefficient of 1 or -1 and cell by cell, the relation `defines` it: the claims that the lookup argument ends in
are claims on the relation's products, and no cell of the column is committed. Of several limbs of a remainder
that is the first one.

Two kinds of column stay. Small ones: the verifier would take longer, and the prover hardly less. With `share` n
those are defined that have at least 1/n of the committed cells at the largest shape. And those that would make
the einsum dearer than they are: the leaves of an axis whose length is no power of two are several claims at points
of their own, each with a sumcheck over all that the products' factors share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects.circuit import EinsumOp, LookupOp, SystemOp
from ...runtime.circuit.extents import Axis
from ...runtime.circuit.index_maps import Index
from ...runtime.circuit.relations import whole
from ..modules import systems
from .options import check_options
from .pack_columns import largest_shape


@dataclass(frozen=True)
class VirtualizeRemainders(ModulePass):
    """Lets einsums of each `circuit.system` define columns."""

    name = "virtualize-remainders"
    share: int = 1024

    def __post_init__(self) -> None:
        check_options(self, share=(1, 1 << 62))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            shape = largest_shape(system.tokens, None)
            sizes = {name: shape.size(axis) for name, axis in system.axes.items()}
            pattern = Define(_candidates(system, sizes, self.share), sizes, system.axes)
            PatternRewriteWalker(pattern, apply_recursively=False).rewrite_module(op)


@dataclass
class Define(RewritePattern):
    """Of the columns that may be, defines the first on an einsum's left side.

    ``candidates`` have the axis along which pieces of their lookup are one claim; ``sizes`` are of axes.
    """

    candidates: Mapping[str, str]
    sizes: Mapping[str, int]
    axes: Mapping[str, Axis]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: EinsumOp, rewriter: PatternRewriter) -> None:
        left = op.lhs.data
        for term in left.terms:
            name = term.column
            fits = name in self.candidates and abs(term.coefficient) == 1 and whole(term, left)
            if fits and self.added(op, self.candidates[name]) <= self.cells(left.axes):
                op.defines = SymbolRefAttr(name)
                rewriter.notify_op_modified(op)
                return

    def added(self, op: EinsumOp, first: str) -> int:
        """The cells of the sumchecks beyond one of each product."""
        total = 0
        for product in op.products:
            uses = Counter(axis for factor in product.data.factors for axis in factor.axes)
            shared = [axis for axis, count in uses.items() if count > 1]
            apart = [axis for axis in op.lhs.data.axes if axis != first and axis not in shared]
            fixed = [size for axis in apart if isinstance(size := self.axes[axis].size, int)]
            total += (prod(size.bit_count() for size in fixed) - 1) * self.cells(shared)
        return total

    def cells(self, axes: Iterable[str]) -> int:
        return prod(self.sizes[axis] for axis in axes)


def _candidates(system: SystemOp, sizes: Mapping[str, int], share: int) -> dict[str, str]:
    """The larger witness columns that are read once beside a lookup, and by that cell by cell; with the first
    axis of the lookup's domain."""
    cells = {
        name: prod(sizes[axis] for axis in column.axis_names)
        for name, column in system.columns.items()
        if column.home.data == "witness" and column.axis_names
    }
    total = sum(cells.values())
    reads, first, left = Counter[str](), dict[str, str](), dict[str, tuple[Index, ...]]()
    looked_up = dict[str, tuple[Index, ...]]()
    kept = {name for reveal in system.reveals for name in reveal.names}
    for relation in system.relations:
        for expr in relation.expressions():
            for term in expr.terms:
                if not isinstance(relation, LookupOp):
                    reads[term.column] += 1
                    left[term.column] = term.indices
                elif term.column in first or not whole(term, expr):
                    kept.add(term.column)
                else:
                    first[term.column] = expr.axes[0]
                    looked_up[term.column] = term.indices
    return {
        name: axis
        for name, axis in first.items()
        if cells.get(name, 0) * share >= total and reads[name] == 1 and name not in kept
        # Along the same axes on both sides.
        if looked_up[name] == left[name]
    }
