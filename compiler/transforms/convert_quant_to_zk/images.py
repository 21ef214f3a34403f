"""Functions of tensors: inputs and outputs, convolutions and pooling.

* input     a column of the witness, which a statement may show, in the range of its type; ids are held to theirs
            by the tables that are read at them;
* conv2d    a product for each tap of the window, contracted over channels, or for each channel of a group, rounded;
* sum_pool  an affine form, rounded;
* max_pool  a lookup for each tap but the first, along rows and then along columns, of the largest so far;
* output    a column that is equal to a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.pattern_rewriter import PatternRewriter, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint, Rewriter

from ....dialects import quant, zk
from ....dialects.affine_expr import added, affine, read, scaled
from ....dialects.quant.axes import Axes
from ....errors import UserError, expect
from ....runtime.circuit.index import Index
from ....runtime.circuit.relations import Expr
from ...primitives import affine as affine_
from ...primitives.builder import Builder
from ...primitives.window import inside, larger, taps
from . import ids
from .conversion import Conversion, ConversionPattern, RoundedPattern

Numbers = Sequence[int]


class ConvertInput(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.InputOp, rewriter: PatternRewriter) -> None:
        c, type = self.conversion, quant.type_of(op.result)
        b, axes, name = c.builder(op), c.axes[op.result], c.unique(op.tensor.data)
        low, high = ids.interval(op) if op.below else (-type.bound, type.bound - 1)
        made = zk.ValueType.of(axes, low, high)
        x = b.witness(name, axes, *made.range)
        if op.below is None:
            b.range(f"{name}.range", type.width, scaled(1, x, type.bound))
        step = zk.InputOp(results=[made], name=name, module=b.module, tensor=op.tensor, x=name)
        c.reveals.append(zk.RevealOp(f"input {op.tensor.data}", [name]))
        c.replace(op, rewriter, step, (x,))


class ConvertConv2d(RoundedPattern[quant.Conv2dOp]):
    accumulator = quant.Conv2dOp

    def convert(
        self, op: quant.Conv2dOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        name = c.name(op, own_module=True)
        weights = [c.weight(value, b.module) for value in op.operands[1:]]
        _, taken, tap_row, tap_column = zk.axes_of(weights[0])
        made = c.axes[result.result]
        stride, padding = op.stride.get_values(), op.padding.get_values()
        kernel = [c.system.size(axis) for axis in (tap_row, tap_column)]
        image = zk.axes_of(op.x)
        products = []
        channels = [*self.channels(c, op, image[1], made[1], taken)]
        for (row, column), places in _taps(c, image, made, kernel, stride, padding):
            at = {tap_row: Index("at", "", (row,)), tap_column: Index("at", "", (column,))}
            for channel, of_weight in channels:
                weight = c.at(b, weights[0], **at, **of_weight)
                products.append((c.at(b, op.x, **{image[1]: channel}, **places), weight))
        plus, shift = self.bias(op.bias_shift, *weights[1:])
        y, type, options = self.rounded(b, name, result, products, plus=plus)
        step = zk.Conv2dOp(
            op.x,
            *weights,
            results=[type],
            name=name,
            module=b.module,
            stride=stride,
            padding=padding,
            **shift,
            **options,
            **y.roles,
        )
        return step, y.value

    def channels(
        self, c: Conversion, op: quant.Conv2dOp, channel: str, made: str, taken: str
    ) -> Iterator[tuple[Index, dict[str, Index]]]:
        """How products read the channels of an image, and those of weights: all at once, or of groups one of each
        after the other."""
        groups = op.groups.value.data
        if groups == 1:
            yield Index("same", taken), {}
            return
        count, share = c.system.size(made) // groups, c.system.size(taken)
        for number in range(share):
            of_made = tuple(i // count * share + number for i in range(c.system.size(made)))
            index = Index("pick", made, of_made)
            if of_made == (*range(c.system.size(channel)),):
                index = Index("same", made)
            yield index, {taken: Index("at", "", (number,))}


class ConvertSumPool(RoundedPattern[quant.SumPoolOp]):
    """A window as long as its axis is a sum over the axis."""

    accumulator = quant.SumPoolOp

    def convert(
        self, op: quant.SumPoolOp, result: quant.RequantizeOp, b: Builder
    ) -> tuple[zk.Step, Expr]:
        c = self.conversion
        name, axes, image = c.name(op), c.axes[result.result], zk.axes_of(op.x)
        kernel, stride = op.kernel.get_values(), op.stride.get_values()
        terms = [
            term
            for _, places in _taps(c, image, axes, kernel, stride, (0, 0))
            for term in c.at(b, op.x, **places).terms
        ]
        total = scaled(op.factor.value.data, affine(b.over(axes), terms))
        y, made, options = self.rounded(b, name, result, [], plus=total)
        step = zk.SumPoolOp(
            op.x,
            results=[made],
            name=name,
            module=b.module,
            kernel=kernel,
            stride=stride,
            factor=op.factor.value.data,
            **options,
            **y.roles,
        )
        return step, y.value


class ConvertMaxPool(ConversionPattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.MaxPoolOp, rewriter: PatternRewriter) -> None:
        c = self.conversion
        b, name, axes = c.builder(op), c.name(op), c.axes[op.result]
        kernel, stride, padding = (x.get_values() for x in (op.kernel, op.stride, op.padding))
        interval = zk.type_of(op.x).range
        value, over, roles = c.expr(op.x), zk.axes_of(op.x), {}
        for i, side in enumerate(("rows", "columns"), 2):
            window = kernel[i - 2], stride[i - 2], padding[i - 2]
            value, roles[side] = self.largest(b, f"{name}.{side}", value, over, i, axes[i], *window)
            over = (*over[:i], axes[i], *over[i + 1 :])
            if not roles[side]:
                value = affine_.value(b, f"{name}.{side}", over, value, interval)
        made = zk.ValueType.of(axes, *interval)
        step = zk.MaxPoolOp(
            op.x,
            results=[made],
            name=name,
            module=b.module,
            kernel=kernel,
            stride=stride,
            padding=padding,
            **roles,
        )
        c.replace(op, rewriter, step, (value,))

    def largest(
        self,
        b: Builder,
        name: str,
        value: Expr,
        over: Axes,
        place: int,
        to: str,
        *window: int,
    ) -> tuple[Expr, list[str]]:
        """The largest of windows along one of a value's axes, and the columns of those up to each tap."""
        axis, (column,) = over[place], (term.column for term in value.terms)
        sizes = [b.system.size(each) for each in (to, axis)]
        found = list(taps(to, *sizes, *window))
        low, high = b.system.interval(value)
        if not all(inside(index, *sizes) for _, index in found):
            if low < 0:
                raise UserError(
                    f"{b.module}: a padded image has negative elements; pool what an activation made positive"
                )
            low = 0  # What is read outside of the image, however large its elements are.
        at = [read(column, b.over(over), **{axis: index}) for _, index in found]
        best, names = at[0], []
        moved = tuple(to if each == axis else each for each in over)
        for (tap, _), other in zip(found[1:], at[1:], strict=True):
            names.append(f"{name}{tap}")
            best = larger(b, names[-1], moved, best, other, (low, high))
        return best, names


