"""Linear layers, sums and products, and functions of one number.

`quant.matmul` and `quant.mul` are one contraction, rounded; a bias stands beside the rounded value. A
product that only linear layers read is no column, as their relations multiply its factors. `quant.add`
is affine. `quant.table` is one lookup, whatever its function: a new activation needs nothing here.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.affine_expr import added, scaled
from ....dialects.affine_expr import affine as affine_form
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...primitives import affine
from ...primitives.builder import Builder
from ...primitives.table import tabulate
from .conversion import ConversionPattern, RoundedPattern


class ConvertMatmul(RoundedPattern[quant.MatmulOp]):
    accumulator = quant.MatmulOp

    def convert(
        self, op: quant.MatmulOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        name = c.name(op, own_module=True)
        weights = [c.weight(value, b.module) for value in op.operands[1:]]
        x = c.contracted(op.x, weights[0], before=result)
        products = [(*c.factors[x], c.expr(weights[0]))]
        plus, shift = self.bias(op.bias_shift, *weights[1:])
        y, made, options = self.rounded(b, name, result, products, plus=plus)
        step = zk.MatmulOp(
            x,
            *weights,
            results=[made],
            name=name,
            module=b.module,
            **shift,
            **options,
            **y.roles,
        )
        return step, y.value


class LeaveProduct(ConversionPattern):
    """A product that linear layers read as it is."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.MulOp, rewriter: PatternRewriter) -> None:
        users = [use.operation for use in op.result.uses]
        if not users or not all(isinstance(user, quant.MatmulOp) for user in users):
            return
        c, bound = self.conversion, quant.type_of(op.result).bound
        b, name = c.builder(op), c.name(op)
        made = zk.ValueType.of(c.axes[op.result], -bound, bound - 1)
        step = zk.MulOp(op.lhs, op.rhs, results=[made], name=name, module=b.module)
        c.replace(op, rewriter, step, (c.expr(op.lhs), c.expr(op.rhs)))


class ConvertMul(RoundedPattern[quant.MulOp]):
    accumulator = quant.MulOp

    def convert(
        self, op: quant.MulOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        name, products = c.name(op), [(c.expr(op.lhs), c.expr(op.rhs))]
        y, made, options = self.rounded(b, name, result, products)
        step = zk.MulOp(
            op.lhs, op.rhs, results=[made], name=name, module=b.module, **options, **y.roles
        )
        return step, y.value


class EmbedPositions(ConversionPattern):
    """Rows of a table by position: no lookup, as everybody knows which."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.EmbedPositionsOp, rewriter: PatternRewriter) -> None:
        c, shift, offset = self.conversion, op.shift.value.data, op.offset.value.data
        b = c.builder(op)
        table = c.weight(op.table, b.module)
        name, axes = c.name(op, own_module=True), c.axes[op.result]
        row = c.at(b, table, place=Index("position", "token", (offset,)))
        low, high = zk.type_of(table).range
        made = zk.ValueType.of(axes, low << shift, high << shift)
        rows = scaled(1 << shift, affine_form(axes, row.terms))
        value = affine.value(b, name, axes, rows, made.range)
        step = zk.EmbedPositionsOp(
            table, results=[made], name=name, module=b.module, offset=offset, shift=shift
        )
        c.replace(op, rewriter, step, (value,))


class ConvertAdd(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.AddOp, rewriter: PatternRewriter) -> None:
        c, bound = self.conversion, quant.type_of(op.result).bound
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        total = added(b.over(axes), c.expr(op.lhs), c.expr(op.rhs))
        made = zk.ValueType.of(axes, -bound, bound - 1)
        value = affine.value(b, name, axes, total, made.range)
        step = zk.AddOp(op.lhs, op.rhs, results=[made], name=name, module=b.module)
        c.replace(op, rewriter, step, (value,))


class ConvertTable(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.TableOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op, own_module=True), c.axes[op.result]
        y = tabulate(b, name, axes, c.expr(op.x), op.table.expression.data, op.table.domain)
        made = zk.ValueType.of(axes, *y.interval)
        step = zk.TableStepOp(
            op.x, results=[made], name=name, module=b.module, table=y.table, y=name
        )
        c.replace(op, rewriter, step, (y.value,))


PATTERNS = (EmbedPositions, ConvertMatmul, LeaveProduct, ConvertMul, ConvertAdd, ConvertTable)
