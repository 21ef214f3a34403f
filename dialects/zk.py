"""The `zk` dialect: what the prover computes, and apart from it what must hold.

`zk.system` declares axes, columns and tables and has two regions of operations that share nothing
but column names: `zk.compute`, steps that make the witness (`runtime.circuit.program`), and
`zk.constrain`, relations over the integers (`runtime.circuit.relations`). Nothing in the compute region is
trusted; a verifier sees the constrain region only.

A column is a tensor over named axes with an inclusive integer range and a home:

    param     weights, committed once           public    the verifier computes it
    witness   committed in each proof           virtual   given by a `zk.define`, never committed

Expressions are affine forms in columns, written as text (`affine_expr`), table and public contents
are expressions in integers (`table_expr`). Operations carry the PyTorch module path in `module`.

No operation here is `Pure`: relations have no results, and an effect-free operation without results
would be deleted, the constraint with it.

Errors: names that do not resolve, axes that do not fit and empty ranges are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    FlatSymbolRefAttrConstr,
    IntAttr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Data, Dialect, Operation, ParametrizedAttribute, Region
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import (
    IsolatedFromAbove,
    NoTerminator,
    SymbolOpInterface,
    SymbolTable,
)
from xdsl.utils.exceptions import VerifyException

from ..errors import UserError, expect
from ..runtime.circuit.program import LAST_LIMB_BITS
from ..runtime.circuit.relations import (
    GENERATED,
    PRIME,
    REVEALS,
    TOKENS,
    Axis,
    Circuit,
    CircuitError,
    Column,
    Expr,
    Home,
    Linear,
    Product,
    PublicKind,
)
from .affine_expr import format_expr, format_product, parse_expr, parse_product
from .nn import require, with_path
from .table_expr import parse as parse_table

Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Names: TypeAlias = ArrayAttr[StringAttr]

MOST_TOKENS = 1 << 32
MOST_INDICES = 1 << 32
HOMES = ("param", "witness", "public", "virtual")
KINDS = ("data", "mask", "below-next")


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


class AxisLike(IRDLOperation):
    """A named axis: its size, or `tokens` or `generated` where that depends on the proof."""

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
            1 <= size <= MOST_INDICES if isinstance(size, int) else size in (TOKENS, GENERATED),
            f"an axis is as long as a number of 1 .. 2^32, {TOKENS} or {GENERATED}, not {size}",
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


class Relation(IRDLOperation):
    """A named relation; `expressions` are all that it reads."""

    sym_name = prop_def(SymbolNameConstraint())

    def expressions(self) -> Iterator[Expr]:
        raise NotImplementedError

    @property
    def label(self) -> str:
        return self.sym_name.data


def relation_fields(name: str, module: str, **properties: Attribute | None) -> dict[str, Any]:
    """Constructor arguments that every relation takes."""
    attributes: dict[str, Attribute] = {"module": StringAttr(module)} if module else {}
    return {"properties": {"sym_name": StringAttr(name), **properties}, "attributes": attributes}


@irdl_op_definition
class EinsumOp(Relation):
    """The left side is the sum of products, each contracted over the axes that it lacks.

    `limit` bounds the sum of the products where an argument beyond intervals is needed
    (`compiler.analysis.ranges`); `bound` is what the analysis shows for |left| + |right|.

    ```mlir
    zk.einsum @y.matmul <"token, out: y[token, out]"> =
      [#zk.product<"1 * (token, in: x[token, in]) * (out, in: w[out, in])">]
    ```
    """

    name = "zk.einsum"
    lhs = prop_def(ExprAttr)
    products = prop_def(ArrayAttr[ProductAttr])
    limit = opt_prop_def(MagnitudeAttr)
    bound = opt_prop_def(MagnitudeAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name $lhs `=` $products (`limit` $limit^)? (`bound` $bound^)? attr-dict"

    def __init__(
        self,
        name: str,
        lhs: Expr,
        products: Sequence[Product],
        limit: int | None = None,
        bound: int | None = None,
        module: str = "",
    ):
        super().__init__(
            **relation_fields(
                name,
                module,
                lhs=ExprAttr(lhs),
                products=ArrayAttr([ProductAttr(product) for product in products]),
                limit=None if limit is None else MagnitudeAttr(limit),
                bound=None if bound is None else MagnitudeAttr(bound),
            )
        )

    def expressions(self) -> Iterator[Expr]:
        yield self.lhs.data
        for product in self.products:
            yield from product.data.factors

    def verify_(self) -> None:
        for product in self.products:
            factors = product.data.factors
            axes = {axis for factor in factors for axis in factor.axes}
            missing = set(self.lhs.data.axes) - axes
            require(len(factors) <= 3, "a product has at most three factors")
            require(not missing, f"no factor has the axes {', '.join(sorted(missing))}")


class LookupLike(Relation):
    """At each cell the tuple of expressions is a row of the table."""

    table = prop_def(FlatSymbolRefAttrConstr)
    exprs = prop_def(ArrayAttr[ExprAttr])
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `in` $table $exprs attr-dict"

    def __init__(self, name: str, table: str, exprs: Sequence[Expr], module: str = ""):
        super().__init__(
            **relation_fields(
                name,
                module,
                table=SymbolRefAttr(table),
                exprs=ArrayAttr([ExprAttr(expr) for expr in exprs]),
            )
        )

    @property
    def table_name(self) -> str:
        return self.table.root_reference.data

    def expressions(self) -> Iterator[Expr]:
        for expr in self.exprs:
            yield expr.data

    def verify_(self) -> None:
        axes = {expr.axes for expr in self.expressions()}
        require(len(axes) == 1, "the expressions of a lookup have the same axes")


@irdl_op_definition
class LookupOp(LookupLike):
    """At each cell the tuple of expressions is a row of the table.

    ```mlir
    zk.lookup @y.table in @gelu [#zk.expr<"token: x[token]">, #zk.expr<"token: y[token]">]
    ```
    """

    name = "zk.lookup"


@irdl_op_definition
class RangeOp(Relation):
    """The expression is in [0, 2^bits), 1 <= bits <= 18.

    ```mlir
    zk.range @y.rem0.range bits 13 <"token: y.rem0[token]">
    ```
    """

    name = "zk.range"
    bits = prop_def(Int)
    expr = prop_def(ExprAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `bits` $bits $expr attr-dict"

    def __init__(self, name: str, bits: int, expr: Expr, module: str = ""):
        super().__init__(
            **relation_fields(name, module, bits=IntegerAttr(bits, i64), expr=ExprAttr(expr))
        )

    def expressions(self) -> Iterator[Expr]:
        yield self.expr.data

    def verify_(self) -> None:
        bits = self.bits.value.data
        most = LAST_LIMB_BITS
        require(1 <= bits <= most, f"a range has 1 to {most} bits, not {bits}")


@irdl_op_definition
class LinearOp(Relation):
    """The expression is zero at each cell.

    ```mlir
    zk.linear @one <"token: select[token, *] - 1">
    ```
    """

    name = "zk.linear"
    expr = prop_def(ExprAttr)
    bound = opt_prop_def(MagnitudeAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name $expr (`bound` $bound^)? attr-dict"

    def __init__(self, name: str, expr: Expr, bound: int | None = None, module: str = ""):
        super().__init__(
            **relation_fields(
                name,
                module,
                expr=ExprAttr(expr),
                bound=None if bound is None else MagnitudeAttr(bound),
            )
        )

    def expressions(self) -> Iterator[Expr]:
        yield self.expr.data


class GatherLike(Relation):
    """value[cell, *] = source[index[cell], *]: a value is the row of a source that an index names."""

    index = prop_def(ExprAttr)
    value = prop_def(ExprAttr)
    source = prop_def(ExprAttr)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `index` $index `value` $value `source` $source attr-dict"

    def __init__(self, name: str, index: Expr, value: Expr, source: Expr, module: str = ""):
        super().__init__(
            **relation_fields(
                name,
                module,
                index=ExprAttr(index),
                value=ExprAttr(value),
                source=ExprAttr(source),
            )
        )

    def expressions(self) -> Iterator[Expr]:
        yield self.index.data
        yield self.value.data
        yield self.source.data

    def verify_(self) -> None:
        index, value, source = (expr.axes for expr in self.expressions())
        require(
            1 <= len(source) <= 2, "the source of a gather has an axis of rows and at most one more"
        )
        require(len(index) > 0, "the index of a gather has an axis")
        require(
            value == (*index, *source[1:]),
            "the value of a gather has the axes of its index, then those of a row of its source",
        )


@irdl_op_definition
class GatherOp(GatherLike):
    """The value is, at each cell of the index, the row of the source that the index names.

    The first axis of the source counts its rows; a second one, if there is one, is along a row. The
    relation holds in the field and needs no bound: the index equals a row's number, and the value
    that row, all integers of ranges far below the prime.

    ```mlir
    zk.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]">
      source <"vocabulary, dim: w[vocabulary, dim]">
    ```
    """

    name = "zk.gather"


@irdl_op_definition
class DefineOp(IRDLOperation):
    """What a virtual column is. `virtualize` writes it into every expression that reads it.

    ```mlir
    zk.define @y <"token: 65536*y.limb1[token] + y.limb0[token] - 8388608">
    ```
    """

    name = "zk.define"
    column = prop_def(FlatSymbolRefAttrConstr)
    expr = prop_def(ExprAttr)
    assembly_format = "$column $expr attr-dict"

    def __init__(self, column: str, expr: Expr):
        super().__init__(properties={"column": SymbolRefAttr(column), "expr": ExprAttr(expr)})

    @property
    def target(self) -> str:
        return self.column.root_reference.data

    @property
    def label(self) -> str:
        return f"{self.target}.define"

    def expressions(self) -> Iterator[Expr]:
        yield self.expr.data


class RevealLike(IRDLOperation):
    """What a statement says of the prompt or the output, and the columns that hold it."""

    what = prop_def(StringAttr)
    columns = opt_prop_def(ArrayAttr[StringAttr])
    assembly_format = "$what (`through` $columns^)? attr-dict"

    def __init__(self, what: str, columns: Sequence[str] = ()):
        super().__init__(
            properties={
                "what": StringAttr(what),
                "columns": names_attr(columns) if columns else None,
            }
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.data for name in self.columns or ())

    def verify_(self) -> None:
        require(self.what.data in REVEALS, f"{self.what.data} can not be revealed")


@irdl_op_definition
class RevealOp(RevealLike):
    """Something that the statement shows: "prompt" or "output".

    Without columns it is an input of the relations, which read it by index. With columns it is part
    of the witness, and the statement may show it or keep it private: for the prompt its length, a
    number, and its token ids (zeros after them), for the output its token ids.

    ```mlir
    zk.reveal "output"
    zk.reveal "prompt" through ["prompt.length", "prompt.ids"]
    ```
    """

    name = "zk.reveal"


@irdl_op_definition
class StepOp(IRDLOperation):
    """A step of the witness program; its meaning is in `runtime.circuit.program`.

    ```mlir
    zk.step "matmul" ["x", "w"] to "y" ["token", "out"] attributes {shift = 13, bits = 16}
      witness {limbs = ["y.limb0"], rem = ["y.rem0"]}
    ```
    """

    name = "zk.step"
    kind = prop_def(StringAttr)
    inputs = prop_def(ArrayAttr[StringAttr])
    output = prop_def(StringAttr)
    axes = prop_def(ArrayAttr[StringAttr])
    options = prop_def(DictionaryAttr)
    witness = prop_def(DictionaryAttr)
    assembly_format = (
        "$kind $inputs `to` $output $axes `attributes` $options `witness` $witness attr-dict"
    )

    def __init__(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        axes: Sequence[str],
        options: Mapping[str, int | str | Sequence[int]],
        witness: Mapping[str, Sequence[str]],
        module: str = "",
    ):
        super().__init__(
            properties={
                "kind": StringAttr(kind),
                "inputs": names_attr(inputs),
                "output": StringAttr(output),
                "axes": names_attr(axes),
                "options": DictionaryAttr({k: _option(v) for k, v in options.items()}),
                "witness": DictionaryAttr({k: names_attr(v) for k, v in witness.items()}),
            }
        )
        with_path(self, module)

    @property
    def plain_options(self) -> dict[str, int | str | tuple[int, ...]]:
        return {name: _plain(value) for name, value in self.options.data.items()}

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The witness columns of each role."""
        roles: dict[str, tuple[str, ...]] = {}
        for role, names in self.witness.data.items():
            found = (expect(name, StringAttr) for name in expect(names, ArrayAttr))
            roles[role] = tuple(name.data for name in found)
        return roles

    def verify_(self) -> None:
        for name, value in self.options.data.items():
            try:
                _plain(value)
            except TypeError:
                raise VerifyException(f"attribute {name} is no number, text or list") from None
        for role, names in self.witness.data.items():
            require(
                isinstance(names, ArrayAttr) and all(isinstance(n, StringAttr) for n in names),
                f"witness role {role} is no list of columns",
            )


