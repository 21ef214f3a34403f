"""`convert-nn-to-quant`: each operation of `nn` becomes its integer operation, in its planned format.

Input: a raised function on which `plan-scales` (or a person) wrote the format of every value. One
pattern an operation: it computes the accumulator of the operands, which are integers already, and
rounds it to the format. What operations need beyond formats stands on them too: eps and exponents of
norms, factors of weights, k of a softmax, the width of logits.

* The table is scaled by the embedding's constant, a norm's gain is (1 + w) sqrt(n). What makes queries, a
  norm or a linear layer, has the attention scale as well.
* A product that `delay-requantize` marked is not rounded: the linear layer multiplies the accumulator.
* An activation is a table of the formats of its argument and its result.
* The softmax is converted with the attention that reads its probabilities, as they are not values of their
  own: e and inv are.

Errors: `UserError` for an operation that has no pattern or no format, with the module path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    f64,
)
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects import nn, quant
from ...dialects.quant import FormatAttr, QuantTensorType, TableAttr
from ...dialects.rotation import Rotation
from ...errors import UserError
from ..analysis.plan import (
    EPS,
    EXPONENTS,
    FACTOR,
    FORMAT,
    HEADROOM,
    ROOT,
    SPARE,
    UNROUNDED,
    WIDTH,
    K,
    planned,
)
from ..analysis.roles import path_of
from ..analysis.stream_bounds import mean_bits
from ..modules import main_function

MEAN_PRECISION = 24


@dataclass(frozen=True)
class ConvertNNToQuant(ModulePass):
    """Replaces a planned, raised `nn` function by its integer function in `quant`."""

    name = "convert-nn-to-quant"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        angles = {rope.rotation for rope in function.walk() if isinstance(rope, nn.RopeOp)}
        patterns: list[RewritePattern] = [
            Tokens(),
            Param(),
            Embedding(),
            PositionEmbedding(),
            Center(),
            RMSNorm(),
            Linear(),
            Input(),
            Conv2d(),
            MaxPool2d(),
            AvgPool2d(),
            Flatten(),
            ImagePositions(),
            AddPositions(),
            Position(),
            MeanPositions(),
            Rotate(),
            SplitHeads(),
            MergeHeads(),
            Rope(sorted(angles, key=lambda each: (each[:2], each.ramp or ()))),
            Scores(),
            Attend(),
            Probabilities(),
            Activation(),
            Mul(),
            Add(),
        ]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier, apply_recursively=False).rewrite_module(op)
        for left in function.walk():
            if left.name.startswith("nn."):
                raise UserError(
                    f"{path_of(left) or 'the model'}: {left.name} can not be quantised; raise it first"
                )
        for name in (HEADROOM, SPARE):
            function.attributes.pop(name, None)
        function.update_function_type()


def type_in(op: Operation, shape: tuple[int, ...]) -> QuantTensorType:
    """The planned type of an operation's result."""
    found = planned(op, FORMAT, FormatAttr)
    return QuantTensorType.of(shape, found.bits.data, found.frac.data)


def replace(rewriter: PatternRewriter, op: Operation, *new: Operation) -> None:
    for each in new:
        nn.inherit_path(each, op)
    rewriter.replace(op, new)


def round_to_format(rewriter: PatternRewriter, op: Operation, acc: Operation) -> None:
    """Replaces an operation by its accumulator, rounded to its format."""
    type = quant.type_of(acc.results[0])
    result = type_in(op, type.shape)
    shift = type.fraction - result.fraction
    if shift < 0:
        raise UserError(
            f"{path_of(op)}: {op.name} has {type.fraction} fraction bits, fewer than its format's "
            f"{result.fraction}"
        )
    replace(rewriter, op, acc, quant.RequantizeOp(acc.results[0], results=[result], shift=shift))


class Tokens(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.TokensOp, rewriter: PatternRewriter) -> None:
        type = QuantTensorType.of(nn.shape_of(op.result), quant.TOKEN_BITS, 0)
        replace(rewriter, op, quant.TokensOp(type))


class Param(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ParamOp, rewriter: PatternRewriter) -> None:
        norms = [
            (use.operation, use.index)
            for use in op.result.uses
            if isinstance(use.operation, nn.RMSNormOp)
        ]
        norm, index = norms[0] if norms else (None, 0)
        new = quant.ParamOp(
            type_in(op, nn.shape_of(op.result)),
            names=ArrayAttr([StringAttr(op.param_name)]),
            sha256=ArrayAttr([op.sha256]),
            offset=FloatAttr(norm.added if norm and index == 1 else 0.0, f64),
            factor=planned(op, FACTOR, FloatAttr),
            rows=norm.exponents if norm else op.rows,
            columns=op.columns,
        )
        replace(rewriter, op, new)


class Embedding(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.EmbeddingOp, rewriter: PatternRewriter) -> None:
        type = type_in(op, nn.shape_of(op.result))
        shift = type.fraction - quant.type_of(op.table).fraction
        replace(rewriter, op, quant.EmbedOp(op.tokens, op.table, results=[type], shift=shift))


