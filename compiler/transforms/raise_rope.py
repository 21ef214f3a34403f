"""Pass `raise-rope`: recognises x cos(a) + rotate_half(x) sin(a) as `nn.rope`.

The angles a (T, D) are positions times frequencies, repeated for both halves of the channels;
rotate_half maps the halves (x1, x2) to (-x2, x1). RoFormer, Su et al. 2021, in the half-split form. A constant
that cosines and sines are multiplied by, as in YaRN, stands behind the rotation. Where x is the first channels of
heads, and what becomes of it stands before the others again, these are rotated in part, as in GPT-NeoX.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from ...dialects import nn
from .matching import defined_by, either_order, rewrite, times_constant


class RopePattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AddOp, rewriter: PatternRewriter) -> None:
        for first, second in either_order(op):
            plain, rotated = defined_by(first, nn.MulOp), defined_by(second, nn.MulOp)
            if plain is None or rotated is None:
                continue
            for x, cosine in either_order(plain):
                for turned, sine in either_order(rotated):
                    found = _frequencies(cosine, nn.CosOp)
                    if (
                        found is not None
                        and found == _frequencies(sine, nn.SinOp)
                        and _is_rotate_half(turned, x)
                        and len(nn.shape_of(x)) == 3
                    ):
                        frequencies, scale = found
                        raised: list[Operation] = [nn.RopeOp.of(x, frequencies.rotation)]
                        if scale != 1:
                            raised.append(nn.ConstantOp(scale))
                            raised.append(nn.MulOp(*(each.results[0] for each in raised)))
                        rewriter.replace(op, [nn.inherit_path(each, op) for each in raised])
                        return


class PartialRopePattern(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConcatOp, rewriter: PatternRewriter) -> None:
        rope, others = defined_by(op.lhs, nn.RopeOp), defined_by(op.rhs, nn.SliceOp)
        first = defined_by(rope.x, nn.SliceOp) if rope and rope.rotated is None else None
        if rope is None or others is None or first is None or first.x is not others.x:
            return
        width, rotated = nn.shape_of(first.x)[-1], rope.width
        if first.bounds.get_values() == (0, rotated) and others.bounds.get_values() == (
            rotated,
            width,
        ):
            raised = nn.RopeOp.of(first.x, rope.rotation, rotated)
            rewriter.replace(op, nn.inherit_path(raised, op))


def _is_rotate_half(value: SSAValue, x: SSAValue) -> bool:
    joined = defined_by(value, nn.ConcatOp)
    negated = defined_by(joined.lhs, nn.NegOp) if joined else None
    upper = defined_by(negated.x, nn.SliceOp) if negated else None
    lower = defined_by(joined.rhs, nn.SliceOp) if joined else None
    width = nn.shape_of(x)[-1]
    return (
        upper is not None
        and lower is not None
        and upper.x is x
        and lower.x is x
        and upper.bounds.get_values() == (width // 2, width)
        and lower.bounds.get_values() == (0, width // 2)
    )


def _frequencies(
    value: SSAValue, function: type[nn.CosOp] | type[nn.SinOp]
) -> tuple[nn.RopeFrequenciesOp, float] | None:
    """The frequencies f where the value (1, T, D) is scale * function([t f, t f]) at t = 0 .. T-1, and scale."""
    view = defined_by(value, nn.ViewOp)
    scaled = times_constant(view.x) if view else None
    scale = scaled[1] if scaled else 1.0
    wave = defined_by(scaled[0] if scaled else view.x, function) if view else None
    halves = defined_by(wave.x, nn.ConcatOp) if wave else None
    angles = defined_by(halves.lhs, nn.MulOp) if halves else None
    if view is None or halves is None or angles is None or halves.lhs is not halves.rhs:
        return None
    rank2 = nn.shape_of(halves.result)
    if len(rank2) != 2 or nn.shape_of(view.result) != (1, *rank2):
        return None
    for time, factor in either_order(angles):
        frequencies = defined_by(factor, nn.RopeFrequenciesOp)
        if frequencies and _is_positions(time, rank2[0]):
            return frequencies, scale
    return None


def _is_positions(value: SSAValue, tokens: int) -> bool:
    """Whether the value is 0 .. T-1 as a column (T, 1)."""
    cast = defined_by(value, nn.CastOp)
    column = defined_by(cast.x, nn.ViewOp) if cast else None
    return (
        column is not None
        and nn.shape_of(column.result) == (tokens, 1)
        and defined_by(column.x, nn.PositionsOp) is not None
    )


@dataclass(frozen=True)
class RaiseRope(ModulePass):
    """Raises rotary position embeddings."""

    name = "raise-rope"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        rewrite(ctx, op, RopePattern(), PartialRopePattern())