def _option(value: int | str | Sequence[int]) -> Attribute:
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, str):
        return StringAttr(value)
    return DenseArrayBase.from_list(i64, value)


def _plain(attribute: Attribute) -> int | str | tuple[int, ...]:
    if isinstance(attribute, IntegerAttr):
        return attribute.value.data
    if isinstance(attribute, StringAttr):
        return attribute.data
    if isinstance(attribute, DenseArrayBase):
        return tuple(int(value) for value in attribute.get_values())
    raise TypeError


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
class LayersOp(Scope):
    """The steps that run once for each layer.

    ```mlir
    zk.layers {
      zk.step "add" ["x", "delta"] to "y" ["token", "channel"] attributes {} witness {}
    }
    ```
    """

    name = "zk.layers"
    traits = traits_def(NoTerminator())

    def verify_(self) -> None:
        require(
            all(isinstance(op, StepOp) for op in self.body.block.ops), "zk.layers has steps only"
        )


@irdl_op_definition
class ComputeOp(Scope):
    """How the witness is made: steps, one `zk.layers`, steps. Nothing here is trusted.

    ```mlir
    zk.compute {
      zk.layers {
        zk.step "add" ["x", "delta"] to "y" ["token", "channel"] attributes {} witness {}
      }
    }
    ```
    """

    name = "zk.compute"
    traits = traits_def(NoTerminator())

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        require(
            all(isinstance(op, StepOp | LayersOp) for op in ops)
            and sum(isinstance(op, LayersOp) for op in ops) == 1,
            "zk.compute has steps and one zk.layers",
        )


