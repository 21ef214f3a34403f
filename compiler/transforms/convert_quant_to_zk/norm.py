"""Norms.

RMS norm: x times the reciprocal root of the sum of its squares, times a gain, rounded once. The sum of squares is
normalised to mantissa and exponent, which gives u with |x u| bounded whatever x is; x u gain is one contraction
of three factors, and a bias stands beside the rounded value.

What a layer norm takes off first, the mean of a row, is a rounded sum; x less it is affine, so that one number a
row is committed.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.affine_expr import added, scaled
from ....dialects.quant.axes import is_row
from ....runtime.circuit.relations import Expr
from ...primitives import affine
from ...primitives.builder import Builder
from ...primitives.normalise import normalise
from ...primitives.round import rounded
from .conversion import ConversionPattern, RoundedPattern


class ConvertCenter(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.CenterOp, rewriter: PatternRewriter) -> None:
        c, shift, bits = self.conversion, op.shift.value.data, op.bits.value.data
        b, name, axes, x = c.builder(op), c.name(op), c.axes[op.result], c.expr(op.x)
        type = quant.type_of(op.result)
        # Of rows [T, n] the whole, which may be heads side by side, of heads [H, T, D] each.
        rows = tuple(filter(is_row, axes)) if len(type.shape) == 2 else axes[:-1]
        factor, bound = quant.one_over(type.shape[-1], shift), type.bound
        mean = rounded(b, f"{name}.mean", rows, [(scaled(factor, x),)], shift, bits)
        made = zk.ValueType.of(axes, -bound, bound - 1)
        less = added(b.over(axes), x, scaled(-1, mean.value))
        value = affine.value(b, name, axes, less, made.range)
        step = zk.CenterOp(
            op.x,
            results=[made],
            name=name,
            module=b.module,
            rows=[axes.index(axis) for axis in rows],
            factor=factor,
            shift=shift,
            bits=bits,
            **mean.roles,
        )
        c.replace(op, rewriter, step, (value,))


class ConvertRmsNorm(RoundedPattern[quant.RmsNormOp]):
    accumulator = quant.RmsNormOp

    def convert(
        self, op: quant.RmsNormOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        gain, *bias = (c.weight(value, b.module) for value in op.operands[1:])
        name, x = c.name(op, own_module=True), c.expr(op.x)
        axes = tuple(axis for axis in zk.axes_of(op.x) if axis not in zk.axes_of(gain))
        eps, low, high = tuple(op.eps.get_values()), op.emin, op.emax
        roots = zk.RowsAttr.of(["x", op.table.expression.data], *op.table.domain)
        squares, limit = [(x, x)], c.squares.get(op)
        n = normalise(b, name, axes, squares, eps, roots, (low, high), limit)
        most = n.limit * max(map(abs, zk.type_of(gain).range))
        plus, shift = self.bias(op.bias_shift, *bias)
        y, made, options = self.rounded(b, name, result, [(x, n.scale, c.expr(gain))], most, plus)
        step = zk.RmsNormOp(
            op.x,
            gain,
            *bias,
            results=[made],
            name=name,
            module=b.module,
            eps=eps,
            emin=low,
            emax=high,
            table=n.table,
            **shift,
            **options,
            **n.roles,
            **y.roles,
        )
        return step, y.value


PATTERNS = (ConvertCenter, ConvertRmsNorm)
