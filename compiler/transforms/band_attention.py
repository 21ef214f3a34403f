"""`band-attention`: masked blocks of attention are neither committed nor looked up.

Scores, exponentials and the choice of the largest score are over all pairs of a position and a source, though a
position sees no later ones, and with a window few of the earlier ones. What is masked counts for nothing: its
exponential is zero, and it is not chosen. So a `circuit.band` keeps the blocks of the mask that have a cell which
some layer sees, and no others: at 512 positions and with blocks of 64, 9 of 16 cells.

That changes nothing of what is proved if nothing else depends on what is masked. Each relation over two axes that a
mask is over has to be one of these:

* a lookup that reads the mask and says of masked cells no more than that other columns are zero there: those
  are the exponentials and the choices of the largest score;
* a lookup of columns over both axes, or a relation that defines one, of the scores of a `zk.scores`: they are
  read at the cell itself, and in other relations not at all.

Anything else may read exponentials and choices alone, which are zero outside the band. What is given up is that
masked scores are in their range, on which nothing depends. Scores are rounded in relations that define a column
with `virtualize-remainders`; without it the pass does nothing, as it does for circuits of at most one block.

Blocks of half the size would keep half as many of the masked cells, and take twice as many pieces, each of which
has a part in every lookup's claims and a sumcheck of its own in the relation of the scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from ...dialects import zk
from ...dialects.circuit import BandOp, ColumnOp, EinsumOp, LookupOp, SystemOp
from ...runtime.circuit.band import LARGEST_BLOCK, LEAST_BLOCK, Band
from ...runtime.circuit.relations import Expr, Term
from ..analysis.looked_up import table_contents
from ..analysis.ranges import Ranges
from ..modules import systems
from .options import check_options
from .sweeping import sweep


@dataclass(frozen=True)
class BandAttention(ModulePass):
    """Keeps a band of the cells of attention in each `circuit.system`; blocks have 2^``block`` rows."""

    name = "band-attention"
    block: int = 6

    def __post_init__(self) -> None:
        check_options(self, block=(LEAST_BLOCK, LARGEST_BLOCK))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            sweep(system, Keep(self.block))


@dataclass
class Keep(RewritePattern):
    """Says the band behind a mask, of all masks over the same axes the last."""

    block: int

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ColumnOp, rewriter: PatternRewriter) -> None:
        system = op.parent_op()
        if not _is_mask(op) or not isinstance(system, SystemOp):
            return
        _, rows, columns = op.axis_names
        masks = {
            name: column.windows.get_values() if column.windows else ()
            for name, column in system.columns.items()
            if _is_mask(column) and column.axis_names[1:] == (rows, columns)
        }
        size = system.greatest.size(system.axes[rows])
        taken = any({rows, columns} & {band.rows, band.columns} for band in system.bands)
        last = op.sym_name.data == [*masks][-1]
        if not last or not all(masks.values()) or size <= 1 << self.block or taken:
            return
        if Square(system, rows, columns, frozenset(masks)).may_be_cut():
            windows = [window for each in masks.values() for window in each]
            band = Band(rows, columns, max(windows) if all(windows) else 0, self.block)
            rewriter.insert(BandOp(band), InsertPoint.after(op))


def _is_mask(column: zk.ColumnLike) -> bool:
    return column.kind is not None and column.kind.data == "mask"


@dataclass
class Square:
    """What a circuit says over two axes of one extent, and of what is masked there."""

    system: SystemOp
    rows: str
    columns: str
    masks: frozenset[str]

    def may_be_cut(self) -> bool:
        """Whether nothing but what is over both axes depends on what is masked."""
        scores = {
            name
            for step in self.system.compute.walk()
            if isinstance(step, zk.ScoresOp)
            for names in zk.roles(step).values()
            for name in names
        }
        masked = [
            op for op in self.system.relations if isinstance(op, LookupOp) and self._masks(op)
        ]
        zeros: set[str] = set()
        for lookup in masked:
            if (found := self._zeros(lookup)) is None:
                return False
            zeros |= found
        elsewhere: set[str] = set()
        for relation in self.system.relations:
            exprs = list(relation.expressions())
            if relation in masked:
                continue
            if not self._over(exprs[0].axes):
                elsewhere |= self._read(exprs)
            elif isinstance(relation, LookupOp):
                if not all(map(self._at_cells, exprs)) or not self._read(exprs) <= scores | zeros:
                    return False
            elif isinstance(relation, EinsumOp) and relation.defined:
                left = relation.lhs.data
                if not self._at_cells(left) or not self._read([left]) <= scores:
                    return False
                factors = (product.data.factors for product in relation.products)
                elsewhere |= self._read(chain.from_iterable(factors))
            else:
                return False
        banded = {name for name in elsewhere if self._over(self.system.columns[name].axis_names)}
        return banded <= zeros

    def _over(self, axes: Iterable[str]) -> bool:
        return {self.rows, self.columns} <= set(axes)

    def _masks(self, lookup: LookupOp) -> bool:
        return any(term.column in self.masks for e in lookup.expressions() for term in e.terms)

    def _read(self, exprs: Iterable[Expr]) -> set[str]:
        """The columns that are read, but for public ones."""
        names = {term.column for expr in exprs for term in expr.terms}
        return {name for name in names if self.system.columns[name].home.data != "public"}

    def _at_cells(self, expr: Expr) -> bool:
        """Whether all that is not public is read over both axes, and at the cells of the expression."""
        hidden = self._read([expr])
        return all(self._at_cell(term) for term in expr.terms if term.column in hidden)

    def _at_cell(self, term: Term) -> bool:
        reads = dict(zip(self.system.columns[term.column].axis_names, term.indices, strict=True))
        both = (reads.get(axis) for axis in (self.rows, self.columns))
        return all(i is not None and i.kind == "same" for i in both) and all(
            reads[axis].axis == axis for axis in (self.rows, self.columns)
        )

    def _zeros(self, lookup: LookupOp) -> set[str] | None:
        """The columns that a lookup makes zero at masked cells, or None if that is not all that it says of them:
        the table has a row for whatever the masked input may be, and that has zeros."""
        exprs = list(lookup.expressions())
        inputs = [i for i, e in enumerate(exprs) if any(t.column in self.masks for t in e.terms)]
        masked = exprs[inputs[0]]
        masks = [term for term in masked.terms if term.column in self.masks]
        outputs = [expr for i, expr in enumerate(exprs) if i != inputs[0]]
        cells = [e for e in outputs if len(e.terms) == 1 and not e.constant and self._at_cells(e)]
        if len(inputs) > 1 or len(masks) > 1 or not self._at_cell(masks[0]) or cells != outputs:
            return None
        columns, axes, greatest = self.system.columns, self.system.axes, self.system.greatest
        ranges = Ranges(
            lambda name: (columns[name].axis_names, columns[name].range),
            lambda axis: greatest.size(axes[axis]),
        )
        rest = tuple(term for term in masked.terms if term is not masks[0])
        low, high = ranges.expr(replace(masked, terms=rest))
        rows = table_contents(self.system.tables[lookup.table_name])
        rows = rows[(rows[:, inputs[0]] >= low) & (rows[:, inputs[0]] <= high)]
        known = np.unique(rows[:, inputs[0]]).size == high - low + 1
        if not known or np.delete(rows, inputs[0], axis=1).any():
            return None
        return self._read(outputs)
