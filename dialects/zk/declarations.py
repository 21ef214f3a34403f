"""Declarations of `zk`: axes, columns and tables, which both regions of a system name.

A column is a tensor over named axes with an inclusive integer range and a home:

    param     weights, committed once           public    the verifier computes it
    witness   committed in each proof           virtual   given by a `zk.define`, never committed

Why axes have names: relations read one column at several indices (a key at `source`, a residual at
all layers before, an output at the row that generated it), which positions of a shape could not say.
Why a range belongs to the declaration: every bound that keeps a relation from wrapping around the
prime is computed from the ranges of what it reads.

The classes ending in `Like` are shared with `circuit`, whose declarations say the same.

Errors: an axis without a size, an empty range, contents in the wrong place: `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    IntAttr,
    StringAttr,
    SymbolNameConstraint,
    i64,
)
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from ...errors import UserError, expect
from ...runtime.circuit.extents import Axis
from ...runtime.circuit.relations import PRIME
from ..nn import require, with_path
from ..table_expr import parse as parse_table
from .attributes import RowsAttr, names_attr

Ints: TypeAlias = DenseArrayBase[I64]

MOST_INDICES = 1 << 32
HOMES = ("param", "witness", "public", "virtual")
KINDS = ("data", "mask", "below-next")


class AxisLike(IRDLOperation):
    """A named axis: its size, or the name of an extent where that depends on the proof."""

    sym_name = prop_def(SymbolNameConstraint())
    size = prop_def(AnyOf((BaseAttr(IntAttr), BaseAttr(StringAttr))))
    traits = traits_def(SymbolOpInterface())

    def __init__(self, name: str, size: int | str):
        attribute = IntAttr(size) if isinstance(size, int) else StringAttr(size)
        super().__init__(properties={"sym_name": StringAttr(name), "size": attribute})

    @property
    def axis(self) -> Axis:
        size: IntAttr | StringAttr = expect(self.size, IntAttr, StringAttr)
        return Axis(self.sym_name.data, size.data)

    def verify_(self) -> None:
        size = self.axis.size
        require(
            isinstance(size, str) or 1 <= size <= MOST_INDICES,
            f"an axis is as long as an extent or a number of 1 .. 2^32, not {size}",
        )

    @classmethod
    def parse(cls, parser: Parser):
        name = parser.parse_symbol_name().data
        number = parser.parse_optional_integer(allow_boolean=False)
        op = cls(name, parser.parse_identifier() if number is None else number)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(f" {self.axis.size}")
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class AxisOp(AxisLike):
    """A named axis.

    ```mlir
    zk.axis @layer 6
    zk.axis @token tokens
    ```
    """

    name = "zk.axis"


class ColumnLike(IRDLOperation):
    """A column: home, axes, inclusive range; for a public one its contents."""

    sym_name = prop_def(SymbolNameConstraint())
    home = prop_def(StringAttr)
    axes = prop_def(ArrayAttr[StringAttr])
    low = prop_def(IntAttr)
    high = prop_def(IntAttr)
    kind = opt_prop_def(StringAttr)
    windows = opt_prop_def(Ints)
    contents = opt_prop_def(ArrayAttr[StringAttr])

    def __init__(
        self,
        name: str,
        home: str,
        axes: Sequence[str],
        low: int,
        high: int,
        *,
        kind: str | None = None,
        windows: Sequence[int] = (),
        contents: Sequence[str] = (),
        module: str = "",
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "home": StringAttr(home),
                "axes": names_attr(axes),
                "low": IntAttr(low),
                "high": IntAttr(high),
                "kind": StringAttr(kind) if kind else None,
                "windows": DenseArrayBase.from_list(i64, windows) if windows else None,
                "contents": names_attr(contents) if contents else None,
            }
        )
        with_path(self, module)

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(axis.data for axis in self.axes)

    @property
    def range(self) -> tuple[int, int]:
        return self.low.data, self.high.data

    @property
    def texts(self) -> tuple[str, ...]:
        """The expressions of a public data column, one for each index of its first axis, or one."""
        return tuple(text.data for text in self.contents or ())

    def verify_(self) -> None:
        home, kind = self.home.data, self.kind.data if self.kind else None
        require(home in HOMES, f"home is one of {', '.join(HOMES)}, not {home}")
        require(
            (kind in KINDS) if home == "public" else kind is None,
            f"a public column has one of the kinds {', '.join(KINDS)}",
        )
        require((kind == "data") == bool(self.texts), "data columns, and no others, have contents")
        require(kind == "mask" or not self.windows, "only a mask has windows")
        low, high = self.range
        require(low <= high, "the range is empty")
        require(max(-low, high) < PRIME, f"the range {low} to {high} goes beyond the field's prime")
        for window in self.windows.get_values() if self.windows else ():
            require(window >= 0, f"window {window} is negative")
        for text in self.texts:
            try:
                parse_table(text)
            except UserError as error:
                raise VerifyException(str(error)) from None

    @classmethod
    def parse(cls, parser: Parser):
        name = parser.parse_symbol_name().data
        home = parser.parse_identifier()
        kind = parser.parse_optional_str_literal()
        axes = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_identifier)
        parser.parse_keyword("in")
        low = parser.parse_integer()
        parser.parse_keyword("to")
        high = parser.parse_integer()
        windows: list[int] = []
        if parser.parse_optional_keyword("windows"):
            windows = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: _parse_window(parser)
            )
        contents: list[str] = []
        if parser.parse_optional_punctuation("="):
            contents = parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, parser.parse_str_literal
            )
        op = cls(name, home, axes, low, high, kind=kind, windows=windows, contents=contents)
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(f" {self.home.data} ")
        if self.kind:
            printer.print_string_literal(self.kind.data)
            printer.print_string(" ")
        low, high = self.range
        printer.print_string(f"[{', '.join(self.axis_names)}] in {low} to {high}")
        if self.windows:
            windows = ", ".join(map(str, self.windows.get_values()))
            printer.print_string(f" windows [{windows}]")
        if self.texts:
            printer.print_string(" = ")
            with printer.in_square_brackets():
                printer.print_list(self.texts, printer.print_string_literal)
        printer.print_op_attributes(self.attributes)


def _parse_window(parser: Parser) -> int:
    window = parser.parse_integer()
    if not 0 <= window < 1 << 63:
        parser.raise_error(f"window {window} is not in 0 .. 2^63 - 1")
    return window


@irdl_op_definition
class ColumnOp(ColumnLike):
    """A column.

    ```mlir
    zk.column @x.limb0 witness [layer, token] in 0 to 65535 {module = "model.x"}
    zk.column @mask public "mask" [layer, token, source] in 0 to 1 windows [24, 0]
    zk.column @layer_index public "data" [layer] in 0 to 5 = ["layer"]
    ```
    """

    name = "zk.column"
    traits = traits_def(SymbolOpInterface())


class TableLike(IRDLOperation):
    """A lookup table: its rows in parts."""

    sym_name = prop_def(SymbolNameConstraint())
    rows = prop_def(ArrayAttr[RowsAttr])
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name $rows attr-dict"

    def __init__(self, name: str, rows: Sequence[RowsAttr]):
        super().__init__(properties={"sym_name": StringAttr(name), "rows": ArrayAttr(rows)})

    @property
    def arity(self) -> int:
        return len(self.rows.data[0].expressions)

    def verify_(self) -> None:
        require(len(self.rows) > 0, "a table has at least one row")
        require(
            all(len(part.expressions) == self.arity for part in self.rows),
            "the parts of a table have the same number of columns",
        )


@irdl_op_definition
class TableOp(TableLike):
    """A lookup table.

    ```mlir
    zk.table @rsqrt [#zk.rows<["x", "round(2^23 / sqrt(x))"], 16384 to 65536>]
    ```
    """

    name = "zk.table"
