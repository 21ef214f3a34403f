"""The same elements in other shapes: the imported operations that move without computing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType, f32
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import LeadingAxes
from .base import (
    FUNCTIONAL,
    F32Tensor,
    I64Tensor,
    Ints,
    NNOp,
    Shape,
    element_of,
    require,
    shape_of,
    text,
)


@irdl_op_definition
class ViewOp(IRDLOperation, HasFolderInterface, LeadingAxes):
    """The same elements, in row-major order, under another shape. Also unsqueezes.

    ```mlir
    %y = nn.view %x : (tensor<64x128xf32>) -> tensor<64x4x32xf32>
    ```
    """

    name = "nn.view"
    x = operand_def(F32Tensor | I64Tensor)
    result = result_def(F32Tensor | I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    def __init__(self, x: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[x], result_types=[TensorType(element_of(x), shape)])

    def fold(self) -> Sequence[SSAValue] | None:
        return (self.x,) if self.x.type == self.result.type else None

    def without_first_axis(self, operands: Sequence[SSAValue]) -> Operation | None:
        return type(self)(operands[0], shape_of(self.result)[1:])

    def verify_(self) -> None:
        before, after = shape_of(self.x), shape_of(self.result)
        require(
            math.prod(before) == math.prod(after),
            f"{text(before)} and {text(after)} differ in their number of elements",
        )
        require(
            element_of(self.x) == element_of(self.result),
            "a view does not change the element type",
        )


@irdl_op_definition
class ExpandOp(IRDLOperation, HasFolderInterface, LeadingAxes):
    """Repeats along axes of size 1; the rank stays.

    ```mlir
    %y = nn.expand %x : (tensor<1x1x64x32xf32>) -> tensor<1x4x64x32xf32>
    ```
    """

    name = "nn.expand"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    def __init__(self, x: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[x], result_types=[TensorType(f32, shape)])

    def fold(self) -> Sequence[SSAValue] | None:
        return (self.x,) if self.x.type == self.result.type else None

    def without_first_axis(self, operands: Sequence[SSAValue]) -> Operation | None:
        return type(self)(operands[0], shape_of(self.result)[1:])

    def verify_(self) -> None:
        before, after = shape_of(self.x), shape_of(self.result)
        require(
            len(before) == len(after)
            and all(m in (1, n) for m, n in zip(before, after, strict=True)),
            f"{text(before)} does not expand to {text(after)}",
        )


@irdl_op_definition
class PermuteOp(NNOp, LeadingAxes):
    """Reorders axes: axis i of the result is axis axes[i] of x.

    ```mlir
    %y = nn.permute %x [1, 0, 2] : (tensor<64x4x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.permute"
    x = operand_def(F32Tensor)
    axes = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x $axes" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, axes: Shape) -> Shape:
        require(sorted(axes) == list(range(len(x))), f"{text(axes)} does not permute {text(x)}")
        return tuple(x[axis] for axis in axes)

    def without_first_axis(self, operands: Sequence[SSAValue]) -> Operation | None:
        first, *others = self.axes.get_values()
        return None if first else PermuteOp(*operands, axes=[axis - 1 for axis in others])


@irdl_op_definition
class SliceOp(NNOp, LeadingAxes):
    """The indices start .. stop-1 of the last axis.

    ```mlir
    %y = nn.slice %x [0, 16] : (tensor<4x64x32xf32>) -> tensor<4x64x16xf32>
    ```
    """

    name = "nn.slice"
    x = operand_def(F32Tensor)
    bounds = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x $bounds" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, bounds: Shape) -> Shape:
        require(x != () and len(bounds) == 2, "bounds are [start, stop] in the last axis")
        start, stop = bounds
        require(0 <= start < stop <= x[-1], f"[{start}, {stop}] leaves an axis of size {x[-1]}")
        return (*x[:-1], stop - start)


@irdl_op_definition
class ConcatOp(NNOp, LeadingAxes):
    """Joins two tensors along the last axis.

    ```mlir
    %y = nn.concat %a, %b : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.concat"
    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        require(
            lhs != () and lhs[:-1] == rhs[:-1],
            f"{text(lhs)} and {text(rhs)} differ before the last axis",
        )
        return (*lhs[:-1], lhs[-1] + rhs[-1])
