"""From an exported language model to the imported stratum of the `nn` dialect, one op per ATen op.

Values that a checkpoint does not store get their closed form: positions, and what the model's family says of
masks, rotary frequencies and other buffers.

Errors: `UserError`, one line with the module path and the ATen operation, for what has no
counterpart in the dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import Node
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr, TensorType
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.dialects.builtin import i64 as i64_type
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import nn
from ...errors import UserError, expect
from .checkpoint import Checkpoint
from .export import MODEL, POSITIONS, export_model
from .graph import Handler, Importer, Unsupported, only

FUNCTION = "main"


def import_model(checkpoint: Checkpoint, tokens: int) -> ModuleOp:
    """The checkpoint's model for exactly `tokens` tokens, as one function in the `nn` dialect."""
    limit = checkpoint.config.max_position_embeddings
    if not 1 <= tokens <= limit:
        raise UserError(f"the number of tokens must be between 1 and {limit}, got {tokens}")
    return import_program(checkpoint, export_model(checkpoint.family, checkpoint.config, tokens))


def import_program(checkpoint: Checkpoint, program: ExportedProgram) -> ModuleOp:
    """The model of a checkpoint that is traced already."""
    block = Block()
    (logits,) = _Importer(checkpoint, program, block).run()
    block.add_op(ReturnOp(logits))
    function = FuncOp(FUNCTION, ((), [logits.type]), Region(block))
    module = ModuleOp([function])
    module.verify()
    return module


class _Importer(Importer):
    def __init__(self, checkpoint: Checkpoint, program: ExportedProgram, block: Block):
        super().__init__(program, block, HANDLERS)
        self.checkpoint = checkpoint
        self.params: dict[str, SSAValue] = {}
        family, config = checkpoint.family, checkpoint.config
        self.masks = family.masks(config)
        self.rotations = family.rotations(config)
        self.scalars = family.scalars(config)

    def path_of(self, node: Node) -> str:
        """As the model's user knows it."""
        path = super().path_of(node)
        return "" if path == MODEL else _inside(path)

    def placeholder(self, node: Node) -> SSAValue:
        name = node.name
        if name in self.signature.user_inputs:
            return self.add(nn.TokensOp(_i64(node)))
        if name in self.signature.inputs_to_parameters:
            weight = _inside(self.signature.inputs_to_parameters[name])
            found = self.param(weight)
            stored = weight in self.checkpoint.transposed
            return self.add(nn.PermuteOp(found, axes=(1, 0))) if stored else found
        return self.buffer(_inside(self.signature.inputs_to_buffers[name]), node)

    def part(self, whole: str, wanted: Sequence[int]) -> str | None:
        """The part of a weight that some rows are."""
        parts = self.checkpoint.parts.get(whole, {}).items()
        return next((name for name, rows in parts if [*rows] == [*wanted]), None)

    def param(self, name: str) -> SSAValue:
        if name in self.checkpoint.parts:
            return self.whole(name)
        name = self.checkpoint.canonical(name)
        if name not in self.params:
            op = nn.ParamOp(
                _f32(self.checkpoint.shapes[name]),
                param=SymbolRefAttr(name),
                sha256=StringAttr(self.checkpoint.sha256(name)),
            )
            self.params[name] = self.add(op)
        return self.params[name]

    def whole(self, name: str) -> SSAValue:
        """A weight of which only parts are read in the end."""
        parts = self.checkpoint.parts[name]
        shape = (sum(map(len, parts.values())), *self.checkpoint.shapes[next(iter(parts))][1:])
        unread = StringAttr("0" * 64)
        return self.add(nn.ParamOp(_f32(shape), param=SymbolRefAttr(name), sha256=unread))

    def buffer(self, name: str, node: Node) -> SSAValue:
        shape = tuple(node.meta["val"].shape)
        if name == POSITIONS:
            return self.add(nn.PositionsOp(_i64(node)))
        if name in self.masks:
            window = self.masks[name]
            attribute = None if window is None else IntegerAttr(window, i64_type)
            return self.add(nn.CausalMaskOp(_f32(shape), window=attribute))
        if name in self.scalars:
            return self.add(nn.ConstantOp(self.scalars[name]))
        if name in self.rotations:
            return self.add(nn.RopeFrequenciesOp.of(shape[0], self.rotations[name]))
        raise Unsupported(f"the buffer {name} has no known value")


