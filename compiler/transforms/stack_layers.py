"""`stack-layers`: N isomorphic decoder layers become one `quant.layers` over stacked parameters.

A layer is what carries its module path, `model.layers.N`. All layers must be the same operations on
the same types, each reading the residual stream that the one before left and parameters whose
names differ in the layer number alone. What may differ is the kind of a rotary embedding, the window
of a softmax and eps of a norm: they become lists. Nothing else may read a layer's parameters, or what a layer
leaves for the next one. The proof's size and the verifier's work then hardly depend on depth.

Errors: `UserError` naming operation, layer and what differs from the first layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, ModuleOp, UnitAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import nn, quant
from ...dialects.quant import LayersOp, ParamOp, QuantTensorType, YieldOp
from ...errors import UserError, expect
from ..analysis.roles import LAYER, role_path
from ..modules import main_function


@dataclass(frozen=True)
class StackLayers(ModulePass):
    """Stacks the decoder layers of a quantised function."""

    name = "stack-layers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        _stack(main_function(op).body.block)


@dataclass
class _Layer:
    number: int
    ops: list[Operation]
    """All but parameters, in order."""
    entering: SSAValue
    params: list[SSAValue]
    """In the order of their first use."""
    leaving: SSAValue


def layer_number(op: Operation) -> int | None:
    """The number of the decoder layer an operation belongs to."""
    match = LAYER.search(nn.module_path(op))
    return None if match is None else int(match[1])


def per_layer(op: Operation) -> str | None:
    """The property that may differ between layers, if an operation has one."""
    return op.PER_LAYER if isinstance(op, quant.QuantOp) else None


def _stack(block: Block) -> None:
    groups: dict[int, list[Operation]] = {}
    for op in block.ops:
        number = layer_number(op)
        if number is not None and not isinstance(op, ParamOp):
            groups.setdefault(number, []).append(op)
    if not groups:
        raise UserError("the model has no decoder layers: no module path has layers.N")
    if sorted(groups) != list(range(len(groups))):
        raise UserError(f"decoder layers are numbered {sorted(groups)}, not 0 .. N-1")
    layers = [_layer(number, groups[number]) for number in range(len(groups))]
    for layer in layers[1:]:
        _compare(layers[0], layer)
    for before, after in pairwise(layers):
        if after.entering is not before.leaving:
            raise UserError(f"layer {after.number} does not read what layer {before.number} left")
        _require_readers(before.leaving, after, f"what layer {before.number} leaves")
    for layer in layers:
        for param in layer.params:
            name = expect(param.owner, ParamOp).param_names[0]
            _require_readers(param, layer, f"{name}: this parameter of layer {layer.number}")

    first, last = layers[0], layers[-1]
    groups_of_params = zip(*(layer.params for layer in layers), strict=True)
    stacked = [_stack_params(params) for params in groups_of_params]
    stack = LayersOp(
        first.entering, [op.result for op in stacked], len(layers), _body(first, layers)
    )
    block.insert_ops_after([*stacked, stack], expect(last.leaving.owner, Operation))
    last.leaving.replace_uses_with_if(stack.result, lambda use: layer_number(use.operation) is None)
    for op in reversed([op for layer in layers for op in layer.ops]):
        op.detach()
        op.erase()
    for layer in layers:
        for param in layer.params:
            owner = expect(param.owner, Operation)
            owner.detach()
            owner.erase()


def _layer(number: int, ops: list[Operation]) -> _Layer:
    inside = {result for op in ops for result in op.results}
    entering: list[SSAValue] = []
    params: list[SSAValue] = []
    for op in ops:
        for operand in op.operands:
            if operand in inside:
                continue
            group = params if isinstance(operand.owner, ParamOp) else entering
            if operand not in group:
                group.append(operand)
    leaving = [
        value
        for op in ops
        for value in op.results
        if any(use.operation not in ops for use in value.uses)
    ]
    if len(entering) != 1 or len(leaving) != 1:
        raise UserError(
            f"layer {number} takes {len(entering)} values and gives {len(leaving)}; it must take "
            "and give the residual stream"
        )
    return _Layer(number, ops, entering[0], params, leaving[0])


def _compare(first: _Layer, layer: _Layer) -> None:
    """Stops unless `layer` is `first` with other parameters."""
    same = {first.entering: layer.entering}
    same |= zip(first.params, layer.params, strict=False)
    for a, b in zip(first.ops, layer.ops, strict=False):
        where = f"{nn.module_path(b)}: {b.name} of layer {layer.number}"
        if a.name != b.name or role_path(nn.module_path(a)) != role_path(nn.module_path(b)):
            raise UserError(f"{where} stands where layer {first.number} has {a.name}")
        for name in sorted({*a.properties, *b.properties}):
            if name != per_layer(a) and a.properties.get(name) != b.properties.get(name):
                raise UserError(f"{where} differs from layer {first.number} in {name}")
        if _types(a) != _types(b):
            raise UserError(f"{where} differs from layer {first.number} in its types")
        if [same.get(operand) for operand in a.operands] != list(b.operands):
            raise UserError(f"{where} reads other values than in layer {first.number}")
        same |= zip(a.results, b.results, strict=True)
    if len(first.ops) != len(layer.ops) or same[first.leaving] is not layer.leaving:
        raise UserError(f"layer {layer.number} is not the same computation as {first.number}")
    for a, b in zip(first.params, layer.params, strict=True):
        ours, theirs = expect(a.owner, ParamOp), expect(b.owner, ParamOp)
        for name in (*ours.param_names, *theirs.param_names):
            if LAYER.search(name) is None:
                raise UserError(f"{name} is a parameter of a decoder layer without a layer number")
        where = f"{theirs.param_names[0]}: parameter of layer {layer.number}"
        if role_path(ours.param_names[0]) != role_path(theirs.param_names[0]):
            raise UserError(f"{where} stands where layer 0 has {ours.param_names[0]}")
        for name in ("offset", "factor"):
            if ours.properties[name] != theirs.properties[name]:
                raise UserError(f"{where} differs from layer {first.number} in {name}")


def _require_readers(value: SSAValue, layer: _Layer, what: str) -> None:
    """`UserError` unless only operations of the layer read a value."""
    for use in value.uses:
        if use.operation not in layer.ops:
            reader = nn.module_path(use.operation) or use.operation.name
            raise UserError(f"{what} is read by {reader} too, outside of layer {layer.number}")


def _types(op: Operation) -> list[Attribute]:
    return [value.type for value in (*op.operands, *op.results)]


def _stack_params(values: tuple[SSAValue, ...]) -> ParamOp:
    ops = [value.owner for value in values if isinstance(value.owner, ParamOp)]
    type = quant.type_of(values[0])
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


def _body(first: _Layer, layers: list[_Layer]) -> Region:
    """The first layer's operations, with what differs between layers listed."""
    outer = [first.entering, *first.params]
    block = Block(arg_types=[value.type for value in outer])
    values: dict[SSAValue, SSAValue] = dict(zip(outer, block.args, strict=True))
    for position, op in enumerate(first.ops):
        copy = op.clone(value_mapper=values)
        nn.with_path(copy, role_path(nn.module_path(op)))
        if name := per_layer(op):
            peers = [expect(layer.ops[position], quant.QuantOp) for layer in layers]
            entries = [value for peer in peers for value in peer.per_layer]
            copy.properties[name] = DenseArrayBase.from_list(i64, entries)
        block.add_op(copy)
    block.add_op(YieldOp(values[first.leaving]))
    return Region(block)
