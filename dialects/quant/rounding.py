"""Rounding: the only place where an accumulator loses bits, apart from the tables of norm and softmax."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import RowWise
from ..nn import require
from .attributes import MAX_BITS, QuantTensorType
from .base import FUNCTIONAL, Inferred, Int, QuantOp


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