def _inside(name: str) -> str:
    return name.removeprefix(f"{MODEL}.")


def _f32(shape: tuple[int, ...]) -> TensorType:
    return TensorType(f32_type, shape)


def _i64(node: Node) -> TensorType:
    return TensorType(i64_type, node.meta["val"].shape)


def _rank(node: Any) -> int:
    return node.meta["val"].dim()


def _is_last(dim: Any, node: Any) -> bool:
    return dim in (-1, _rank(node) - 1)


def _identity(importer: _Importer, node: Node) -> SSAValue:
    return importer.operand(node.args[0])


def _dropout(importer: _Importer, node: Node) -> SSAValue:
    only(not node.args[1] or not node.args[2], "active dropout")
    return importer.operand(node.args[0])


def _convert(importer: _Importer, node: Node) -> SSAValue:
    source = expect(node.args[0], Node)
    before, after = source.meta["val"].dtype, node.meta["val"].dtype
    value = importer.operand(source)
    if before == after:
        return value
    only((before, after) == (torch.int64, torch.float32), f"conversion of {before} to {after}")
    return importer.add(nn.CastOp(value))


def _unary(op: Callable[[SSAValue], Operation]) -> Handler:
    return lambda importer, node: importer.add(op(importer.operand(node.args[0])))


def _binary(op: Callable[[SSAValue, SSAValue], Operation]) -> Handler:
    def handler(importer: _Importer, node: Node) -> SSAValue:
        only(len(node.args) == 2 and not node.kwargs, "extra arguments")
        lhs, rhs = (importer.operand(argument) for argument in node.args)
        return importer.add(op(lhs, rhs))

    return handler


def _div(importer: _Importer, node: Node) -> SSAValue:
    source, divisor = node.args
    only(isinstance(divisor, int | float) and divisor != 0, "a divisor that is no number")
    constant = importer.operand(1.0 / divisor)  # type: ignore[operator]
    return importer.add(nn.MulOp(importer.operand(source), constant))


def _linear(importer: _Importer, node: Node) -> SSAValue:
    x, w, bias = (*node.args, None)[:3]
    others = () if bias is None else (importer.operand(bias),)
    return importer.add(nn.LinearOp(importer.operand(x), importer.operand(w), *others))


def _addmm(importer: _Importer, node: Node) -> SSAValue:
    """bias + x w, where w is stored as it is multiplied."""
    only(not node.kwargs, "factors of a sum")
    bias, x, w = (importer.operand(argument) for argument in node.args)
    transposed = w.owner
    only(isinstance(transposed, nn.PermuteOp), "a right factor that is no transposed weight")
    return importer.add(nn.LinearOp(x, transposed.operands[0], bias))  # type: ignore[union-attr]


def _layer_norm(importer: _Importer, node: Node) -> SSAValue:
    x, shape, *others = node.args
    w, bias, eps, *_ = (*others, *(None, None, 1e-5)[len(others) :])
    only(isinstance(shape, list) and len(shape) == 1, f"axes {shape}")
    only(w is not None, "a norm without weights")
    added = () if bias is None else (importer.operand(bias),)
    norm = nn.LayerNormOp(importer.operand(x), importer.operand(w), *added, eps=float(eps))  # type: ignore[arg-type]
    return importer.add(norm)


