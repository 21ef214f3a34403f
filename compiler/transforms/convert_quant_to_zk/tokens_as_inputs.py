"""Prompt and output as inputs of the relations, which read them by index.

* embed    the row of the table at the token of a position;
* select   the rows at the positions that generate, by a window;
* argmax   the token at each step is the lowest index with the largest logit, at a place that is known.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.affine_expr import affine as affine_form
from ....runtime.circuit.index import Index
from ...primitives import affine
from ...primitives.maximum import attained
from .conversion import ConversionPattern
from .embedding import entering
from .logits import largest_logit


class ConvertTokens(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.TokensOp, rewriter: PatternRewriter) -> None:
        highest = self.conversion.system.size("vocabulary") - 1
        rewriter.replace(op, zk.TokensOp(zk.ValueType.of(("token",), 0, highest)))


class ConvertEmbed(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.EmbedOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b = c.builder(op)
        table = c.weight(op.table, b.module)
        name, axes = c.name(op, own_module=True), c.axes[op.result]
        row = c.at(b, table, vocabulary=Index("token", "token"))
        row = affine_form(axes, row.terms)
        value, made, options = entering(b, name, op, axes, row, zk.type_of(table).range)
        step = zk.EmbedOp(op.ids, table, results=[made], name=name, module=b.module, **options)
        c.replace(op, rewriter, step, (value,))


class ConvertSelect(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.SelectOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        chosen = c.at(b, op.x, token=Index("window", "generated"))
        made = zk.ValueType.of(axes, *zk.type_of(op.x).range)
        value = affine.value(b, name, axes, chosen, made.range)
        step = zk.SelectOp(op.x, results=[made], name=name, module=b.module)
        c.replace(op, rewriter, step, (value,))


class ConvertArgmax(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.ArgmaxOp, rewriter: PatternRewriter) -> None:
        c, width = self.conversion, op.width.value.data
        b = c.builder(op)
        table = c.weight(op.table, b.module)
        name, cells = c.name(op, own_module=True), ("generated", "vocabulary")
        values, largest = [(c.expr(op.x), c.expr(table))], largest_logit(op.x, table, c.system)
        roles = attained(b, name, cells, largest, width, values)
        highest = c.system.size("vocabulary") - 1
        made = zk.ValueType.of(("generated",), 0, highest)
        step = zk.ArgmaxOp(
            op.x, table, results=[made], name=name, module=b.module, width=width, **roles
        )
        c.replace(op, rewriter, step, ())


PATTERNS = (ConvertTokens, ConvertEmbed, ConvertSelect, ConvertArgmax)


def reveals() -> list[zk.RevealOp]:
    """What the statement shows: both, as inputs."""
    return [zk.RevealOp("prompt"), zk.RevealOp("output")]
