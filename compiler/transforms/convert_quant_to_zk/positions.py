"""Positions of examples.

* image_positions  a column that is equal to the image, read by a place's row and column;
* add_positions    affine: the row of a table, and the value at its position; where that is another one, or none, a
                   column that is equal to it;
* position         affine: the value at one position;
* sum_positions    an affine form, rounded: the sum over all positions, less the first ones;
* rotate           two products, rounded: heads and a table, and their partners, which an index picks, and another.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.affine_expr import added, scaled
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...primitives import affine
from ...primitives.builder import Builder
from .conversion import ConversionPattern, RoundedPattern


class ConvertImagePositions(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.ImagePositionsOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        _, channel, row, column = zk.axes_of(op.x)
        _, place, feature = axes
        rows, columns = (range(c.system.size(axis)) for axis in (row, column))
        places = {
            channel: Index("same", feature),
            row: Index("pick", place, tuple(i for i in rows for _ in columns)),
            column: Index("pick", place, tuple(j for _ in rows for j in columns)),
        }
        made = zk.ValueType.of(axes, *zk.type_of(op.x).range)
        y = b.witness(name, axes, *made.range)
        b.zero(f"{name}.equal", added(axes, c.at(b, op.x, **places), scaled(-1, y)))
        step = zk.ImagePositionsOp(op.x, results=[made], name=name, module=b.module, y=name)
        c.replace(op, rewriter, step, (y,))


class ConvertAddPositions(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.AddPositionsOp, rewriter: PatternRewriter) -> None:
        c, before, bound = self.conversion, op.before.value.data, quant.type_of(op.result).bound
        b, axes = c.builder(op), c.axes[op.result]
        table = c.weight(op.table, b.module)
        name, x, roles = c.name(op), c.expr(op.x), {}
        (_, old, _), (_, new, _) = zk.axes_of(op.x), axes
        made = zk.ValueType.of(axes, -bound, bound - 1)
        if old == new:
            value = affine.value(b, name, axes, added(axes, c.expr(table), x), made.range)
        else:
            x = c.at(b, op.x, **{old: Index("stride", new, (1, -before))})
            value, roles = b.witness(name, axes, *made.range), {"y": name}
            b.zero(f"{name}.equal", added(axes, c.expr(table), x, scaled(-1, value)))
        step = zk.AddPositionsOp(
            op.x, table, results=[made], name=name, module=b.module, before=before, **roles
        )
        c.replace(op, rewriter, step, (value,))


class ConvertPosition(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.PositionOp, rewriter: PatternRewriter) -> None:
        c, at = self.conversion, op.at.value.data
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        chosen = c.at(b, op.x, **{zk.axes_of(op.x)[1]: Index("at", "", (at,))})
        made = zk.ValueType.of(axes, *zk.type_of(op.x).range)
        value = affine.value(b, name, axes, chosen, made.range)
        step = zk.PositionOp(op.x, results=[made], name=name, module=b.module, at=at)
        c.replace(op, rewriter, step, (value,))


class ConvertSumPositions(RoundedPattern[quant.SumPositionsOp]):
    accumulator = quant.SumPositionsOp

    def convert(
        self, op: quant.SumPositionsOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c, first, factor = self.conversion, op.first.value.data, op.factor.value.data
        name, axes, place = c.name(op), c.axes[result.result], zk.axes_of(op.x)[1]
        whole = c.at(b, op.x, **{place: Index("sum")})
        others = [scaled(-1, c.at(b, op.x, **{place: Index("at", "", (t,))})) for t in range(first)]
        total = scaled(factor, added(axes, whole, *others))
        y, made, options = self.rounded(b, name, result, [], plus=total)
        step = zk.SumPositionsOp(
            op.x,
            results=[made],
            name=name,
            module=b.module,
            first=first,
            factor=factor,
            **options,
            **y.roles,
        )
        return step, y.value


class ConvertRotate(RoundedPattern[quant.RotateOp]):
    accumulator = quant.RotateOp

    def convert(
        self, op: quant.RotateOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c, name, partners = self.conversion, self.conversion.name(op), op.partners.get_values()
        cos, sin = (c.weight(table, b.module) for table in (op.cos, op.sin))
        dim = zk.axes_of(op.x)[-1]
        turned = c.at(b, op.x, **{dim: Index("pick", dim, tuple(partners))})
        products = [(c.expr(op.x), c.expr(cos)), (turned, c.expr(sin))]
        y, made, options = self.rounded(b, name, result, products)
        step = zk.RotateOp(
            op.x,
            cos,
            sin,
            results=[made],
            name=name,
            module=b.module,
            partners=tuple(partners),
            **options,
            **y.roles,
        )
        return step, y.value


PATTERNS = (
    ConvertImagePositions,
    ConvertAddPositions,
    ConvertPosition,
    ConvertSumPositions,
    ConvertRotate,
)
