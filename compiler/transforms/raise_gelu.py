"""Pass `raise-gelu`: recognises GELU where a model writes it out, in whatever order it multiplies.

x * 0.5 * (1 + tanh((x + 0.044715 * x^3) * sqrt(2 / pi)))   ->   nn.gelu_tanh
x * 0.5 * (1 + erf(x / sqrt(2)))                            ->   nn.gelu

Constants may be rounded to fp32, and the cube may be two products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import (
    defined_by,
    either_order,
    factors,
    near,
    plus_constant,
    rewrite,
    times_constant,
)

CUBE, ROOT = 0.044715, math.sqrt(2 / math.pi)


class GeluPattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        for shifted in factors(op.result)[0]:
            one = plus_constant(shifted)
            wave = one[0].owner if one and one[1] == 1 else None
            if isinstance(wave, nn.TanhOp | nn.ErfOp):
                for x in _arguments(wave):
                    found, half = factors(op.result, x)
                    if half == 0.5 and found in ([x, shifted], [shifted, x]):
                        gelu = nn.GeluTanhOp if isinstance(wave, nn.TanhOp) else nn.GeluOp
                        rewriter.replace(op, nn.inherit_path(gelu(x), op))
                        return


def _arguments(wave: nn.TanhOp | nn.ErfOp) -> Iterator[SSAValue]:
    """The values of which GELU would have this wave."""
    scaled = times_constant(wave.x)
    if scaled and isinstance(wave, nn.ErfOp) and near(scaled[1], math.sqrt(0.5)):
        yield scaled[0]
    if scaled and isinstance(wave, nn.TanhOp) and near(scaled[1], ROOT):
        total = defined_by(scaled[0], nn.AddOp)
        for x, other in either_order(total) if total else ():
            if _is_cube(other, x):
                yield x


def _is_cube(value: SSAValue, x: SSAValue) -> bool:
    """Whether the value is CUBE x^3."""
    found, number = factors(value, x)
    power = defined_by(found[0], nn.PowOp) if len(found) == 1 else None
    cube = power is not None and power.x is x and power.exponent.value.data == 3
    return near(number, CUBE) and (cube or found == [x, x, x])


@dataclass(frozen=True)
class RaiseGelu(ModulePass):
    """Raises GELUs that are written out."""

    name = "raise-gelu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, GeluPattern())
