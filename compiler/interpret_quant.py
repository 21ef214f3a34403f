"""Reference interpreter of the `quant` dialect: exact integers, one operation at a time.

It defines what a quantised module computes, before and after `stack-layers` and `batch-decode`,
and is the oracle for the executor. It is written for clarity: int64 throughout, which is exact
because no type of the dialect is wider than 64 bits; nothing is cached.

Errors: `RangeError` where a value leaves the range of its type, naming the module path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Operation

from ..dialects import quant
from ..dialects.nn import ROPE_FRAC, module_path
from ..dialects.quant import TableAttr
from ..dialects.table_expr import evaluate
from ..errors import RangeError, UserError, ZklemmaError
from .analysis.rope_table import rope_table
from .modules import main_function


def interpret(
    module: ModuleOp, weights: Mapping[str, np.ndarray], ids: Sequence[int], rows: int | None = None
) -> np.ndarray:
    """What the module's function returns for the tokens `ids`, of which there may be fewer than T.

    `weights` are those of `weights.quantized_weights`. `rows` overrides the number of rows that
    `quant.select` takes from the end.
    """
    (result,) = _call(module, QuantFunctions(weights, np.array(ids, np.int64), rows))
    return result


def interpret_function(
    module: ModuleOp, weights: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, ...]:
    """What the module's function returns for inputs by name, of as many examples as it takes or fewer."""
    return _call(module, QuantFunctions(weights, np.zeros(0, np.int64), None, inputs))


def _call(module: ModuleOp, functions: QuantFunctions) -> tuple[np.ndarray, ...]:
    interpreter = Interpreter(module)
    interpreter.register_implementations(functions)
    interpreter.register_implementations(FuncFunctions())
    function = main_function(module)
    try:
        return interpreter.call_op(function, ())
    except ZklemmaError as error:
        error.__notes__ = []  # the interpreter attaches the whole module
        raise


def table(attribute: TableAttr) -> np.ndarray:
    """The entries of a table, from the lower end of its domain."""
    return evaluate(attribute.expression.data, *attribute.domain)


def seen_keys(tokens: int, window: int) -> np.ndarray:
    """Which keys (second axis) each query sees; window 0 is all up to the query's own."""
    age = np.arange(tokens)[:, None] - np.arange(tokens)
    return (age >= 0) & ((window == 0) | (age < window))


def rounded_shift(acc: np.ndarray, shift: int) -> np.ndarray:
    """acc over 2^shift, rounded half up."""
    # Half of 2^shift added to acc could overflow.
    up = acc >> (shift - 1) & 1 if shift else 0
    return (acc >> shift) + up


