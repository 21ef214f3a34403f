"""`virtualize`: values that are affine in others are never committed.

Each `zk.define` is written into every expression that reads its column, and column and definition
disappear: accumulators, rounded values (affine in their limbs), the residual stream (the embedding
plus the deltas of all layers before). What a definition is, read through an index, is found by
`analysis.definitions`; it may take a public column, which is declared.

Errors: `UserError` for compositions that are no index, and for circular definitions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects.zk import ColumnOp, ComputeOp, DefineOp, ExprAttr, ProductAttr, Relation, SystemOp
from ..analysis.definitions import Definitions
from ..modules import systems
from .sweeping import declare, sweep


@dataclass(frozen=True)
class Virtualize(ModulePass):
    """Replaces the virtual columns of a `zk.system` by their definitions."""

    name = "virtualize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            sweep(system, WriteOut(system.compute, Definitions.of(system)), EraseVirtual())


@dataclass
class WriteOut(RewritePattern):
    """Writes definitions into all expressions of a relation."""

    compute: ComputeOp
    definitions: Definitions

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Relation, rewriter: PatternRewriter) -> None:
        written = {name: self.written_out(each) for name, each in op.properties.items()}
        if written == op.properties:
            return
        op.properties = written
        for column in self.definitions.undeclared:
            declare(column, self.compute, rewriter)
        rewriter.notify_op_modified(op)

    def written_out(self, attribute: Attribute) -> Attribute:
        if isinstance(attribute, ExprAttr):
            return ExprAttr(self.definitions.written_out(attribute.data))
        if isinstance(attribute, ProductAttr):
            factors = map(self.definitions.written_out, attribute.data.factors)
            return ProductAttr(replace(attribute.data, factors=tuple(factors)))
        if isinstance(attribute, ArrayAttr):
            return ArrayAttr([self.written_out(each) for each in attribute])
        return attribute


class EraseVirtual(RewritePattern):
    """Erases virtual columns and their definitions, which are written into what reads them."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DefineOp | ColumnOp, rewriter: PatternRewriter) -> None:
        if isinstance(op, DefineOp) or op.home.data == "virtual":
            rewriter.erase(op)
