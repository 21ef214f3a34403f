"""Reference evaluation of the `nn` dialect, both strata, with numpy through xDSL's interpreter.

Written from the definitions in the dialect, not from PyTorch, so that the two check each other.
Every tensor is a numpy array of its static shape, floating ones in the chosen precision; a raised
module takes a batch of token sequences as well, and then every tensor has one more axis in front. A
function of tensors takes any number of examples. A value is freed after its last use.

Errors: `UserError` for token ids or tensors that do not fit the module.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...errors import UserError

Array = np.ndarray
Weights = Callable[[str], Array]
Observer = Callable[[Operation, Array], None]


def evaluate(
    module: ModuleOp,
    tokens: Array,
    weights: Weights,
    dtype: DTypeLike = np.float32,
    observe: Observer | None = None,
    wanted: SSAValue | None = None,
) -> Array:
    """The logits of the module's function for the token ids, in the shape the function declares.

    `weights` gives the tensor of a parameter name (`Checkpoint.tensor`); `observe` is called with
    each operation and its value, in program order. With `wanted` that value ends the evaluation.
    """
    functions = NNFunctions(weights, dtype, tokens=np.asarray(tokens))
    return _run(module, functions, observe, wanted)[0]


def evaluate_function(
    module: ModuleOp,
    inputs: Mapping[str, Array],
    weights: Weights,
    dtype: DTypeLike = np.float32,
    observe: Observer | None = None,
) -> tuple[Array, ...]:
    """The outputs of a function of tensors. `inputs` are its tensors by name, of as many examples each."""
    return _run(module, NNFunctions(weights, dtype, inputs=inputs), observe, None)


def _run(
    module: ModuleOp,
    functions: NNFunctions,
    observe: Observer | None,
    wanted: SSAValue | None,
) -> tuple[Array, ...]:
    """What the module's function returns, or the wanted value alone."""
    (function,) = (op for op in module.ops if isinstance(op, FuncOp))
    interpreter = Interpreter(module)
    interpreter.register_implementations(functions)
    ops = list(function.body.block.ops)
    left = Counter(operand for op in ops for operand in op.operands)
    values: dict[SSAValue, Array] = {}
    for op in ops:
        inputs = tuple(values[operand] for operand in op.operands)
        if isinstance(op, ReturnOp):
            return inputs
        for operand in op.operands:
            left[operand] -= 1
            if not left[operand]:
                del values[operand]
        if isinstance(op, nn.ActivationOp):
            results: PythonValues = (op.function(inputs[0]),)
        else:
            results = interpreter.run_op(op, inputs)
        for result, value in zip(op.results, results, strict=True):
            values[result] = value
            if observe:
                observe(op, value)
            if result is wanted:
                return (value,)
    raise UserError("the function does not return its results")


def visible(tokens: int, window: int | None) -> Array:
    """(T, T) booleans: whether query i sees key j, 0 <= i - j (< window)."""
    distance = np.subtract.outer(np.arange(tokens), np.arange(tokens))
    return (distance >= 0) & (distance < (window or tokens))


