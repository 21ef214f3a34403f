"""The `stablehlo` dialect: what JAX and others write of a network of tensors, as far as the compiler takes it.

Operations and their syntax are those of the StableHLO specification (https://openxla.org/stablehlo/spec), so that
what ``jax.jit(f).lower(..).as_text()`` gives can be read. Attributes are of the builtin dialect where theirs are of
a dialect of their own. Precision, which says nothing of real numbers, is left out. What an operation means is in
the specification; which uses of it can be compiled, the importer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FunctionType,
    IntegerAttr,
    StringAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Data, Dialect
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

Ints = DenseArrayBase[I64]
FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"


def ints(numbers: Sequence[int]) -> Ints:
    return DenseArrayBase.from_list(i64, list(numbers))


@irdl_attr_definition
class PrecisionAttr(Data[str]):
    """How exactly a product may be computed."""

    name = "stablehlo.precision"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> str:
        return parser.parse_identifier()

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(f" {self.data}")


class Unary(IRDLOperation):
    """A function of single elements."""

    T: ClassVar = VarConstraint("T", AnyAttr())
    operand = operand_def(T)
    result = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$operand attr-dict `:` type($result)"


class Binary(IRDLOperation):
    """A function of two elements, of tensors of one shape."""

    T: ClassVar = VarConstraint("T", AnyAttr())
    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs attr-dict `:` type($result)"


@irdl_op_definition
class NegateOp(Unary):
    """-x.

    ```mlir
    %y = stablehlo.negate %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.negate"


@irdl_op_definition
class ExponentialOp(Unary):
    """e^x.

    ```mlir
    %y = stablehlo.exponential %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.exponential"


@irdl_op_definition
class TanhOp(Unary):
    """Hyperbolic tangent.

    ```mlir
    %y = stablehlo.tanh %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.tanh"


@irdl_op_definition
class LogisticOp(Unary):
    """1 / (1 + e^-x).

    ```mlir
    %y = stablehlo.logistic %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.logistic"


@irdl_op_definition
class SqrtOp(Unary):
    """Square root.

    ```mlir
    %y = stablehlo.sqrt %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.sqrt"


@irdl_op_definition
class RsqrtOp(Unary):
    """1 / sqrt(x).

    ```mlir
    %y = stablehlo.rsqrt %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.rsqrt"


@irdl_op_definition
class SineOp(Unary):
    """sin(x), x in radians.

    ```mlir
    %y = stablehlo.sine %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.sine"


@irdl_op_definition
class CosineOp(Unary):
    """cos(x), x in radians.

    ```mlir
    %y = stablehlo.cosine %x : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.cosine"


@irdl_op_definition
class NotOp(Unary):
    """Bit by bit, of a boolean its opposite.

    ```mlir
    %y = stablehlo.not %x : tensor<4x8xi1>
    ```
    """

    name = "stablehlo.not"


@irdl_op_definition
class AddOp(Binary):
    """Sum.

    ```mlir
    %y = stablehlo.add %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.add"


@irdl_op_definition
class SubtractOp(Binary):
    """Difference.

    ```mlir
    %y = stablehlo.subtract %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.subtract"


@irdl_op_definition
class MultiplyOp(Binary):
    """Product.

    ```mlir
    %y = stablehlo.multiply %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.multiply"


@irdl_op_definition
class DivideOp(Binary):
    """Quotient.

    ```mlir
    %y = stablehlo.divide %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.divide"


@irdl_op_definition
class MaximumOp(Binary):
    """The larger.

    ```mlir
    %y = stablehlo.maximum %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.maximum"


@irdl_op_definition
class MinimumOp(Binary):
    """The smaller.

    ```mlir
    %y = stablehlo.minimum %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.minimum"


