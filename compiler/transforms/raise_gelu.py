"""Pass `raise-gelu`: recognises GELU where a model writes it out, in whatever order it multiplies.

x * 0.5 * (1 + tanh((x + 0.044715 * x^3) * sqrt(2 / pi)))   ->   nn.gelu_tanh
x * 0.5 * (1 + erf(x / sqrt(2)))                            ->   nn.gelu

Constants may be rounded to fp32, and the cube may be two products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, either_order, factors, near, plus_constant, rewrite

CUBE, ROOT = 0.044715, math.sqrt(2 / math.pi)


class GeluPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        found, half = factors(op.result)
        if len(found) != 2 or half != 0.5:
            return
        for x, shifted in (found, found[::-1]):
            one = plus_constant(shifted)
            wave = one[0].owner if one and one[1] == 1 else None
            if isinstance(wave, nn.TanhOp) and _is_argument(wave.x, x):
                rewriter.replace(op, nn.inherit_path(nn.GeluTanhOp(x), op))
                return
            if isinstance(wave, nn.ErfOp) and _is_scaled(wave.x, x, math.sqrt(0.5)):
                rewriter.replace(op, nn.inherit_path(nn.GeluOp(x), op))
                return


def _is_scaled(value: SSAValue, x: SSAValue, factor: float) -> bool:
    """Whether the value is x times the factor."""
    found, number = factors(value)
    return found == [x] and near(number, factor)


def _is_argument(value: SSAValue, x: SSAValue) -> bool:
    """Whether the value is (x + CUBE x^3) ROOT."""
    found, root = factors(value)
    total = defined_by(found[0], nn.AddOp) if len(found) == 1 and near(root, ROOT) else None
    return any(
        first is x and _is_cube(second, x)
        for first, second in (either_order(total) if total else ())
    )


def _is_cube(value: SSAValue, x: SSAValue) -> bool:
    """Whether the value is CUBE x^3."""
    found, number = factors(value)
    power = defined_by(found[0], nn.PowOp) if len(found) == 1 else None
    cube = power is not None and power.x is x and power.exponent.value.data == 3
    return near(number, CUBE) and (cube or found == [x, x, x])


@dataclass(frozen=True)
class RaiseGelu(ModulePass):
    """Raises GELUs that are written out."""

    name = "raise-gelu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, GeluPattern())
