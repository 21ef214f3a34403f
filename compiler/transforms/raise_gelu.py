"""Pass `raise-gelu`: recognises the tanh form of GELU where a model writes it out, as GPT-2 does.

x * 0.5 * (1 + tanh((x + 0.044715 * x^3) * sqrt(2 / pi)))   ->   nn.gelu_tanh
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
from .matching import defined_by, either_order, plus_constant, rewrite, times_constant

CUBE, ROOT = 0.044715, math.sqrt(2 / math.pi)


class GeluTanhPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        for halved, shifted in either_order(op):
            half, one = times_constant(halved), plus_constant(shifted)
            wave = defined_by(one[0], nn.TanhOp) if one and one[1] == 1 else None
            if half and half[1] == 0.5 and wave and _is_argument(wave.x, half[0]):
                rewriter.replace(op, nn.inherit_path(nn.GeluTanhOp(half[0]), op))
                return


def _is_argument(value: SSAValue, x: SSAValue) -> bool:
    """Whether the value is (x + CUBE x^3) ROOT."""
    scaled = times_constant(value)
    total = defined_by(scaled[0], nn.AddOp) if scaled and math.isclose(scaled[1], ROOT) else None
    for first, second in either_order(total) if total else ():
        cube = times_constant(second)
        power = defined_by(cube[0], nn.PowOp) if cube and math.isclose(cube[1], CUBE) else None
        if first is x and power and power.x is x and power.exponent.value.data == 3:
            return True
    return False


@dataclass(frozen=True)
class RaiseGelu(ModulePass):
    """Raises GELUs that are written out."""

    name = "raise-gelu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, GeluTanhPattern())
