"""Arithmetic of single elements, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.interfaces import HasFolderInterface
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Commutative, Pure

from ..interfaces import (
    Array,
    Differentiable,
    Home,
    LeadingAxes,
    Named,
    Parts,
    Quantised,
    Rescales,
    Rounded,
    Scaling,
    Sum,
    TakesFactor,
    Values,
)
from .base import (
    FUNCTIONAL,
    HUGE,
    F32Tensor,
    Float,
    I64Tensor,
    NNOp,
    Shape,
    broadcast,
    require,
)
from .sources import constant


class BinaryOp(NNOp, HasFolderInterface, LeadingAxes):
    """Element-wise, broadcasting; in the raised stratum both shapes are equal."""

    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure(), Commutative())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL
    NEUTRAL: ClassVar[float]

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        return broadcast(lhs, rhs)

    def fold(self) -> Sequence[SSAValue] | None:
        for value, other in ((self.lhs, self.rhs), (self.rhs, self.lhs)):
            if constant(other) == self.NEUTRAL and value.type == self.result.type:
                return (value,)
        return None


@irdl_op_definition
class AddOp(BinaryOp, Sum, Quantised, Differentiable, Named):
    """Sum; folds x + 0.

    ```mlir
    %y = nn.add %a, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.add"
    KIND: ClassVar[str] = "sum"
    STEP: ClassVar[str | None] = "add"
    NEUTRAL: ClassVar[float] = 0.0

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return [(self.lhs, gradient), (self.rhs, gradient)]


@irdl_op_definition
class MulOp(BinaryOp, Rounded, Rescales, TakesFactor, Differentiable, Named):
    """Product; folds x * 1.

    ```mlir
    %y = nn.mul %a, %b : (tensor<64x384xf32>, tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.mul"
    KIND: ClassVar[str] = "product"
    STEP: ClassVar[str | None] = "mul"
    FACTORS: ClassVar[tuple[int, ...]] = (0, 1)
    NEUTRAL: ClassVar[float] = 1.0

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return [(self.lhs, gradient * values[self.rhs]), (self.rhs, gradient * values[self.lhs])]

    def scaling(self, index: int) -> Scaling:
        return Scaling.CARRIED

    def factor_home(self) -> Home | None:
        """That of a factor which nothing else reads."""
        for value in self.operands:
            owner, alone = value.owner, len({*value.uses}) == 1
            home = owner.factor_home() if alone and isinstance(owner, TakesFactor) else None
            if home:
                return home._replace(values=(*home.values, self.result))
        return None


class UnaryOp(NNOp, LeadingAxes):
    """Element-wise, of one tensor."""

    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        return x


@irdl_op_definition
class NegOp(UnaryOp):
    """-x.

    ```mlir
    %y = nn.neg %x : (tensor<64x16xf32>) -> tensor<64x16xf32>
    ```
    """

    name = "nn.neg"


@irdl_op_definition
class RsqrtOp(UnaryOp):
    """1 / sqrt(x).

    ```mlir
    %y = nn.rsqrt %x : (tensor<64x1xf32>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.rsqrt"


@irdl_op_definition
class CosOp(UnaryOp):
    """cos(x), x in radians.

    ```mlir
    %y = nn.cos %x : (tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.cos"


@irdl_op_definition
class SinOp(UnaryOp):
    """sin(x), x in radians.

    ```mlir
    %y = nn.sin %x : (tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.sin"


@irdl_op_definition
class ErfOp(UnaryOp):
    """The error function, which GELU has in it where it is written out.

    ```mlir
    %y = nn.erf %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.erf"


@irdl_op_definition
class ExpOp(UnaryOp):
    """e^x, which a softmax has in it where it is written out.

    ```mlir
    %y = nn.exp %x : (tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.exp"


@irdl_op_definition
class CastOp(UnaryOp):
    """Integers as f32.

    ```mlir
    %y = nn.cast %x : (tensor<64x1xi64>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.cast"
    x = operand_def(I64Tensor)


@irdl_op_definition
class PowOp(NNOp, LeadingAxes):
    """x^exponent, element-wise.

    ```mlir
    %y = nn.pow %x exponent 2.0 : (tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.pow"
    x = operand_def(F32Tensor)
    exponent = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `exponent` $exponent" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, exponent: float) -> Shape:
        require(abs(exponent) < HUGE, f"exponent must be a finite f32, got {exponent}")
        return x
