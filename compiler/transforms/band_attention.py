"""`band-attention`: masked blocks of attention are neither committed nor looked up.

Scores, exponentials and the choice of the largest score are over all pairs of a position and a source, though a
position sees no later ones, and with a window few of the earlier ones. What is masked counts for nothing: its
exponential is zero, and it is not chosen. So a `circuit.band` keeps the blocks of the mask that have a cell which
some layer sees, and no others: at 512 positions and with blocks of 64, 9 of 16 cells.

That changes nothing of what is proved if nothing but lookups asks for cells outside: if, of two axes that a mask
is over,

* the exponentials and the choices of a `zk.softmax`, which a lookup ties to the mask, are the only columns that
  anything else reads, since those are zero there;
* each relation over both is a lookup, or defines a column, which lookups alone read.

Rounded scores are committed in relations of the second kind with `virtualize-remainders`; without it the pass does
nothing, as it does for circuits of at most one block.

Blocks of half the size would keep half as many of the masked cells, and take twice as many pieces, each of which
has a part in every lookup's claims and a sumcheck of its own in the relation of the scores.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from ...dialects import zk
from ...dialects.circuit import BandOp, ColumnOp, EinsumOp, LookupOp, SystemOp
from ...runtime.circuit.band import LARGEST_BLOCK, LEAST_BLOCK, Band
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
        masks = [
            column
            for column in system.columns.values()
            if _is_mask(column) and column.axis_names[1:] == (rows, columns)
        ]
        size = system.greatest.size(system.axes[rows])
        taken = any({rows, columns} & {band.rows, band.columns} for band in system.bands)
        if op is not masks[-1] or size <= 1 << self.block or taken:
            return
        names = {mask.sym_name.data for mask in masks}
        if _only_lookups_ask(system, rows, columns, names):
            windows = [w for mask in masks if mask.windows for w in mask.windows.get_values()]
            band = Band(rows, columns, max(windows) if all(windows) else 0, self.block)
            rewriter.insert(BandOp(band), InsertPoint.after(op))


def _is_mask(column: zk.ColumnLike) -> bool:
    return column.kind is not None and column.kind.data == "mask"


def _only_lookups_ask(system: SystemOp, rows: str, columns: str, masks: set[str]) -> bool:
    """Whether nothing but lookups over both axes depends on what is masked."""
    both = {rows, columns}
    banded = {
        name
        for name, column in system.columns.items()
        if column.home.data == "witness" and both <= set(column.axis_names)
    }
    # What each column is looked up together with; the columns that something else reads.
    beside: dict[str, set[str]] = defaultdict(set)
    elsewhere: set[str] = set()
    for relation in system.relations:
        exprs = list(relation.expressions())
        read = {term.column for expr in exprs for term in expr.terms}
        if isinstance(relation, LookupOp) and both <= set(exprs[0].axes):
            for name in read:
                beside[name] |= read
            continue
        if isinstance(relation, EinsumOp) and relation.defined:
            exprs = [factor for product in relation.products for factor in product.data.factors]
            read = {term.column for expr in exprs for term in expr.terms}
        elif both <= set(exprs[0].axes):
            return False
        elsewhere |= read & banded
    softmaxes = (step for step in system.compute.walk() if isinstance(step, zk.SoftmaxOp))
    zeros = {
        name
        for step in softmaxes
        for role in ("e", "select")
        for name in zk.roles(step).get(role, ())
        if beside[name] & masks
    }
    return elsewhere <= zeros
