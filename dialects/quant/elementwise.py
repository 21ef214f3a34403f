"""Operations of single elements: tables of functions, products and exact sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Commutative, Pure

from ..interfaces import Named, RowWise, Sum
from ..nn import require
from .attributes import QuantTensorType, TableAttr
from .base import FUNCTIONAL, Inferred, QuantOp, signed_bits


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
class AddOp(QuantOp, Sum, Named):
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
