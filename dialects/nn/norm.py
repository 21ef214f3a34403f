"""Norms over the last axis, and what they are imported with or made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import (
    Array,
    Bounds,
    Differentiable,
    Home,
    KeepsScale,
    LeadingAxes,
    Named,
    Normalises,
    Parts,
    Quantised,
    Rescales,
    Rounded,
    Scaling,
    Squares,
    TakesFactor,
    Values,
)
from .base import (
    FUNCTIONAL,
    HUGE,
    F32Tensor,
    Float,
    Ints,
    NNOp,
    Shape,
    require,
    require_positive,
    shape_of,
    text,
)

SQUARES_BITS = 62
"""Sums of squares are below 2^62, with the residual stream's below 2^63."""


@irdl_op_definition
class RMSNormOp(NNOp, Rounded, Normalises, Rescales, TakesFactor, Differentiable, Named):
    """Root-mean-square norm over the last axis: x * rsqrt(mean(x^2) + eps) * (1 + w), and a bias, if there is one.

    With `offset` the gain is offset + w. With `exponents` channel c of the result is multiplied by
    2^exponents[c]; a single one is that of all channels.

    ```mlir
    %y = nn.rms_norm %x, %w eps 1.0e-06 : (tensor<64x128xf32>, tensor<128xf32>)
         -> tensor<64x128xf32>
    ```
    """

    name = "nn.rms_norm"
    KIND: ClassVar[str] = "norm"
    STEP: ClassVar[str | None] = "rms_norm"
    FACTORS: ClassVar[tuple[int, ...]] = (1,)
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    bias = opt_operand_def(F32Tensor)
    eps = prop_def(Float)
    offset = opt_prop_def(Float)
    exponents = opt_prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $w (`bias` $bias^)? `eps` $eps (`offset` $offset^)? (`exponents` $exponents^)?"
        + FUNCTIONAL
    )

    @staticmethod
    def infer(
        x: Shape,
        w: Shape,
        bias: Shape | None = None,
        *,
        eps: float,
        offset: float = 1.0,
        exponents: Sequence[int] | None = None,
    ) -> Shape:
        require(len(x) >= 1 and w == x[-1:], f"w has shape {text(w)}, x has {text(x)}")
        require(bias in (None, w), f"the bias has shape {text(bias or ())}, w {text(w)}")
        require_positive("eps", eps)
        require(abs(offset) < HUGE, f"offset must be a finite f32, got {offset}")
        require(
            exponents is None or len(exponents) in (1, w[0]),
            f"{len(exponents or ())} exponents for {w[0]} channels",
        )
        return x

    @property
    def constant(self) -> float:
        return self.eps.value.data

    @constant.setter
    def constant(self, value: float) -> None:
        self.properties["eps"] = FloatAttr(value, f64)

    @property
    def added(self) -> float:
        """What is added to the weight to make the gain."""
        return 1.0 if self.offset is None else self.offset.value.data

    def powers(self, dtype: type) -> Array | float:
        """2^exponents, channel by channel."""
        found = self.exponents
        return 1.0 if found is None else 2.0 ** np.array(found.get_values(), dtype)

    def gains(self, weight: Array) -> Array:
        return (self.added + weight.astype(np.float64)) * self.powers(np.float64)

    def biases(self, bias: Array) -> Array:
        return bias.astype(np.float64) * self.powers(np.float64)

    def scaling(self, index: int) -> Scaling:
        return Scaling.FORGOTTEN if index == 0 else Scaling.OTHER

    def factor_home(self) -> Home | None:
        return Home(self, "exponents", (self.result,))

    def operand_bits(self, index: int) -> int:
        """Of the input, those of which a row has sums of squares that fit; less its mean it has one more."""
        centred = isinstance(self.x.owner, CenterOp)
        return int(SQUARES_BITS - math.log2(shape_of(self.x)[-1])) // 2 + 1 - centred

    def row_norm(self, bounds: Bounds) -> float:
        return math.sqrt(shape_of(self.x)[-1]) * (bounds.gain(self) + bounds.bias(self))

    def largest(self, bounds: Bounds) -> float:
        return math.sqrt(shape_of(self.x)[-1]) * bounds.gain(self) + bounds.bias(self)

    def gradients(self, gradient: Array, values: Values) -> Parts:
        x, y, w = values[self.x], values[self.result], values[self.w]
        if self.bias is not None:
            y = y - values[self.bias] * self.powers(np.float32)
        scale = self._scale(x)
        inner = (gradient * y).mean(axis=-1, keepdims=True)
        gain = ((np.float32(self.added) + w) * self.powers(np.float32)).astype(np.float32)
        return [(self.x, scale * (gradient * gain - x * scale * inner))]

    def weight_squares(self, gradient: Array, values: Values) -> Squares:
        x = values[self.x]
        along = (gradient * (x * self._scale(x))).reshape(-1, x.shape[-1])
        found = [(self.w, along)]
        if self.bias is not None:
            found.append((self.bias, gradient.reshape(-1, x.shape[-1])))
        return [
            (weight, float(np.sum(np.square(part.sum(axis=0, dtype=np.float64)))))
            for weight, part in found
        ]

    def _scale(self, x: Array) -> Array:
        """By what each row is divided, inverted."""
        return 1 / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + np.float32(self.constant))


@irdl_op_definition
class CenterOp(NNOp, Quantised, KeepsScale, Rescales, Differentiable):
    """What the elements of a row are more than their mean: x - mean(x), over the last axis.

    ```mlir
    %y = nn.center %x : (tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.center"
    STEP: ClassVar[str | None] = "center"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(x != (), "a scalar has no axis to average over")
        return x

    def scaling(self, index: int) -> Scaling:
        return Scaling.CARRIED

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return [(self.x, gradient - gradient.mean(axis=-1, keepdims=True))]


@irdl_op_definition
class LayerNormOp(NNOp, LeadingAxes):
    """Layer normalisation (Ba et al. 2016) over the last axis: (x - mean(x)) * rsqrt(var(x) + eps) * w + bias, var
    being the mean of squares of what the elements are more than their mean.

    ```mlir
    %y = nn.layer_norm %x, %w bias %b eps 1.0e-05 : (tensor<64x128xf32>, tensor<128xf32>, tensor<128xf32>)
         -> tensor<64x128xf32>
    ```
    """

    name = "nn.layer_norm"
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    bias = opt_operand_def(F32Tensor)
    eps = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $w (`bias` $bias^)? `eps` $eps" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, w: Shape, bias: Shape | None = None, *, eps: float) -> Shape:
        return RMSNormOp.infer(x, w, bias, eps=eps)


@irdl_op_definition
class MeanOp(NNOp, LeadingAxes):
    """Mean over the last axis, which stays with size 1.

    ```mlir
    %y = nn.mean %x : (tensor<64x128xf32>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.mean"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(x != (), "a scalar has no axis to average over")
        return (*x[:-1], 1)


@irdl_op_definition
class MaxOp(NNOp, LeadingAxes):
    """The largest element of the last axis, which stays with size 1.

    ```mlir
    %y = nn.max %x : (tensor<4x64x64xf32>) -> tensor<4x64x1xf32>
    ```
    """

    name = "nn.max"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(x != (), "a scalar has no largest element")
        return (*x[:-1], 1)