def _add(importer: _Importer, node: Node) -> SSAValue:
    """A sum; of positions and a number, other positions."""
    first = node.args[0]
    positions = importer.operand(first).owner
    if not isinstance(positions, nn.PositionsOp):
        return _binary(nn.AddOp)(importer, node)
    only(isinstance(node.args[1], int) and not node.kwargs, "positions plus other than a number")
    offset = IntegerAttr(positions.first + node.args[1], i64_type)  # type: ignore[operator]
    return importer.add(nn.PositionsOp(positions.result.type, offset=offset))


def _embedding(importer: _Importer, node: Node) -> SSAValue:
    table, ids = (importer.operand(argument) for argument in node.args[:2])
    return importer.add(nn.EmbeddingOp(ids, table, scale=1.0))


def _pow(importer: _Importer, node: Node) -> SSAValue:
    base, exponent = node.args
    only(isinstance(exponent, int | float), "a tensor as exponent")
    return importer.add(nn.PowOp(importer.operand(base), exponent=float(exponent)))  # type: ignore


def _mean(importer: _Importer, node: Node) -> SSAValue:
    source, dims, keep = (*node.args, False)[:3]
    only(isinstance(dims, list) and len(dims) == 1 and _is_last(dims[0], source), f"axes {dims}")
    only(keep is True, "the averaged axis must stay")
    return importer.add(nn.MeanOp(importer.operand(source)))


def _softmax(importer: _Importer, node: Node) -> SSAValue:
    source, dim = node.args[:2]
    only(_is_last(dim, source), f"axis {dim}")
    return importer.add(nn.SoftmaxOp(importer.operand(source)))


def _gelu(importer: _Importer, node: Node) -> SSAValue:
    approximate = node.kwargs.get("approximate", "none")
    only(approximate in GELUS, f"approximate = {approximate!r}")
    return importer.add(GELUS[approximate](importer.operand(node.args[0])))  # type: ignore[index]


def _view(importer: _Importer, node: Node) -> SSAValue:
    return importer.add(nn.ViewOp(importer.operand(node.args[0]), node.meta["val"].shape))


def _expand(importer: _Importer, node: Node) -> SSAValue:
    return importer.add(nn.ExpandOp(importer.operand(node.args[0]), node.meta["val"].shape))


def _transpose(importer: _Importer, node: Node) -> SSAValue:
    source, *swapped = node.args
    axes = list(range(_rank(node)))
    first, second = (axes[dim] for dim in swapped)  # type: ignore[index]
    axes[first], axes[second] = second, first
    return importer.add(nn.PermuteOp(importer.operand(source), axes=axes))


def _slice(importer: _Importer, node: Node) -> SSAValue:
    source, dim, start, stop, step = (*node.args, *(0, None, None, 1)[len(node.args) - 1 :])
    value = importer.operand(source)
    shape = tuple(node.meta["val"].shape)
    if shape == nn.shape_of(value) or 0 in shape:  # Nobody reads what has no elements.
        return value
    only(bool(_is_last(dim, source) and step == 1), f"slicing axis {dim} with step {step}")
    start, stop, _ = slice(start, stop).indices(nn.shape_of(value)[-1])
    return _columns(importer, value, start, stop)


def _columns(importer: _Importer, value: SSAValue, start: int, stop: int) -> SSAValue:
    """Columns start .. stop-1 of a value. Those that a part of a weight makes are made by that part."""
    made = _by_part(importer, value, range(start, stop))
    return made or importer.add(nn.SliceOp(value, bounds=(start, stop)))


