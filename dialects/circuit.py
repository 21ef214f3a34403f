"""The `circuit` dialect: the final circuit, columns over a field and four kinds of relation.

The same shape as `zk`, lowered: columns have an element type and a home that a proof system knows
(param, witness, public), every einsum and linear relation carries the bound that makes it hold over
the integers, ranges are lookups in one table set, and nothing is virtual. `runtime.circuit.relations` is the
same as plain data. The witness program (`zk.compute`) stays beside the relations, untrusted.

Why it is apart from `zk`: what is written here is exactly what is proved and what the verifying
key's digest covers.

Errors: as in `zk`; also a bound that reaches the field's modulus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import Dialect, Operation
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from ..errors import expect
from ..runtime.circuit.band import Band
from ..runtime.circuit.extents import CircuitError
from ..runtime.circuit.relations import Circuit, Expr, Product
from .field import GOLDILOCKS, PrimeFieldType
from .nn import require
from .zk import (
    AxisLike,
    ColumnLike,
    ComputeOp,
    EinsumLike,
    GatherLike,
    LinearLike,
    LookupLike,
    MagnitudeAttr,
    RevealLike,
    SystemLike,
    TableLike,
    verify_names,
    verify_steps,
)

BLOCKS = "blocks"
"""Attribute of a packed column: [start, log2 size] of each of its blocks, flat."""
CELLS = "cells"
"""Attribute of a packed system: [param, witness] cells at the largest shape."""


@irdl_op_definition
class AxisOp(AxisLike):
    """A named axis.

    ```mlir
    circuit.axis @layer 6
    ```
    """

    name = "circuit.axis"
    traits = traits_def(SymbolOpInterface())


@irdl_op_definition
class ColumnOp(ColumnLike):
    """A column over the system's field.

    ```mlir
    circuit.column @x.limb0 witness [layer, token] in 0 to 65535 {module = "model.x"}
    ```
    """

    name = "circuit.column"
    traits = traits_def(SymbolOpInterface())

    def verify_(self) -> None:
        super().verify_()
        require(self.home.data != "virtual", "a circuit has no virtual columns")


@irdl_op_definition
class TableOp(TableLike):
    """A lookup table.

    ```mlir
    circuit.table @u8 [#zk.rows<["x"], 0 to 256>]
    ```
    """

    name = "circuit.table"
    traits = traits_def(SymbolOpInterface())


@irdl_op_definition
class EinsumOp(EinsumLike):
    """The left side is the sum of products; |left| + |right| <= bound < p.

    One that `defines` a column of its left side takes the place of a commitment to it.

    ```mlir
    circuit.einsum @y.matmul <"token, out: y[token, out]"> =
      [#zk.product<"1 * (token, in: x[token, in]) * (out, in: w[out, in])">] bound <1073741824>
    ```
    """

    name = "circuit.einsum"
    bound = prop_def(MagnitudeAttr)
    defines = opt_prop_def(FlatSymbolRefAttrConstr)
    assembly_format = "$sym_name $lhs `=` $products `bound` $bound (`defines` $defines^)? attr-dict"

    def __init__(
        self, name: str, lhs: Expr, products: Sequence[Product], bound: int, module: str = ""
    ):
        super().__init__(name, lhs, products, module, bound=MagnitudeAttr(bound))

    @property
    def defined(self) -> str:
        """The name of the column that it defines, or none."""
        return self.defines.string_value() if self.defines else ""


@irdl_op_definition
class LookupOp(LookupLike):
    """At each cell the tuple of expressions is a row of the table.

    ```mlir
    circuit.lookup @y.rem0.range in @u13 [#zk.expr<"token: y.rem0[token]">]
    ```
    """

    name = "circuit.lookup"
    traits = traits_def(SymbolOpInterface())


@irdl_op_definition
class LinearOp(LinearLike):
    """The expression is zero at each cell; its absolute value is at most bound < p.

    ```mlir
    circuit.linear @one <"token: select[token, *] - 1"> bound <64>
    ```
    """

    name = "circuit.linear"
    bound = prop_def(MagnitudeAttr)
    assembly_format = "$sym_name $expr `bound` $bound attr-dict"

    def __init__(self, name: str, expr: Expr, bound: int, module: str = ""):
        super().__init__(name, expr, module, bound=MagnitudeAttr(bound))


@irdl_op_definition
class GatherOp(GatherLike):
    """The value is, at each cell of the index, the row of the source that the index names.

    ```mlir
    circuit.gather @embed.row index <"token: ids[token]"> value <"token, dim: rows[token, dim]">
      source <"vocabulary, dim: w[vocabulary, dim]">
    ```
    """

    name = "circuit.gather"
    traits = traits_def(SymbolOpInterface())


@irdl_op_definition
class BandOp(IRDLOperation):
    """Of the square of two axes there is a band alone: blocks in which something is at most a window behind.

    Elsewhere the witness is zero, uncommitted, and nothing is looked up. A window of 0 is the whole triangle.

    ```mlir
    circuit.band "token", "source" window 0 block 64
    ```
    """

    name = "circuit.band"
    rows = prop_def(StringAttr)
    columns = prop_def(StringAttr)
    window = prop_def(IntegerAttr[I64])
    block = prop_def(IntegerAttr[I64])
    assembly_format = "$rows `,` $columns `window` $window `block` $block attr-dict"

    def __init__(self, band: Band):
        super().__init__(
            properties={
                "rows": StringAttr(band.rows),
                "columns": StringAttr(band.columns),
                "window": IntegerAttr(band.window, i64),
                "block": IntegerAttr(1 << band.block, i64),
            }
        )

    @property
    def band(self) -> Band:
        bits = self.block.value.data.bit_length() - 1
        return Band(self.rows.data, self.columns.data, self.window.value.data, bits)

    def verify_(self) -> None:
        side = self.block.value.data
        require(side > 0 and not side & (side - 1), f"a block of {side} is no power of two")


@irdl_op_definition
class RevealOp(RevealLike):
    """The witness columns that hold the prompt (length, token ids) or the output (token ids) of a generation, or
    the one that holds an input or an output of a function.

    A circuit that takes prompt and output as inputs reveals nothing.

    ```mlir
    circuit.reveal "output" through ["output.ids"]
    circuit.reveal "output score" through ["score"]
    ```
    """

    name = "circuit.reveal"

    def verify_(self) -> None:
        super().verify_()
        require(len(self.names) > 0, "a circuit reveals columns")


@irdl_op_definition
class SystemOp(SystemLike):
    """A whole circuit over one field. `extents` are the sizes that proofs choose, and the greatest of each.

    ```mlir
    circuit.system over <"goldilocks"> extents <tokens 64> {
      circuit.axis @token tokens
      circuit.column @x witness [token] in 0 to 1
      circuit.linear @zero <"token: x[token]"> bound <1>
      zk.compute {
      }
    }
    ```
    """

    name = "circuit.system"
    element = prop_def(PrimeFieldType)
    assembly_format = "`over` $element `extents` $extents attr-dict-with-keyword $body"

    def __init__(
        self,
        extents: Mapping[str, int],
        operations: Sequence[Operation],
        element: PrimeFieldType = GOLDILOCKS,
    ):
        super().__init__(extents, operations, element=element)

    @property
    def stated(self) -> Iterable[Operation]:
        return self.body.block.ops

    @property
    def bands(self) -> tuple[Band, ...]:
        return tuple(op.band for op in self.body.block.ops if isinstance(op, BandOp))

    @property
    def defined(self) -> dict[str, EinsumOp]:
        """The columns that are not committed, with what defines them."""
        return {op.defined: op for op in self.relations if isinstance(op, EinsumOp) and op.defines}

    def verify_(self) -> None:
        ops = list(self.body.block.ops)
        relations = (EinsumOp, LookupOp, LinearOp, GatherOp)
        allowed = (AxisOp, ColumnOp, TableOp, BandOp, *relations, RevealOp, ComputeOp)
        require(all(isinstance(op, allowed) for op in ops), "circuit.system has parts only")
        reads = ((op.label, expr) for op in self.relations for expr in op.expressions())
        verify_names(self.extents.sizes, self.axes, self.columns.values(), reads, self.reveals)
        axes, extents = tuple(self.axes.values()), self.extents.sizes
        try:
            Circuit(axes, (), (), (), (), (), extents, self.bands).check_bands()
        except CircuitError as error:
            raise VerifyException(str(error)) from None
        require(sum(isinstance(op, ComputeOp) for op in ops) == 1, "one zk.compute is needed")
        verify_steps(self.compute, self.columns, self.tables)
        self.verify_lookups()
        modulus = expect(self.element, PrimeFieldType).modulus
        for op in self.relations:
            if isinstance(op, EinsumOp | LinearOp):
                require(
                    0 < op.bound.data < modulus,
                    f"relation {op.label}: bound {op.bound.data} may wrap",
                )
        columns = self.columns
        for name, op in self.defined.items():
            require(
                name in columns and columns[name].home.data == "witness",
                f"relation {op.label}: {name} is no column to be defined",
            )


def blocks_attr(blocks: Sequence[tuple[int, int]]) -> DenseArrayBase[I64]:
    """The value of `BLOCKS`."""
    return DenseArrayBase.from_list(i64, [number for block in blocks for number in block])


CIRCUIT = Dialect(
    "circuit",
    [SystemOp, AxisOp, ColumnOp, TableOp, BandOp, EinsumOp, LookupOp, LinearOp, GatherOp, RevealOp],
    [],
)
