"""`stack-layers`: N isomorphic decoder layers become one `quant.layers` over stacked parameters.

Layers are the same operations on the same types, each reading the residual stream that the one before left and
parameters that nothing else reads (`analysis.layers`). What may differ is the kind of a rotary embedding, the
window of a softmax and eps of a norm: they become lists. The proof's size and the verifier's work then hardly
depend on depth. Of a function that repeats nothing, or in other ways, nothing is stacked.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, ModuleOp, UnitAttr, i64
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import nn, quant
from ...dialects.quant import LayersOp, ParamOp, QuantTensorType, YieldOp
from ...errors import expect
from ..analysis.layers import Layer, find_layers
from ..analysis.roles import role_path
from ..modules import main_function, takes_tensors


@dataclass(frozen=True)
class StackLayers(ModulePass):
    """Stacks the decoder layers of a quantised function."""

    name = "stack-layers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if takes_tensors(op):
            return
        block = main_function(op).body.block
        if layers := find_layers(block.ops, _form):
            _stack(block, layers)


def per_layer(op: Operation) -> str | None:
    """The property that may differ between layers, if an operation has one."""
    return op.PER_LAYER if isinstance(op, quant.QuantOp) else None


def _form(op: Operation) -> Hashable:
    """All but what may differ: of a parameter which tensor it is, and its exponents."""
    properties = op.properties.items()
    if isinstance(op, ParamOp):
        properties = (("offset", op.offset), ("factor", op.factor))
    kept = ((name, value) for name, value in properties if name != per_layer(op))
    return op.name, tuple(sorted(kept)), *(value.type for value in (*op.operands, *op.results))


def _stack(block: Block, layers: Sequence[Layer]) -> None:
    first, last = layers[0], layers[-1]
    stacked = [_stack_params(ops) for ops in zip(*(layer.makers for layer in layers), strict=True)]
    stack = LayersOp(
        first.entering, [op.result for op in stacked], len(layers), _body(first, layers)
    )
    block.insert_ops_after([*stacked, stack], expect(last.leaving.owner, Operation))
    last.leaving.replace_all_uses_with(stack.result)
    for layer in reversed(layers):
        for op in (*reversed(layer.ops), *layer.makers):
            op.detach()
            op.erase()


def _stack_params(makers: Sequence[Operation]) -> ParamOp:
    ops = [expect(maker, ParamOp) for maker in makers]
    type = quant.type_of(ops[0].result)
    digests = [op.sha256 for op in ops if op.sha256 is not None]
    return ParamOp(
        QuantTensorType.of((len(ops), *type.shape), type.width, type.fraction),
        names=ArrayAttr([name for op in ops for name in op.names]),
        sha256=ArrayAttr([each for found in digests for each in found]) if digests else None,
        offset=ops[0].offset,
        factor=ops[0].factor,
        rows=_stack_exponents([op.rows for op in ops], type.shape[0]),
        columns=_stack_exponents([op.columns for op in ops], type.shape[-1]),
        stacked=UnitAttr(),
    )


def _stack_exponents(exponents: list[quant.Ints | None], size: int) -> quant.Ints | None:
    """One list for all layers; no list means zeros."""
    if all(each is None for each in exponents):
        return None
    lists = [[0] if each is None else list(each.get_values()) for each in exponents]
    if any(len(each) > 1 for each in lists):
        lists = [each * size if len(each) == 1 else each for each in lists]
    return DenseArrayBase.from_list(i64, [value for each in lists for value in each])


def _body(first: Layer, layers: Sequence[Layer]) -> Region:
    """The first layer's operations, with what differs between layers listed."""
    outer = [first.entering, *first.params]
    block = Block(arg_types=[value.type for value in outer])
    values: dict[SSAValue, SSAValue] = dict(zip(outer, block.args, strict=True))
    for position, op in enumerate(first.ops):
        copy = op.clone(value_mapper=values)
        peers = [expect(layer.ops[position], quant.QuantOp) for layer in layers]
        nn.with_path(copy, role_path([nn.module_path(peer) for peer in peers]))
        if name := per_layer(op):
            entries = [value for peer in peers for value in peer.per_layer]
            copy.properties[name] = DenseArrayBase.from_list(i64, entries)
        block.add_op(copy)
    block.add_op(YieldOp(values[first.leaving]))
    return Region(block)
