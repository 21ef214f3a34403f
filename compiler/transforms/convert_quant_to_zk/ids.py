"""Ids of examples, which are columns of the witness like other inputs, and rows of tables at them.

* input  no relation of its own: a number of which a row is gathered is that of a row, so that ids are below the
         size of the smallest table that is read at them. The column's range says so, and the signature;
* embed  rows are gathered from the table at the ids.

Errors: `UserError` where ids are not held to their range.
"""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern

from ....dialects import quant, zk
from ....dialects.nn import module_path
from ....errors import UserError
from ...analysis.ranges import Interval
from ...primitives.gather import rows
from .conversion import ConversionPattern
from .embedding import entering


def interval(op: quant.InputOp) -> Interval:
    """What an input of ids holds, which all that reads it must be tables for."""
    below = 0 if op.below is None else op.below.value.data
    readers = [use.operation for use in op.result.uses]
    tables = [each.table for each in readers if isinstance(each, quant.EmbedOp)]
    sizes = [quant.type_of(table).shape[0] for table in tables]
    if min(sizes, default=0) != below or len(tables) < len(readers):
        raise UserError(
            f"ids {op.input_name} below {below} must be read by embeddings alone, the smallest of so many rows"
        )
    return 0, below - 1


class ConvertEmbed(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.EmbedOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b = c.builder(op)
        if not isinstance(op.ids.owner, zk.InputOp) or zk.type_of(op.ids).range[0] < 0:
            raise UserError(
                f"{module_path(op)}: {op.name} reads other integers than an input's ids"
            )
        table = c.weight(op.table, b.module)
        name, axes = c.name(op, own_module=True), c.axes[op.result]
        row, _ = rows(b, name, c.expr(op.ids), axes, c.expr(table))
        value, made, options = entering(b, name, op, axes, row, zk.type_of(table).range)
        step = zk.EmbedOp(
            op.ids,
            table,
            results=[made],
            name=name,
            module=b.module,
            rows=f"{name}.rows",
            **options,
        )
        c.replace(op, rewriter, step, (value,))


PATTERNS = (ConvertEmbed,)
