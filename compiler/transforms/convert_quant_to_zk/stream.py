"""The residual stream: at layer l it is what entered plus the deltas of the layers before l.

The body of `quant.layers` is written once, so that of the stream there is one column over all layers,
`residual`: an affine value that reads each delta at all layers before. What leaves is `residual.out`,
with the deltas of all layers. The layers' op is replaced first, so that the body is converted where it
is; the stream is defined where the body ends and its deltas are known.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects import quant, zk
from ....dialects.affine_expr import added, read
from ....errors import UserError, expect
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...analysis.roles import role_path
from ...primitives import affine
from ...primitives.builder import Builder
from .conversion import ConversionPattern

STREAM, OUT = "residual", "residual.out"


class EnterLayers(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.LayersOp, rewriter: PatternRewriter) -> None:
        c, block, stream = self.conversion, op.body.block, quant.type_of(op.stream)
        entered, inside = c.builder(op), Builder(c.system, ("layer",))
        start = InsertPoint.before(expect(block.first_op, Operation))
        made = zk.ValueType.of(zk.axes_of(op.residual), -stream.bound, stream.bound - 1)
        for argument, param in zip(list(op.slices), op.params, strict=True):
            if argument in c.axes:
                if not isinstance(param.owner, quant.ParamOp):
                    raise UserError(f"{entered.module}: weights must be parameters")
                origin = role_path(param.owner.param_names)
                weight = c.parameter(param.owner, argument, inside, origin)
                Rewriter.insert_op(weight, start)
                argument.replace_all_uses_with(weight.result)
            block.erase_arg(argument)
        (old,) = block.args
        residual = block.insert_arg(made, 0)
        residual.name_hint = STREAM
        old.replace_all_uses_with(residual)
        block.erase_arg(old)
        c.factors[residual] = (affine.declare(inside, STREAM, made.axis_names, made.range),)
        layers = zk.LayersOp(
            op.residual, rewriter.move_region_contents_to_new_regions(op.body), made
        )
        layers.result.name_hint = STREAM
        c.factors[layers.result] = (read(OUT, made.axis_names),)
        rewriter.replace(op, layers)


class LeaveLayers(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.YieldOp, rewriter: PatternRewriter) -> None:
        c, layers = self.conversion, expect(op.parent_op(), zk.LayersOp)
        b = c.builder(layers)
        enters, deltas = c.expr(layers.enters), _deltas(op.value, layers.stream)
        before = [self.along_layers(delta, Index("before", "layer")) for delta in deltas]
        axes, interval = zk.axes_of(layers.result), zk.type_of(layers.result).range
        affine.define(b, STREAM, added(("layer", *axes), enters, *before))
        whole = [self.along_layers(delta, Index("sum")) for delta in deltas]
        affine.value(b, OUT, axes, added(axes, enters, *whole), interval)
        rewriter.replace(op, zk.YieldOp(op.value))

    def along_layers(self, delta: SSAValue, index: Index) -> Expr:
        column = self.conversion.expr(delta).terms[0].column
        return read(column, ("layer", *zk.axes_of(delta)), layer=index)


def _deltas(end: SSAValue, start: SSAValue) -> Sequence[SSAValue]:
    """What sums put on top of ``start`` to make ``end``, as `quant.layers` has verified of them."""
    deltas = []
    while end is not start:
        last = expect(end.owner, zk.AddOp)
        deltas.append(last.rhs)
        end = last.lhs
    return deltas[::-1]


PATTERNS = (EnterLayers, LeaveLayers)
