"""The compute side of `zk`: steps that make the witness, in SSA. Nothing here is trusted.

Each step is an operation of its own, with the values that it reads as operands, its options as typed
properties, and for each role of `schema.program` the witness columns that it commits. A value is a
tensor of integers over named axes; in `zk.layers`, whose body runs once for each layer, the layer is no
axis of it. What a step computes, and in which columns it leaves what, is the table of `schema.program`.

Why it stands apart from the relations: what the prover computes may be wrong, slow or replaced by
another program without any effect on what is proved. The two regions share nothing but the names of
columns, and a verifier sees the relations only.

Why steps have effects: to commit a column is to write it. A step that commits something is kept, and
two of them are never merged, as relations read the columns of both; a step that commits nothing is
like any other expression, so that `cse` merges equal ones and `dce` removes what nobody reads.

The name of a value is a hint: the program's values are named by it, made unique where it is not.

Errors: axes that do not fit, and a column in two places, are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    Block,
    Operation,
    ParametrizedAttribute,
    Region,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import (
    EffectInstance,
    HasParent,
    IsTerminator,
    MemoryEffect,
    MemoryEffectKind,
    NoTerminator,
    Pure,
    RecursiveMemoryEffect,
)
from xdsl.utils.exceptions import VerifyException

from ..nn import require, with_path
from .attributes import names_attr

Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Column = FlatSymbolRefAttrConstr
"""A column that a step commits."""
Columns: TypeAlias = ArrayAttr[SymbolRefAttr]
"""The columns of a number that is committed in limbs, lowest limb first."""

NO_COLUMNS = ("table", "relation", "column")
"""Properties that name something else than a column that the step commits."""

MADE = " attr-dict `:` type($result)"
FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"
LIMBS = " (`limbs` $limbs^)? (`y` $y^)?"
ROUNDED = " `shift` $shift `bits` $bits" + LIMBS + " (`rem` $rem^)?"


@irdl_attr_definition
class ValueType(ParametrizedAttribute, TypeAttribute):
    """Integers over named axes, each in an inclusive range.

    ```mlir
    !zk.value<[token, channel], -32768 to 32767>
    ```
    """

    name = "zk.value"
    axes: ArrayAttr[StringAttr]
    low: IntAttr
    high: IntAttr

    @staticmethod
    def of(axes: Sequence[str], low: int, high: int) -> ValueType:
        return ValueType(names_attr(axes), IntAttr(low), IntAttr(high))

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(axis.data for axis in self.axes)

    @property
    def range(self) -> tuple[int, int]:
        return self.low.data, self.high.data

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            axes = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, parser.parse_identifier
            )
            parser.parse_punctuation(",")
            low = parser.parse_integer()
            parser.parse_keyword("to")
            high = parser.parse_integer()
        return names_attr(axes), IntAttr(low), IntAttr(high)

    def print_parameters(self, printer: Printer) -> None:
        low, high = self.range
        with printer.in_angle_brackets():
            printer.print_string(f"[{', '.join(self.axis_names)}], {low} to {high}")

    def verify(self) -> None:
        low, high = self.range
        require(low <= high, f"the range {low} to {high} is empty")
        axes = self.axis_names
        require(len(set(axes)) == len(axes), f"an axis of [{', '.join(axes)}] stands twice")


def type_of(value: SSAValue) -> ValueType:
    """The type of a value of the compute side."""
    if not isinstance(value.type, ValueType):
        raise VerifyException(f"expected a !zk.value, got {value.type}")
    return value.type


def axes_of(value: SSAValue) -> tuple[str, ...]:
    """The axes of a value of the compute side."""
    return type_of(value).axis_names


class WritesColumns(MemoryEffect):
    """The effect of a step: it writes the columns that it commits, and nothing if there are none."""

    @classmethod
    def get_effects(cls, op: Operation) -> AbstractSet[EffectInstance]:
        names = committed(op)
        return {EffectInstance(MemoryEffectKind.WRITE, SymbolRefAttr(name)) for name in names}


def roles(op: Operation) -> dict[str, tuple[str, ...]]:
    """The columns that a step commits, by role."""
    found: dict[str, tuple[str, ...]] = {}
    for role, attribute in op.properties.items():
        if role in NO_COLUMNS:
            continue
        if isinstance(attribute, SymbolRefAttr):
            found[role] = (attribute.root_reference.data,)
        elif isinstance(attribute, ArrayAttr):
            symbols = [name for name in attribute if isinstance(name, SymbolRefAttr)]
            found[role] = tuple(symbol.root_reference.data for symbol in symbols)
    return found


def committed(op: Operation) -> Iterator[str]:
    """The columns that a step commits."""
    for names in roles(op).values():
        yield from names


def _attribute(value: int | str | Sequence[int] | Sequence[str]) -> Attribute | None:
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, str):
        return SymbolRefAttr(value)
    names = [SymbolRefAttr(name) for name in value if isinstance(name, str)]
    if names:
        return ArrayAttr(names)
    return (
        DenseArrayBase.from_list(i64, [n for n in value if isinstance(n, int)]) if value else None
    )


class Step(IRDLOperation):
    """A step of the witness program.

    The constructor takes numbers and names as plain Python values: a name is a symbol, an empty list of
    columns is none. ``name`` is the hint of the first result.
    """

    def __init__(
        self,
        *operands: SSAValue,
        results: Sequence[ValueType],
        name: str | None = None,
        module: str = "",
        **properties: int | str | Sequence[int] | Sequence[str],
    ):
        super().__init__(
            operands=operands,
            result_types=results,
            properties={name: _attribute(value) for name, value in properties.items()},
        )
        if SSAValue.is_valid_name(name):
            self.results[0].name_hint = name
        with_path(self, module)

    @property
    def kind(self) -> str:
        """The name of this step in `schema.program`."""
        return self.name.removeprefix("zk.")

    @property
    def inputs(self) -> Sequence[SSAValue]:
        """What the step of the program reads; the token ids are there for every step."""
        return self.operands

    @property
    def options(self) -> dict[str, int | str | tuple[int, ...]]:
        """The step's attributes in `schema.program`."""
        found: dict[str, int | str | tuple[int, ...]] = {}
        for name, attribute in self.properties.items():
            if isinstance(attribute, IntegerAttr):
                found[name] = attribute.value.data
            elif isinstance(attribute, DenseArrayBase):
                found[name] = tuple(int(value) for value in attribute.get_values())
            elif isinstance(attribute, SymbolRefAttr) and name in NO_COLUMNS:
                found[name] = attribute.root_reference.data
        return found


