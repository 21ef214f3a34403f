"""Attributes of `quant`: the type of its values, the format that one is to have, and tables.

Why a type says how wide its integers are: an operation's result is as wide as its operands make it, so that
what fits is a matter of types, and nothing has to be executed to know it.

Errors: sizes, widths, fractions and domains beyond what int64 and the tables hold: `VerifyException`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ...errors import UserError
from ..nn import MOST_ELEMENTS, require
from ..table_expr import parse as parse_table

Shape: TypeAlias = tuple[int, ...]

MAX_BITS = 63
WIDEST = 64
"""An accumulator of products of three numbers may have a bit more: values are computed in int64."""
MAX_FRAC = 256
"""Fraction bits are in -256 .. 256, which holds any accumulator of numbers in the range of f32."""


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
