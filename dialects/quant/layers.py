"""A stack of isomorphic decoder layers, written once, and the residual stream that goes through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Block, BlockArgument, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator
from xdsl.utils.exceptions import VerifyException

from ..nn import require
from . import axes as named
from .attributes import QuantTensorType
from .base import Int, RepeatedOp, type_of
from .elementwise import AddOp
from .sources import EmbedOp


@irdl_op_definition
class LayersOp(RepeatedOp):
    """Isomorphic decoder layers, one body for all.

    Layer l computes its residual stream from that of layer l - 1 (layer 0: `residual`) and from
    slice l of each stacked parameter; the result is the last layer's. The body's arguments are the
    residual stream and the slices, in order; it yields the residual stream. Inside, `quant.rope`
    and `quant.softmax` list a kind and a window for each layer.

    The verifier shows that the stream never leaves its type: the embedding that enters and the
    deltas that `count` layers add, each as large as its type lets it be, sum to no more.

    ```mlir
    %x = quant.embed %ids, %table shift 4 : (!quant.tensor<[64], bits = 32, frac = 0>,
         !quant.tensor<[1024, 128], bits = 16, frac = 13>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17>
    %y = quant.layers %x with(%w) count 6 : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
         !quant.tensor<[6, 128, 128], bits = 16, frac = 15>)
         -> !quant.tensor<[64, 128], bits = 28, frac = 17> {
    ^bb0(%r: !quant.tensor<[64, 128], bits = 28, frac = 17>,
       %w0: !quant.tensor<[128, 128], bits = 16, frac = 15>):
      %acc = quant.matmul %r, %w0 : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
             !quant.tensor<[128, 128], bits = 16, frac = 15>)
             -> !quant.tensor<[64, 128], bits = 51, frac = 32>
      %delta = quant.requantize %acc shift 15 : (!quant.tensor<[64, 128], bits = 51, frac = 32>)
               -> !quant.tensor<[64, 128], bits = 24, frac = 17>
      %r1 = quant.add %r, %delta : (!quant.tensor<[64, 128], bits = 28, frac = 17>,
            !quant.tensor<[64, 128], bits = 24, frac = 17>)
            -> !quant.tensor<[64, 128], bits = 28, frac = 17>
      quant.yield %r1 : !quant.tensor<[64, 128], bits = 28, frac = 17>
    }
    ```
    """

    name = "quant.layers"
    residual = operand_def(QuantTensorType)
    params = var_operand_def(QuantTensorType)
    count = prop_def(Int)
    body = region_def("single_block")
    result = result_def(QuantTensorType)
    traits = traits_def(IsolatedFromAbove())
    assembly_format = (
        "$residual `with` `(` $params `)` `count` $count attr-dict `:`"
        " functional-type(operands, results) $body"
    )

    def __init__(self, residual: SSAValue, params: Sequence[SSAValue], count: int, body: Region):
        super().__init__(
            operands=[residual, params],
            properties={"count": IntegerAttr(count, i64)},
            regions=[body],
            result_types=[residual.type],
        )

    @property
    def layers(self) -> int:
        return self.count.value.data

    @property
    def slices(self) -> Sequence[BlockArgument]:
        """The body's arguments for the parameters, in the order of `params`."""
        return self.body.block.args[1:]

    @property
    def stream(self) -> BlockArgument:
        """The body's argument for the residual stream."""
        return self.body.block.args[0]

    def verify_(self) -> None:
        require(self.layers > 0, f"count must be positive, got {self.layers}")
        residual = type_of(self.residual)
        expected = [residual]
        for param in self.params:
            type = type_of(param)
            require(
                type.shape[:1] == (self.layers,),
                f"a parameter of shape {list(type.shape)} is not stacked over {self.layers} layers",
            )
            expected.append(QuantTensorType.of(type.shape[1:], type.width, type.fraction))
        block: Block = self.body.block
        require(
            [argument.type for argument in block.args] == expected,
            "the body's arguments are not the residual stream and the slices of the parameters",
        )
        end = block.last_op
        if not isinstance(end, YieldOp):
            raise VerifyException("the body must end in quant.yield")
        require(
            end.value.type == residual == self.result.type,
            "the residual stream must keep its type",
        )
        deltas = sum(type_of(delta).bound for delta in residual_deltas(end.value, self.stream))
        entering = _entering_bound(self.residual)
        require(
            entering + self.layers * deltas <= residual.bound,
            f"{self.layers} layers of deltas can leave the {residual.width} bits of the residual "
            "stream",
        )

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Same((self.residual, self.stream, self.result))


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the body of `quant.layers`, whose example shows it, with the residual stream."""

    name = "quant.yield"
    value = operand_def(QuantTensorType)
    traits = traits_def(IsTerminator(), HasParent(LayersOp))
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


def residual_deltas(end: SSAValue, start: SSAValue) -> list[SSAValue]:
    """What a chain of `quant.add` puts on top of `start` to make `end`, in order.

    Raises `VerifyException` when `end` is no such chain: each sum has the stream on its left.
    """
    deltas: list[SSAValue] = []
    sums: set[SSAValue] = set()
    while end is not start:
        # Before values are known to be defined in order, a sum may be its own operand.
        if not isinstance(end.owner, AddOp) or end in sums:
            raise VerifyException("the residual stream is not the one that entered plus deltas")
        sums.add(end)
        deltas.append(end.owner.rhs)
        end = end.owner.lhs
    return deltas[::-1]


def _entering_bound(residual: SSAValue) -> int:
    """The magnitude of what enters the layers: that of an embedding is below its type's, and sums add to it."""
    added, sums = 0, set[SSAValue]()
    while isinstance(residual.owner, AddOp) and residual not in sums:
        sums.add(residual)
        added += type_of(residual.owner.rhs).bound
        residual = residual.owner.lhs
    if isinstance(residual.owner, EmbedOp):
        return added + (1 << residual.owner.bits - 1)
    return added + type_of(residual).bound
