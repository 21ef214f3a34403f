"""Attention: heads, rotary embedding, scores, softmax, and the mixture of values.

Heads are axes of their own all along, (kv, group) for queries and (kv) for keys and values, so that
splitting and merging them changes no column, and query head h = kv * groups + group reads key/value
head kv by not reading `group`. Keys and values are read at `source`.

Of examples of a function they are ("example", heads), of which keys and values may have fewer, picked by those of
the queries, and a mask is a public column of data, or none.

softmax is a maximum, selected by the lookup that gives the exponentials, and a reciprocal of their
sum: (d, e, select) in the table for d = top - s, raised by 2^(bits+1) where attention is not allowed.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import SSAValue
from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects import quant, zk
from ....dialects.affine_expr import added, read, scaled
from ....dialects.nn import ROPE_FRAC
from ....dialects.quant.axes import Axes
from ....dialects.table_expr import evaluate
from ....errors import UserError
from ....runtime.circuit.function import EXAMPLE
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...analysis.ranges import attend_limit
from ...primitives.builder import Builder, constant
from ...primitives.divmod import Reciprocal
from ...primitives.maximum import distances, selected
from ...primitives.round import limbs
from .conversion import ConversionPattern, OpT, RoundedPattern


class ViewHeads(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(
        self, op: quant.SplitHeadsOp | quant.MergeHeadsOp, rewriter: PatternRewriter
    ) -> None:
        rewriter.replace(op, [], [op.x])


class ConvertRope(RoundedPattern[quant.RopeOp]):
    accumulator = quant.RopeOp

    def convert(
        self, op: quant.RopeOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        kinds, every = tuple(op.kinds.get_values()), range(len(op.thetas))
        pick = Index("pick", "layer", kinds)
        if not b.outer:  # Columns of the one kind, read along an axis of one index.
            kinds, every, pick = (0,), kinds, Index("sum")
        axes = ("kind", "token", "dim")
        c.system.sizes["kind"] = len(every)
        columns = self.angles(op, b, every)
        cos, sin = (read(column, axes, kind=pick) for column in columns)
        half, size = op.width // 2, c.system.size("dim")
        turned, others = Index("rotate", "dim"), {}
        if op.rotated is not None:
            turned = Index(
                "pick", "dim", (*range(half, 2 * half), *range(half), *range(2 * half, size))
            )
            others["rotated"] = op.width
        products = [(c.expr(op.x), cos), (c.at(b, op.x, dim=turned), sin)]
        name = c.unique(f"{op.x.name_hint}.rope")
        y, made, options = self.rounded(b, name, result, products)
        step = zk.RopeOp(
            op.x,
            *(c.public(column, before=result) for column in columns),
            results=[made],
            name=name,
            module=b.module,
            kinds=kinds,
            **others,
            **options,
            **y.roles,
        )
        return step, y.value

    def angles(self, op: quant.RopeOp, b: Builder, kinds: Sequence[int]) -> list[str]:
        """The public columns of cosines and sines of some kinds, over (kind, token, dim).

        Where only some channels are rotated, the angles of others are 0, and sines have the sign of the product
        that they are in, which an index that rotates a whole axis has otherwise.
        """
        one, half = 1 << ROPE_FRAC, op.width // 2
        channel = f"(dim - {half} * floor(dim / {half}))"
        names = []
        for function in ("cos", "sin"):
            contents = []
            for kind in kinds:
                angle = op.rotations[kind].angle("token", channel, op.width)
                if op.rotated is not None:
                    angle = f"min(1, max(0, {op.width} - dim)) * {angle}"
                text = f"round({one} * {function}({angle}))"
                signed = function == "sin" and op.rotated is not None
                contents.append(
                    f"(2 * min(1, floor(dim / {half})) - 1) * {text}" if signed else text
                )
            axes = ("kind", "token", "dim")
            names.append(b.public(f"rope.{function}", axes, -one, one, contents=contents))
        return names


class AtSource(RoundedPattern[OpT]):
    """What reads keys or values of all positions."""

    def at_source(self, b: Builder, value: SSAValue, scores: Axes) -> Expr:
        """Keys or values (.., position, dim) along the last axis of scores, of the head that theirs shares."""
        axes, c = zk.axes_of(value), self.conversion
        places = {axes[-2]: Index("same", scores[-1])}
        if EXAMPLE in axes and axes[1] != scores[1]:
            few, many = map(c.system.size, (axes[1], scores[1]))
            shared = tuple(head // (many // few) for head in range(many))
            places[axes[1]] = Index("pick", scores[1], shared)
        return c.at(b, value, **places)


class ConvertScores(AtSource[quant.ScoresOp]):
    accumulator = quant.ScoresOp

    def convert(
        self, op: quant.ScoresOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        products = [(c.expr(op.q), self.at_source(b, op.k, c.axes[result.result]))]
        name = c.name(op)
        y, made, options = self.rounded(b, name, result, products)
        step = zk.ScoresOp(
            op.q, op.k, results=[made], name=name, module=b.module, **options, **y.roles
        )
        return step, y.value


class SoftmaxPattern(ConversionPattern):
    """What takes a softmax, as exponentials and the reciprocals of their sums."""

    def softmax(
        self,
        op: quant.SoftmaxOp | quant.ProbabilitiesOp,
        b: Builder,
        name: str,
        axes: Axes,
        fraction: int,
        windows: Sequence[int],
    ) -> tuple[zk.SoftmaxOp, Expr, Expr]:
        """The step of a softmax over the last of ``axes``, whose exponentials have so many fraction bits, and what
        exponentials and reciprocals are."""
        c, (scores,) = self.conversion, op.operands
        rows, cells = axes[:-1], b.over(axes)
        k, width = op.k.value.data, op.width.value.data
        expression, (_, span) = op.table.expression.data, op.table.domain
        bits, one, contents = span.bit_length() - 1, 1 << fraction, evaluate(expression, 0, span)
        if contents.min() < 0 or not contents.max() == contents[0] == one:
            raise UserError(f"{b.module}: exponentials must fall from 2^{fraction}")
        table = distances(b, f"{name}.exp", expression, span)
        e = b.witness(f"{name}.e", axes, 0, one)
        b.witness(f"{name}.select", axes, 0, 1)
        top, tops = limbs(b, f"{name}.top", rows, bits)
        division = Reciprocal.of(b, name, rows, k, k - fraction + 1, width)
        distance = added(
            cells,
            top,
            constant(-(span // 2)),
            scaled(-1, c.expr(scores)),
            *self.hidden(b, axes, windows, 2 * span),
        )
        selected(b, name, table, axes, distance, e)
        total = read(f"{name}.e", cells, **{axes[-1]: Index("sum")})
        inverse = division.relate(b, total)
        made = [zk.ValueType.of(axes, 0, one), zk.ValueType.of(rows, *division.interval)]
        step = zk.SoftmaxOp(
            scores,
            results=made,
            name=name,
            module=b.module,
            bits=bits,
            table=table,
            windows=tuple(windows),
            k=k,
            width=width,
            e=f"{name}.e",
            select=f"{name}.select",
            top=tops,
            **division.roles,
        )
        return step, e, inverse

    def hidden(
        self, b: Builder, axes: Axes, windows: Sequence[int], distance: int
    ) -> tuple[Expr, ...]:
        """Terms that are the distance where a position is not seen, and 0 where it is."""
        if {*windows} == {quant.EVERY}:
            return ()
        if EXAMPLE in axes:
            (window,), over = windows, axes[-2:]
            row, source = over
            seen = f"min(1, max(0, {row} - {source} + 1))"
            if window:
                seen = f"min({seen}, min(1, max(0, {source} - {row} + {window})))"
            mask = read(b.public("mask", over, 0, 1, contents=[seen]), over)
        else:
            over = ("layer", "token", "source")
            layer = Index("same", "layer") if b.outer else Index("sum")
            mask = read(b.public("mask", over, 0, 1, "mask", windows=windows), over, layer=layer)
        return constant(distance), scaled(-distance, mask)


class ConvertSoftmax(SoftmaxPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.SoftmaxOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op), c.axes[op.e]
        windows = op.windows.get_values()
        step, e, inverse = self.softmax(op, b, name, axes, quant.EXP_FRAC, windows)
        c.replace(op, rewriter, step, (e,), (inverse,))


class ConvertProbabilities(RoundedPattern[quant.ProbabilitiesOp], SoftmaxPattern):
    accumulator = quant.ProbabilitiesOp

    def convert(
        self, op: quant.ProbabilitiesOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c, name = self.conversion, self.conversion.name(op)
        inner, axes, every = c.unique(f"{name}.softmax"), c.axes[op.result], (quant.EVERY,)
        softmax, *factors = self.softmax(op, b, inner, axes, quant.FINE_EXP_FRAC, every)
        Rewriter.insert_op(softmax, InsertPoint.before(result))
        y, made, options = self.rounded(b, name, result, [tuple(factors)])
        step = zk.ProbabilitiesOp(
            *softmax.results, results=[made], name=name, module=b.module, **options, **y.roles
        )
        return step, y.value


class ConvertAttend(AtSource[quant.AttendOp]):
    accumulator = quant.AttendOp

    def convert(
        self, op: quant.AttendOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        softmax = op.e.owner
        if not isinstance(softmax, zk.SoftmaxOp) or op.inv.owner is not softmax:
            raise UserError(f"{b.module}: e and inv must come from one softmax")
        values = self.at_source(b, op.v, zk.axes_of(op.e))
        products = [(c.expr(op.e), c.expr(op.inv), values)]
        limit = attend_limit(softmax.k.value.data, zk.type_of(op.v).range)
        name = c.name(op)
        y, made, options = self.rounded(b, name, result, products, limit)
        step = zk.AttendOp(
            op.e, op.inv, op.v, results=[made], name=name, module=b.module, **options, **y.roles
        )
        return step, y.value


PATTERNS = (
    ViewHeads,
    ConvertRope,
    ConvertScores,
    ConvertSoftmax,
    ConvertProbabilities,
    ConvertAttend,
)