@irdl_op_definition
class PowerOp(Binary):
    """The left operand to the power of the right one.

    ```mlir
    %y = stablehlo.power %a, %b : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.power"


@irdl_op_definition
class AndOp(Binary):
    """Bit by bit, of booleans whether both are true.

    ```mlir
    %y = stablehlo.and %a, %b : tensor<4x8xi1>
    ```
    """

    name = "stablehlo.and"


@irdl_op_definition
class OrOp(Binary):
    """Bit by bit, of booleans whether one of them is true.

    ```mlir
    %y = stablehlo.or %a, %b : tensor<4x8xi1>
    ```
    """

    name = "stablehlo.or"


@irdl_op_definition
class CompareOp(IRDLOperation):
    """Whether two elements are so: EQ, NE, GE, GT, LE or LT. How they are compared, their type says.

    ```mlir
    %y = stablehlo.compare GE, %a, %b, SIGNED : (tensor<4x8xi32>, tensor<4x8xi32>) -> tensor<4x8xi1>
    ```
    """

    name = "stablehlo.compare"
    lhs = operand_def()
    rhs = operand_def()
    direction = prop_def(StringAttr)
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> CompareOp:
        direction = parser.parse_identifier()
        parser.parse_punctuation(",")
        lhs = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        rhs = parser.parse_unresolved_operand()
        if parser.parse_optional_punctuation(","):
            parser.parse_identifier()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        return cls.build(
            operands=parser.resolve_operands([lhs, rhs], [*type.inputs], parser.pos),
            properties={"direction": StringAttr(direction)},
            attributes=attributes,
            result_types=type.outputs.data,
        )


@irdl_op_definition
class SelectOp(IRDLOperation):
    """Elements of the second operand where the first is true, of the third elsewhere. One boolean may be that of
    all elements.

    ```mlir
    %y = stablehlo.select %p, %a, %b : tensor<4x8xi1>, tensor<4x8xf32>
    ```
    """

    T: ClassVar = VarConstraint("T", AnyAttr())
    name = "stablehlo.select"
    pred = operand_def()
    on_true = operand_def(T)
    on_false = operand_def(T)
    result = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$pred `,` $on_true `,` $on_false attr-dict `:` type($pred) `,` type($result)"


@irdl_op_definition
class ConvertOp(IRDLOperation):
    """The same numbers in another type.

    ```mlir
    %y = stablehlo.convert %x : (tensor<4x8xi32>) -> tensor<4x8xf32>
    ```
    """

    name = "stablehlo.convert"
    operand = operand_def()
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> ConvertOp:
        operand = parser.parse_unresolved_operand()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        before, after = [type], [type]
        if isinstance(type, FunctionType):
            before, after = [*type.inputs], [*type.outputs]
        operands = parser.resolve_operands([operand], before, parser.pos)
        return cls.build(operands=operands, attributes=attributes, result_types=after)


@irdl_op_definition
class IotaOp(IRDLOperation):
    """Each element's index along an axis.

    ```mlir
    %y = stablehlo.iota dim = 0 : tensor<4x8xi32>
    ```
    """

    name = "stablehlo.iota"
    iota_dimension = prop_def(IntegerAttr[I64])
    output = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> IotaOp:
        axis = _dimension(parser)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        return cls.build(
            properties={"iota_dimension": axis}, attributes=attributes, result_types=[type]
        )


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """A tensor that the text has in it.

    ```mlir
    %c = stablehlo.constant dense<0.5> : tensor<4x8xf32>
    ```
    """

    name = "stablehlo.constant"
    value = prop_def(DenseIntOrFPElementsAttr)
    output = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        attributes = parser.parse_optional_attr_dict()
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error("a constant is dense<..>")
        return cls.build(
            properties={"value": value}, attributes=attributes, result_types=[value.type]
        )


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """The same elements in another shape, the last axis fastest.

    ```mlir
    %y = stablehlo.reshape %x : (tensor<4x2x3xf32>) -> tensor<4x6xf32>
    ```
    """

    name = "stablehlo.reshape"
    operand = operand_def()
    result = result_def()
    traits = traits_def(Pure())
    assembly_format = "$operand" + FUNCTIONAL


@irdl_op_definition
class BroadcastInDimOp(IRDLOperation):
    """The operand's axis i becomes axis dims[i]; along others, and where it has size 1, it is repeated.

    ```mlir
    %y = stablehlo.broadcast_in_dim %x, dims = [1] : (tensor<8xf32>) -> tensor<4x8xf32>
    ```
    """

    name = "stablehlo.broadcast_in_dim"
    operand = operand_def()
    broadcast_dimensions = prop_def(Ints)
    result = result_def()
    traits = traits_def(Pure())
    assembly_format = "$operand `,` `dims` `=` $broadcast_dimensions" + FUNCTIONAL


@irdl_op_definition
class TransposeOp(IRDLOperation):
    """Axis i of the result is axis dims[i] of the operand.

    ```mlir
    %y = stablehlo.transpose %x, dims = [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
    ```
    """

    name = "stablehlo.transpose"
    operand = operand_def()
    permutation = prop_def(Ints)
    result = result_def()
    traits = traits_def(Pure())
    assembly_format = "$operand `,` `dims` `=` $permutation" + FUNCTIONAL


def _dimension(parser: Parser) -> IntegerAttr[I64]:
    parser.parse_keyword("dim")
    parser.parse_punctuation("=")
    return IntegerAttr(parser.parse_integer(), i64)


@irdl_op_definition
class SliceOp(IRDLOperation):
    """The indices start, start + stride, .. below limit of each axis.

    ```mlir
    %y = stablehlo.slice %x [0:4, 2:8:3] : (tensor<4x8xf32>) -> tensor<4x2xf32>
    ```
    """

    name = "stablehlo.slice"
    operand = operand_def()
    start_indices = prop_def(Ints)
    limit_indices = prop_def(Ints)
    strides = prop_def(Ints)
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> SliceOp:
        operand = parser.parse_unresolved_operand()
        ranges = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: _start_limit_stride(parser)
        )
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        names = ("start_indices", "limit_indices", "strides")
        return cls.build(
            operands=parser.resolve_operands([operand], [*type.inputs], parser.pos),
            properties={
                name: ints([each[place] for each in ranges]) for place, name in enumerate(names)
            },
            attributes=attributes,
            result_types=type.outputs.data,
        )


def _start_limit_stride(parser: Parser) -> tuple[int, int, int]:
    start = parser.parse_integer()
    parser.parse_punctuation(":")
    limit = parser.parse_integer()
    stride = parser.parse_integer() if parser.parse_optional_punctuation(":") else 1
    return start, limit, stride


@irdl_op_definition
class ConcatenateOp(IRDLOperation):
    """Tensors behind one another along an axis.

    ```mlir
    %y = stablehlo.concatenate %a, %b, dim = 1 : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x10xf32>
    ```
    """

    name = "stablehlo.concatenate"
    inputs = var_operand_def()
    dimension = prop_def(IntegerAttr[I64])
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> ConcatenateOp:
        inputs = []
        while (operand := parser.parse_optional_unresolved_operand()) is not None:
            inputs.append(operand)
            parser.parse_punctuation(",")
        axis = _dimension(parser)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        return cls.build(
            operands=[parser.resolve_operands(inputs, [*type.inputs], parser.pos)],
            properties={"dimension": axis},
            attributes=attributes,
            result_types=type.outputs.data,
        )


def _numbers(parser: Parser) -> Ints:
    return ints(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer))


def _words(parser: Parser) -> list[str]:
    return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_identifier)


@irdl_op_definition
class DotGeneralOp(IRDLOperation):
    """Sums of products over the contracting dimensions, of one side each.

    ```mlir
    %y = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0]
         : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
    ```
    """

    name = "stablehlo.dot_general"
    lhs = operand_def()
    rhs = operand_def()
    lhs_contracting = prop_def(Ints)
    rhs_contracting = prop_def(Ints)
    lhs_batching = opt_prop_def(Ints)
    rhs_batching = opt_prop_def(Ints)
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> DotGeneralOp:
        lhs = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        rhs = parser.parse_unresolved_operand()
        properties: dict[str, Attribute] = {}
        while parser.parse_optional_punctuation(","):
            what = parser.parse_identifier()
            parser.parse_punctuation("=")
            if what not in ("contracting_dims", "batching_dims"):
                _words(parser)  # precision
                continue
            sides = what.removesuffix("_dims")
            properties[f"lhs_{sides}"] = _numbers(parser)
            parser.parse_keyword("x")
            properties[f"rhs_{sides}"] = _numbers(parser)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        operands = parser.resolve_operands([lhs, rhs], [*type.inputs], parser.pos)
        return cls.build(
            operands=operands,
            properties=properties,
            attributes=attributes,
            result_types=type.outputs.data,
        )


@irdl_op_definition
class ConvolutionOp(IRDLOperation):
    """A convolution of images. `layout` says what the axes of lhs, rhs and result are: b examples, f features,
    i and o features of the kernel that are read and made, 0 and 1 rows and columns.

    ```mlir
    %y = stablehlo.convolution(%x, %w) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
         window = {stride = [1, 1], pad = [[1, 1], [1, 1]]} {feature_group_count = 1 : i64}
         : (tensor<4x8x8x3xf32>, tensor<3x3x3x6xf32>) -> tensor<4x8x8x6xf32>
    ```
    """

    name = "stablehlo.convolution"
    lhs = operand_def()
    rhs = operand_def()
    layout = prop_def(ArrayAttr[StringAttr])
    window = prop_def(ArrayAttr[Attribute])
    """Pairs of a name and numbers, in which pairs of padding follow one another."""
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> ConvolutionOp:
        lhs, rhs = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_unresolved_operand
        )
        parser.parse_keyword("dim_numbers")
        parser.parse_punctuation("=")
        layout = [_axes(parser)]
        parser.parse_keyword("x")
        layout.append(_axes(parser))
        parser.parse_punctuation("->")
        layout.append(_axes(parser))
        parser.parse_punctuation(",")
        parser.parse_keyword("window")
        parser.parse_punctuation("=")
        window = parser.parse_comma_separated_list(
            parser.Delimiter.BRACES, lambda: _part_of_window(parser)
        )
        attributes = parser.parse_optional_attr_dict()
        attributes.pop("precision_config", None)
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        operands = parser.resolve_operands([lhs, rhs], [*type.inputs], parser.pos)
        names = ArrayAttr(StringAttr(" ".join(axes)) for axes in layout)
        return cls.build(
            operands=operands,
            properties={"layout": names, "window": ArrayAttr(window)},
            attributes=attributes,
            result_types=type.outputs.data,
        )

    def axes(self, of: int) -> list[str]:
        """What the axes of lhs, rhs or result are."""
        return self.layout.data[of].data.split()

    def numbers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """A part of the window."""
        for part in self.window:
            found, numbers = part.data  # type: ignore[attr-defined]
            if found.data == name:
                return numbers.get_values()
        return tuple(default)


def _axes(parser: Parser) -> list[str]:
    def axis() -> str:
        number = parser.parse_optional_integer(allow_boolean=False)
        return parser.parse_identifier() if number is None else str(number)

    return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, axis)


def _part_of_window(parser: Parser) -> Attribute:
    name = parser.parse_identifier()
    parser.parse_punctuation("=")

    def numbers() -> list[int]:
        if parser.parse_optional_punctuation("["):
            found = [
                n
                for part in parser.parse_comma_separated_list(parser.Delimiter.NONE, numbers)
                for n in part
            ]
            parser.parse_punctuation("]")
            return found
        return [int(parser.parse_integer())]

    return ArrayAttr([StringAttr(name), ints(numbers())])


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """All elements along some axes, and an initial one, put together by one operation.

    ```mlir
    %y = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1, 2]
         : (tensor<4x8x8x3xf32>, tensor<f32>) -> tensor<4x3xf32>
    ```
    """

    name = "stablehlo.reduce"
    operand = operand_def()
    init = operand_def()
    by = prop_def(StringAttr)
    dimensions = prop_def(Ints)
    result = result_def()
    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> ReduceOp:
        parser.parse_punctuation("(")
        operand = parser.parse_unresolved_operand()
        parser.parse_keyword("init")
        parser.parse_punctuation(":")
        init = parser.parse_unresolved_operand()
        parser.parse_punctuation(")")
        parser.parse_keyword("applies")
        by = parser.parse_identifier()
        parser.parse_keyword("across")
        parser.parse_keyword("dimensions")
        parser.parse_punctuation("=")
        dimensions = _numbers(parser)
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        operands = parser.resolve_operands([operand, init], [*type.inputs], parser.pos)
        return cls.build(
            operands=operands,
            properties={"by": StringAttr(by), "dimensions": dimensions},
            attributes=attributes,
            result_types=type.outputs.data,
        )


@irdl_op_definition
class ReduceWindowOp(IRDLOperation):
    """All elements of each window, and an initial one, put together by the operation in the region.

    ```mlir
    %y = "stablehlo.reduce_window"(%x, %zero) <{window_dimensions = array<i64: 1, 2, 2, 1>}> ({
    ^bb0(%a : tensor<f32>, %b : tensor<f32>):
      %c = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }) : (tensor<4x8x8x3xf32>, tensor<f32>) -> tensor<4x7x7x3xf32>
    ```
    """

    name = "stablehlo.reduce_window"
    operand = operand_def()
    init = operand_def()
    window_dimensions = prop_def(Ints)
    window_strides = opt_prop_def(Ints)
    base_dilations = opt_prop_def(Ints)
    window_dilations = opt_prop_def(Ints)
    padding = opt_prop_def(DenseIntOrFPElementsAttr)
    body = region_def("single_block")
    result = result_def()
    traits = traits_def(Pure())

    def verify_(self) -> None:
        if not isinstance(self.operand.type, TensorType):
            raise VerifyException("windows are of a tensor")

    @property
    def by(self) -> str:
        """The operation that puts two elements together, or "" for more than one."""
        names = [op.name for op in self.body.block.ops]
        return names[0] if len(names) == 2 else ""


@irdl_op_definition
class ReturnOp(IRDLOperation):
    """The end of a region."""

    name = "stablehlo.return"
    arguments = var_operand_def()
    traits = traits_def(IsTerminator(), Pure())
    assembly_format = "attr-dict ($arguments^ `:` type($arguments))?"


STABLEHLO = Dialect(
    "stablehlo",
    [
        ConstantOp,
        NegateOp,
        ExponentialOp,
        TanhOp,
        LogisticOp,
        SqrtOp,
        RsqrtOp,
        SineOp,
        CosineOp,
        NotOp,
        AddOp,
        SubtractOp,
        MultiplyOp,
        DivideOp,
        MaximumOp,
        MinimumOp,
        PowerOp,
        AndOp,
        OrOp,
        CompareOp,
        SelectOp,
        ConvertOp,
        IotaOp,
        ReshapeOp,
        BroadcastInDimOp,
        TransposeOp,
        SliceOp,
        ConcatenateOp,
        DotGeneralOp,
        ConvolutionOp,
        ReduceOp,
        ReduceWindowOp,
        ReturnOp,
    ],
    [PrecisionAttr],
)