class PositionEmbedding(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PositionEmbeddingOp, rewriter: PatternRewriter) -> None:
        type = type_in(op, nn.shape_of(op.result))
        shift = type.fraction - quant.type_of(op.table).fraction
        offset, count = op.offset.value.data, op.count.value.data
        made = quant.EmbedPositionsOp(
            op.table, results=[type], offset=offset, count=count, shift=shift
        )
        replace(rewriter, op, made)


class Center(RewritePattern):
    """The mean is as exact as sums of 63 bits let it be, up to a part in 2^24, and has the bits that its norm has
    room for (`stream_bounds`)."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.CenterOp, rewriter: PatternRewriter) -> None:
        type = quant.type_of(op.x)
        channels = type.shape[-1]
        bits = min(type.width, mean_bits(channels))
        shift = min(channels.bit_length() + MEAN_PRECISION, quant.MAX_BITS - type.width - 1)
        replace(rewriter, op, quant.CenterOp(op.x, shift=shift, bits=bits))


class RMSNorm(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.RMSNormOp, rewriter: PatternRewriter) -> None:
        root = planned(op, ROOT, IntegerAttr).value.data
        exponents = quant.numbers(planned(op, EXPONENTS, DenseArrayBase))
        shift = None
        if op.bias is not None:
            gain, bias = (quant.type_of(operand).fraction for operand in (op.w, op.bias))
            shift = root + exponents[1] + gain - bias
        acc = quant.RmsNormOp(
            *op.operands,
            eps=(planned(op, EPS, IntegerAttr).value.data,),
            exponents=exponents,
            root=root,
            table=TableAttr.of(f"round(2^{root} / sqrt(x))", 1 << 14, 1 << 16),
            bias_shift=shift,
        )
        round_to_format(rewriter, op, acc)


def bias_shift(op: nn.LinearOp | nn.Conv2dOp) -> int | None:
    """By how much a bias is shifted to have the fraction bits of the products, None where there is none."""
    if op.bias is None:
        return None
    x, w, bias = (quant.type_of(operand).fraction for operand in op.operands)
    return x + w - bias


class Linear(RewritePattern):
    """The output layer's accumulators are the logits."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.LinearOp, rewriter: PatternRewriter) -> None:
        acc = quant.MatmulOp(*op.operands, bias_shift=bias_shift(op))
        if WIDTH in op.attributes:
            acc.attributes[WIDTH] = op.attributes[WIDTH]
            replace(rewriter, op, acc)
        else:
            round_to_format(rewriter, op, acc)


class Input(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.InputOp, rewriter: PatternRewriter) -> None:
        type = type_in(op, nn.shape_of(op.result))
        made = quant.InputOp(type, tensor=StringAttr(op.input_name), below=op.below)
        replace(rewriter, op, made)


class Conv2d(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.Conv2dOp, rewriter: PatternRewriter) -> None:
        acc = quant.Conv2dOp(
            *op.operands,
            stride=op.stride.get_values(),
            padding=op.padding.get_values(),
            groups=op.groups.value.data,
            bias_shift=bias_shift(op),
        )
        round_to_format(rewriter, op, acc)


class MaxPool2d(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MaxPool2dOp, rewriter: PatternRewriter) -> None:
        pool = quant.MaxPoolOp(
            op.x,
            kernel=op.kernel.get_values(),
            stride=op.stride.get_values(),
            padding=op.padding.get_values(),
        )
        replace(rewriter, op, pool)


MEAN_BITS = 16
"""Fraction bits of the reciprocal of a number of elements, where it is no power of two."""


class AvgPool2d(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AvgPool2dOp, rewriter: PatternRewriter) -> None:
        kernel = op.kernel.get_values()
        stride = op.stride.get_values()
        factor, doublings = share(math.prod(kernel))
        acc = quant.SumPoolOp(
            op.x, kernel=kernel, stride=stride, factor=factor, doublings=doublings
        )
        round_to_format(rewriter, op, acc)


def share(count: int) -> tuple[int, int]:
    """A mean of so many elements is a sum that stands for less: its factor, and the doublings that the factor
    has."""
    doublings = (count - 1).bit_length()
    if count & (count - 1):
        doublings += MEAN_BITS
    return round(2**doublings / count), doublings


class Flatten(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.FlattenOp, rewriter: PatternRewriter) -> None:
        replace(rewriter, op, quant.FlattenOp(op.x))


class ImagePositions(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ImagePositionsOp, rewriter: PatternRewriter) -> None:
        replace(rewriter, op, quant.ImagePositionsOp(op.x))


class AddPositions(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AddPositionsOp, rewriter: PatternRewriter) -> None:
        type, before = type_in(op, nn.shape_of(op.result)), op.before.value.data
        replace(rewriter, op, quant.AddPositionsOp(op.x, op.table, results=[type], before=before))


