"""Tensors of examples: where they enter, convolutions and pooling of images, and images as rows.

An image is [N, C, H, W]: examples, channels, rows, columns. An operation whose windows move over an image has
their sizes, steps and the padding on each side as [rows, columns].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import ClassVar

from xdsl.dialects.builtin import StringAttr
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

from ..interfaces import KeepsScale, Named, TensorSource
from ..nn import require
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType, Shape
from .base import (
    FUNCTIONAL,
    Inferred,
    Int,
    Ints,
    LeafOp,
    QuantOp,
    shifted_bias,
    signed_bits,
    type_of,
)

MOST_INPUT_BITS = 18
"""The widest integers of an input: those of one limb."""


def windows(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Shape:
    """How many windows there are along rows and columns of an image; `VerifyException` where there is none."""
    for numbers in (kernel, stride, padding):
        require(len(numbers) == 2, "a window has two sizes, two steps and two paddings")
    require(min(*kernel, *stride) > 0 and min(padding) >= 0, "a window's size or step is too small")
    require(
        all(p < k for p, k in zip(padding, kernel, strict=True)),
        f"padding {list(padding)} is not less than a window of {list(kernel)}",
    )
    found = tuple(
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    )
    require(min(found) > 0, f"no window of {list(kernel)} fits {list(size)}")
    return found


def output_names(count: int) -> list[str]:
    """What the tensors are called that a function returns."""
    return ["output"] if count == 1 else [f"output{i}" for i in range(count)]


@irdl_op_definition
class InputOp(LeafOp, named.NamedAxes, TensorSource, Named):
    """A tensor that the statement is about, N examples of it.

    ```mlir
    %x = quant.input "image" : !quant.tensor<[4, 3, 32, 32], bits = 16, frac = 13>
    ```

    One of ids, [N, T], has integers 0 .. below - 1, as many as the smallest table has rows that is read at them.

    ```mlir
    %ids = quant.input "input_ids" below 1024 : !quant.tensor<[4, 16], bits = 11, frac = 0>
    ```
    """

    name = "quant.input"
    KIND: ClassVar[str] = "input"
    tensor = prop_def(StringAttr)
    below = opt_prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$tensor (`below` $below^)? attr-dict `:` type($result)"

    @property
    def input_name(self) -> str:
        return self.tensor.data

    def verify_(self) -> None:
        type = type_of(self.result)
        require(
            len(type.shape) in (2, 3, 4),
            f"an input is [N, n], [N, T, n] or an image, not {list(type.shape)}",
        )
        if self.below is None:
            require(type.width <= MOST_INPUT_BITS, f"an input has {MOST_INPUT_BITS} bits at most")
            return
        require(len(type.shape) == 2, f"ids are [N, T], not {list(type.shape)}")
        require(type.fraction == 0, "ids are whole numbers, frac = 0")
        bits = signed_bits(self.below.value.data - 1)
        require(
            self.below.value.data > 0 and type.width == bits,
            f"ids below {self.below.value.data} have {bits} bits, not {type.width}",
        )

    def axes_rules(self) -> Iterator[named.Rule]:
        shape = type_of(self.result).shape
        axes = named.examples(shape) if self.below is None else named.ids(shape)
        yield named.Over(self.result, axes)


@irdl_op_definition
class Conv2dOp(QuantOp, Named):
    """A convolution of images, as an accumulator: x [N, C, H, W], w [O, C, kh, kw] ->
    acc[e, o, i, j] = sum_(c, a, b) w[o, c, a, b] x[e, c, i sh + a - ph, j sw + b - pw],
    where x is 0 beside the image. With `groups` G and w [O, C / G, kh, kw] the channels of x and of the result are
    cut into G parts, each made of one: o of the C / G channels that begin at (o // (O / G)) (C / G).

    A bias [O] is shifted to the accumulator's fraction bits, and added to each channel.

    ```mlir
    %acc = quant.conv2d %x, %w stride [1, 1] padding [1, 1] groups 1
           : (!quant.tensor<[4, 3, 32, 32], bits = 16, frac = 13>,
           !quant.tensor<[64, 3, 3, 3], bits = 16, frac = 15>)
           -> !quant.tensor<[4, 64, 32, 32], bits = 36, frac = 28>
    ```
    """

    name = "quant.conv2d"
    KIND: ClassVar[str] = "convolution"
    x = operand_def(QuantTensorType)
    w = operand_def(QuantTensorType)
    bias = opt_operand_def(QuantTensorType)
    bias_shift = opt_prop_def(Int)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    groups = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `,` $w (`bias` $bias^ `shift` $bias_shift)? `stride` $stride `padding` $padding"
        " `groups` $groups" + FUNCTIONAL
    )

    @staticmethod
    def infer(
        x: QuantTensorType,
        w: QuantTensorType,
        bias: QuantTensorType | None = None,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        groups: int,
        bias_shift: int = 0,
    ) -> Sequence[Inferred]:
        require(len(x.shape) == 4 and len(w.shape) == 4, "x must be an image and w [O, C, kh, kw]")
        channels, (made, taken, *kernel) = x.shape[1], w.shape
        require(
            groups > 0 and channels % groups == made % groups == 0,
            f"{channels} channels to {made} do not make {groups} groups",
        )
        require(taken * groups == channels, f"x has {channels} channels, w takes {taken * groups}")
        size = windows(x.shape[2:], kernel, stride, padding)
        largest, fraction = prod(w.shape[1:]) * x.bound * w.bound, x.fraction + w.fraction
        if bias is not None:
            require(bias.shape == (made,), f"the bias is {list(bias.shape)}, not [{made}]")
            largest += shifted_bias(bias, bias_shift, fraction)
        return [Inferred((x.shape[0], made, *size), signed_bits(largest), fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        shape = type_of(self.w).shape
        image = named.examples(type_of(self.result).shape)
        yield named.Over(self.x, named.examples(type_of(self.x).shape))
        yield named.Over(self.result, image)
        yield named.Over(self.w, (image[1], *named.taps(shape)))
        if self.bias is not None:
            yield named.Over(self.bias, image[1:2])


@irdl_op_definition
class MaxPoolOp(QuantOp, KeepsScale, Named):
    """The largest of each window. Beside the image there is nothing: x is 0 there, and with padding none of it is
    negative.

    ```mlir
    %y = quant.max_pool %x kernel [2, 2] stride [2, 2] padding [0, 0]
         : (!quant.tensor<[4, 64, 32, 32], bits = 16, frac = 12>)
         -> !quant.tensor<[4, 64, 16, 16], bits = 16, frac = 12>
    ```
    """

    name = "quant.max_pool"
    KIND: ClassVar[str] = "pooling"
    x = operand_def(QuantTensorType)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    padding = prop_def(Ints)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `kernel` $kernel `stride` $stride `padding` $padding" + FUNCTIONAL

    @staticmethod
    def infer(
        x: QuantTensorType, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
    ) -> Sequence[Inferred]:
        require(len(x.shape) == 4, f"x must be an image, got {list(x.shape)}")
        size = windows(x.shape[2:], kernel, stride, padding)
        return [Inferred((*x.shape[:2], *size), x.width, x.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        for value in (self.x, self.result):
            yield named.Over(value, named.examples(type_of(value).shape))


@irdl_op_definition
class SumPoolOp(QuantOp, Named):
    """The sum of each window times `factor`, as an accumulator: a mean of n elements is the sum over n, so that
    with a factor of round(2^s / n) the accumulator has s fraction bits more than x.

    ```mlir
    %acc = quant.sum_pool %x kernel [2, 2] stride [2, 2] factor 1 doublings 2
           : (!quant.tensor<[4, 64, 32, 32], bits = 16, frac = 12>)
           -> !quant.tensor<[4, 64, 16, 16], bits = 19, frac = 14>
    ```
    """

    name = "quant.sum_pool"
    KIND: ClassVar[str] = "pooling"
    x = operand_def(QuantTensorType)
    kernel = prop_def(Ints)
    stride = prop_def(Ints)
    factor = prop_def(Int)
    doublings = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `kernel` $kernel `stride` $stride `factor` $factor `doublings` $doublings" + FUNCTIONAL
    )

    @staticmethod
    def infer(
        x: QuantTensorType,
        kernel: Sequence[int],
        stride: Sequence[int],
        factor: int,
        doublings: int,
    ) -> Sequence[Inferred]:
        require(len(x.shape) == 4, f"x must be an image, got {list(x.shape)}")
        size = windows(x.shape[2:], kernel, stride, (0, 0))
        require(0 <= doublings < MAX_BITS, f"{doublings} doublings are not in 0 .. {MAX_BITS - 1}")
        require(factor > 0, f"factor {factor} is not positive")
        largest = prod(kernel) * factor * x.bound
        return [Inferred((*x.shape[:2], *size), signed_bits(largest), x.fraction + doublings)]

    def axes_rules(self) -> Iterator[named.Rule]:
        for value in (self.x, self.result):
            yield named.Over(value, named.examples(type_of(value).shape))


@irdl_op_definition
class FlattenOp(QuantOp, KeepsScale, Named):
    """An image as a row: y[e, (c H + i) W + j] = x[e, c, i, j].

    ```mlir
    %y = quant.flatten %x : (!quant.tensor<[4, 64, 2, 2], bits = 16, frac = 12>)
         -> !quant.tensor<[4, 256], bits = 16, frac = 12>
    ```
    """

    name = "quant.flatten"
    KIND: ClassVar[str] = "flattening"
    x = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType) -> Sequence[Inferred]:
        require(len(x.shape) == 4, f"x must be an image, got {list(x.shape)}")
        return [Inferred((x.shape[0], prod(x.shape[1:])), x.width, x.fraction)]