@register_impls
class QuantFunctions(InterpreterFunctions):
    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        ids: np.ndarray,
        rows: int | None,
        inputs: Mapping[str, np.ndarray] | None = None,
    ):
        self.weights = weights
        self.inputs = inputs or {}
        self.ids = ids
        self.rows = rows
        self.layer = 0

    def where(self, op: Operation) -> str:
        return module_path(op).replace("{layer}", str(self.layer)) or op.name

    def fit(self, op: Operation, value: np.ndarray, index: int = 0) -> np.ndarray:
        """The value, in the range of the result's type."""
        type = quant.type_of(op.results[index])
        low, high = int(value.min()), int(value.max())
        if low < -type.bound or high >= type.bound:
            raise RangeError(
                f"{self.where(op)}: {op.name} gives values in [{low}, {high}], beyond "
                f"{type.width} bits"
            )
        return value

    @impl(quant.TokensOp)
    def tokens(self, _: Interpreter, op: quant.TokensOp, args: PythonValues) -> PythonValues:
        (limit,) = quant.type_of(op.result).shape
        if not 1 <= len(self.ids) <= limit:
            raise UserError(f"{len(self.ids)} tokens; the module takes 1 to {limit}")
        return (self.ids,)

    @impl(quant.ParamOp)
    def param(self, _: Interpreter, op: quant.ParamOp, args: PythonValues) -> PythonValues:
        return (self.fit(op, self.weights[op.param_names[0]].astype(np.int64)),)

    @impl(quant.EmbedOp)
    def embed(self, _: Interpreter, op: quant.EmbedOp, args: PythonValues) -> PythonValues:
        (ids, rows), shift = args, op.shift.value.data
        found = rows[ids] << shift if shift >= 0 else rounded_shift(rows[ids], -shift)
        return (self.fit(op, found),)

    @impl(quant.EmbedPositionsOp)
    def embed_positions(
        self, _: Interpreter, op: quant.EmbedPositionsOp, args: PythonValues
    ) -> PythonValues:
        (rows,), first = args, op.offset.value.data
        return (self.fit(op, rows[first : first + len(self.ids)] << op.shift.value.data),)

    @impl(quant.RequantizeOp)
    def requantize(
        self, _: Interpreter, op: quant.RequantizeOp, args: PythonValues
    ) -> PythonValues:
        return (self.fit(op, rounded_shift(args[0], op.shift.value.data)),)

    @impl(quant.RmsNormOp)
    def rms_norm(self, _: Interpreter, op: quant.RmsNormOp, args: PythonValues) -> PythonValues:
        x, gain, *bias = args
        total = np.sum(x * x, axis=-1, keepdims=True) + op.eps.get_values()[self.layer]
        e = np.zeros_like(total)
        while np.any(large := (total >> (2 * e)) >= 1 << 16):
            e += large
        e = np.maximum(e, op.emin)
        mantissa = total >> (2 * e)
        if e.max() > op.emax or mantissa.min() < 1 << quant.MANTISSA_BITS:
            raise RangeError(
                f"{self.where(op)}: sums of squares in [{total.min()}, {total.max()}] leave the "
                f"exponents {op.emin} to {op.emax}"
            )
        r = table(op.table)[mantissa - op.table.domain[0]]
        acc = x * (r << (op.emax - e)) * gain
        if op.bias_shift is not None:
            acc = acc + (bias[0] << op.bias_shift.value.data)
        return (self.fit(op, acc),)

    @impl(quant.CenterOp)
    def center(self, _: Interpreter, op: quant.CenterOp, args: PythonValues) -> PythonValues:
        (x,), shift, bound = args, op.shift.value.data, op.mean_bound
        factor = quant.one_over(x.shape[-1], shift)
        mean = rounded_shift(x.sum(axis=-1, keepdims=True) * factor, shift)
        if mean.min() < -bound or mean.max() >= bound:
            raise RangeError(
                f"{self.where(op)}: means in [{mean.min()}, {mean.max()}] leave {op.bits.value.data} bits"
            )
        return (self.fit(op, x - mean),)

    @impl(quant.MatmulOp)
    def matmul(self, _: Interpreter, op: quant.MatmulOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        acc = x @ w.T
        if op.bias_shift is not None:
            acc = acc + (bias[0] << op.bias_shift.value.data)
        return (self.fit(op, acc),)

    @impl(quant.InputOp)
    def input(self, _: Interpreter, op: quant.InputOp, args: PythonValues) -> PythonValues:
        value = self.inputs.get(op.tensor.data)
        if value is None:
            raise UserError(f"there is no input {op.tensor.data}")
        shape = quant.type_of(op.result).shape
        if value.shape[1:] != shape[1:] or not 1 <= len(value) <= shape[0]:
            raise UserError(
                f"input {op.tensor.data} has shape {list(value.shape)}, the module takes 1 to "
                f"{shape[0]} examples of {list(shape[1:])}"
            )
        if op.below is not None and not 0 <= value.min() <= value.max() < op.below.value.data:
            raise RangeError(
                f"input {op.tensor.data} has an id that is not in 0 .. {op.below.value.data - 1}"
            )
        return (self.fit(op, value.astype(np.int64)),)

    @impl(quant.Conv2dOp)
    def conv2d(self, _: Interpreter, op: quant.Conv2dOp, args: PythonValues) -> PythonValues:
        x, w, *bias = args
        moved = self.moved(op, x, w.shape[2:], op.padding.get_values())
        parts = moved.reshape(len(moved), -1, w.shape[1], *moved.shape[2:])
        of_group = w.reshape(op.groups.value.data, -1, *w.shape[1:])
        acc = np.einsum("egcijab,gocab->egoij", parts, of_group)
        acc = acc.reshape(len(acc), -1, *acc.shape[3:])
        if op.bias_shift is not None:
            acc = acc + (bias[0] << op.bias_shift.value.data)[:, None, None]
        return (self.fit(op, acc),)

    @impl(quant.MaxPoolOp)
    def max_pool(self, _: Interpreter, op: quant.MaxPoolOp, args: PythonValues) -> PythonValues:
        padding = op.padding.get_values()
        if any(padding) and args[0].min() < 0:
            raise RangeError(f"{self.where(op)}: a padded image has a negative element")
        return (self.moved(op, args[0], op.kernel.get_values(), padding).max(axis=(-2, -1)),)

    @impl(quant.SumPoolOp)
    def sum_pool(self, _: Interpreter, op: quant.SumPoolOp, args: PythonValues) -> PythonValues:
        moved = self.moved(op, args[0], op.kernel.get_values(), (0, 0))
        return (self.fit(op, moved.sum(axis=(-2, -1)) * op.factor.value.data),)

    def moved(
        self,
        op: quant.Conv2dOp | quant.MaxPoolOp | quant.SumPoolOp,
        x: np.ndarray,
        kernel: Sequence[int],
        padding: Sequence[int],
    ) -> np.ndarray:
        """The windows of an image: [examples, channels, rows, columns, kh, kw]."""
        padded = np.pad(x, ((0, 0), (0, 0), *((n, n) for n in padding)))
        views = np.lib.stride_tricks.sliding_window_view(padded, tuple(kernel), axis=(2, 3))
        down, right = op.stride.get_values()
        return views[:, :, ::down, ::right]

    @impl(quant.FlattenOp)
    def flatten(self, _: Interpreter, op: quant.FlattenOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(len(args[0]), -1),)

    @impl(quant.ImagePositionsOp)
    def image_positions(
        self, _: Interpreter, op: quant.ImagePositionsOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        return (x.reshape(*x.shape[:2], -1).swapaxes(1, 2),)

    @impl(quant.AddPositionsOp)
    def add_positions(
        self, _: Interpreter, op: quant.AddPositionsOp, args: PythonValues
    ) -> PythonValues:
        (x, table), before = args, op.before.value.data
        after = len(table) - before - x.shape[1]
        return (self.fit(op, table + np.pad(x, ((0, 0), (before, after), (0, 0)))),)

    @impl(quant.PositionOp)
    def position(self, _: Interpreter, op: quant.PositionOp, args: PythonValues) -> PythonValues:
        return (args[0][:, op.at.value.data],)

    @impl(quant.SumPositionsOp)
    def sum_positions(
        self, _: Interpreter, op: quant.SumPositionsOp, args: PythonValues
    ) -> PythonValues:
        total = args[0][:, op.first.value.data :].sum(axis=1)
        return (self.fit(op, total * op.factor.value.data),)

    @impl(quant.RotateOp)
    def rotate(self, _: Interpreter, op: quant.RotateOp, args: PythonValues) -> PythonValues:
        x, cos, sin = args
        return (self.fit(op, x * cos + x[..., op.partners.get_values()] * sin),)

    @impl(quant.SplitHeadsOp)
    def split_heads(
        self, _: Interpreter, op: quant.SplitHeadsOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        return (x.reshape(*x.shape[:-1], op.heads.value.data, -1).swapaxes(-3, -2),)

    @impl(quant.MergeHeadsOp)
    def merge_heads(
        self, _: Interpreter, op: quant.MergeHeadsOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        x = x.swapaxes(-3, -2)
        return (x.reshape(*x.shape[:-2], -1),)

    @impl(quant.RopeOp)
    def rope(self, _: Interpreter, op: quant.RopeOp, args: PythonValues) -> PythonValues:
        (x,) = args
        rotation = op.rotations[op.kinds.get_values()[self.layer]]
        cos, sin = rope_table(rotation, x.shape[1], op.width)
        first, others = np.split(x, [op.width], axis=-1)
        low, high = np.split(first, 2, axis=-1)
        turned = first * cos + np.concatenate([-high, low], axis=-1) * sin
        kept = others << ROPE_FRAC
        return (self.fit(op, np.concatenate([turned, kept], axis=-1)),)

    @impl(quant.ScoresOp)
    def scores(self, _: Interpreter, op: quant.ScoresOp, args: PythonValues) -> PythonValues:
        q, k = args
        return (self.fit(op, q @ _shared(k, q).swapaxes(-1, -2)),)

    @impl(quant.SoftmaxOp)
    def softmax(self, _: Interpreter, op: quant.SoftmaxOp, args: PythonValues) -> PythonValues:
        (scores,) = args
        window = op.windows.get_values()[self.layer]
        seen = np.array(True) if window == quant.EVERY else seen_keys(scores.shape[-1], window)
        top = np.max(scores, axis=-1, keepdims=True, where=seen, initial=scores.min())
        e = np.where(seen, table(op.table)[np.where(seen, top - scores, 0)], 0)
        inv = (1 << op.k.value.data) // e.sum(axis=-1)
        return self.fit(op, e, 0), self.fit(op, inv, 1)

    @impl(quant.AttendOp)
    def attend(self, _: Interpreter, op: quant.AttendOp, args: PythonValues) -> PythonValues:
        e, inv, v = args
        return (self.fit(op, (e @ _shared(v, e)) * inv[..., None]),)

    @impl(quant.ProbabilitiesOp)
    def probabilities(
        self, _: Interpreter, op: quant.ProbabilitiesOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        e = table(op.table)[x.max(axis=-1, keepdims=True) - x]
        inv = (1 << op.k.value.data) // e.sum(axis=-1, keepdims=True)
        return (self.fit(op, e * inv),)

    @impl(quant.TableOp)
    def table(self, _: Interpreter, op: quant.TableOp, args: PythonValues) -> PythonValues:
        return (self.fit(op, table(op.table)[args[0] - op.table.domain[0]]),)

    @impl(quant.MulOp)
    def mul(self, _: Interpreter, op: quant.MulOp, args: PythonValues) -> PythonValues:
        return (self.fit(op, args[0] * args[1]),)

    @impl(quant.AddOp)
    def add(self, _: Interpreter, op: quant.AddOp, args: PythonValues) -> PythonValues:
        return (self.fit(op, args[0] + args[1]),)

    @impl(quant.SelectOp)
    def select(self, _: Interpreter, op: quant.SelectOp, args: PythonValues) -> PythonValues:
        (x,) = args
        rows = op.rows.value.data if self.rows is None else self.rows
        return (x[len(x) - rows :],)

    @impl(quant.ArgmaxOp)
    def argmax(self, _: Interpreter, op: quant.ArgmaxOp, args: PythonValues) -> PythonValues:
        x, rows = args
        logits = x @ rows.T
        spread = int((logits.max(axis=-1) - logits.min(axis=-1)).max())
        if spread.bit_length() > op.width.value.data:
            raise RangeError(
                f"{self.where(op)}: logits lie up to {spread} below the best, beyond "
                f"{op.width.value.data} bits"
            )
        return (np.argmax(logits, axis=-1),)

    @impl(quant.LayersOp)
    def layers(self, interpreter: Interpreter, op: quant.LayersOp, args: PythonValues) -> Any:
        stream, *params = args
        for self.layer in range(op.layers):
            slices = [param[self.layer] for param in params]
            (stream,) = interpreter.run_ssacfg_region(op.body, (stream, *slices), "layer")
        self.layer = 0
        return (stream,)

    @impl_terminator(quant.YieldOp)
    def yield_(self, _: Interpreter, op: quant.YieldOp, args: PythonValues) -> Any:
        return ReturnedValues(args), ()


def _shared(kv: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """Key/value heads, each repeated for the query heads that share it."""
    return np.repeat(kv, heads.shape[-3] // kv.shape[-3], axis=-3)
