"""The `quant` dialect: the model as exact integer arithmetic.

A value of type `!quant.tensor<[64, 128], bits = 16, frac = 11>` is a tensor of signed integers in
[-2^(bits-1), 2^(bits-1)); an integer v stands for the real number v * 2^-frac. Every operation is
exact: products, sums and contractions give *accumulators*, which are as wide as their operands make
them (never more than 63 bits, so that int64 holds them), and rounding happens only in
`quant.requantize`, `quant.rms_norm`'s row scale, `quant.softmax` and `quant.table`. The meaning of
each operation is that of the step of the same name in `runtime.circuit.program`.

Shapes as in the `nn` dialect: T tokens, h hidden width, H query heads, KV key/value heads, D head
width. Before `stack-layers` the module is one straight line; after it the decoder layers are the
body of one `quant.layers` and what differs between layers is written once for each: the values of
stacked parameters, the kinds of `quant.rope` and the windows of `quant.softmax`.

Operations carry the PyTorch module path in the attribute `module` (see `nn.module_path`); in the
body of `quant.layers` the layer number in it is written "{layer}".

Errors: shapes, widths, scales and ranges that do not fit are a `VerifyException` of the operation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    Float64Type,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    f64,
    i64,
)
from xdsl.ir import (
    Attribute,
    Block,
    BlockArgument,
    Dialect,
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
    opt_operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import (
    Commutative,
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
)
from xdsl.utils.exceptions import VerifyException

from ..errors import UserError
from . import quant_axes as named
from .interfaces import Named, RowWise, TokenSource, View
from .nn import HUGE, MOST_ELEMENTS, ROPE_FRAC, require, require_normal
from .rotation import Rotation
from .table_expr import parse as parse_table

Shape: TypeAlias = tuple[int, ...]
Float: TypeAlias = FloatAttr[Float64Type]
Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Floats: TypeAlias = DenseArrayBase[Float64Type]

MAX_BITS = 63
WIDEST = 64
"""An accumulator of products of three numbers may have a bit more: values are computed in int64."""
MAX_FRAC = 256
"""Fraction bits are in -256 .. 256, which holds any accumulator of numbers in the range of f32."""
MOST_DOUBLINGS = 126
"""The largest exponent of two that multiplies a row or a column of weights, either way."""
TOKEN_BITS = 32
MANTISSA_BITS = 14
"""The mantissa m of `quant.rms_norm` is in [2^14, 2^16)."""
EXP_FRAC = 15
"""e = table[d] of `quant.softmax` is 2^15 * exp(-d * 2^-frac)."""

FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"


def signed_bits(magnitude: int) -> int:
    """The bits of a signed number that takes both `magnitude` and -`magnitude`."""
    return magnitude.bit_length() + 1


@irdl_attr_definition
class QuantTensorType(ParametrizedAttribute, TypeAttribute):
    """Signed integers of `bits` bits that stand for v * 2^-frac.

    ```mlir
    !quant.tensor<[64, 128], bits = 16, frac = 11>
    ```
    """

    name = "quant.tensor"
    dims: ArrayAttr[IntAttr]
    bits: IntAttr
    frac: IntAttr

    @staticmethod
    def of(shape: Sequence[int], bits: int, frac: int) -> QuantTensorType:
        return QuantTensorType(ArrayAttr([IntAttr(n) for n in shape]), IntAttr(bits), IntAttr(frac))

    @property
    def shape(self) -> Shape:
        return tuple(n.data for n in self.dims)

    @property
    def width(self) -> int:
        return self.bits.data

    @property
    def fraction(self) -> int:
        return self.frac.data

    @property
    def bound(self) -> int:
        """The largest magnitude, 2^(bits-1)."""
        return 1 << (self.width - 1)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            dims = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: IntAttr(parser.parse_integer(allow_negative=False))
            )
            parser.parse_punctuation(",")
            bits, frac = _parse_format(parser)
        return (ArrayAttr(dims), IntAttr(bits), IntAttr(frac))

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            dims = ", ".join(map(str, self.shape))
            printer.print_string(f"[{dims}], bits = {self.width}, frac = {self.fraction}")

    def verify(self) -> None:
        require(
            all(n > 0 for n in self.shape), f"a dimension of {list(self.shape)} is not positive"
        )
        require(math.prod(self.shape) <= MOST_ELEMENTS, "a tensor has more than 2^62 elements")
        require(1 <= self.width <= WIDEST, f"{self.width} bits are not in 1 .. {WIDEST}")
        require(
            abs(self.fraction) <= MAX_FRAC,
            f"frac {self.fraction} is not in -{MAX_FRAC} .. {MAX_FRAC}",
        )


@irdl_attr_definition
class FormatAttr(ParametrizedAttribute):
    """The format that a value of `nn` is to have: signed integers of `bits` bits for v * 2^-frac.

    ```mlir
    #quant.format<bits = 16, frac = 11>
    ```
    """

    name = "quant.format"
    bits: IntAttr
    frac: IntAttr

    @staticmethod
    def of(bits: int, frac: int) -> FormatAttr:
        return FormatAttr(IntAttr(bits), IntAttr(frac))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            bits, frac = _parse_format(parser)
        return (IntAttr(bits), IntAttr(frac))

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"bits = {self.bits.data}, frac = {self.frac.data}")

    def verify(self) -> None:
        require(
            1 <= self.bits.data <= MAX_BITS, f"{self.bits.data} bits are not in 1 .. {MAX_BITS}"
        )
        require(
            abs(self.frac.data) <= MAX_FRAC,
            f"frac {self.frac.data} is not in -{MAX_FRAC} .. {MAX_FRAC}",
        )


def _parse_format(parser: AttrParser) -> tuple[int, int]:
    """``bits = B, frac = F``."""
    parser.parse_keyword("bits")
    parser.parse_punctuation("=")
    bits = parser.parse_integer()
    parser.parse_punctuation(",")
    parser.parse_keyword("frac")
    parser.parse_punctuation("=")
    return bits, parser.parse_integer()


@irdl_attr_definition
class TableAttr(ParametrizedAttribute):
    """The integers of an expression in x at low <= x < high, as `table_expr.evaluate` gives them.

    ```mlir
    #quant.table<"round(2^23 / sqrt(x))", 16384 to 65536>
    ```
    """

    name = "quant.table"
    expression: StringAttr
    low: IntAttr
    high: IntAttr

    @staticmethod
    def of(expression: str, low: int, high: int) -> TableAttr:
        return TableAttr(StringAttr(expression), IntAttr(low), IntAttr(high))

    @property
    def domain(self) -> tuple[int, int]:
        return self.low.data, self.high.data

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            expression = parser.parse_str_literal()
            parser.parse_punctuation(",")
            low = parser.parse_integer()
            parser.parse_keyword("to")
            high = parser.parse_integer()
        return (StringAttr(expression), IntAttr(low), IntAttr(high))

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.expression.data)
            printer.print_string(f", {self.low.data} to {self.high.data}")

    def verify(self) -> None:
        low, high = self.domain
        require(low < high, f"the domain {low} to {high} is empty")
        require(high - low <= 1 << 19, f"the domain {low} to {high} has more than 2^19 entries")
        try:
            parse_table(self.expression.data)
        except UserError as error:
            raise VerifyException(str(error)) from None


@dataclass(frozen=True)
class Inferred:
    """What operands make of a result: its shape, its fraction bits and the bits that it needs.

    `frac` is None where the operation chooses it.
    """

    shape: Shape
    bits: int
    frac: int | None


def type_of(value: SSAValue) -> QuantTensorType:
    """The type of a value of this dialect."""
    if not isinstance(value.type, QuantTensorType):
        raise VerifyException(f"expected a !quant.tensor, got {value.type}")
    return value.type


def _attribute(value: Any) -> Attribute:
    if isinstance(value, Attribute):
        return value
    if isinstance(value, bool):
        return UnitAttr()
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, float):
        return FloatAttr(value, f64)
    if isinstance(value[0], float):
        return DenseArrayBase.from_list(f64, value)
    return DenseArrayBase.from_list(i64, value)


def numbers(attribute: Attribute | None) -> tuple[Any, ...]:
    """Those of a dense array; none of another attribute."""
    return tuple(attribute.get_values()) if isinstance(attribute, DenseArrayBase) else ()


def _plain(attribute: Attribute) -> Any:
    if isinstance(attribute, FloatAttr | IntegerAttr):
        return attribute.value.data
    return numbers(attribute) if isinstance(attribute, DenseArrayBase) else attribute


class QuantOp(named.NamedAxes):
    """An operation whose results follow from operands and properties.

    `infer` takes the operands' types and the properties as plain Python values and raises
    `VerifyException` where they do not fit. The constructor takes the results' types where the
    operation leaves a choice, by default what `infer` says; wider results are valid too.

    The list `PER_LAYER`, if there is one, has an entry for each layer in the body of `quant.layers`, and
    elsewhere a single one.
    """

    PER_LAYER: ClassVar[str | None] = None

    @staticmethod
    def infer(*operands: QuantTensorType, **properties: Any) -> Sequence[Inferred]:
        raise NotImplementedError

    def __init__(
        self,
        *operands: SSAValue,
        results: Sequence[QuantTensorType] | None = None,
        **properties: Any,
    ):
        properties = {name: value for name, value in properties.items() if value is not None}
        if results is None:
            inferred = type(self).infer(*map(type_of, operands), **properties)
            results = [QuantTensorType.of(r.shape, r.bits, r.frac or 0) for r in inferred]
        left_out = len(type(self).get_irdl_definition().operands) - len(operands)
        super().__init__(
            operands=[*operands, *[None] * left_out],
            properties={name: _attribute(value) for name, value in properties.items()},
            result_types=results,
        )

    def plain_properties(self) -> dict[str, Any]:
        """The properties as Python values."""
        return {name: _plain(attribute) for name, attribute in self.properties.items()}

    def verify_(self) -> None:
        inferred = type(self).infer(*map(type_of, self.operands), **self.plain_properties())
        for value, need in zip(self.results, inferred, strict=True):
            actual = type_of(value)
            require(
                actual.shape == need.shape,
                f"the result has shape {list(actual.shape)}, the operands make it "
                f"{list(need.shape)}",
            )
            require(
                need.frac is None or actual.fraction == need.frac,
                f"the result has frac {actual.fraction}, the operands make it {need.frac}",
            )
            require(
                actual.width >= need.bits,
                f"the result has {actual.width} bits, the operands need {need.bits}",
            )
        if self.PER_LAYER:
            parent = self.parent_op()
            layers = parent.layers if isinstance(parent, LayersOp) else 1
            entries = len(self.per_layer)
            require(entries == layers, f"{entries} {self.PER_LAYER} for {layers} layers")

    @property
    def per_layer(self) -> tuple[int, ...]:
        """The entries of the list `PER_LAYER`."""
        return numbers(self.properties[self.PER_LAYER]) if self.PER_LAYER else ()


class LeafOp(IRDLOperation):
    """An operation without operands; its result type is written out."""

    def __init__(self, type: QuantTensorType, **properties: Attribute | None):
        super().__init__(properties=properties, result_types=[type])


@irdl_op_definition
class TokensOp(LeafOp, TokenSource):
    """The token ids that enter the model, T of them.

    ```mlir
    %ids = quant.tokens : !quant.tensor<[64], bits = 32, frac = 0>
    ```
    """

    name = "quant.tokens"
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"

    def verify_(self) -> None:
        type = type_of(self.result)
        require(len(type.shape) == 1, f"tokens have shape [T], got {list(type.shape)}")
        require(type.fraction == 0, "tokens are whole numbers, frac = 0")

    @property
    def positions(self) -> int:
        return type_of(self.result).shape[0]


@irdl_op_definition
class ParamOp(LeafOp, Named):
    """Weights of the checkpoint: round((offset + w) * factor * 2^frac), ties upwards.

    `rows` and `columns` are exponents that equalise channels: element [i, j] of a matrix is also
    multiplied by 2^(rows[i] + columns[j]), element [i] of a vector by 2^rows[i]; a single exponent is
    that of all. One name is one tensor. With `stacked` the names are the same weight of each layer in
    turn, the result has the layer axis first, and exponents are listed layer after layer. `sha256` are
    those of the tensors' fp32 bytes; where a function is published it has none.

    ```mlir
    %w = quant.param ["model.norm.weight"]
         sha256 ["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
         offset 1.0 factor 11.3137
         : !quant.tensor<[128], bits = 16, frac = 9>
    ```
    """

    name = "quant.param"
    KIND: ClassVar[str] = "weight"
    names = prop_def(ArrayAttr[StringAttr])
    sha256 = opt_prop_def(ArrayAttr[StringAttr])
    offset = prop_def(Float)
    factor = prop_def(Float)
    rows = opt_prop_def(Ints)
    columns = opt_prop_def(Ints)
    stacked = opt_prop_def(UnitAttr)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "(`stacked` $stacked^)? $names (`sha256` $sha256^)? `offset` $offset `factor` $factor"
        " (`rows` $rows^)? (`columns` $columns^)? attr-dict `:` type($result)"
    )

    @property
    def param_names(self) -> tuple[str, ...]:
        return tuple(name.data for name in self.names)

    def verify_(self) -> None:
        shape = type_of(self.result).shape
        layers = 1
        if self.stacked is not None and shape:
            layers, shape = shape[0], shape[1:]
        digests = self.names if self.sha256 is None else self.sha256
        require(
            len(self.names) == len(digests) == layers,
            f"{len(self.names)} names and {len(digests)} digests for {layers} tensors",
        )
        factor, offset = self.factor.value.data, self.offset.value.data
        require_normal("factor", factor)
        require(abs(offset) < HUGE, f"offset must be a finite f32, got {offset}")
        for exponents in (self.rows, self.columns):
            for exponent in exponents.get_values() if exponents else ():
                require(
                    abs(exponent) <= MOST_DOUBLINGS,
                    f"exponent {exponent} is not in -{MOST_DOUBLINGS} .. {MOST_DOUBLINGS}",
                )
        require(
            self.rows is None
            or (len(shape) >= 1 and len(self.rows) in (layers, layers * shape[0])),
            "rows must be one exponent, or one for each row",
        )
        require(
            self.columns is None
            or (len(shape) == 2 and len(self.columns) in (layers, layers * shape[1])),
            "columns must be one exponent, or one for each column of a matrix",
        )


@irdl_op_definition
class EmbedOp(QuantOp, Named):
    """Rows of a table: x[t, :] = table[ids[t], :] << shift.

    ```mlir
    %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>,
         !quant.tensor<[1024, 128], bits = 16, frac = 13>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17>
    ```
    """

    name = "quant.embed"
    KIND: ClassVar[str] = "embedding"
    ids = operand_def(QuantTensorType)
    table = operand_def(QuantTensorType)
    shift = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$ids `,` $table `shift` $shift" + FUNCTIONAL

    @staticmethod
    def infer(ids: QuantTensorType, table: QuantTensorType, shift: int) -> Sequence[Inferred]:
        require(len(ids.shape) == 1, f"ids must be [T], got {list(ids.shape)}")
        require(
            len(table.shape) == 2, f"the table must be [vocabulary, h], got {list(table.shape)}"
        )
        require(0 <= shift < MAX_BITS, f"shift {shift} is not in 0 .. {MAX_BITS - 1}")
        shape = (ids.shape[0], table.shape[1])
        return [Inferred(shape, table.width + shift, table.fraction + shift)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.table, named.EMBEDDING)
        yield named.Over(self.result, named.CHANNELS)


@irdl_op_definition
class RequantizeOp(QuantOp, RowWise):
    """Rounds an accumulator to fewer fraction bits: y = (acc + 2^(shift-1)) >> shift.

    `shift` 0 means y = acc. Where y leaves the range of the result's type, execution stops.

    ```mlir
    %y = quant.requantize %acc shift 15 : (!quant.tensor<[64, 384], bits = 39, frac = 26>)
         -> !quant.tensor<[64, 384], bits = 16, frac = 11>
    ```
    """

    name = "quant.requantize"
    acc = operand_def(QuantTensorType)
    shift = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$acc `shift` $shift" + FUNCTIONAL

    @staticmethod
    def infer(acc: QuantTensorType, shift: int) -> Sequence[Inferred]:
        require(0 <= shift < MAX_BITS, f"shift {shift} is not in 0 .. {MAX_BITS - 1}")
        return [Inferred(acc.shape, 1, acc.fraction - shift)]


@irdl_op_definition
class RmsNormOp(QuantOp, RowWise, Named):
    """Root-mean-square norm over the last axis, as an accumulator.

    S = sum x^2 + eps with eps = eps[0], in the body of `quant.layers` eps[layer]; e in [emin, emax]
    with m = S >> 2e in [2^14, 2^16); r = table[m], that is 2^root / sqrt(m); acc = x * (r *
    2^(emax-e)) * gain. Where there is no such e, execution stops. The gain holds (1 + w) * sqrt(n)
    for n normalised channels, so that frac(acc) = root + emax + frac(gain) whatever the scale of x.
    As |x| <= sqrt(S), |x * r * 2^(emax-e)| < 2^(root+1+emax).

    ```mlir
    %acc = quant.rms_norm %x, %gain eps [16384] exponents [0, 17] root 23
           table <"round(2^23 / sqrt(x))", 16384 to 65536>
           : (!quant.tensor<[64, 128], bits = 28, frac = 17>, !quant.tensor<[128], bits = 16,
           frac = 9>) -> !quant.tensor<[64, 128], bits = 58, frac = 49>
    ```
    """

    name = "quant.rms_norm"
    KIND: ClassVar[str] = "norm"
    PER_LAYER: ClassVar[str | None] = "eps"
    x = operand_def(QuantTensorType)
    gain = operand_def(QuantTensorType)
    eps = prop_def(Ints)
    exponents = prop_def(Ints)
    root = prop_def(Int)
    table = prop_def(TableAttr)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $gain `eps` $eps `exponents` $exponents `root` $root `table` $table" + FUNCTIONAL
    )

    @property
    def emin(self) -> int:
        return self.exponents.get_values()[0]

    @property
    def emax(self) -> int:
        return self.exponents.get_values()[1]

    @staticmethod
    def infer(
        x: QuantTensorType,
        gain: QuantTensorType,
        eps: tuple[int, ...],
        exponents: tuple[int, ...],
        root: int,
        table: TableAttr,
    ) -> Sequence[Inferred]:
        require(len(x.shape) >= 1, "x has no axis to normalise over")
        require(
            gain.shape == x.shape[-1:],
            f"the gain has shape {list(gain.shape)}, x has {list(x.shape)}",
        )
        require(min(eps, default=0) > 0, f"eps must be positive, got {list(eps)}")
        require(
            len(exponents) == 2 and 0 <= exponents[0] <= exponents[1] < MAX_BITS,
            f"exponents must be [emin, emax], 0 <= emin <= emax < {MAX_BITS}, "
            f"got {list(exponents)}",
        )
        emax = exponents[1]
        domain = (1 << MANTISSA_BITS, 1 << (MANTISSA_BITS + 2))
        require(table.domain == domain, f"the table's domain must be {domain[0]} to {domain[1]}")
        require(8 <= root <= 23, f"root is {root}, not in 8 .. 23")
        bits = signed_bits(gain.bound << (root + 1 + emax))
        require(bits <= MAX_BITS, f"emax {emax} makes accumulators of {bits} bits")
        return [Inferred(x.shape, bits, root + emax + gain.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Same((self.x, self.result))
        yield named.LastOf(self.gain, self.x)


@irdl_op_definition
class MatmulOp(QuantOp, RowWise, Named):
    """A linear layer, as an accumulator: x [T, k], w [n, k] -> acc[t, n] = sum_k x[t, k] w[n, k].

    A bias [n] is shifted to the accumulator's fraction bits, and added to each row.

    ```mlir
    %acc = quant.matmul %x, %w : (!quant.tensor<[64, 128], bits = 16, frac = 11>,
           !quant.tensor<[384, 128], bits = 16, frac = 15>)
           -> !quant.tensor<[64, 384], bits = 39, frac = 26>
    ```
    """

    name = "quant.matmul"
    KIND: ClassVar[str] = "linear layer"
    x = operand_def(QuantTensorType)
    w = operand_def(QuantTensorType)
    bias = opt_operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    bias_shift = opt_prop_def(Int)
    assembly_format = "$x `,` $w (`bias` $bias^ `shift` $bias_shift)?" + FUNCTIONAL

    @staticmethod
    def infer(
        x: QuantTensorType,
        w: QuantTensorType,
        bias: QuantTensorType | None = None,
        bias_shift: int = 0,
    ) -> Sequence[Inferred]:
        require(len(x.shape) == 2 and len(w.shape) == 2, "x must be [T, k] and w [n, k]")
        require(x.shape[1] == w.shape[1], f"x has {x.shape[1]} channels, w takes {w.shape[1]}")
        largest, fraction = x.shape[1] * x.bound * w.bound, x.fraction + w.fraction
        if bias is not None:
            require(bias.shape == w.shape[:1], f"the bias is {list(bias.shape)}, w {list(w.shape)}")
            require(
                0 <= bias_shift < MAX_BITS - bias.width,
                f"shift {bias_shift} is not in 0 .. {MAX_BITS - 1 - bias.width}",
            )
            require(
                bias.fraction + bias_shift == fraction,
                f"the bias has frac {bias.fraction} and is shifted by {bias_shift}, not to {fraction}",
            )
            largest += bias.bound << bias_shift
        return [Inferred((x.shape[0], w.shape[0]), signed_bits(largest), fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Contraction(self.x, self.w, self.result)
        if self.bias is not None:
            yield named.OfRows(self.bias, self.result)


@irdl_op_definition
class SplitHeadsOp(QuantOp, View, Named):
    """Cuts the channels into heads: [T, H*D] -> [H, T, D], y[h, t, d] = x[t, h*D + d]; a view.

    ```mlir
    %y = quant.split_heads %x heads 4 : (!quant.tensor<[64, 128], bits = 16, frac = 11>)
         -> !quant.tensor<[4, 64, 32], bits = 16, frac = 11>
    ```
    """

    name = "quant.split_heads"
    KIND: ClassVar[str] = "split into heads"
    x = operand_def(QuantTensorType)
    heads = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `heads` $heads" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, heads: int) -> Sequence[Inferred]:
        require(len(x.shape) == 2, f"x must be [T, H*D], got {list(x.shape)}")
        tokens, channels = x.shape
        require(heads > 0 and channels % heads == 0, f"{channels} channels, {heads} heads")
        return [Inferred((heads, tokens, channels // heads), x.width, x.fraction)]


@irdl_op_definition
class MergeHeadsOp(QuantOp, View, Named):
    """The inverse of `quant.split_heads`: [H, T, D] -> [T, H*D]; a view.

    ```mlir
    %y = quant.merge_heads %x : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>)
         -> !quant.tensor<[64, 128], bits = 16, frac = 11>
    ```
    """

    name = "quant.merge_heads"
    KIND: ClassVar[str] = "merge of heads"
    x = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType) -> Sequence[Inferred]:
        require(len(x.shape) == 3, f"x must be [H, T, D], got {list(x.shape)}")
        heads, tokens, width = x.shape
        return [Inferred((tokens, heads * width), x.width, x.fraction)]


NO_RAMP = (0.0, 0.0, 0.0)


def _rotations(
    thetas: tuple[float, ...], factors: tuple[float, ...], ramps: tuple[float, ...]
) -> tuple[Rotation, ...]:
    cut = [ramps[3 * kind : 3 * kind + 3] for kind in range(len(thetas))]
    return tuple(
        Rotation(theta, factor, (ramp[0], ramp[1], ramp[2]) if ramp and ramp[2] else None)
        for theta, factor, ramp in zip(thetas, factors, cut, strict=True)
    )


@irdl_op_definition
class RopeOp(QuantOp, Named):
    """Rotary position embedding of [H, T, D], as an accumulator: x * cos + rotate(x) * sin.

    rotate(x)[i] = -x[i + D/2] for i < D/2, else x[i - D/2]. cos and sin are the integers of
    `rope_table.rope_table`, with 14 fraction bits, for theta = thetas[kind], factor = factors[kind]
    and the ramp that the three numbers of ramps[kind] are, if there are ramps (`dialects.rotation`);
    a length of 0 says that a kind has none. kind = kinds[0], in the body of `quant.layers`
    kinds[layer].

    ```mlir
    %acc = quant.rope %q thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0]
           : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>)
           -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27>
    ```
    """

    name = "quant.rope"
    KIND: ClassVar[str] = "rotation"
    PER_LAYER: ClassVar[str | None] = "kinds"
    x = operand_def(QuantTensorType)
    thetas = prop_def(Floats)
    factors = prop_def(Floats)
    ramps = opt_prop_def(Floats)
    kinds = prop_def(Ints)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `thetas` $thetas `factors` $factors (`ramps` $ramps^)? `kinds` $kinds" + FUNCTIONAL
    )

    @classmethod
    def of(cls, x: SSAValue, rotations: Sequence[Rotation], kind: int) -> RopeOp:
        """By one of some rotations."""
        ramps = [number for each in rotations for number in each.ramp or NO_RAMP]
        return cls(
            x,
            thetas=tuple(each.theta for each in rotations),
            factors=tuple(each.factor for each in rotations),
            ramps=tuple(ramps) if any(each.ramp for each in rotations) else None,
            kinds=(kind,),
        )

    @property
    def rotations(self) -> tuple[Rotation, ...]:
        """Those of the kinds, in order."""
        return _rotations(*map(numbers, (self.thetas, self.factors, self.ramps)))

    @staticmethod
    def infer(
        x: QuantTensorType,
        thetas: tuple[float, ...],
        factors: tuple[float, ...],
        kinds: tuple[int, ...],
        ramps: tuple[float, ...] = (),
    ) -> Sequence[Inferred]:
        require(
            len(x.shape) == 3 and x.shape[2] % 2 == 0,
            f"x must be [H, T, even D], got {list(x.shape)}",
        )
        require(len(thetas) == len(factors), f"{len(thetas)} thetas, {len(factors)} factors")
        require(
            len(ramps) in (0, 3 * len(thetas)), f"{len(thetas)} thetas, {len(ramps)} ramps' numbers"
        )
        for rotation in _rotations(thetas, factors, ramps):
            rotation.verify()
        for kind in kinds:
            require(0 <= kind < len(thetas), f"kind {kind} of {len(thetas)}")
        return [Inferred(x.shape, signed_bits(2 * x.bound << ROPE_FRAC), x.fraction + ROPE_FRAC)]


@irdl_op_definition
class ScoresOp(QuantOp, Named):
    """Attention scores, as an accumulator: q [H, T, D], k [KV, T, D] -> [H, T, T].

    acc[h, i, j] = sum_d q[h, i, d] k[h', j, d], h' = h // (H / KV).

    ```mlir
    %acc = quant.scores %q, %k : (!quant.tensor<[4, 64, 32], bits = 16, frac = 13>,
           !quant.tensor<[1, 64, 32], bits = 16, frac = 12>)
           -> !quant.tensor<[4, 64, 64], bits = 37, frac = 25>
    ```
    """

    name = "quant.scores"
    KIND: ClassVar[str] = "scores"
    q = operand_def(QuantTensorType)
    k = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$q `,` $k" + FUNCTIONAL

    @staticmethod
    def infer(q: QuantTensorType, k: QuantTensorType) -> Sequence[Inferred]:
        _grouped(q, k)
        require(q.shape[1:] == k.shape[1:], f"q is {list(q.shape)}, k is {list(k.shape)}")
        bits = signed_bits(q.shape[2] * q.bound * k.bound)
        return [Inferred((q.shape[0], q.shape[1], k.shape[1]), bits, q.fraction + k.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.q, named.QUERY)
        yield named.Over(self.k, named.KEY)
        yield named.Over(self.result, named.SCORES)


@irdl_op_definition
class SoftmaxOp(QuantOp, Named):
    """Causal softmax of scores [H, T, T] as exponentials e [H, T, T] and reciprocals inv [H, T].

    Query i sees key j if 0 <= i - j and (window = 0 or i - j < window); window = windows[0], in the
    body of `quant.layers` windows[layer]. e = table[max - s] where seen, else 0, with the maximum
    over the seen keys; inv = floor(2^k / sum_j e). The probability is e * inv * 2^-k. `width` is
    the number of bits that hold sum_j e - 1.

    ```mlir
    %e, %inv = quant.softmax %s windows [24] k 32 width 21
               table <"round(2^15 * exp(-x / 2^11))", 0 to 65536>
               : (!quant.tensor<[4, 64, 64], bits = 16, frac = 11>)
               -> (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>,
               !quant.tensor<[4, 64], bits = 19, frac = 17>)
    ```
    """

    name = "quant.softmax"
    KIND: ClassVar[str] = "softmax"
    PER_LAYER: ClassVar[str | None] = "windows"
    scores = operand_def(QuantTensorType)
    windows = prop_def(Ints)
    k = prop_def(Int)
    width = prop_def(Int)
    table = prop_def(TableAttr)
    e = result_def(QuantTensorType)
    inv = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$scores `windows` $windows `k` $k `width` $width `table` $table" + FUNCTIONAL

    @staticmethod
    def infer(
        scores: QuantTensorType,
        windows: tuple[int, ...],
        k: int,
        width: int,
        table: TableAttr,
    ) -> Sequence[Inferred]:
        shape = scores.shape
        require(
            len(shape) == 3 and shape[1] == shape[2],
            f"scores must be [H, T, T], got {list(shape)}",
        )
        need = ((shape[2] << EXP_FRAC) - 1).bit_length()
        require(width >= need, f"width is {width}, sums of {shape[2]} exponentials need {need}")
        require(width < MAX_BITS, f"width is {width}, at most {MAX_BITS - 1} bits are held")
        require(need <= k <= 47, f"k is {k}, not in {need} .. 47")
        require(
            table.domain == (0, 1 << scores.width),
            f"the table's domain must be 0 to 2^{scores.width}",
        )
        for window in windows:
            require(window >= 0, f"window {window} is negative")
        return [
            Inferred(shape, EXP_FRAC + 2, EXP_FRAC),
            Inferred(shape[:2], k - EXP_FRAC + 2, k - EXP_FRAC),
        ]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.scores, named.SCORES)
        yield named.Over(self.e, named.SCORES)
        yield named.Over(self.inv, named.SCORES[:-1])


@irdl_op_definition
class AttendOp(QuantOp, Named):
    """Mixes values, as an accumulator: e [H, T, T], inv [H, T], v [KV, T, D] -> [H, T, D].

    acc[h, i, d] = sum_j e[h, i, j] inv[h, i] v[h', j, d], h' = h // (H / KV). As
    sum_j e * inv <= 2^k, |acc| <= 2^k * max |v|.

    ```mlir
    %acc = quant.attend %e, %inv, %v : (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>,
           !quant.tensor<[4, 64], bits = 19, frac = 17>,
           !quant.tensor<[1, 64, 32], bits = 16, frac = 11>)
           -> !quant.tensor<[4, 64, 32], bits = 49, frac = 43>
    ```
    """

    name = "quant.attend"
    KIND: ClassVar[str] = "attention"
    e = operand_def(QuantTensorType)
    inv = operand_def(QuantTensorType)
    v = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$e `,` $inv `,` $v" + FUNCTIONAL

    @staticmethod
    def infer(e: QuantTensorType, inv: QuantTensorType, v: QuantTensorType) -> Sequence[Inferred]:
        _grouped(e, v)
        require(
            e.shape[:2] == inv.shape and e.shape[2] == v.shape[1],
            f"e is {list(e.shape)}, inv is {list(inv.shape)}, v is {list(v.shape)}",
        )
        k = e.fraction + inv.fraction
        require(0 <= k < MAX_BITS, f"the fractions of e and inv sum to {k}, which is no k")
        shape = (e.shape[0], e.shape[1], v.shape[2])
        return [Inferred(shape, signed_bits(v.bound << k), k + v.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.v, named.KEY)
        yield named.Over(self.result, named.QUERY)


@irdl_op_definition
class TableOp(QuantOp, RowWise, Named):
    """Looks every element up: y = table[x].

    The table's domain is the range of x; its expression includes the scales of both sides.

    ```mlir
    %y = quant.table %x table <"max(-2^15, min(2^15 - 1, round(x / 2)))", -32768 to 32768>
         : (!quant.tensor<[64, 384], bits = 16, frac = 11>)
         -> !quant.tensor<[64, 384], bits = 16, frac = 12>
    ```
    """

    name = "quant.table"
    KIND: ClassVar[str] = "activation"
    x = operand_def(QuantTensorType)
    table = prop_def(TableAttr)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `table` $table" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, table: TableAttr) -> Sequence[Inferred]:
        require(
            table.domain == (-x.bound, x.bound),
            f"the table's domain must be {-x.bound} to {x.bound}",
        )
        return [Inferred(x.shape, 1, None)]


@irdl_op_definition
class MulOp(QuantOp, Named):
    """Element-wise product, as an accumulator.

    ```mlir
    %acc = quant.mul %a, %b : (!quant.tensor<[64, 384], bits = 16, frac = 12>,
           !quant.tensor<[64, 384], bits = 16, frac = 11>)
           -> !quant.tensor<[64, 384], bits = 32, frac = 23>
    ```
    """

    name = "quant.mul"
    KIND: ClassVar[str] = "product"
    lhs = operand_def(QuantTensorType)
    rhs = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure(), Commutative())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: QuantTensorType, rhs: QuantTensorType) -> Sequence[Inferred]:
        require(lhs.shape == rhs.shape, f"{list(lhs.shape)} and {list(rhs.shape)} differ")
        return [
            Inferred(lhs.shape, signed_bits(lhs.bound * rhs.bound), lhs.fraction + rhs.fraction)
        ]


@irdl_op_definition
class AddOp(QuantOp, Named):
    """Exact sum of two values of one scale.

    The result declares the range that the residual stream keeps, which is at least that of each
    operand; that sums stay inside is shown for the stream as a whole (see `quant.layers`).

    ```mlir
    %y = quant.add %x, %delta : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
         !quant.tensor<[64, 128], bits = 24, frac = 17>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17>
    ```
    """

    name = "quant.add"
    KIND: ClassVar[str] = "sum"
    lhs = operand_def(QuantTensorType)
    rhs = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure(), Commutative())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: QuantTensorType, rhs: QuantTensorType) -> Sequence[Inferred]:
        require(lhs.shape == rhs.shape, f"{list(lhs.shape)} and {list(rhs.shape)} differ")
        require(
            lhs.fraction == rhs.fraction,
            f"operands of frac {lhs.fraction} and {rhs.fraction} do not add",
        )
        return [Inferred(lhs.shape, max(lhs.width, rhs.width), lhs.fraction)]


@irdl_op_definition
class SelectOp(QuantOp):
    """The rows that produce tokens: the last `rows` of x [T, n], y[g] = x[T - rows + g].

    With a prompt of P tokens and `rows` generated ones the causal pass has T = P + rows - 1 rows,
    so these are the rows P - 1 .. T - 1.

    ```mlir
    %y = quant.select %x rows 32 : (!quant.tensor<[64, 128], bits = 28, frac = 17>)
         -> !quant.tensor<[32, 128], bits = 28, frac = 17>
    ```
    """

    name = "quant.select"
    x = operand_def(QuantTensorType)
    rows = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `rows` $rows" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, rows: int) -> Sequence[Inferred]:
        require(len(x.shape) == 2, f"x must be [T, n], got {list(x.shape)}")
        require(1 <= rows <= x.shape[0], f"{rows} rows of {x.shape[0]}")
        return [Inferred((rows, x.shape[1]), x.width, x.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.result, named.GENERATED)


@irdl_op_definition
class ArgmaxOp(QuantOp, Named):
    """The lowest index that attains max_j sum_c x[g, c] table[j, c]: [G, h], [V, h] -> [G].

    `width` is the number of bits that hold every best - logit; where one is larger, execution
    stops.

    ```mlir
    %ids = quant.argmax %x, %table width 32 : (!quant.tensor<[32, 128], bits = 16, frac = 9>,
           !quant.tensor<[1024, 128], bits = 16, frac = 13>)
           -> !quant.tensor<[32], bits = 32, frac = 0>
    ```
    """

    name = "quant.argmax"
    KIND: ClassVar[str] = "linear layer"
    x = operand_def(QuantTensorType)
    table = operand_def(QuantTensorType)
    width = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $table `width` $width" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, table: QuantTensorType, width: int) -> Sequence[Inferred]:
        require(len(x.shape) == 2 and len(table.shape) == 2, "x must be [G, h], the table [V, h]")
        require(x.shape[1] == table.shape[1], f"x has {x.shape[1]} channels of {table.shape[1]}")
        bound = x.shape[1] * x.bound * table.bound
        require(signed_bits(bound) <= MAX_BITS, "the logits do not fit 63 bits")
        require(1 <= width < MAX_BITS, f"width {width} is not in 1 .. {MAX_BITS - 1}")
        return [Inferred((x.shape[0],), TOKEN_BITS, 0)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.table, named.EMBEDDING)


@irdl_op_definition
class LayersOp(named.NamedAxes):
    """Isomorphic decoder layers, one body for all.

    Layer l computes its residual stream from that of layer l - 1 (layer 0: `residual`) and from
    slice l of each stacked parameter; the result is the last layer's. The body's arguments are the
    residual stream and the slices, in order; it yields the residual stream. Inside, `quant.rope`
    and `quant.softmax` list a kind and a window for each layer.

    The verifier shows that the stream never leaves its type: the embedding that enters and the
    deltas that `count` layers add, each as large as its type lets it be, sum to no more.

    ```mlir
    %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>,
         !quant.tensor<[1024, 128], bits = 16, frac = 13>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17>
    %y = quant.layers %x with(%w) count 6 : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
         !quant.tensor<[6, 128, 128], bits = 16, frac = 15>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17> {
    ^bb0(%r: !quant.tensor<[64, 128], bits = 28, frac = 17>,
       %w0: !quant.tensor<[128, 128], bits = 16, frac = 15>):
      %acc = quant.matmul %r, %w0 : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
             !quant.tensor<[128, 128], bits = 16, frac = 15>)
             -> !quant.tensor<[64, 128], bits = 51, frac = 32>
      %delta = quant.requantize %acc shift 15 : (!quant.tensor<[64, 128], bits = 51, frac = 32>)
               -> !quant.tensor<[64, 128], bits = 24, frac = 17>
      %r1 = quant.add %r, %delta : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
            !quant.tensor<[64, 128], bits = 24, frac = 17>)
            -> !quant.tensor<[64, 128], bits = 28, frac = 17>
      quant.yield %r1 : !quant.tensor<[64, 128], bits = 28, frac = 17>
    }
    ```
    """

    name = "quant.layers"
    residual = operand_def(QuantTensorType)
    params = var_operand_def(QuantTensorType)
    count = prop_def(Int)
    body = region_def("single_block")
    result = result_def(QuantTensorType)
    traits = traits_def(IsolatedFromAbove())
    assembly_format = (
        "$residual `with` `(` $params `)` `count` $count attr-dict `:`"
        " functional-type(operands, results) $body"
    )

    def __init__(self, residual: SSAValue, params: Sequence[SSAValue], count: int, body: Region):
        super().__init__(
            operands=[residual, params],
            properties={"count": IntegerAttr(count, i64)},
            regions=[body],
            result_types=[residual.type],
        )

    @property
    def layers(self) -> int:
        return self.count.value.data

    @property
    def slices(self) -> Sequence[BlockArgument]:
        """The body's arguments for the parameters, in the order of `params`."""
        return self.body.block.args[1:]

    @property
    def stream(self) -> BlockArgument:
        """The body's argument for the residual stream."""
        return self.body.block.args[0]

    def verify_(self) -> None:
        require(self.layers > 0, f"count must be positive, got {self.layers}")
        residual = type_of(self.residual)
        expected = [residual]
        for param in self.params:
            type = type_of(param)
            require(
                type.shape[:1] == (self.layers,),
                f"a parameter of shape {list(type.shape)} is not stacked over {self.layers} layers",
            )
            expected.append(QuantTensorType.of(type.shape[1:], type.width, type.fraction))
        block: Block = self.body.block
        require(
            [argument.type for argument in block.args] == expected,
            "the body's arguments are not the residual stream and the slices of the parameters",
        )
        end = block.last_op
        if not isinstance(end, YieldOp):
            raise VerifyException("the body must end in quant.yield")
        require(
            end.value.type == residual == self.result.type,
            "the residual stream must keep its type",
        )
        deltas = sum(type_of(delta).bound for delta in residual_deltas(end.value, self.stream))
        entering = _entering_bound(self.residual)
        require(
            entering + self.layers * deltas <= residual.bound,
            f"{self.layers} layers of deltas can leave the {residual.width} bits of the residual "
            "stream",
        )

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Same((self.residual, self.stream, self.result))


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the body of `quant.layers`, whose example shows it, with the residual stream."""

    name = "quant.yield"
    value = operand_def(QuantTensorType)
    traits = traits_def(IsTerminator(), HasParent(LayersOp))
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


def residual_deltas(end: SSAValue, start: SSAValue) -> list[SSAValue]:
    """What a chain of `quant.add` puts on top of `start` to make `end`, in order.

    Raises `VerifyException` when `end` is no such chain: each sum has the stream on its left.
    """
    deltas: list[SSAValue] = []
    sums: set[SSAValue] = set()
    while end is not start:
        # Before values are known to be defined in order, a sum may be its own operand.
        if not isinstance(end.owner, AddOp) or end in sums:
            raise VerifyException("the residual stream is not the one that entered plus deltas")
        sums.add(end)
        deltas.append(end.owner.rhs)
        end = end.owner.lhs
    return deltas[::-1]


def _entering_bound(residual: SSAValue) -> int:
    """The magnitude of what enters the layers: that of an embedding is below its type's."""
    if isinstance(residual.owner, EmbedOp):
        return type_of(residual.owner.table).bound << residual.owner.shift.value.data
    return type_of(residual).bound


def _grouped(heads: QuantTensorType, kv: QuantTensorType) -> None:
    require(len(heads.shape) == 3 and len(kv.shape) == 3, "both operands must have rank 3")
    require(
        heads.shape[0] % kv.shape[0] == 0,
        f"{heads.shape[0]} heads can not share {kv.shape[0]} key/value heads",
    )


QUANT = Dialect(
    "quant",
    [
        TokensOp,
        ParamOp,
        EmbedOp,
        RequantizeOp,
        RmsNormOp,
        MatmulOp,
        SplitHeadsOp,
        MergeHeadsOp,
        RopeOp,
        ScoresOp,
        SoftmaxOp,
        AttendOp,
        TableOp,
        MulOp,
        AddOp,
        SelectOp,
        ArgmaxOp,
        LayersOp,
        YieldOp,
    ],
    [QuantTensorType, FormatAttr, TableAttr],
)
