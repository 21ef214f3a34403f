"""Pass `raise-heads`: recognises view + permute as `nn.split_heads` and its inverse.

Splitting views (T, H*D) as (T, H, D) and swaps the first two axes; merging does the reverse. A norm of the last
axis that stands between view and swap is moved behind them, and so is a constant factor that stands before.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, rewrite, times_constant

SWAP = (1, 0, 2)


class SplitHeadsPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PermuteOp, rewriter: PatternRewriter) -> None:
        view = defined_by(op.x, nn.ViewOp)
        if view is None or op.axes.get_values() != SWAP:
            return
        tokens, heads, width = nn.shape_of(view.result)
        if nn.shape_of(view.x) == (tokens, heads * width):
            rewriter.replace(op, nn.inherit_path(nn.SplitHeadsOp(view.x, heads=heads), op))


class FactorAfterSplitPattern(RewritePattern):
    """What is multiplied by a constant and then split may be split before that."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.SplitHeadsOp, rewriter: PatternRewriter) -> None:
        scaled = times_constant(op.x)
        product = defined_by(op.x, nn.MulOp)
        if not scaled or not product:
            return
        split = nn.inherit_path(nn.SplitHeadsOp(scaled[0], heads=op.heads.value.data), op)
        factor = nn.ConstantOp(scaled[1])
        moved = nn.inherit_path(nn.MulOp(split.results[0], factor.result), product)
        rewriter.replace(op, [split, factor, moved])


class NormAfterSwapPattern(RewritePattern):
    """A norm over the last axis does not mind in which order the others are."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PermuteOp, rewriter: PatternRewriter) -> None:
        norm = defined_by(op.x, nn.RMSNormOp)
        if norm is None or op.axes.get_values() != SWAP:
            return
        swapped = nn.inherit_path(nn.PermuteOp(norm.x, axes=SWAP), op)
        moved = norm.create(
            operands=[swapped.results[0], *norm.operands[1:]],
            properties=norm.properties.copy(),
            result_types=[op.result.type],
        )
        rewriter.replace(op, [swapped, nn.inherit_path(moved, norm)])


class MergeHeadsPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ViewOp, rewriter: PatternRewriter) -> None:
        permute = defined_by(op.x, nn.PermuteOp)
        if permute is None or permute.axes.get_values() != SWAP:
            return
        tokens, heads, width = nn.shape_of(permute.result)
        if nn.shape_of(op.result) == (tokens, heads * width):
            rewriter.replace(op, nn.inherit_path(nn.MergeHeadsOp(permute.x), op))


@dataclass(frozen=True)
class RaiseHeads(ModulePass):
    """Raises the cutting of channels into attention heads."""

    name = "raise-heads"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(
            ctx,
            op,
            NormAfterSwapPattern(),
            SplitHeadsPattern(),
            FactorAfterSplitPattern(),
            MergeHeadsPattern(),
        )
