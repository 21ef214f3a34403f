"""The softmax of rows that are results, as the head of a classifier has it; attention's is in `attention`."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import Named, Quantised
from .attention import SCORE_BITS
from .base import FUNCTIONAL, F32Tensor, Float, NNOp, Shape, require, require_positive, text


@irdl_op_definition
class ProbabilitiesOp(NNOp, Quantised, Named):
    """Softmax of scale * x over the last axis, of rows (N, C) or of positions (N, T, C).

    ```mlir
    %p = nn.probabilities %logits : (tensor<4x10xf32>) -> tensor<4x10xf32>
    ```
    """

    name = "nn.probabilities"
    KIND: ClassVar[str] = "probabilities"
    STEP: ClassVar[str | None] = "probabilities"
    x = operand_def(F32Tensor)
    scale = opt_prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x (`scale` $scale^)?" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, scale: float = 1.0) -> Shape:
        require(len(x) in (2, 3), f"x must be (N, C) or (N, T, C), got {text(x)}")
        require_positive("scale", scale)
        return x

    @property
    def factor(self) -> float:
        """What x is multiplied by."""
        return 1.0 if self.scale is None else self.scale.value.data

    def operand_bits(self, index: int) -> int:
        return SCORE_BITS