class ConvertFlatten(ConversionPattern):
    """What reads the row sums over the axes of the image."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: quant.FlattenOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, [], [op.x])


PATTERNS = (ConvertInput, ConvertConv2d, ConvertSumPool, ConvertMaxPool, ConvertFlatten)


def outputs(conversion: Conversion, function: FuncOp) -> None:
    """States what the function returns, as columns of the witness."""
    end = expect(function.body.block.last_op, ReturnOp)
    names = quant.output_names(len(end.operands))
    for tensor, value in zip(names, end.operands, strict=True):
        b, type = Builder(conversion.system), zk.type_of(value)
        axes, name = type.axis_names, conversion.unique(tensor)
        y = b.witness(name, axes, *type.range)
        b.zero(f"{name}.equal", added(axes, conversion.expr(value), scaled(-1, y)))
        step = zk.OutputOp(value, results=[type], name=name, tensor=StringAttr(tensor), x=name)
        conversion.reveals.append(zk.RevealOp(f"output {tensor}", [name]))
        Rewriter.insert_op(step, InsertPoint.before(end))


def _taps(
    c: Conversion,
    image: Sequence[str],
    made: Sequence[str],
    kernel: Numbers,
    stride: Numbers,
    padding: Numbers,
) -> Iterator[tuple[tuple[int, int], dict[str, Index]]]:
    """The taps of a window that any of its places has inside the image, each with the indices by which it reads the
    axes of rows and columns."""
    sides = []
    for axis, to, *window in zip(image[2:], made[2:], kernel, stride, padding, strict=True):
        found = taps(to, c.system.size(to), c.system.size(axis), *window)
        sides.append([(tap, {axis: index}) for tap, index in found])
    for (row, down), (column, right) in product(*sides):
        yield (row, column), down | right