def same_axes(*values: SSAValue) -> None:
    """Raises `VerifyException` unless the values are over the same axes."""
    first, *others = map(axes_of, values)
    for other in others:
        require(
            other == first, f"values over [{', '.join(first)}] and [{', '.join(other)}] do not fit"
        )


@irdl_op_definition
class TokensOp(IRDLOperation):
    """The token at each position, where prompt and output are inputs of the relations. No step: the ids
    are there.

    ```mlir
    %ids = zk.tokens : !zk.value<[token], 0 to 1023>
    ```
    """

    name = "zk.tokens"
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"

    def __init__(self, type: ValueType):
        super().__init__(result_types=[type])


@irdl_op_definition
class ReadOp(IRDLOperation):
    """The contents of a `param` or `public` column, in `zk.layers` those of the layer. No step: what is not
    made by a step is there.

    ```mlir
    %w = zk.read @mlp.up_proj.weight : !zk.value<[intermediate, channel], -32768 to 32767>
    ```
    """

    name = "zk.read"
    column = prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(Pure())
    assembly_format = "$column attr-dict `:` type($result)"

    def __init__(self, column: str, type: ValueType):
        super().__init__(properties={"column": SymbolRefAttr(column)}, result_types=[type])
        if SSAValue.is_valid_name(column):
            self.result.name_hint = column

    @property
    def column_name(self) -> str:
        return self.column.root_reference.data


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
    """Rows of a table by token: table[ids[token], channel] << shift.

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
    rows = opt_prop_def(Column)
    result = result_def(ValueType)
    traits = traits_def(WritesColumns())
    assembly_format = "$ids `,` $table `shift` $shift (`rows` $rows^)?" + FUNCTIONAL

    @property
    def inputs(self) -> Sequence[SSAValue]:
        return [self.operands[1]]

    def verify_(self) -> None:
        rows, columns = axes_of(self.ids), axes_of(self.table)[1:]
        require(axes_of(self.result) == rows + columns, "the result has other axes than its rows")


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
class RmsNormOp(RoundedStep):
    """Root-mean-square norm over the last axis, times a gain.

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
        "$x `,` $gain `eps` $eps `exponents` $emin `,` $emax `table` $table (`m` $m^)? (`r` $r^)?"
        " (`p2` $p2^)? (`p4` $p4^)? (`pm` $pm^)? (`u` $u^)? (`remainder` $remainder^)?"
        " (`slack` $slack^)?" + ROUNDED + FUNCTIONAL
    )

    def verify_(self) -> None:
        same_axes(self.x, self.result)
        require(axes_of(self.gain) == axes_of(self.x)[-1:], "the gain is not over the last axis")


@irdl_op_definition
class MatmulOp(RoundedStep):
    """A linear layer: what x has and the result has not is contracted.

    ```mlir
    %y = zk.matmul %x, %w shift 15 bits 16 limbs [@q.limb0] rem [@q.rem0]
      : (!zk.value<[token, channel], -32768 to 32767>,
      !zk.value<[out, channel], -32768 to 32767>) -> !zk.value<[token, out], -32768 to 32767>
    ```
    """

    name = "zk.matmul"
    x = operand_def(ValueType)
    w = operand_def(ValueType)
    assembly_format = "$x `,` $w" + ROUNDED + FUNCTIONAL

    def verify_(self) -> None:
        x, w, y = map(axes_of, (self.x, self.w, self.result))
        require(
            set(y) == set(x) ^ set(w),
            f"x over [{', '.join(x)}] and w over [{', '.join(w)}] do not make [{', '.join(y)}]",
        )


