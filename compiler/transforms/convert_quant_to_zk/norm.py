"""RMS norm: x times the reciprocal root of the sum of its squares, times a gain, rounded once.

The sum of squares is normalised to mantissa and exponent, which gives u with |x u| bounded whatever
x is; x u gain is one contraction of three factors.
"""

from __future__ import annotations

from ....dialects import quant, zk
from ....runtime.circuit.relations import Expr
from ...primitives.builder import Builder
from ...primitives.normalise import normalise
from .conversion import RoundedPattern


class ConvertRmsNorm(RoundedPattern[quant.RmsNormOp]):
    accumulator = quant.RmsNormOp

    def convert(
        self, op: quant.RmsNormOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        gain = c.weight(op.gain, b.module)
        name, x = c.name(op, own_module=True), c.expr(op.x)
        axes = tuple(axis for axis in zk.axes_of(op.x) if axis not in zk.axes_of(gain))
        eps, low, high = tuple(op.eps.get_values()), op.emin, op.emax
        roots = zk.RowsAttr.of(["x", op.table.expression.data], *op.table.domain)
        squares, limit = [(x, x)], c.squares.get(op)
        n = normalise(b, name, axes, squares, eps, roots, (low, high), limit)
        most = n.limit * max(map(abs, zk.type_of(gain).range))
        y, made, options = self.rounded(b, name, result, [(x, n.scale, c.expr(gain))], most)
        step = zk.RmsNormOp(
            op.x,
            gain,
            results=[made],
            name=name,
            module=b.module,
            eps=eps,
            emin=low,
            emax=high,
            table=n.table,
            **options,
            **n.roles,
            **y.roles,
        )
        return step, y.value


PATTERNS = (ConvertRmsNorm,)
