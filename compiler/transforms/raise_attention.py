"""Pass `raise-attention`: recognises scores, masked softmax and mixing of grouped-query attention.

    matmul(q, permute(repeat(k))) * scale   ->  nn.scores    (a scale of 1 may be absent, q and k have others,
                                                              before they are permuted or after it)
    softmax(s * scale + causal_mask)        ->  nn.masked_softmax  (the same)
    matmul(p, repeat(v))                    ->  nn.attend

`repeat` gives each of H query heads its key/value head, (KV, T, D) -> (H, T, D), by a view that inserts an axis, an
expansion along it and a view that merges it (Ainslie et al. 2023); it is absent where H = KV. Examples may stand in
front, and then a softmax without a mask mixes values too. The mask, an addition of 0 or the lowest f32, becomes a
selection: hidden keys get probability exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, either_order, rewrite, times_constant


class ScoresPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatmulOp, rewriter: PatternRewriter) -> None:
        keys, third = _unscaled(op.rhs)
        transposed = defined_by(keys, nn.PermuteOp)
        if not transposed or transposed.axes.get_values() not in ((0, 2, 1), (0, 1, 3, 2)):
            return
        q, k = op.lhs, transposed.x
        if q.type == k.type or len(nn.shape_of(q)) == 4:
            scaled, scale = _scaled(op)
            (q, first), (k, second) = _unscaled(q), _unscaled(_repeated(k))
            raised = nn.ScoresOp(q, k, scale=scale * first * second * third)
            rewriter.replace(scaled, nn.inherit_path(raised, scaled))


class MaskedSoftmaxPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.SoftmaxOp, rewriter: PatternRewriter) -> None:
        masked = defined_by(op.x, nn.AddOp)
        for scores, added in either_order(masked) if masked else ():
            mask = defined_by(added, nn.CausalMaskOp)
            if mask and scores.type == op.result.type:
                others: dict[str, int | float] = {}
                if mask.window:
                    others["window"] = mask.window.value.data
                scores, scale = _unscaled(scores)
                if scale != 1:
                    others["scale"] = scale
                raised = nn.MaskedSoftmaxOp(scores, **others)
                rewriter.replace(op, nn.inherit_path(raised, op))
                return


class AttendPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MatmulOp, rewriter: PatternRewriter) -> None:
        weights = defined_by(op.lhs, nn.MaskedSoftmaxOp)
        if weights is None and len(nn.shape_of(op.lhs)) == 4:
            weights = defined_by(op.lhs, nn.SoftmaxOp)
        if weights and nn.shape_of(weights.result)[0] == nn.shape_of(op.rhs)[0]:
            raised = nn.AttendOp(op.lhs, _repeated(op.rhs))
            rewriter.replace(op, nn.inherit_path(raised, op))


def _scaled(op: nn.MatmulOp) -> tuple[nn.MatmulOp | nn.MulOp, float]:
    """The product times positive constants, one after the other, and the constant that they make; the product
    itself where there is none, as a multiplication by 1 has been folded away."""
    found: nn.MatmulOp | nn.MulOp = op
    factor = 1.0
    while True:
        users = [use.operation for use in found.result.uses]
        product = users[0] if len(users) == 1 else None
        scaled = times_constant(product.result) if isinstance(product, nn.MulOp) else None
        if not isinstance(product, nn.MulOp) or not scaled or scaled[1] <= 0:
            return found, factor
        found, factor = product, factor * scaled[1]


def _unscaled(value: SSAValue) -> tuple[SSAValue, float]:
    """(x, c) where the value is x times a positive constant c, else the value and 1."""
    found = times_constant(value)
    return found if found and found[1] > 0 else (value, 1.0)


def _repeated(value: SSAValue) -> SSAValue:
    """The key/value heads (.., KV, T, D) where the value repeats them for all heads, else the value."""
    merged = defined_by(value, nn.ViewOp)
    expanded = defined_by(merged.x, nn.ExpandOp) if merged else None
    inserted = defined_by(expanded.x, nn.ViewOp) if expanded else None
    if not expanded or not inserted or len(nn.shape_of(expanded.result)) not in (4, 5):
        return value
    *front, kv, group, tokens, width = nn.shape_of(expanded.result)
    fits = (
        nn.shape_of(inserted.x) == (*front, kv, tokens, width)
        and nn.shape_of(inserted.result) == (*front, kv, 1, tokens, width)
        and nn.shape_of(value) == (*front, kv * group, tokens, width)
    )
    return inserted.x if fits else value


@dataclass(frozen=True)
class RaiseAttention(ModulePass):
    """Raises grouped-query attention."""

    name = "raise-attention"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, ScoresPattern(), MaskedSoftmaxPattern(), AttendPattern())
