"""Attributes of `zk`: affine forms in columns, products of them, bounds, and the rows of tables.

Why text inside: an affine form is a short formula with an index for each axis of each column. As
nested attributes it would take a screen to read; as one string in a grammar of its own
(`affine_expr`) it reads like the formula, and parses to the same plain data that the prover and the
verifier evaluate (`runtime.circuit.relations.Expr`). Contents of tables are expressions in integers
(`table_expr`) for the same reason: a table of 2^16 rows is one line.

Errors: a text that does not parse is a `ParseError` of its place; an empty domain or one of too many
rows is a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.ir import Attribute, Data, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from ...errors import UserError
from ...runtime.circuit.relations import LONGEST_EXTENT, MOST_EXTENTS, Expr, Product
from ..affine_expr import format_expr, format_product, parse_expr, parse_product
from ..nn import require
from ..table_expr import parse as parse_table

Names: TypeAlias = ArrayAttr[StringAttr]


def names_attr(names: Sequence[str]) -> Names:
    """An array of strings."""
    return ArrayAttr([StringAttr(name) for name in names])


@irdl_attr_definition
class ExprAttr(Data[Expr]):
    """An affine form in columns.

    ```mlir
    #zk.expr<"layer, token: 65536*a1[layer, token] + a0[layer, token] - 8388608">
    ```
    """

    name = "zk.expr"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Expr:
        with parser.in_angle_brackets():
            try:
                return parse_expr(parser.parse_str_literal())
            except UserError as error:
                parser.raise_error(str(error))

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(format_expr(self.data))


@irdl_attr_definition
class ProductAttr(Data[Product]):
    """A coefficient times one to three affine forms, contracted over what the left side lacks.

    ```mlir
    #zk.product<"1 * (token, channel: x[token, channel]) * (channel: w[channel])">
    ```
    """

    name = "zk.product"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Product:
        with parser.in_angle_brackets():
            try:
                return parse_product(parser.parse_str_literal())
            except UserError as error:
                parser.raise_error(str(error))

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(format_product(self.data))


@irdl_attr_definition
class MagnitudeAttr(Data[int]):
    """A bound on an absolute value; up to the prime, which 64-bit attributes do not hold.

    ```mlir
    #zk.magnitude<18446744069414584320>
    ```
    """

    name = "zk.magnitude"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> int:
        with parser.in_angle_brackets():
            return parser.parse_integer(allow_negative=False)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(str(self.data))


@irdl_attr_definition
class ExtentsAttr(Data[tuple[tuple[str, int], ...]]):
    """The sizes that proofs choose, each with the greatest that it may have.

    ```mlir
    #zk.extents<generated 64, tokens 64>
    ```
    """

    name = "zk.extents"

    @staticmethod
    def of(extents: Mapping[str, int]) -> ExtentsAttr:
        return ExtentsAttr(tuple(sorted(extents.items())))

    @property
    def sizes(self) -> dict[str, int]:
        return dict(self.data)

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> tuple[tuple[str, int], ...]:
        def extent() -> tuple[str, int]:
            return parser.parse_identifier(), parser.parse_integer()

        found = parser.parse_comma_separated_list(parser.Delimiter.ANGLE, extent)
        if len(dict(found)) < len(found):
            parser.raise_error("an extent is declared twice")
        return tuple(sorted(found))

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(", ".join(f"{name} {most}" for name, most in self.data))

    def verify(self) -> None:
        require(len(self.data) <= MOST_EXTENTS, f"more than {MOST_EXTENTS} extents")
        for name, most in self.data:
            require(
                1 <= most <= LONGEST_EXTENT,
                f"extent {name} has a greatest size of 1 .. {LONGEST_EXTENT}, not {most}",
            )


@irdl_attr_definition
class RowsAttr(ParametrizedAttribute):
    """Rows of a table: one expression in x for each of its columns, at low <= x < high.

    ```mlir
    #zk.rows<["x", "round(2^23 / sqrt(x))"], 16384 to 65536>
    ```
    """

    name = "zk.rows"
    expressions: ArrayAttr[StringAttr]
    low: IntAttr
    high: IntAttr

    @staticmethod
    def of(expressions: Sequence[str], low: int, high: int) -> RowsAttr:
        return RowsAttr(names_attr(expressions), IntAttr(low), IntAttr(high))

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(text.data for text in self.expressions)

    @property
    def count(self) -> int:
        return self.high.data - self.low.data

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            texts = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, parser.parse_str_literal
            )
            parser.parse_punctuation(",")
            low = parser.parse_integer()
            parser.parse_keyword("to")
            high = parser.parse_integer()
        return (names_attr(texts), IntAttr(low), IntAttr(high))

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            with printer.in_square_brackets():
                printer.print_list(self.texts, printer.print_string_literal)
            printer.print_string(f", {self.low.data} to {self.high.data}")

    def verify(self) -> None:
        require(self.count > 0, f"the domain {self.low.data} to {self.high.data} is empty")
        require(self.count <= 1 << 20, f"{self.count} rows are more than 2^20")
        for text in self.texts:
            try:
                parse_table(text)
            except UserError as error:
                raise VerifyException(str(error)) from None