def softmax(x: Array) -> Array:
    """Over the last axis, after subtracting the maximum."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def windows(x: Array, kernel: Sequence[int], stride: Sequence[int]) -> Array:
    """The windows of images (N, C, H, W), as a view (N, C, H', W', KH, KW)."""
    found = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), axis=(2, 3))
    return found[:, :, :: stride[0], :: stride[1]]


def padded(x: Array, padding: Sequence[int], value: float) -> Array:
    """Images with so many rows and columns of a value on each side."""
    rows, columns = padding
    return np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)), constant_values=value)


def convolution(x: Array, w: Array, stride: Sequence[int], groups: int) -> Array:
    """Of padded images (N, C, H, W) with w (O, C / groups, KH, KW), as a product of matrices for each group."""
    found = windows(x, w.shape[2:], stride)
    count, _, rows, columns, *_ = found.shape
    terms = w[0].size
    parts = found.transpose(0, 1, 4, 5, 2, 3).reshape(count, groups, terms, rows * columns)
    return (w.reshape(groups, -1, terms) @ parts).reshape(count, len(w), rows, columns)


def _repeat(kv: Array, heads: int) -> Array:
    """(.., KV, T, D) -> (.., H, T, D): head h gets key/value head h // (H / KV)."""
    return np.repeat(kv, heads // kv.shape[-3], axis=-3)


def _window(op: nn.MaskedSoftmaxOp | nn.CausalMaskOp) -> int | None:
    return op.window.value.data if op.window else None


@register_impls
class NNFunctions(InterpreterFunctions):
    """One method per operation, or per group of operations that share their form."""

    def __init__(
        self,
        weights: Weights,
        dtype: DTypeLike,
        tokens: Array | None = None,
        inputs: Mapping[str, Array] | None = None,
    ):
        self.weights = weights
        self.dtype = np.dtype(dtype)
        self.tokens = np.zeros(0, np.int64) if tokens is None else tokens
        self.inputs = inputs or {}

    def real(self, value: float | Array) -> Array:
        return np.asarray(value, dtype=self.dtype)

    def powers(self, exponents: nn.Ints) -> Array:
        return self.real(2.0 ** np.array(exponents.get_values(), np.float64))

    @impl(nn.TokensOp)
    def tokens_(self, _: Interpreter, op: nn.TokensOp, args: PythonValues) -> PythonValues:
        shape = nn.shape_of(op.result)
        if self.tokens.ndim == 2 and self.tokens.shape[1:] == shape:
            return (self.tokens,)
        if self.tokens.size != math.prod(shape):
            raise UserError(f"the module takes {math.prod(shape)} tokens, got {self.tokens.size}")
        return (self.tokens.reshape(shape),)

    @impl(nn.InputOp)
    def input(self, _: Interpreter, op: nn.InputOp, args: PythonValues) -> PythonValues:
        name, shape = op.input_name, list(nn.shape_of(op.result)[1:])
        if name not in self.inputs:
            raise UserError(f"there is no input {name}")
        found = self.inputs[name]
        found = self.real(found) if op.below is None else np.asarray(found, np.int64)
        if found.ndim == 0 or list(found.shape[1:]) != shape:
            raise UserError(
                f"the input {name} has shape (N, {', '.join(map(str, shape))}), got {found.shape}"
            )
        return (found,)

    @impl(nn.ParamOp)
    def param(self, _: Interpreter, op: nn.ParamOp, args: PythonValues) -> PythonValues:
        weight = self.real(self.weights(op.param_name))
        if op.rows is not None:
            weight = weight * self.powers(op.rows)[:, None]
        if op.columns is not None:
            weight = weight * self.powers(op.columns)
        return (weight,)

    @impl(nn.EmbeddingOp)
    def embedding(self, _: Interpreter, op: nn.EmbeddingOp, args: PythonValues) -> PythonValues:
        tokens, table = args
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(table):
            raise UserError(
                f"token ids must be between 0 and {len(table) - 1}, "
                f"got {tokens.min()} .. {tokens.max()}"
            )
        return (table[tokens] * self.real(op.scale.value.data),)

    @impl(nn.PositionEmbeddingOp)
    def position_embedding(
        self, _: Interpreter, op: nn.PositionEmbeddingOp, args: PythonValues
    ) -> PythonValues:
        first = op.offset.value.data
        rows = args[0][first : first + op.count.value.data]
        return (np.broadcast_to(rows, (*self.tokens.shape[:-1], *rows.shape)),)

    @impl(nn.LinearOp)
    def linear(self, _: Interpreter, op: nn.LinearOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        y = (x.reshape(-1, x.shape[-1]) @ w.T).reshape(*x.shape[:-1], -1)
        if op.scale is not None:
            y *= self.real(op.factor)
        return (y + bias[0] if bias else y,)

    @impl(nn.Conv2dOp)
    def conv2d(self, _: Interpreter, op: nn.Conv2dOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        x = padded(x, op.padding.get_values(), 0)
        y = convolution(x, w, op.stride.get_values(), op.groups.value.data)
        return (y + bias[0][:, None, None] if bias else y,)

    @impl(nn.MaxPool2dOp)
    def max_pool2d(self, _: Interpreter, op: nn.MaxPool2dOp, args: PythonValues) -> PythonValues:
        x = padded(args[0], op.padding.get_values(), -np.inf)
        return (windows(x, op.kernel.get_values(), op.stride.get_values()).max(axis=(-2, -1)),)

    @impl(nn.AvgPool2dOp)
    def avg_pool2d(self, _: Interpreter, op: nn.AvgPool2dOp, args: PythonValues) -> PythonValues:
        found = windows(args[0], op.kernel.get_values(), op.stride.get_values())
        return (found.mean(axis=(-2, -1)),)

    @impl(nn.FlattenOp)
    def flatten(self, _: Interpreter, op: nn.FlattenOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(len(args[0]), -1),)

    @impl(nn.ImagePositionsOp)
    def image_positions(
        self, _: Interpreter, op: nn.ImagePositionsOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        return (x.reshape(*x.shape[:2], -1).swapaxes(1, 2),)

    @impl(nn.AddPositionsOp)
    def add_positions(
        self, _: Interpreter, op: nn.AddPositionsOp, args: PythonValues
    ) -> PythonValues:
        (x, table), before = args, op.before.value.data
        after = len(table) - before - x.shape[1]
        return (table + np.pad(x, ((0, 0), (before, after), (0, 0))),)

    @impl(nn.PositionOp)
    def position(self, _: Interpreter, op: nn.PositionOp, args: PythonValues) -> PythonValues:
        return (args[0][:, op.at.value.data],)

    @impl(nn.MeanPositionsOp)
    def mean_positions(
        self, _: Interpreter, op: nn.MeanPositionsOp, args: PythonValues
    ) -> PythonValues:
        return (args[0][:, op.first.value.data :].mean(axis=1),)

    @impl(nn.RotateOp)
    def rotate(self, _: Interpreter, op: nn.RotateOp, args: PythonValues) -> PythonValues:
        x, cos, sin = args
        return (x * cos + x[..., op.partners.get_values()] * sin,)

    @impl(nn.AddOp)
    def add(self, _: Interpreter, op: nn.AddOp, args: PythonValues) -> PythonValues:
        return (args[0] + args[1],)

    @impl(nn.MulOp)
    def mul(self, _: Interpreter, op: nn.MulOp, args: PythonValues) -> PythonValues:
        return (args[0] * args[1],)

    @impl(nn.RMSNormOp)
    def rms_norm(self, _: Interpreter, op: nn.RMSNormOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        mean = np.square(x).mean(axis=-1, keepdims=True)
        gain = self.real(op.added) + w
        powers = self.real(1.0) if op.exponents is None else self.powers(op.exponents)
        y = x / np.sqrt(mean + self.real(op.eps.value.data)) * (gain * powers)
        return (y + bias[0] * powers if bias else y,)

    @impl(nn.CenterOp)
    def center(self, _: Interpreter, op: nn.CenterOp, args: PythonValues) -> PythonValues:
        return (args[0] - args[0].mean(axis=-1, keepdims=True),)

    @impl(nn.LayerNormOp)
    def layer_norm(self, _: Interpreter, op: nn.LayerNormOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        x = x - x.mean(axis=-1, keepdims=True)
        y = (
            x
            / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self.real(op.eps.value.data))
            * w
        )
        return (y + bias[0] if bias else y,)

    @impl(nn.SplitHeadsOp)
    def split_heads(self, _: Interpreter, op: nn.SplitHeadsOp, args: PythonValues) -> PythonValues:
        (x,) = args
        return (x.reshape(*x.shape[:-1], op.heads.value.data, -1).swapaxes(-3, -2),)

    @impl(nn.MergeHeadsOp)
    def merge_heads(self, _: Interpreter, op: nn.MergeHeadsOp, args: PythonValues) -> PythonValues:
        (x,) = args
        x = x.swapaxes(-3, -2)
        return (x.reshape(*x.shape[:-2], -1),)

    @impl(nn.RopeOp)
    def rope(self, _: Interpreter, op: nn.RopeOp, args: PythonValues) -> PythonValues:
        return (op.turned(args[0]),)

    @impl(nn.ScoresOp)
    def scores(self, _: Interpreter, op: nn.ScoresOp, args: PythonValues) -> PythonValues:
        q, k = args
        keys = _repeat(k, q.shape[-3])
        return (self.real(op.scale.value.data) * (q @ keys.swapaxes(-1, -2)),)

    @impl(nn.MaskedSoftmaxOp)
    def masked_softmax(
        self, _: Interpreter, op: nn.MaskedSoftmaxOp, args: PythonValues
    ) -> PythonValues:
        (scores,) = args
        if op.scale is not None:
            scores = scores * self.real(op.factor)
        return (softmax(np.where(visible(scores.shape[-1], _window(op)), scores, -np.inf)),)

    @impl(nn.AttendOp)
    def attend(self, _: Interpreter, op: nn.AttendOp, args: PythonValues) -> PythonValues:
        p, v = args
        return (p @ _repeat(v, p.shape[-3]),)

    @impl(nn.ConstantOp)
    def constant(self, _: Interpreter, op: nn.ConstantOp, args: PythonValues) -> PythonValues:
        return (self.real(op.value.value.data),)

    @impl(nn.PositionsOp)
    def positions(self, _: Interpreter, op: nn.PositionsOp, args: PythonValues) -> PythonValues:
        shape = nn.shape_of(op.result)
        return (np.broadcast_to(np.arange(shape[-1]) + op.first, shape),)

    @impl(nn.RopeFrequenciesOp)
    def frequencies(
        self, _: Interpreter, op: nn.RopeFrequenciesOp, args: PythonValues
    ) -> PythonValues:
        (count,) = nn.shape_of(op.result)
        return (self.real(op.rotation.frequencies(count)),)

    @impl(nn.CausalMaskOp)
    def causal_mask(self, _: Interpreter, op: nn.CausalMaskOp, args: PythonValues) -> PythonValues:
        shape = nn.shape_of(op.result)
        mask = np.where(visible(shape[-1], _window(op)), 0.0, np.finfo(np.float32).min)
        return (self.real(mask).reshape(shape),)

    @impl(nn.NegOp)
    def neg(self, _: Interpreter, op: nn.NegOp, args: PythonValues) -> PythonValues:
        return (-args[0],)

    @impl(nn.RsqrtOp)
    def rsqrt(self, _: Interpreter, op: nn.RsqrtOp, args: PythonValues) -> PythonValues:
        return (1 / np.sqrt(args[0]),)

    @impl(nn.CosOp)
    def cos(self, _: Interpreter, op: nn.CosOp, args: PythonValues) -> PythonValues:
        return (np.cos(args[0]),)

    @impl(nn.SinOp)
    def sin(self, _: Interpreter, op: nn.SinOp, args: PythonValues) -> PythonValues:
        return (np.sin(args[0]),)

    @impl(nn.ErfOp)
    def erf(self, _: Interpreter, op: nn.ErfOp, args: PythonValues) -> PythonValues:
        return (nn.erf(args[0]),)

    @impl(nn.ExpOp)
    def exp(self, _: Interpreter, op: nn.ExpOp, args: PythonValues) -> PythonValues:
        return (np.exp(args[0]),)

    @impl(nn.SoftmaxOp)
    def softmax(self, _: Interpreter, op: nn.SoftmaxOp, args: PythonValues) -> PythonValues:
        return (softmax(args[0] * self.real(op.factor) if op.scale else args[0]),)

    @impl(nn.ProbabilitiesOp)
    def probabilities(
        self, _: Interpreter, op: nn.ProbabilitiesOp, args: PythonValues
    ) -> PythonValues:
        return (softmax(args[0] * self.real(op.factor) if op.scale else args[0]),)

    @impl(nn.CastOp)
    def cast(self, _: Interpreter, op: nn.CastOp, args: PythonValues) -> PythonValues:
        return (args[0].astype(self.dtype),)

    @impl(nn.PowOp)
    def pow(self, _: Interpreter, op: nn.PowOp, args: PythonValues) -> PythonValues:
        return (args[0] ** self.real(op.exponent.value.data),)

    @impl(nn.MeanOp)
    def mean(self, _: Interpreter, op: nn.MeanOp, args: PythonValues) -> PythonValues:
        return (args[0].mean(axis=-1, keepdims=True),)

    @impl(nn.MaxOp)
    def max(self, _: Interpreter, op: nn.MaxOp, args: PythonValues) -> PythonValues:
        return (args[0].max(axis=-1, keepdims=True),)

    @impl(nn.MatmulOp)
    def matmul(self, _: Interpreter, op: nn.MatmulOp, args: PythonValues) -> PythonValues:
        return (args[0] @ args[1],)

    @impl(nn.ViewOp)
    def view(self, _: Interpreter, op: nn.ViewOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(nn.shape_of(op.result)),)

    @impl(nn.ExpandOp)
    def expand(self, _: Interpreter, op: nn.ExpandOp, args: PythonValues) -> PythonValues:
        return (np.broadcast_to(args[0], nn.shape_of(op.result)),)

    @impl(nn.PermuteOp)
    def permute(self, _: Interpreter, op: nn.PermuteOp, args: PythonValues) -> PythonValues:
        return (args[0].transpose(op.axes.get_values()),)

    @impl(nn.SliceOp)
    def slice(self, _: Interpreter, op: nn.SliceOp, args: PythonValues) -> PythonValues:
        start, stop = op.bounds.get_values()
        return (args[0][..., start:stop],)

    @impl(nn.ConcatOp)
    def concat(self, _: Interpreter, op: nn.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=-1),)
