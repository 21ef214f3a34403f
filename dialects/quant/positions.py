"""Positions of examples, [N, T, C]: images as positions, a table added to them, and one row of all; and heads that
turn by their position, [N, H, T, D]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from ..interfaces import KeepsScale, Named, Sum
from ..nn import require, require_partners
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType
from .base import FUNCTIONAL, Inferred, Int, Ints, QuantOp, signed_bits, type_of


def _positions(x: QuantTensorType) -> None:
    require(len(x.shape) == 3, f"x must be [N, T, C], got {list(x.shape)}")


class _OfExamples(QuantOp):
    """An operation of a value with examples, over the axes that its shape has, to another such value."""

    def axes_rules(self) -> Iterator[named.Rule]:
        for value in (self.operands[0], self.results[0]):
            yield named.Over(value, named.examples(type_of(value).shape))


@irdl_op_definition
class ImagePositionsOp(_OfExamples, KeepsScale, Named):
    """An image as positions, row after row: y[e, i W + j, c] = x[e, c, i, j].

    ```mlir
    %y = quant.image_positions %x : (!quant.tensor<[4, 64, 7, 7], bits = 16, frac = 12>)
         -> !quant.tensor<[4, 49, 64], bits = 16, frac = 12>
    ```
    """

    name = "quant.image_positions"
    KIND: ClassVar[str] = "image as positions"
    x = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType) -> Sequence[Inferred]:
        require(len(x.shape) == 4, f"x must be an image, got {list(x.shape)}")
        count, channels, rows, columns = x.shape
        return [Inferred((count, rows * columns, channels), x.width, x.fraction)]


@irdl_op_definition
class AddPositionsOp(_OfExamples, Sum, Named):
    """Rows of a table added to positions, exactly: y[e, t] = table[t] + x[e, t - before], x being 0 where it has no
    such position. Both have the scale of the result.

    ```mlir
    %y = quant.add_positions %x, %table before 1 : (!quant.tensor<[4, 49, 64], bits = 16, frac = 12>,
         !quant.tensor<[50, 64], bits = 14, frac = 12>) -> !quant.tensor<[4, 50, 64], bits = 17, frac = 12>
    ```
    """

    name = "quant.add_positions"
    KIND: ClassVar[str] = "embedding of positions"
    x = operand_def(QuantTensorType)
    table = operand_def(QuantTensorType)
    before = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $table `before` $before" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, table: QuantTensorType, before: int) -> Sequence[Inferred]:
        _positions(x)
        count, positions, channels = x.shape
        require(
            len(table.shape) == 2 and table.shape[1] == channels,
            f"the table is {list(table.shape)}, x has {channels} channels",
        )
        require(
            0 <= before <= table.shape[0] - positions,
            f"{positions} positions after {before} do not fit a table of {table.shape[0]}",
        )
        require(
            x.fraction == table.fraction,
            f"operands of frac {x.fraction} and {table.fraction} do not add",
        )
        bits = signed_bits(x.bound + table.bound - 1)
        return [Inferred((count, *table.shape), bits, x.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield from super().axes_rules()
        yield named.Over(self.table, named.examples(type_of(self.result).shape)[1:])


@irdl_op_definition
class PositionOp(_OfExamples, KeepsScale, Named):
    """One position of each example: y[e, c] = x[e, at, c].

    ```mlir
    %y = quant.position %x at 0 : (!quant.tensor<[4, 50, 64], bits = 16, frac = 12>)
         -> !quant.tensor<[4, 64], bits = 16, frac = 12>
    ```
    """

    name = "quant.position"
    KIND: ClassVar[str] = "position"
    x = operand_def(QuantTensorType)
    at = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `at` $at" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, at: int) -> Sequence[Inferred]:
        _positions(x)
        require(0 <= at < x.shape[1], f"position {at} of {x.shape[1]}")
        return [Inferred((x.shape[0], x.shape[2]), x.width, x.fraction)]


@irdl_op_definition
class SumPositionsOp(_OfExamples, Named):
    """The sum of positions `first` .. T-1 times `factor`, as an accumulator with `doublings` fraction bits more, so
    that it may stand for their mean (see `quant.sum_pool`).

    ```mlir
    %acc = quant.sum_positions %x first 0 factor 1 doublings 2
           : (!quant.tensor<[4, 4, 64], bits = 16, frac = 12>) -> !quant.tensor<[4, 64], bits = 19, frac = 14>
    ```
    """

    name = "quant.sum_positions"
    KIND: ClassVar[str] = "mean of positions"
    x = operand_def(QuantTensorType)
    first = prop_def(Int)
    factor = prop_def(Int)
    doublings = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `first` $first `factor` $factor `doublings` $doublings" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, first: int, factor: int, doublings: int) -> Sequence[Inferred]:
        _positions(x)
        require(0 <= first < x.shape[1], f"position {first} of {x.shape[1]}")
        require(0 <= doublings < MAX_BITS, f"{doublings} doublings are not in 0 .. {MAX_BITS - 1}")
        require(factor > 0, f"factor {factor} is not positive")
        largest = (x.shape[1] - first) * factor * x.bound
        shape = (x.shape[0], x.shape[2])
        return [Inferred(shape, signed_bits(largest), x.fraction + doublings)]


@irdl_op_definition
class RotateOp(QuantOp, Named):
    """A rotary position embedding by tables, as an accumulator: x [N, H, T, D], cos and sin [T, D],
    acc[e, h, t, d] = cos[t, d] x[e, h, t, d] + sin[t, d] x[e, h, t, partners[d]]. Both tables have one scale.

    ```mlir
    %acc = quant.rotate %x, %cos, %sin partners [2, 3, 0, 1]
           : (!quant.tensor<[2, 3, 5, 4], bits = 16, frac = 12>, !quant.tensor<[5, 4], bits = 18, frac = 16>,
           !quant.tensor<[5, 4], bits = 18, frac = 16>) -> !quant.tensor<[2, 3, 5, 4], bits = 35, frac = 28>
    ```
    """

    name = "quant.rotate"
    KIND: ClassVar[str] = "rotation by tables"
    x = operand_def(QuantTensorType)
    cos = operand_def(QuantTensorType)
    sin = operand_def(QuantTensorType)
    partners = prop_def(Ints)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $cos `,` $sin `partners` $partners" + FUNCTIONAL

    @staticmethod
    def infer(
        x: QuantTensorType, cos: QuantTensorType, sin: QuantTensorType, partners: tuple[int, ...]
    ) -> Sequence[Inferred]:
        require(len(x.shape) == 4, f"x must be [N, H, T, D], got {list(x.shape)}")
        require(
            cos.shape == sin.shape == x.shape[2:],
            f"the tables are {list(cos.shape)} and {list(sin.shape)}, x is {list(x.shape)}",
        )
        require(
            cos.fraction == sin.fraction,
            f"tables of frac {cos.fraction} and {sin.fraction} do not add",
        )
        require_partners(partners, x.shape[3])
        bits = signed_bits(x.bound * (cos.bound + sin.bound))
        return [Inferred(x.shape, bits, x.fraction + cos.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        axes = named.heads(type_of(self.x).shape)
        for value in (self.x, self.result):
            yield named.Over(value, axes)
        for table in (self.cos, self.sin):
            yield named.Over(table, axes[2:])