@irdl_op_definition
class RopeOp(RoundedStep):
    """Rotary position embedding: x cos + rotate(x) sin, of the kind that each layer has.

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
    assembly_format = "$x `,` $cos `,` $sin `kinds` $kinds" + ROUNDED + FUNCTIONAL

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


@irdl_op_definition
class LayersOp(IRDLOperation):
    """The steps that run once for each layer. What enters is the residual stream; each layer takes it from
    the one before and yields it, made by its last step.

    ```mlir
    %y = zk.layers %x : !zk.value<[token, channel], -524288 to 524287>
         -> !zk.value<[token, channel], -524288 to 524287> {
    ^bb0(%r: !zk.value<[token, channel], -524288 to 524287>):
      %r2 = zk.add %r, %r : (!zk.value<[token, channel], -524288 to 524287>,
        !zk.value<[token, channel], -524288 to 524287>)
        -> !zk.value<[token, channel], -524288 to 524287>
      zk.yield %r2 : !zk.value<[token, channel], -524288 to 524287>
    }
    ```
    """

    name = "zk.layers"
    enters = operand_def(ValueType)
    body = region_def("single_block")
    result = result_def(ValueType)
    traits = traits_def(RecursiveMemoryEffect())
    assembly_format = "$enters attr-dict `:` type($enters) `->` type($result) $body"

    def __init__(self, enters: SSAValue, body: Region, stream: ValueType):
        super().__init__(operands=[enters], regions=[body], result_types=[stream])

    @property
    def stream(self) -> SSAValue:
        """The residual stream as a layer reads it."""
        return self.body.block.args[0]

    @property
    def end(self) -> YieldOp:
        end = self.body.block.last_op
        if not isinstance(end, YieldOp):
            raise VerifyException("zk.layers does not end in zk.yield")
        return end

    def verify_(self) -> None:
        arguments = self.body.block.args
        require(len(arguments) == 1, "zk.layers has one argument, the residual stream")
        same_axes(self.enters, arguments[0], self.end.value, self.result)
        ops = list(self.body.block.ops)[:-1]
        require(all(isinstance(op, Step | ReadOp) for op in ops), "zk.layers has steps only")


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the body of `zk.layers`, whose example shows it, with the residual stream."""

    name = "zk.yield"
    value = operand_def(ValueType)
    traits = traits_def(IsTerminator(), HasParent(LayersOp))
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


class Scope(IRDLOperation):
    """An operation that only groups others."""

    body = region_def("single_block")

    def __init__(self, operations: Sequence[Operation]):
        super().__init__(regions=[Region(Block(operations))])

    @classmethod
    def parse(cls, parser: Parser):
        attributes = parser.parse_optional_attr_dict_with_keyword()
        region = parser.parse_region()
        if not region.blocks:
            region.add_block(Block())
        op = cls.create(regions=[region])
        op.attributes |= attributes.data if attributes else {}
        return op

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_empty_block=False)


@irdl_op_definition
class ComputeOp(Scope):
    """How the witness is made: steps, of which one at most is a `zk.layers`.

    ```mlir
    zk.compute {
      %ids = zk.tokens : !zk.value<[token], 0 to 1023>
      %w = zk.read @w : !zk.value<[vocabulary, channel], -32768 to 32767>
      %x = zk.embed %ids, %w shift 0 : (!zk.value<[token], 0 to 1023>,
        !zk.value<[vocabulary, channel], -32768 to 32767>)
        -> !zk.value<[token, channel], -32768 to 32767>
    }
    ```
    """

    name = "zk.compute"
    traits = traits_def(NoTerminator())

    @property
    def steps(self) -> Iterator[Step]:
        """All steps, those of the layers too."""
        return (op for op in self.walk() if isinstance(op, Step))

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        require(
            all(isinstance(op, Step | TokensOp | ReadOp | LayersOp) for op in ops)
            and sum(isinstance(op, LayersOp) for op in ops) <= 1,
            "zk.compute has steps and at most one zk.layers",
        )


COMPUTE = [
    TokensOp,
    ReadOp,
    PromptOp,
    EmbedOp,
    RmsNormOp,
    MatmulOp,
    RopeOp,
    ScoresOp,
    SoftmaxOp,
    AttendOp,
    TableStepOp,
    MulOp,
    AddOp,
    SelectOp,
    ArgmaxOp,
    SolveOp,
    LayersOp,
    YieldOp,
]
"""The operations inside `zk.compute`."""
