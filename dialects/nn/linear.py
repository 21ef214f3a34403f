"""Sums of products: a linear layer, and the product of matrices that it is imported as or beside."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import (
    Array,
    Differentiable,
    Home,
    LeadingAxes,
    Named,
    Parts,
    Rescales,
    Rounded,
    Scaling,
    Squares,
    TakesFactor,
    Values,
)
from .base import (
    FUNCTIONAL,
    F32Tensor,
    Float,
    NNOp,
    Shape,
    broadcast,
    require,
    require_normal,
    text,
)
from .sources import ParamOp


@irdl_op_definition
class LinearOp(NNOp, LeadingAxes, Rounded, Rescales, TakesFactor, Differentiable, Named):
    """A linear layer, y = scale x w^T: x (..., k), w (n, k) -> (..., n). One without a scale may have a bias (n),
    which is added to each row.

    ```mlir
    %y = nn.linear %x, %w : (tensor<64x128xf32>, tensor<384x128xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.linear"
    KIND: ClassVar[str] = "linear layer"
    STEP: ClassVar[str | None] = "matmul"
    FACTORS: ClassVar[tuple[int, ...]] = (0, 1)
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    bias = opt_operand_def(F32Tensor)
    scale = opt_prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $w (`bias` $bias^)? (`scale` $scale^)?" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, w: Shape, bias: Shape | None = None, scale: float = 1.0) -> Shape:
        require(len(x) >= 2, f"x must be (T, k), got {text(x)}")
        require(len(w) == 2, f"w must be (n, k), got {text(w)}")
        require(x[-1] == w[1], f"x has {x[-1]} channels, w takes {w[1]}")
        require(bias in (None, w[:1]), f"the bias has shape {text(bias or ())}, w {text(w)}")
        require(bias is None or scale == 1, "a layer with a scale has no bias")
        require_normal("scale", scale)
        return (*x[:-1], w[0])

    @property
    def factor(self) -> float:
        """What products are multiplied by."""
        return 1.0 if self.scale is None else self.scale.value.data

    @property
    def private_weight(self) -> ParamOp | None:
        """The weight, if it is a parameter that nothing else reads."""
        owner = self.w.owner
        return owner if isinstance(owner, ParamOp) and len({*self.w.uses}) == 1 else None

    def scaling(self, index: int) -> Scaling:
        return Scaling.RETURNED if index == 0 and self.private_weight else Scaling.OTHER

    def factor_home(self) -> Home | None:
        weight = self.private_weight if self.bias is None else None
        return Home(weight, "rows", (self.result,)) if weight else None

    def gradients(self, gradient: Array, values: Values) -> Parts:
        x, w = values[self.x], values[self.w]
        flat = gradient.reshape(-1, gradient.shape[-1]) * np.float32(self.factor)
        return [(self.x, (flat @ w).reshape(x.shape))]

    def weight_squares(self, gradient: Array, values: Values) -> Squares:
        """|g^T x|^2 summed over its elements, by positions, times the square of the scale; of the bias as if x
        were 1."""
        x = values[self.x]
        left, right = x.reshape(-1, x.shape[-1]), gradient.reshape(-1, gradient.shape[-1])
        products = right @ right.T
        squares = float(np.sum((left @ left.T) * products, dtype=np.float64))
        found = [(self.w, squares * self.factor**2)]
        if self.bias is not None:
            total = right.sum(axis=0, dtype=np.float64)
            found.append((self.bias, float(np.sum(np.square(total)))))
        return found


@irdl_op_definition
class MatmulOp(NNOp, LeadingAxes):
    """Batched matrix product (..., m, k) (..., k, n) -> (..., m, n); leading axes broadcast.

    ```mlir
    %y = nn.matmul %a, %b : (tensor<4x64x32xf32>, tensor<4x32x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.matmul"
    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        require(min(len(lhs), len(rhs)) >= 2, "both operands need two axes or more")
        require(lhs[-1] == rhs[-2], f"shapes {text(lhs)} and {text(rhs)} do not contract")
        return (*broadcast(lhs[:-2], rhs[:-2]), lhs[-2], rhs[-1])
