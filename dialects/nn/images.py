"""Images, (N, C, H, W): N examples of C channels of H rows and W columns, and what windows move over.

A window has as many rows and columns as a `kernel` (or a weight) says, begins at `stride` rows and columns after
the one before, and lies in the image with `padding` rows and columns on each side. So an axis of size n has
(n + 2 padding - kernel) / stride + 1 of them, rounded down.
"""

from __future__ import annotations

import math
from typing import ClassVar

from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import KeepsScale, Named, Quantised, Rounded
from .base import FUNCTIONAL, F32Tensor, Int, Ints, NNOp, Shape, require, text


def windows(x: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Shape:
    """How many windows an image (N, C, H, W) has in each of its two directions."""
    require(len(x) == 4, f"x must be (N, C, H, W), got {text(x)}")
    for name, pair, least in (
        ("kernel", kernel, 1),
        ("stride", stride, 1),
        ("padding", padding, 0),
    ):
        require(
            len(pair) == 2 and min(pair) >= least,
            f"{name} is two numbers of at least {least}, got {text(pair)}",
        )
    padded = tuple(n + 2 * p for n, p in zip(x[2:], padding, strict=True))
    require(
        all(k <= n for k, n in zip(kernel, padded, strict=True)),
        f"a window of {text(kernel)} does not fit an image of {text(padded)}",
    )
    return tuple((n - k) // s + 1 for n, k, s in zip(padded, kernel, stride, strict=True))


@irdl_op_definition
class Conv2dOp(NNOp, Rounded, Named):
    """A convolution: each of O channels is the sum over a window, and over the C / groups channels of its group, of
    x times w, and its bias. Around the image x is 0.

    x (N, C, H, W), w (O, C / groups, KH, KW), bias (O) -> (N, O, H', W').

    ```mlir
    %y = nn.conv2d %x, %w bias %b stride [1, 1] padding [1, 1] groups 1
         : (tensor<4x3x32x32xf32>, tensor<16x3x3x3xf32>, tensor<16xf32>) -> tensor<4x16x32x32xf32>
    ```
    """

    name = "nn.conv2d"
    KIND: ClassVar[str] = "convolution"
    STEP: ClassVar[str | None] = "conv2d"
    FACTORS: ClassVar[tuple[int, ...]] = (0, 1)
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    bias = opt_operand_def(F32Tensor)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    groups = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $w (`bias` $bias^)? `stride` $stride `padding` $padding `groups` $groups"
        + FUNCTIONAL
    )

    @staticmethod
    def infer(
        x: Shape, w: Shape, bias: Shape | None = None, *, stride: Shape, padding: Shape, groups: int
    ) -> Shape:
        require(len(w) == 4, f"w must be (O, C / groups, KH, KW), got {text(w)}")
        found = windows(x, w[2:], stride, padding)
        require(
            groups > 0 and x[1] % groups == w[0] % groups == 0,
            f"{x[1]} channels to {w[0]} do not make {groups} groups",
        )
        require(x[1] == w[1] * groups, f"x has {x[1]} channels, w takes {w[1] * groups}")
        require(bias in (None, w[:1]), f"the bias has shape {text(bias or ())}, w {text(w)}")
        return (x[0], w[0], *found)


@irdl_op_definition
class MaxPool2dOp(NNOp, Quantised, KeepsScale, Named):
    """The largest element of each window; what lies around the image is none. At most half of a window does.

    ```mlir
    %y = nn.max_pool2d %x kernel [2, 2] stride [2, 2] padding [0, 0]
         : (tensor<4x16x32x32xf32>) -> tensor<4x16x16x16xf32>
    ```
    """

    name = "nn.max_pool2d"
    KIND: ClassVar[str] = "pooling"
    STEP: ClassVar[str | None] = "max_pool"
    x = operand_def(F32Tensor)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `kernel` $kernel `stride` $stride `padding` $padding" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Shape:
        found = windows(x, kernel, stride, padding)
        require(
            all(2 * p <= k for p, k in zip(padding, kernel, strict=True)),
            f"padding of {text(padding)} is more than half of a window of {text(kernel)}",
        )
        return (*x[:2], *found)


@irdl_op_definition
class AvgPool2dOp(NNOp, Rounded, Named):
    """The mean of each window. A window as large as the image makes it the mean of each channel.

    ```mlir
    %y = nn.avg_pool2d %x kernel [2, 2] stride [2, 2] : (tensor<4x16x32x32xf32>) -> tensor<4x16x16x16xf32>
    ```
    """

    name = "nn.avg_pool2d"
    KIND: ClassVar[str] = "pooling"
    STEP: ClassVar[str | None] = "sum_pool"
    x = operand_def(F32Tensor)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `kernel` $kernel `stride` $stride" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, kernel: Shape, stride: Shape) -> Shape:
        return (*x[:2], *windows(x, kernel, stride, (0, 0)))


@irdl_op_definition
class FlattenOp(NNOp, Quantised, KeepsScale, Named):
    """The elements of each example in one row, the last axis fastest: (N, C, H, W) -> (N, C H W).

    ```mlir
    %y = nn.flatten %x : (tensor<4x16x4x4xf32>) -> tensor<4x256xf32>
    ```
    """

    name = "nn.flatten"
    KIND: ClassVar[str] = "flattening"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(len(x) >= 3, f"x must have two axes or more behind its examples, got {text(x)}")
        return (x[0], math.prod(x[1:]))
