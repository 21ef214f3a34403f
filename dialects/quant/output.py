"""What a function of `quant` ends in: the rows that produce tokens, and the token of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import Named
from ..nn import require
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType
from .base import FUNCTIONAL, Inferred, Int, QuantOp, signed_bits

TOKEN_BITS = 32


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
