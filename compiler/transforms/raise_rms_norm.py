"""Pass `raise-rms-norm`: recognises x * rsqrt(mean(x^2) + eps) * gain as `nn.rms_norm`.

Root mean square layer normalisation, Zhang and Sennrich 2019. The gain is a weight, or a constant plus a
weight, as Gemma's 1 + w.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, either_order, plus_constant, rewrite


class RMSNormPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        for normed, gain in either_order(op):
            w, offset = plus_constant(gain) or (gain, 0.0)
            scaled = defined_by(normed, nn.MulOp)
            if scaled is None:
                continue
            for x, inverse in either_order(scaled):
                eps = _inverse_rms(x, inverse)
                if eps is not None and eps > 0 and nn.shape_of(w) == nn.shape_of(x)[-1:]:
                    written = {} if offset == 1.0 else {"offset": offset}
                    norm = nn.RMSNormOp(x, w, eps=eps, **written)
                    rewriter.replace(op, nn.inherit_path(norm, op))
                    return


def _inverse_rms(x: SSAValue, value: SSAValue) -> float | None:
    """eps where the value is rsqrt(mean(x^2) + eps)."""
    rsqrt = defined_by(value, nn.RsqrtOp)
    shifted = plus_constant(rsqrt.x) if rsqrt else None
    mean = defined_by(shifted[0], nn.MeanOp) if shifted else None
    return shifted[1] if shifted and mean and _is_square(mean.x, x) else None


def _is_square(value: SSAValue, x: SSAValue) -> bool:
    """Whether the value is x^2, or x * x."""
    if power := defined_by(value, nn.PowOp):
        return power.x is x and power.exponent.value.data == 2.0
    product = defined_by(value, nn.MulOp)
    return product is not None and product.lhs is x and product.rhs is x


@dataclass(frozen=True)
class RaiseRMSNorm(ModulePass):
    """Raises RMS norms."""

    name = "raise-rms-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, RMSNormPattern())