@irdl_op_definition
class ConstrainOp(Scope):
    """What must hold.

    ```mlir
    zk.constrain {
      zk.linear @one <"token: select[token, *] - 1">
    }
    ```
    """

    name = "zk.constrain"
    traits = traits_def(NoTerminator(), SymbolTable())

    def verify_(self) -> None:
        require(
            all(isinstance(op, Relation | DefineOp | RevealOp) for op in self.body.block.ops),
            "zk.constrain has relations only",
        )


@irdl_op_definition
class SystemOp(IRDLOperation):
    """A whole system for proofs of up to `max_tokens` positions.

    ```mlir
    zk.system max_tokens 64 {
      zk.axis @token tokens
      zk.column @x witness [token] in 0 to 1
      zk.compute {
        zk.layers {
        }
      }
      zk.constrain {
        zk.linear @zero <"token: x[token]">
      }
    }
    ```
    """

    name = "zk.system"
    max_tokens = prop_def(Int)
    body = region_def("single_block")
    traits = traits_def(NoTerminator(), IsolatedFromAbove(), SymbolTable())
    assembly_format = "`max_tokens` $max_tokens attr-dict-with-keyword $body"

    def __init__(self, max_tokens: int, operations: Sequence[Operation]):
        super().__init__(
            properties={"max_tokens": IntegerAttr(max_tokens, i64)},
            regions=[Region(Block(operations))],
        )

    @property
    def tokens(self) -> int:
        return self.max_tokens.value.data

    @property
    def axes(self) -> dict[str, Axis]:
        return {a.axis.name: a.axis for a in self.body.block.ops if isinstance(a, AxisOp)}

    @property
    def columns(self) -> dict[str, ColumnOp]:
        return {c.sym_name.data: c for c in self.body.block.ops if isinstance(c, ColumnOp)}

    @property
    def tables(self) -> dict[str, TableOp]:
        return {t.sym_name.data: t for t in self.body.block.ops if isinstance(t, TableOp)}

    @property
    def compute(self) -> ComputeOp:
        return next(op for op in self.body.block.ops if isinstance(op, ComputeOp))

    @property
    def constrain(self) -> ConstrainOp:
        return next(op for op in self.body.block.ops if isinstance(op, ConstrainOp))

    @property
    def relations(self) -> list[Relation]:
        return [op for op in self.constrain.body.block.ops if isinstance(op, Relation)]

    @property
    def reveals(self) -> list[RevealOp]:
        return [op for op in self.constrain.body.block.ops if isinstance(op, RevealOp)]

    @property
    def defines(self) -> dict[str, DefineOp]:
        ops = self.constrain.body.block.ops
        return {op.target: op for op in ops if isinstance(op, DefineOp)}

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        verify_tokens(self.tokens)
        for kind in (ComputeOp, ConstrainOp):
            require(sum(isinstance(op, kind) for op in ops) == 1, f"one {kind.name} is needed")
        allowed = (AxisOp, ColumnOp, TableOp, ComputeOp, ConstrainOp)
        require(all(isinstance(op, allowed) for op in ops), "zk.system has declarations only")
        verify_names(self.tokens, self.axes, self.columns.values(), self._reads(), self.reveals)
        verify_steps(self.compute, self.columns)
        tables = self.tables
        for relation in self.relations:
            if isinstance(relation, LookupOp):
                table = tables.get(relation.table_name)
                require(
                    table is not None and table.arity == len(relation.exprs),
                    f"relation {relation.label}: table {relation.table_name} does not fit",
                )
        virtual = {name for name, column in self.columns.items() if column.home.data == "virtual"}
        require(virtual == set(self.defines), "each virtual column, and no other, is defined once")

    def _reads(self) -> Iterator[tuple[str, Expr]]:
        columns = self.columns
        for op in self.constrain.body.block.ops:
            if isinstance(op, DefineOp):
                column = columns.get(op.target)
                require(
                    column is not None and column.axis_names == op.expr.data.axes,
                    f"zk.define @{op.target} does not fit a column of that name",
                )
            if isinstance(op, Relation | DefineOp):
                for expr in op.expressions():
                    yield op.label, expr


