"""Relations of `zk`: what must hold, whoever made the witness and however.

`zk.einsum`, `zk.lookup`, `zk.range`, `zk.linear` and `zk.gather` hold at each cell of their axes, over
the integers; `zk.define` says what a virtual column is; `zk.reveal` what a statement shows.

Why no operation here is `Pure`: relations have no results, and an effect-free operation without results
would be deleted, the constraint with it. Equal relations are not merged either: whether one implies
another is for the passes that know what they mean (`dedup-lookups`).

The classes ending in `Like` are shared with `circuit`, whose relations say the same.

Errors: axes that do not fit are a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, opt_prop_def, prop_def, traits_def
from xdsl.traits import SymbolOpInterface

from ...runtime.circuit import kinds
from ...runtime.circuit.generation import REVEALS
from ...runtime.circuit.program import WIDEST_LIMB_BITS
from ...runtime.circuit.relations import Expr, Product
from ..nn import require
from .attributes import ExprAttr, MagnitudeAttr, ProductAttr, names_attr

Int: TypeAlias = IntegerAttr[I64]


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


class EinsumLike(Relation):
    """The left side is the sum of products, each contracted over the axes that it lacks."""

    lhs = prop_def(ExprAttr)
    products = prop_def(ArrayAttr[ProductAttr])
    traits = traits_def(SymbolOpInterface())

    def __init__(
        self,
        name: str,
        lhs: Expr,
        products: Sequence[Product],
        module: str = "",
        **properties: Attribute | None,
    ):
        super().__init__(
            **relation_fields(
                name,
                module,
                lhs=ExprAttr(lhs),
                products=ArrayAttr([ProductAttr(product) for product in products]),
                **properties,
            )
        )

    def expressions(self) -> Iterator[Expr]:
        yield self.lhs.data
        for product in self.products:
            yield from product.data.factors


@irdl_op_definition
class EinsumOp(EinsumLike):
    """The left side is the sum of products, each contracted over the axes that it lacks.

    `limit` bounds the sum of the products where an argument beyond intervals is needed
    (`compiler.analysis.ranges`); `bound` is what the analysis shows for |left| + |right|.

    ```mlir
    zk.einsum @y.matmul <"token, out: y[token, out]"> =
      [#zk.product<"1 * (token, in: x[token, in]) * (out, in: w[out, in])">]
    ```
    """

    name = "zk.einsum"
    limit = opt_prop_def(MagnitudeAttr)
    bound = opt_prop_def(MagnitudeAttr)
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
            name,
            lhs,
            products,
            module,
            limit=None if limit is None else MagnitudeAttr(limit),
            bound=None if bound is None else MagnitudeAttr(bound),
        )

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
    """The expression is in [0, 2^bits), 1 <= bits <= 20.

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
        most = WIDEST_LIMB_BITS
        require(1 <= bits <= most, f"a range has 1 to {most} bits, not {bits}")


class LinearLike(Relation):
    """The expression is zero at each cell."""

    expr = prop_def(ExprAttr)
    traits = traits_def(SymbolOpInterface())

    def __init__(self, name: str, expr: Expr, module: str = "", **properties: Attribute | None):
        super().__init__(**relation_fields(name, module, expr=ExprAttr(expr), **properties))

    def expressions(self) -> Iterator[Expr]:
        yield self.expr.data


@irdl_op_definition
class LinearOp(LinearLike):
    """The expression is zero at each cell.

    ```mlir
    zk.linear @one <"token: select[token, *] - 1">
    ```
    """

    name = "zk.linear"
    bound = opt_prop_def(MagnitudeAttr)
    assembly_format = "$sym_name $expr (`bound` $bound^)? attr-dict"

    def __init__(self, name: str, expr: Expr, bound: int | None = None, module: str = ""):
        super().__init__(name, expr, module, bound=None if bound is None else MagnitudeAttr(bound))


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
    """Something that a statement may show, and the columns that hold it."""

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
        what = self.what.data
        require(kinds.can_reveal(what), f"{what} can not be revealed")
        through = what in REVEALS or len(self.names) == 1
        require(through, f"{what} is revealed through one column")


@irdl_op_definition
class RevealOp(RevealLike):
    """Something that the statement shows: "prompt" or "output" of a generation, "input NAME" or "output NAME" of a
    function.

    Without columns prompt and output are inputs of the relations, which read them by index. With columns they are
    part of the witness, and the statement may show them or keep them private: for the prompt its length, a
    number, and its token ids (zeros after them), for the output its token ids. A tensor of a function is one
    column, over examples and then its own axes.

    ```mlir
    zk.reveal "output"
    zk.reveal "prompt" through ["prompt.length", "prompt.ids"]
    zk.reveal "input image" through ["image"]
    ```
    """

    name = "zk.reveal"
