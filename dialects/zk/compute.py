"""The compute side of `zk`: steps that make the witness, in SSA. Nothing here is trusted.

Each step is an operation of its own, with the values that it reads as operands, its options as typed
properties, and for each role of `runtime.circuit.program` the witness columns that it commits. A value is a
tensor of integers over named axes; in `zk.layers`, whose body runs once for each layer, the layer is no
axis of it. What a step computes, and in which columns it leaves what, is the table of `runtime.circuit.program`.

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

from xdsl.dialects.builtin import (
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

NO_COLUMNS = ("table", "relation", "column")
"""Properties that name something else than a column that the step commits."""


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


def same_axes(*values: SSAValue) -> None:
    """Raises `VerifyException` unless the values are over the same axes."""
    first, *others = map(axes_of, values)
    for other in others:
        require(
            other == first, f"values over [{', '.join(first)}] and [{', '.join(other)}] do not fit"
        )


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


Plain = int | str | StringAttr | Sequence[int] | Sequence[str]


def _attribute(value: Plain) -> Attribute | None:
    if isinstance(value, StringAttr):
        return value
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

    The constructor takes numbers and names of columns as plain Python values: a name is a symbol, an empty list of
    columns is none. ``name`` is the hint of the first result.
    """

    def __init__(
        self,
        *operands: SSAValue,
        results: Sequence[ValueType],
        name: str | None = None,
        module: str = "",
        **properties: Plain,
    ):
        left_out = len(type(self).get_irdl_definition().operands) - len(operands)
        super().__init__(
            operands=[*operands, *[None] * left_out],
            result_types=results,
            properties={name: _attribute(value) for name, value in properties.items()},
        )
        if SSAValue.is_valid_name(name):
            self.results[0].name_hint = name
        with_path(self, module)

    @property
    def kind(self) -> str:
        """The name of this step in `runtime.circuit.program`."""
        return self.name.removeprefix("zk.")

    @property
    def inputs(self) -> Sequence[SSAValue]:
        """What the step of the program reads; the token ids are there for every step."""
        return self.operands

    @property
    def options(self) -> dict[str, int | str | tuple[int, ...]]:
        """The step's attributes in `runtime.circuit.program`."""
        found: dict[str, int | str | tuple[int, ...]] = {}
        for name, attribute in self.properties.items():
            if isinstance(attribute, IntegerAttr):
                found[name] = attribute.value.data
            elif isinstance(attribute, DenseArrayBase):
                found[name] = tuple(int(value) for value in attribute.get_values())
            elif isinstance(attribute, StringAttr):
                found[name] = attribute.data
            elif isinstance(attribute, SymbolRefAttr) and name in NO_COLUMNS:
                found[name] = attribute.root_reference.data
        return found


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
    column = prop_def(FlatSymbolRefAttrConstr)
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