class Position(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.PositionOp, rewriter: PatternRewriter) -> None:
        replace(rewriter, op, quant.PositionOp(op.x, at=op.at.value.data))


class MeanPositions(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MeanPositionsOp, rewriter: PatternRewriter) -> None:
        first = op.first.value.data
        count = quant.type_of(op.x).shape[1] - first
        factor, doublings = share(count)
        acc = quant.SumPositionsOp(op.x, first=first, factor=factor, doublings=doublings)
        round_to_format(rewriter, op, acc)


class Rotate(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.RotateOp, rewriter: PatternRewriter) -> None:
        acc = quant.RotateOp(*op.operands, partners=tuple(op.partners.get_values()))
        round_to_format(rewriter, op, acc)


class SplitHeads(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.SplitHeadsOp, rewriter: PatternRewriter) -> None:
        replace(rewriter, op, quant.SplitHeadsOp(op.x, heads=op.heads.value.data))


class MergeHeads(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MergeHeadsOp, rewriter: PatternRewriter) -> None:
        replace(rewriter, op, quant.MergeHeadsOp(op.x))


@dataclass
class Rope(RewritePattern):
    """All rotations share their tables of angles, which ``angles`` lists."""

    angles: list[Rotation] = field(default_factory=list)

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.RopeOp, rewriter: PatternRewriter) -> None:
        rotated = None if op.rotated is None else op.rotated.value.data
        acc = quant.RopeOp.of(op.x, self.angles, self.angles.index(op.rotation), rotated)
        round_to_format(rewriter, op, acc)


class Scores(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ScoresOp, rewriter: PatternRewriter) -> None:
        round_to_format(rewriter, op, quant.ScoresOp(op.q, op.k))


class Attend(RewritePattern):
    """Attention from the scores on."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AttendOp, rewriter: PatternRewriter) -> None:
        source = op.p.owner
        if not isinstance(source, nn.MaskedSoftmaxOp | nn.SoftmaxOp) or len({*op.p.uses}) != 1:
            raise UserError(f"{path_of(op)}: only probabilities of one softmax can mix values")
        type = quant.type_of(source.scores)
        softmax = quant.SoftmaxOp(
            source.scores,
            windows=(window_of(source),),
            k=planned(op, K, IntegerAttr).value.data,
            width=quant.EXP_FRAC + (type.shape[-1] - 1).bit_length(),
            table=TableAttr.of(exponentials(type.fraction, source.factor), 0, 1 << type.width),
        )
        nn.inherit_path(softmax, source)
        rewriter.insert(softmax)
        round_to_format(rewriter, op, quant.AttendOp(softmax.e, softmax.inv, op.v))
        rewriter.erase(source)


class Probabilities(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ProbabilitiesOp, rewriter: PatternRewriter) -> None:
        type, bits = quant.type_of(op.x), quant.FINE_EXP_FRAC
        table = exponentials(type.fraction, op.factor, bits)
        acc = quant.ProbabilitiesOp(
            op.x,
            k=planned(op, K, IntegerAttr).value.data,
            width=bits + (type.shape[-1] - 1).bit_length(),
            table=TableAttr.of(table, 0, 1 << type.width),
        )
        round_to_format(rewriter, op, acc)


def window_of(softmax: nn.MaskedSoftmaxOp | nn.SoftmaxOp) -> int:
    if isinstance(softmax, nn.SoftmaxOp):
        return quant.EVERY
    return 0 if softmax.window is None else softmax.window.value.data


def exponentials(fraction: int, scale: float, bits: int = quant.EXP_FRAC) -> str:
    """The table of a softmax's exponentials, of ``bits`` fraction bits, of minus a difference of scores with
    ``fraction``."""
    times = "" if scale == 1 else f" * {Decimal(scale):f}"
    return f"round(2^{bits} * exp(-x{times} / 2^{fraction}))"


class Activation(RewritePattern):
    """Any of them is the table of its definition, in the formats of its two sides."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ActivationOp, rewriter: PatternRewriter) -> None:
        type = quant.type_of(op.x)
        result = type_in(op, type.shape)
        table = TableAttr.of(op.table(type.fraction, result.fraction), -type.bound, type.bound)
        replace(rewriter, op, quant.TableOp(op.x, results=[result], table=table))


class Mul(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.MulOp, rewriter: PatternRewriter) -> None:
        product = quant.MulOp(op.lhs, op.rhs)
        if UNROUNDED in op.attributes:
            replace(rewriter, op, product)
        else:
            round_to_format(rewriter, op, product)


class Add(RewritePattern):
    """The residual stream, which is wider, on the left; the delta on the right."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.AddOp, rewriter: PatternRewriter) -> None:
        stream, delta = sorted(op.operands, key=_width, reverse=True)
        type = type_in(op, nn.shape_of(op.result))
        replace(rewriter, op, quant.AddOp(stream, delta, results=[type]))


def _width(value: SSAValue) -> int:
    return quant.type_of(value).width