def _by_part(importer: _Importer, value: SSAValue, columns: Sequence[int]) -> SSAValue | None:
    """Columns of what a linear layer makes, through views of each head or of all, as a part of its weight makes
    them; None where no part does."""
    whole, (*front, width) = value.owner, nn.shape_of(value)
    if isinstance(whole, nn.PermuteOp) and whole.axes.get_values()[-1] == len(front):
        part = _by_part(importer, whole.x, columns)
        return part and importer.add(nn.PermuteOp(part, axes=whole.axes.get_values()))
    if isinstance(whole, nn.ViewOp):
        heads, others = divmod(nn.shape_of(whole.x)[-1], width)
        if others or heads not in (1, *front[-1:]):
            return None
        inside = [head * width + column for head in range(heads) for column in columns]
        part = _by_part(importer, whole.x, inside)
        return part and importer.add(nn.ViewOp(part, (*front, len(columns))))
    weights = whole.operands[1:] if isinstance(whole, nn.LinearOp) else ()
    parts = [
        importer.part(weight.owner.param_name, columns)
        for weight in weights
        if isinstance(weight.owner, nn.ParamOp)
    ]
    if not parts or len(parts) < len(weights) or None in parts:
        return None
    names = [part for part in parts if part]
    path, importer.path = importer.path, ""  # As weights have none that are read whole.
    params = [importer.param(name) for name in names]
    importer.path = names[0].rpartition(".")[0]
    made = importer.add(nn.LinearOp(whole.operands[0], *params))  # type: ignore[union-attr]
    importer.path = path
    return made


def _cut(importer: _Importer, node: Node) -> SSAValue:
    """What is cut into pieces, of which `_piece` takes one."""
    source, _, dim = (*node.args, *node.kwargs.values(), 0)[:3]
    only(_is_last(dim, source), f"axis {dim}")
    return importer.operand(source)


def _piece(importer: _Importer, node: Node) -> SSAValue:
    source, index = node.args
    pieces = expect(source, Node).meta["val"]
    start = sum(piece.shape[-1] for piece in pieces[:index])
    stop = start + pieces[index].shape[-1]  # type: ignore[index]
    return _columns(importer, importer.operand(source), start, stop)


def _cat(importer: _Importer, node: Node) -> SSAValue:
    parts, dim = (*node.args, 0)[:2]
    only(isinstance(parts, list), "no list of parts")
    only(_is_last(dim, node), f"axis {dim}")
    found = [importer.operand(part) for part in parts if 0 not in part.meta["val"].shape]  # type: ignore
    only(len(found) <= 2, "more than two parts")
    return found[0] if len(found) == 1 else importer.add(nn.ConcatOp(*found))


GELUS = {"none": nn.GeluOp, "tanh": nn.GeluTanhOp}

HANDLERS: dict[str, Handler] = {
    "aten.alias.default": _identity,
    "aten.clone.default": _identity,
    "aten.contiguous.default": _identity,
    "aten.dropout.default": _dropout,
    "aten.to.dtype": _convert,
    "aten.to.device": _convert,
    "aten.to.dtype_layout": _convert,
    "aten.type_as.default": _convert,
    "aten.embedding.default": _embedding,
    "aten.linear.default": _linear,
    "aten.addmm.default": _addmm,
    "aten.layer_norm.default": _layer_norm,
    "aten.matmul.default": _binary(nn.MatmulOp),
    "aten.add.Tensor": _add,
    "aten.mul.Tensor": _binary(nn.MulOp),
    "aten.div.Tensor": _div,
    "aten.pow.Tensor_Scalar": _pow,
    "aten.mean.dim": _mean,
    "aten.rsqrt.default": _unary(nn.RsqrtOp),
    "aten.neg.default": _unary(nn.NegOp),
    "aten.cos.default": _unary(nn.CosOp),
    "aten.sin.default": _unary(nn.SinOp),
    "aten.softmax.int": _softmax,
    "aten.gelu.default": _gelu,
    "aten.silu.default": _unary(nn.SiluOp),
    "aten.relu.default": _unary(nn.ReluOp),
    "aten.tanh.default": _unary(nn.TanhOp),
    "aten.view.default": _view,
    "aten.reshape.default": _view,
    "aten.unsqueeze.default": _view,
    "aten.expand.default": _expand,
    "aten.transpose.int": _transpose,
    "aten.slice.Tensor": _slice,
    "aten.chunk.default": _cut,
    "aten.split.Tensor": _cut,
    "aten.split_with_sizes.default": _cut,
    "<built-in function getitem>": _piece,
    "aten.cat.default": _cat,
}