def verify_tokens(max_tokens: int) -> None:
    """Raises `VerifyException` unless proofs can have that many positions."""
    require(1 <= max_tokens <= MOST_TOKENS, f"max_tokens is {max_tokens}, not in 1 .. 2^32")


def verify_steps(compute: ComputeOp, columns: Mapping[str, ColumnLike]) -> None:
    """Raises `VerifyException` unless steps commit declared witness columns, each once."""
    made: set[str] = set()
    for step in compute.walk():
        if isinstance(step, StepOp):
            for name in (name for names in step.roles.values() for name in names):
                column = columns.get(name)
                where = f"step of {step.output.data}: column {name}"
                require(
                    column is not None and column.home.data == "witness",
                    f"{where} is no witness column",
                )
                require(name not in made, f"{where} is made twice")
                made.add(name)


def verify_names(
    max_tokens: int,
    axes: Mapping[str, Axis],
    columns: Any,
    reads: Iterator[tuple[str, Expr]],
    reveals: Sequence[RevealLike],
) -> None:
    """Raises `VerifyException` unless columns, expressions and what is revealed fit the axes."""
    plain = []
    for column in columns:
        for axis in column.axis_names:
            require(axis in axes, f"column {column.sym_name.data}: unknown axis {axis}")
        home = cast(Home, column.home.data)
        kind = cast(PublicKind, column.kind.data if column.kind else "data")
        plain.append(
            Column(column.sym_name.data, column.axis_names, home, *column.range, kind=kind)
        )
    through = {op.what.data: op.names for op in reveals if op.names}
    if through:
        twice = len({op.what.data for op in reveals}) < len(reveals)
        require(not twice, "one thing is revealed twice, through columns")
    linears = tuple(Linear(label, expr, 1) for label, expr in reads)
    circuit = Circuit(
        tuple(axes.values()), tuple(plain), (), (), (), linears, max_tokens, reveals=through
    )
    try:
        for label, expr in circuit.expressions():
            circuit._check_expr(label, expr)
        if through:
            circuit._check_reveals()
    except CircuitError as error:
        raise VerifyException(str(error)) from None


ZK = Dialect(
    "zk",
    [
        SystemOp,
        AxisOp,
        ColumnOp,
        TableOp,
        ComputeOp,
        LayersOp,
        StepOp,
        ConstrainOp,
        DefineOp,
        EinsumOp,
        LookupOp,
        RangeOp,
        LinearOp,
        GatherOp,
        RevealOp,
    ],
    [ExprAttr, ProductAttr, MagnitudeAttr, RowsAttr],
)
