"""The softmax of rows that are results: exponentials times the reciprocal of their sum.

It has the steps and the relations of attention's softmax, and finer exponentials: many small ones are a part of a
sum that may be shown, where attention has values to mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import Named
from ..nn import require
from .attributes import MAX_BITS, QuantTensorType, TableAttr
from .base import FUNCTIONAL, Inferred, Int, QuantOp, signed_bits

FINE_EXP_FRAC = 24
"""e = table[d] of `quant.probabilities` is 2^24 * exp(-d * 2^-frac)."""


@irdl_op_definition
class ProbabilitiesOp(QuantOp, Named):
    """Softmax over the last axis, of rows [N, C] or of positions [N, T, C], as an accumulator: acc = e * inv.

    e = table[max - x] with the maximum over the last axis, inv = floor(2^k / sum e). As inv sum e <= 2^k, a row of
    acc sums to 2^k at most, and to less by 2^width at most. `width` is the number of bits that hold sum e - 1.

    ```mlir
    %acc = quant.probabilities %x k 46 width 28 table <"round(2^24 * exp(-x / 2^11))", 0 to 65536>
           : (!quant.tensor<[4, 10], bits = 16, frac = 11>) -> !quant.tensor<[4, 10], bits = 48, frac = 46>
    ```
    """

    name = "quant.probabilities"
    KIND: ClassVar[str] = "probabilities"
    x = operand_def(QuantTensorType)
    k = prop_def(Int)
    width = prop_def(Int)
    table = prop_def(TableAttr)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `k` $k `width` $width `table` $table" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, k: int, width: int, table: TableAttr) -> Sequence[Inferred]:
        require(len(x.shape) in (2, 3), f"x must be [N, C] or [N, T, C], got {list(x.shape)}")
        need = ((x.shape[-1] << FINE_EXP_FRAC) - 1).bit_length()
        require(width >= need, f"width is {width}, sums of {x.shape[-1]} exponentials need {need}")
        require(width < MAX_BITS, f"width is {width}, at most {MAX_BITS - 1} bits are held")
        require(need <= k <= 47, f"k is {k}, not in {need} .. 47")
        require(table.domain == (0, 1 << x.width), f"the table's domain must be 0 to 2^{x.width}")
        return [Inferred(x.shape, signed_bits(1 << k), k)]
