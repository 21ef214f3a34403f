"""The linear layer: a sum of products, which is an accumulator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import Named, RowWise
from ..nn import require
from . import axes as named
from .attributes import QuantTensorType
from .base import FUNCTIONAL, Inferred, Int, QuantOp, shifted_bias, signed_bits


@irdl_op_definition
class MatmulOp(QuantOp, RowWise, Named):
    """A linear layer, as an accumulator: x [T, k], w [n, k] -> acc[t, n] = sum_k x[t, k] w[n, k].

    A bias [n] is shifted to the accumulator's fraction bits, and added to each row.

    ```mlir
    %acc = quant.matmul %x, %w : (!quant.tensor<[64, 128], bits = 16, frac = 11>,
           !quant.tensor<[384, 128], bits = 16, frac = 15>)
           -> !quant.tensor<[64, 384], bits = 39, frac = 26>
    ```
    """

    name = "quant.matmul"
    KIND: ClassVar[str] = "linear layer"
    x = operand_def(QuantTensorType)
    w = operand_def(QuantTensorType)
    bias = opt_operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    bias_shift = opt_prop_def(Int)
    assembly_format = "$x `,` $w (`bias` $bias^ `shift` $bias_shift)?" + FUNCTIONAL

    @staticmethod
    def infer(
        x: QuantTensorType,
        w: QuantTensorType,
        bias: QuantTensorType | None = None,
        bias_shift: int = 0,
    ) -> Sequence[Inferred]:
        require(len(x.shape) in (2, 3) and len(w.shape) == 2, "x must be [T, k] and w [n, k]")
        require(x.shape[-1] == w.shape[1], f"x has {x.shape[-1]} channels, w takes {w.shape[1]}")
        largest, fraction = x.shape[-1] * x.bound * w.bound, x.fraction + w.fraction
        if bias is not None:
            require(bias.shape == w.shape[:1], f"the bias is {list(bias.shape)}, w {list(w.shape)}")
            largest += shifted_bias(bias, bias_shift, fraction)
        return [Inferred((*x.shape[:-1], w.shape[0]), signed_bits(largest), fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Contraction(self.x, self.w, self.result)
        if self.bias is not None:
            yield named.OfRows(self.bias, self.result)
