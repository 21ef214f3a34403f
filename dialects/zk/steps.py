"""The steps of `zk.compute`: one operation for each kind of step of `runtime.circuit.program`.

What a step computes, with which options, and what it leaves in the columns of which role is the table
there. Roles are properties: a column, or the limbs of a number in an array, lowest limb first. A role
that is left out is not committed.

Why they are as coarse as an operation of a model and not as the primitives that check them: a fused
kernel makes all hints of a norm or a softmax in one go, which is where a prover's time goes.

Errors: axes that do not fit are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ...runtime.circuit.function import EXAMPLE
from ..nn import require
from .compute import Step, ValueType, WritesColumns, axes_of, roles, same_axes, type_of

Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Column = FlatSymbolRefAttrConstr
"""A column that a step commits."""
Columns: TypeAlias = ArrayAttr[SymbolRefAttr]
"""The columns of a number that is committed in limbs, lowest limb first."""

MADE = " attr-dict `:` type($result)"
FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"
LIMBS = " (`limbs` $limbs^)? (`y` $y^)?"
ROUNDED = " `shift` $shift `bits` $bits" + LIMBS + " (`rem` $rem^)?"


@irdl_op_definition
class PromptOp(Step):
    """The token at each position, where prompt and output are columns.

    ```mlir
    %ids = zk.prompt ids @ids length @prompt.length before @prompt.before prompt @prompt.ids
      : !zk.value<[token], 0 to 1023>
    ```
    """

    name = "zk.prompt"
    ids = prop_def(Column)
    length = prop_def(Column)
    before = prop_def(Column)
    prompt = prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "`ids` $ids `length` $length `before` $before `prompt` $prompt" + MADE


@irdl_op_definition
class EmbedOp(Step):
    """Rows of a table by token: table[ids[token], channel] << shift. A negative shift rounds, to ``bits`` bits.
    Of a function ids are a value, of examples and positions.

    ```mlir
    %x = zk.embed %ids, %table shift 4 : (!zk.value<[token], 0 to 1023>,
      !zk.value<[vocabulary, channel], -32768 to 32767>)
      -> !zk.value<[token, channel], -524288 to 524272>
    ```
    """

    name = "zk.embed"
    ids = operand_def(ValueType)
    table = operand_def(ValueType)
    shift = prop_def(Int)
    bits = opt_prop_def(Int)
    rows = opt_prop_def(Column)
    limbs = opt_prop_def(Columns)
    y = opt_prop_def(Column)
    rem = opt_prop_def(Columns)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = (
        "$ids `,` $table `shift` $shift (`bits` $bits^)? (`rows` $rows^)?"
        + LIMBS
        + " (`rem` $rem^)?"
        + FUNCTIONAL
    )

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return [*self.operands] if EXAMPLE in axes_of(self.ids) else [self.operands[1]]

    def verify_(self) -> None:
        rows, columns = axes_of(self.ids), axes_of(self.table)[1:]
        require(axes_of(self.result) == rows + columns, "the result has other axes than its rows")
        rounded = self.bits is not None
        require(
            rounded == (self.shift.value.data < 0), "a negative shift goes with a number of bits"
        )
        require(rounded or not {*roles(self)} - {"rows"}, "rows that are not rounded have no limbs")


@irdl_op_definition
class EmbedPositionsOp(Step):
    """Rows of a table by position: table[offset + token, channel] << shift. Nothing is committed.

    ```mlir
    %x = zk.embed_positions %table offset 2 shift 4 : (!zk.value<[place, channel], -32768 to 32767>)
      -> !zk.value<[token, channel], -524288 to 524272>
    ```
    """

    name = "zk.embed_positions"
    table = operand_def(ValueType)
    offset = prop_def(Int)
    shift = prop_def(Int)
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "$table `offset` $offset `shift` $shift" + FUNCTIONAL

    @property
    def kind(self) -> str:
        return "positions"

    def verify_(self) -> None:
        columns = axes_of(self.table)[1:]
        require(axes_of(self.result)[1:] == columns, "the result has other axes than its rows")


class RoundedStep(Step):
    """A sum of products, rounded: y = (acc + half(shift)) >> shift, of ``bits`` bits."""

    shift = prop_def(Int)
    bits = prop_def(Int)
    limbs = opt_prop_def(Columns)
    y = opt_prop_def(Column)
    rem = opt_prop_def(Columns)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())


@irdl_op_definition
class CenterOp(RoundedStep):
    """What each element is more than the mean of its row: x - m, where m is factor times the row's sum, rounded.
    There is a row for each index of the axes of x at the places ``rows``.

    ```mlir
    %y = zk.center %x rows [0] factor 8388608 shift 30 bits 24 limbs [@center.limb0, @center.limb1]
      rem [@center.rem0, @center.rem1] : (!zk.value<[token, channel], -134217728 to 134217727>)
      -> !zk.value<[token, channel], -142606335 to 142606335>
    ```
    """

    name = "zk.center"
    x = operand_def(ValueType)
    rows = prop_def(Ints)
    factor = prop_def(Int)
    assembly_format = "$x `rows` $rows `factor` $factor" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        same_axes(self.x, self.result)
        places, rank = self.rows.get_values(), len(axes_of(self.x))
        require(
            sorted({*places}) == [*places] and {*places} < {*range(rank)},
            f"rows {list(places)} are no places of some of {rank} axes, in order",
        )


@irdl_op_definition
class RmsNormOp(RoundedStep):
    """Root-mean-square norm over the axes of a gain, times that. A bias is shifted, and added to each row.

    ```mlir
    %y = zk.rms_norm %x, %gain eps [16384] exponents 0, 17 table @norm.rsqrt m @norm.m r @norm.r
      p2 @norm.p2 p4 @norm.p4 pm @norm.pm u @norm.u remainder [@norm.remainder0] slack [@norm.slack0]
      shift 41 bits 16 limbs [@norm.limb0] rem [@norm.rem0]
      : (!zk.value<[token, channel], -524288 to 524272>, !zk.value<[channel], -32768 to 32767>)
      -> !zk.value<[token, channel], -32768 to 32767>
    ```
    """

    name = "zk.rms_norm"
    x = operand_def(ValueType)
    gain = operand_def(ValueType)
    bias = opt_operand_def(ValueType)
    bias_shift = opt_prop_def(Int)
    eps = prop_def(Ints)
    emin = prop_def(Int)
    emax = prop_def(Int)
    table = prop_def(Column)
    m = opt_prop_def(Column)
    r = opt_prop_def(Column)
    p2 = opt_prop_def(Column)
    p4 = opt_prop_def(Column)
    pm = opt_prop_def(Column)
    u = opt_prop_def(Column)
    remainder = opt_prop_def(Columns)
    slack = opt_prop_def(Columns)
    assembly_format = (
        "$x `,` $gain (`bias` $bias^ `shift` $bias_shift)? `eps` $eps `exponents` $emin `,` $emax"
        " `table` $table (`m` $m^)? (`r` $r^)?"
        " (`p2` $p2^)? (`p4` $p4^)? (`pm` $pm^)? (`u` $u^)? (`remainder` $remainder^)?"
        " (`slack` $slack^)?" + ROUNDED + FUNCTIONAL
    )

    def verify_(self) -> None:
        same_axes(self.x, self.result)
        gain = axes_of(self.gain)
        over = tuple(axis for axis in axes_of(self.x) if axis in gain)
        require(
            0 < len(gain) < len(axes_of(self.x)) and over == gain,
            "the gain is not over some axes of x, in their order",
        )
        require(
            self.bias is None or axes_of(self.bias) == gain, "the bias has other axes than the gain"
        )


@irdl_op_definition
class MatmulOp(RoundedStep):
    """A linear layer: what x has and the result has not is contracted. A bias is shifted, and added to each row.

    ```mlir
    %y = zk.matmul %x, %w shift 15 bits 16 limbs [@q.limb0] rem [@q.rem0]
      : (!zk.value<[token, channel], -32768 to 32767>,
      !zk.value<[out, channel], -32768 to 32767>) -> !zk.value<[token, out], -32768 to 32767>
    ```
    """

    name = "zk.matmul"
    x = operand_def(ValueType)
    w = operand_def(ValueType)
    bias = opt_operand_def(ValueType)
    bias_shift = opt_prop_def(Int)
    assembly_format = "$x `,` $w (`bias` $bias^ `shift` $bias_shift)?" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        x, w, y = map(axes_of, (self.x, self.w, self.result))
        bias = () if self.bias is None else axes_of(self.bias)
        require(
            {*bias} <= {*y},
            f"the bias is over [{', '.join(bias)}], the result over [{', '.join(y)}]",
        )
        require(
            set(y) == set(x) ^ set(w),
            f"x over [{', '.join(x)}] and w over [{', '.join(w)}] do not make [{', '.join(y)}]",
        )


@irdl_op_definition
class InputOp(Step):
    """A tensor that the statement is about.

    ```mlir
    %x = zk.input "image" x @image : !zk.value<[example, feature64], -32768 to 32767>
    ```
    """

    name = "zk.input"
    tensor = prop_def(StringAttr)
    x = prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$tensor `x` $x" + MADE


@irdl_op_definition
class OutputOp(Step):
    """A value that the statement is about.

    ```mlir
    %y = zk.output "output" %x x @output : (!zk.value<[example, feature10], -32768 to 32767>)
      -> !zk.value<[example, feature10], -32768 to 32767>
    ```
    """

    name = "zk.output"
    tensor = prop_def(StringAttr)
    value = operand_def(ValueType)
    x = prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$tensor $value `x` $x" + FUNCTIONAL

    def verify_(self) -> None:
        same_axes(self.value, self.result)


@irdl_op_definition
class Conv2dOp(RoundedStep):
    """A convolution of images. The result is over the axes of its images, the weights over [out, in, taps].

    ```mlir
    %y = zk.conv2d %x, %w stride [1, 1] padding [1, 1] shift 15 bits 16 limbs [@c.limb0] rem [@c.rem0]
      : (!zk.value<[example, channel3, row8, column8], -32768 to 32767>,
      !zk.value<[channel4, channel3_in, tap_row3, tap_column3], -32768 to 32767>)
      -> !zk.value<[example, channel4, row8, column8], -32768 to 32767>
    ```
    """

    name = "zk.conv2d"
    x = operand_def(ValueType)
    w = operand_def(ValueType)
    bias = opt_operand_def(ValueType)
    bias_shift = opt_prop_def(Int)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    assembly_format = (
        "$x `,` $w (`bias` $bias^ `shift` $bias_shift)? `stride` $stride `padding` $padding"
        + ROUNDED
        + FUNCTIONAL
    )

    def verify_(self) -> None:
        x, w, y = map(axes_of, (self.x, self.w, self.result))
        require(len(x) == len(w) == len(y) == 4, "a convolution has four axes")
        require(x[0] == y[0] and w[0] == y[1], "the result is over other axes than x and w make")


@irdl_op_definition
class SumPoolOp(RoundedStep):
    """The sum of each window times a factor.

    ```mlir
    %y = zk.sum_pool %x kernel [2, 2] stride [2, 2] factor 1 shift 2 bits 16 limbs [@p.limb0] rem [@p.rem0]
      : (!zk.value<[example, channel3, row8, column8], -32768 to 32767>)
      -> !zk.value<[example, channel3, row4, column4], -32768 to 32767>
    ```
    """

    name = "zk.sum_pool"
    x = operand_def(ValueType)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    factor = prop_def(Int)
    assembly_format = "$x `kernel` $kernel `stride` $stride `factor` $factor" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        require(axes_of(self.x)[:2] == axes_of(self.result)[:2], "a window is of one channel")


@irdl_op_definition
class ImagePositionsOp(Step):
    """An image as positions, row after row.

    ```mlir
    %y = zk.image_positions %x y @p : (!zk.value<[example, channel3, row4, column4], -32768 to 32767>)
      -> !zk.value<[example, position16, feature3], -32768 to 32767>
    ```
    """

    name = "zk.image_positions"
    x = operand_def(ValueType)
    y = opt_prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$x (`y` $y^)?" + FUNCTIONAL

    def verify_(self) -> None:
        x, y = axes_of(self.x), axes_of(self.result)
        require((len(x), len(y)) == (4, 3) and x[0] == y[0], "an image becomes positions")


@irdl_op_definition
class AddPositionsOp(Step):
    """The rows of a table, and what x has at the position that is ``before`` positions before.

    ```mlir
    %y = zk.add_positions %x, %table before 1 y @p : (!zk.value<[example, position16, feature3], -32768 to 32767>,
      !zk.value<[position17, feature3], -32768 to 32767>)
      -> !zk.value<[example, position17, feature3], -65536 to 65535>
    ```
    """

    name = "zk.add_positions"
    x = operand_def(ValueType)
    table = operand_def(ValueType)
    before = prop_def(Int)
    y = opt_prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$x `,` $table `before` $before (`y` $y^)?" + FUNCTIONAL

    def verify_(self) -> None:
        x, y = axes_of(self.x), axes_of(self.result)
        require(len(x) == len(y) == 3 and x[::2] == y[::2], "the result is over other examples")
        require(axes_of(self.table) == y[1:], "the table is not over the result's positions")


@irdl_op_definition
class PositionOp(Step):
    """One position of each example. Nothing is committed.

    ```mlir
    %y = zk.position %x at 0 : (!zk.value<[example, position17, feature3], -32768 to 32767>)
      -> !zk.value<[example, feature3], -32768 to 32767>
    ```
    """

    name = "zk.position"
    x = operand_def(ValueType)
    at = prop_def(Int)
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "$x `at` $at" + FUNCTIONAL

    def verify_(self) -> None:
        _without_positions(self.x, self.result)


@irdl_op_definition
class SumPositionsOp(RoundedStep):
    """The sum of the positions from ``first`` on, times a factor.

    ```mlir
    %y = zk.sum_positions %x first 1 factor 1 shift 4 bits 16 limbs [@p.limb0] rem [@p.rem0]
      : (!zk.value<[example, position17, feature3], -32768 to 32767>)
      -> !zk.value<[example, feature3], -32768 to 32767>
    ```
    """

    name = "zk.sum_positions"
    x = operand_def(ValueType)
    first = prop_def(Int)
    factor = prop_def(Int)
    assembly_format = "$x `first` $first `factor` $factor" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        _without_positions(self.x, self.result)


@irdl_op_definition
class RotateOp(RoundedStep):
    """Heads times a table, and their channels in the order of ``partners`` times another.

    ```mlir
    %y = zk.rotate %x, %cos, %sin partners [1, 0] shift 16 bits 16 limbs [@r.limb0] rem [@r.rem0]
      : (!zk.value<[example, head3, position5, dim2], -32768 to 32767>,
      !zk.value<[position5, dim2], -131072 to 131071>, !zk.value<[position5, dim2], -131072 to 131071>)
      -> !zk.value<[example, head3, position5, dim2], -32768 to 32767>
    ```
    """

    name = "zk.rotate"
    x = operand_def(ValueType)
    cos = operand_def(ValueType)
    sin = operand_def(ValueType)
    partners = prop_def(Ints)
    assembly_format = "$x `,` $cos `,` $sin `partners` $partners" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        same_axes(self.x, self.result)
        same_axes(self.cos, self.sin)
        require(axes_of(self.cos) == axes_of(self.x)[-2:], "the tables are not over x's last axes")


def _without_positions(x: SSAValue, y: SSAValue) -> None:
    require(len(axes_of(x)) == 3 and axes_of(x)[::2] == axes_of(y), "the result is no row of x")


@irdl_op_definition
class MaxPoolOp(Step):
    """The largest of each window: first along its rows, then along its columns, one element after the other.

    ```mlir
    %y = zk.max_pool %x kernel [2, 2] stride [2, 2] padding [0, 0] rows [@p.row1] columns [@p.column1]
      : (!zk.value<[example, channel3, row8, column8], 0 to 32767>)
      -> !zk.value<[example, channel3, row4, column4], 0 to 32767>
    ```
    """

    name = "zk.max_pool"
    x = operand_def(ValueType)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    rows = opt_prop_def(Columns)
    columns = opt_prop_def(Columns)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = (
        "$x `kernel` $kernel `stride` $stride `padding` $padding (`rows` $rows^)?"
        " (`columns` $columns^)?" + FUNCTIONAL
    )

    def verify_(self) -> None:
        require(axes_of(self.x)[:2] == axes_of(self.result)[:2], "a window is of one channel")


@irdl_op_definition
class RopeOp(RoundedStep):
    """Rotary position embedding: x cos + rotate(x) sin, of the kind that each layer has. With `rotated` R this is
    of the first R channels of x, cos is 1 and sin 0 for others, and sines have the sign that half of rotate(x) has.

    ```mlir
    %y = zk.rope %x, %cos, %sin kinds [0, 0, 1] shift 16 bits 16 limbs [@rope.limb0] rem [@rope.rem0]
      : (!zk.value<[kv, token, dim], -32768 to 32767>, !zk.value<[kind, token, dim], -65536 to 65536>,
      !zk.value<[kind, token, dim], -65536 to 65536>) -> !zk.value<[kv, token, dim], -32768 to 32767>
    ```
    """

    name = "zk.rope"
    x = operand_def(ValueType)
    cos = operand_def(ValueType)
    sin = operand_def(ValueType)
    kinds = prop_def(Ints)
    rotated = opt_prop_def(Int)
    assembly_format = (
        "$x `,` $cos `,` $sin `kinds` $kinds (`rotated` $rotated^)?" + ROUNDED + FUNCTIONAL
    )

    def verify_(self) -> None:
        same_axes(self.x, self.result)
        same_axes(self.cos, self.sin)


@irdl_op_definition
class ScoresOp(RoundedStep):
    """Attention scores: each query times the keys of all positions, `source`.

    ```mlir
    %s = zk.scores %q, %k shift 15 bits 16 limbs [@s.limb0] rem [@s.rem0]
      : (!zk.value<[kv, group, token, dim], -32768 to 32767>,
      !zk.value<[kv, token, dim], -32768 to 32767>)
      -> !zk.value<[kv, group, token, source], -32768 to 32767>
    ```
    """

    name = "zk.scores"
    q = operand_def(ValueType)
    k = operand_def(ValueType)
    assembly_format = "$q `,` $k" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        rows, result = axes_of(self.q)[:-1], axes_of(self.result)
        require(result[:-1] == rows, "the scores are not over the queries")


@irdl_op_definition
class SoftmaxOp(Step):
    """Causal softmax: exponentials of the distance to the largest allowed score, and the reciprocal of
    their sum.

    ```mlir
    %e, %inv = zk.softmax %s bits 16 table @softmax.exp windows [24] k 32 width 21 e @softmax.e
      select @softmax.select top [@softmax.top0] inverse [@softmax.inv0]
      remainder [@softmax.remainder0] slack [@softmax.slack0]
      : (!zk.value<[kv, group, token, source], -32768 to 32767>)
      -> (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>)
    ```
    """

    name = "zk.softmax"
    scores = operand_def(ValueType)
    bits = prop_def(Int)
    table = prop_def(Column)
    windows = prop_def(Ints)
    k = prop_def(Int)
    width = prop_def(Int)
    e = opt_prop_def(Column)
    select = opt_prop_def(Column)
    top = opt_prop_def(Columns)
    inv = opt_prop_def(Columns)
    remainder = opt_prop_def(Columns)
    slack = opt_prop_def(Columns)
    exponentials = result_def(ValueType)
    inverse = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = (
        "$scores `bits` $bits `table` $table `windows` $windows `k` $k `width` $width (`e` $e^)?"
        " (`select` $select^)? (`top` $top^)? (`inverse` $inv^)? (`remainder` $remainder^)?"
        " (`slack` $slack^)?" + FUNCTIONAL
    )

    def verify_(self) -> None:
        same_axes(self.scores, self.exponentials)
        rows = axes_of(self.scores)[:-1]
        require(axes_of(self.inverse) == rows, "there is not one reciprocal for each row")


@irdl_op_definition
class AttendOp(RoundedStep):
    """Mixes the values of all positions by a softmax: sum over `source` of e inv v.

    ```mlir
    %y = zk.attend %e, %inv, %v shift 32 bits 16 limbs [@attend.limb0] rem [@attend.rem0]
      : (!zk.value<[kv, group, token, source], 0 to 32768>, !zk.value<[kv, group, token], 0 to 262143>,
      !zk.value<[kv, token, dim], -32768 to 32767>)
      -> !zk.value<[kv, group, token, dim], -32768 to 32767>
    ```
    """

    name = "zk.attend"
    e = operand_def(ValueType)
    inv = operand_def(ValueType)
    v = operand_def(ValueType)
    assembly_format = "$e `,` $inv `,` $v" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        rows = axes_of(self.e)[:-1]
        require(axes_of(self.inv) == rows, "there is not one reciprocal for each row")
        require(axes_of(self.result)[:-1] == rows, "the result is not over the rows")


@irdl_op_definition
class ProbabilitiesOp(RoundedStep):
    """The probabilities of a softmax: e inv, rounded.

    ```mlir
    %y = zk.probabilities %e, %inv shift 32 bits 16 limbs [@p.limb0] rem [@p.rem0, @p.rem1]
      : (!zk.value<[example, feature10], 0 to 16777216>, !zk.value<[example], 0 to 8388607>)
      -> !zk.value<[example, feature10], -32768 to 32767>
    ```
    """

    name = "zk.probabilities"
    e = operand_def(ValueType)
    inv = operand_def(ValueType)
    assembly_format = "$e `,` $inv" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        same_axes(self.e, self.result)
        rows = axes_of(self.e)[:-1]
        require(axes_of(self.inv) == rows, "there is not one reciprocal for each row")


@irdl_op_definition
class TableStepOp(Step):
    """Looks every element up in a table of all its values.

    ```mlir
    %y = zk.tabulate %x table @act_fn.act_fn y @act_fn
      : (!zk.value<[token, intermediate], -32768 to 32767>)
      -> !zk.value<[token, intermediate], -348 to 32767>
    ```
    """

    name = "zk.tabulate"
    x = operand_def(ValueType)
    table = prop_def(Column)
    y = opt_prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$x `table` $table (`y` $y^)?" + FUNCTIONAL

    @property
    def kind(self) -> str:
        return "table"

    def verify_(self) -> None:
        same_axes(self.x, self.result)


@irdl_op_definition
class MulOp(Step):
    """The product of two values, element by element: rounded, or as it is and then not committed.

    ```mlir
    %y = zk.mul %a, %b shift 11 bits 16 limbs [@mul.limb0] rem [@mul.rem0]
      : (!zk.value<[token, channel], -32768 to 32767>, !zk.value<[token, channel], -32768 to 32767>)
      -> !zk.value<[token, channel], -32768 to 32767>
    ```
    """

    name = "zk.mul"
    lhs = operand_def(ValueType)
    rhs = operand_def(ValueType)
    shift = opt_prop_def(Int)
    bits = opt_prop_def(Int)
    limbs = opt_prop_def(Columns)
    y = opt_prop_def(Column)
    rem = opt_prop_def(Columns)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = (
        "$lhs `,` $rhs (`shift` $shift^ `bits` $bits)?" + LIMBS + " (`rem` $rem^)?" + FUNCTIONAL
    )

    def verify_(self) -> None:
        same_axes(self.lhs, self.rhs, self.result)
        rounded = self.shift is not None
        require(rounded == (self.bits is not None), "a shift goes with a number of bits")
        require(rounded or not roles(self), "a product that is not rounded is not committed")


@irdl_op_definition
class AddOp(Step):
    """The exact sum of two values. Nothing is committed.

    ```mlir
    %y = zk.add %a, %b : (!zk.value<[token, channel], -32768 to 32767>,
      !zk.value<[token, channel], -32768 to 32767>) -> !zk.value<[token, channel], -65536 to 65534>
    ```
    """

    name = "zk.add"
    lhs = operand_def(ValueType)
    rhs = operand_def(ValueType)
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    def verify_(self) -> None:
        same_axes(self.lhs, self.rhs, self.result)


@irdl_op_definition
class RenameOp(Step):
    """The same value over other axes of the same sizes, for a linear layer that gives what it takes: the index over
    which it sums is another than that of its result. Nothing is committed.

    ```mlir
    %y = zk.rename %x : (!zk.value<[token, channel], -32768 to 32767>)
      -> !zk.value<[token, channel_in], -32768 to 32767>
    ```
    """

    name = "zk.rename"
    x = operand_def(ValueType)
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    def verify_(self) -> None:
        x, y = type_of(self.x), type_of(self.result)
        require(len(x.axes) == len(y.axes), "the result has more or fewer axes")
        require(x.range == y.range, "the result has another range")


@irdl_op_definition
class SelectOp(Step):
    """The rows of the positions that generate.

    ```mlir
    %y = zk.select %x : (!zk.value<[token, channel], -32768 to 32767>)
      -> !zk.value<[generated, channel], -32768 to 32767>
    ```
    """

    name = "zk.select"
    x = operand_def(ValueType)
    rows = opt_prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$x (`rows` $rows^)?" + FUNCTIONAL

    def verify_(self) -> None:
        require(axes_of(self.x)[1:] == axes_of(self.result)[1:], "a row has other axes")


@irdl_op_definition
class ArgmaxOp(Step):
    """The lowest index whose row of the table has the largest product with x.

    ```mlir
    %ids = zk.argmax %x, %table width 32 best @lm_head.best limbs [@lm_head.limb0, @lm_head.limb1]
      : (!zk.value<[generated, channel], -32768 to 32767>,
      !zk.value<[vocabulary, channel], -32768 to 32767>) -> !zk.value<[generated], 0 to 1023>
    ```
    """

    name = "zk.argmax"
    x = operand_def(ValueType)
    table = operand_def(ValueType)
    width = prop_def(Int)
    scale = opt_prop_def(Int)
    ids = opt_prop_def(Column)
    rows = opt_prop_def(Column)
    best = opt_prop_def(Column)
    limbs = opt_prop_def(Columns)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = (
        "$x `,` $table `width` $width (`scale` $scale^)? (`ids` $ids^)? (`rows` $rows^)?"
        " (`best` $best^)? (`limbs` $limbs^)?" + FUNCTIONAL
    )

    def verify_(self) -> None:
        require(axes_of(self.x)[-1:] == axes_of(self.table)[-1:], "x and the rows do not fit")


@irdl_op_definition
class SolveOp(Step):
    """A column that a linear relation gives: all that it adds to -x is x. It is over all layers at once.

    ```mlir
    %x = zk.solve relation @x.define x @x : !zk.value<[layer, token], -8388608 to 8388607>
    ```
    """

    name = "zk.solve"
    relation = prop_def(Column)
    x = prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "`relation` $relation `x` $x" + MADE

    @property
    def kind(self) -> str:
        return "define"


STEPS = [
    InputOp,
    OutputOp,
    PromptOp,
    EmbedOp,
    EmbedPositionsOp,
    CenterOp,
    RmsNormOp,
    MatmulOp,
    Conv2dOp,
    SumPoolOp,
    MaxPoolOp,
    ImagePositionsOp,
    AddPositionsOp,
    PositionOp,
    SumPositionsOp,
    RotateOp,
    RopeOp,
    ScoresOp,
    SoftmaxOp,
    AttendOp,
    ProbabilitiesOp,
    TableStepOp,
    MulOp,
    AddOp,
    RenameOp,
    SelectOp,
    ArgmaxOp,
    SolveOp,
]
"""All kinds of steps."""
