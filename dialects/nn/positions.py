"""Positions of examples, (N, T, C): where they come from, what is constant at each, and what one row is of all; and
heads that turn by their position, (N, H, T, D)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import KeepsScale, Named, Quantised, Rounded, Sum
from .base import FUNCTIONAL, F32Tensor, Int, Ints, NNOp, Shape, require, text


def _positions(x: Shape) -> None:
    require(len(x) == 3, f"x must be (N, T, C), got {text(x)}")


@irdl_op_definition
class ImagePositionsOp(NNOp, Quantised, KeepsScale, Named):
    """An image as positions, row after row: (N, C, H, W) -> (N, H W, C), y[n, i W + j, c] = x[n, c, i, j].

    ```mlir
    %y = nn.image_positions %x : (tensor<4x64x7x7xf32>) -> tensor<4x49x64xf32>
    ```
    """

    name = "nn.image_positions"
    KIND: ClassVar[str] = "image as positions"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(len(x) == 4, f"x must be (N, C, H, W), got {text(x)}")
        return (x[0], x[2] * x[3], x[1])


@irdl_op_definition
class AddPositionsOp(NNOp, Quantised, Sum, Named):
    """A row of a table added to each position, of which there may be more than x has: x (N, S, C), table (T, C) ->
    (N, T, C), y[n, t] = table[t] + x[n, t - before], x being 0 where it has no such position.

    So a learned token in front of others is a row of the table, and `before` 1.

    ```mlir
    %y = nn.add_positions %x, %table before 1 : (tensor<4x49x64xf32>, tensor<50x64xf32>) -> tensor<4x50x64xf32>
    ```
    """

    name = "nn.add_positions"
    KIND: ClassVar[str] = "embedding of positions"
    x = operand_def(F32Tensor)
    table = operand_def(F32Tensor)
    before = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $table `before` $before" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, table: Shape, before: int) -> Shape:
        _positions(x)
        require(
            len(table) == 2 and table[1] == x[2],
            f"the table has shape {text(table)}, x has {x[2]} channels",
        )
        require(
            0 <= before <= table[0] - x[1],
            f"{x[1]} positions after {before} do not fit a table of {table[0]}",
        )
        return (x[0], *table)


@irdl_op_definition
class PositionOp(NNOp, Quantised, KeepsScale, Named):
    """One position of each example: (N, T, C) -> (N, C).

    ```mlir
    %y = nn.position %x at 0 : (tensor<4x50x64xf32>) -> tensor<4x64xf32>
    ```
    """

    name = "nn.position"
    KIND: ClassVar[str] = "position"
    x = operand_def(F32Tensor)
    at = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `at` $at" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, at: int) -> Shape:
        _positions(x)
        require(0 <= at < x[1], f"position {at} of {x[1]}")
        return (x[0], x[2])


@irdl_op_definition
class MeanPositionsOp(NNOp, Rounded, Named):
    """The mean of positions `first` .. T-1 of each example: (N, T, C) -> (N, C).

    ```mlir
    %y = nn.mean_positions %x first 1 : (tensor<4x50x64xf32>) -> tensor<4x64xf32>
    ```
    """

    name = "nn.mean_positions"
    KIND: ClassVar[str] = "mean of positions"
    STEP: ClassVar[str | None] = "sum_positions"
    x = operand_def(F32Tensor)
    first = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `first` $first" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, first: int) -> Shape:
        _positions(x)
        require(0 <= first < x[1], f"position {first} of {x[1]}")
        return (x[0], x[2])


@irdl_op_definition
class RotateOp(NNOp, Rounded, Named):
    """A rotary position embedding by tables (Su et al. 2021): x (N, H, T, D), cos and sin (T, D) -> (N, H, T, D),
    y[n, h, t, d] = cos[t, d] x[n, h, t, d] + sin[t, d] x[n, h, t, partners[d]].

    The partner of a channel is the other one of its pair, and sin has the sign of its product. A channel that does
    not turn has a cosine of 1, a sine of 0 and itself for a partner.

    ```mlir
    %y = nn.rotate %x, %cos, %sin partners [2, 3, 0, 1]
         : (tensor<2x3x5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5x4xf32>
    ```
    """

    name = "nn.rotate"
    KIND: ClassVar[str] = "rotation by tables"
    STEP: ClassVar[str | None] = "rotate"
    FACTORS: ClassVar[tuple[int, ...]] = (0, 1)
    x = operand_def(F32Tensor)
    cos = operand_def(F32Tensor)
    sin = operand_def(F32Tensor)
    partners = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $cos `,` $sin `partners` $partners" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, cos: Shape, sin: Shape, partners: Shape) -> Shape:
        require(len(x) == 4, f"x must be (N, H, T, D), got {text(x)}")
        require(
            cos == sin == x[2:], f"the tables are {text(cos)} and {text(sin)}, not {text(x[2:])}"
        )
        require_partners(partners, x[3])
        return x


def require_partners(partners: Sequence[int], width: int) -> None:
    """Raises a `VerifyException` unless each channel of a head has a partner among them."""
    require(
        len(partners) == width and all(0 <= each < width for each in partners),
        f"partners {list(partners)} are no channels of {width}, one of each",
    )
