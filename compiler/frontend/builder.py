"""A function of tensors in the making, whichever framework it comes from: operations of `nn`, weights by name, and
all that can not be taken.

Frontends read the arguments of their operations and build with what is here. They may write out activations
(`raise-gelu`, `raise-silu`), and multiply by constants or add them: these are factors and summands of channels, as
batch norms are, and become part of the layers beside them (`fold_norms`).

Errors: `UserError` that names all operations that are not supported, before any weight is computed.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import torch
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, TensorType, i64
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass, PassPipeline
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...dialects.interfaces import Quantised
from ...errors import UserError, expect
from ..transforms.center_layer_norm import CenterLayerNorm
from ..transforms.matching import either_order
from ..transforms.raise_attention import RaiseAttention
from ..transforms.raise_gelu import RaiseGelu
from ..transforms.raise_silu import RaiseSilu
from .attention import raise_masks, scale_in_softmax, softmax
from .fold_norms import Recipe, Weights, fold
from .graph import Unsupported, only
from .rotations import Rotations
from .rows import raise_rows
from .views import MOVES, Views

FUNCTION = "main"
MOST_IDS = 1 << 20
"""Rows of a table that ids name: the longest axis of a circuit."""
Tensor = Callable[[str], np.ndarray]
Sides = tuple[tuple[int, int], tuple[int, int]]
"""Rows above and below an image, columns left and right of it."""
RAISING: tuple[ModulePass, ...] = (RaiseGelu(), RaiseSilu(), RaiseAttention(), CenterLayerNorm())
LOGITS = "leave it out: of logits the largest stays the largest"
_OTHER = re.compile(r"[^A-Za-z0-9_.]+")
SHOWN = 3
"""How many places are named of an operation that stands in many."""


def _channelled(shape: nn.Shape) -> nn.Shape:
    """The shape of a number for each channel: the second axis of rows and images, the last of positions."""
    axis = 2 if len(shape) == 3 else 1
    return tuple(n if i == axis else 1 for i, n in enumerate(shape))


def _sum(one: Recipe, other: Recipe) -> torch.Tensor:
    return one().double() + other().double()


def _is_ids(value: SSAValue) -> bool:
    return isinstance(value.owner, nn.InputOp) and value.owner.below is not None


def plain(name: str) -> str:
    """A name of a graph as a module path: words with dots between them."""
    return _OTHER.sub(".", name).strip(".")


@dataclass(frozen=True)
class Refusal:
    """An operation, or a use of one, and what to write in its place."""

    operation: str
    why: str
    nearest: str


class FunctionBuilder:
    """A function of up to ``batch`` examples. ``path`` is the place in the source of what is added."""

    def __init__(self, batch: int):
        if batch < 1:
            raise UserError(f"a function has at least 1 example, got {batch}")
        self.block = Block()
        self.batch = batch
        self.path = ""
        self.weights = Weights()
        self.sums: dict[nn.AddOp, str] = {}
        """The last operations of what factors and summands of channels are until `fold`, and what they were."""
        self.refusals: dict[Refusal, list[str]] = {}

    # What frontends build with

    def add(self, op: Operation) -> SSAValue:
        self.block.add_op(nn.with_path(op, self.path))
        return op.results[0]

    def input(self, name: str, shape: Sequence[int]) -> SSAValue:
        return self.add(nn.InputOp(TensorType(f32_type, tuple(shape)), name=StringAttr(name)))

    def ids(self, name: str, shape: Sequence[int]) -> SSAValue:
        """Ids (N, T), of which the tables that are read at them say how many there are."""
        below = IntegerAttr(MOST_IDS, i64)
        return self.add(
            nn.InputOp(TensorType(i64, tuple(shape)), name=StringAttr(name), below=below)
        )

    def embedding(self, ids: SSAValue, table: SSAValue) -> SSAValue:
        """Rows of a table at ids."""
        source, rows = ids.owner, nn.shape_of(table)[0]
        if not isinstance(source, nn.InputOp) or source.below is None:
            raise Unsupported("of ids that are no input")
        below = min(source.below.value.data, rows)
        source.properties["below"] = IntegerAttr(below, i64)
        return self.add(nn.EmbeddingOp(ids, table, scale=1.0))

    def param(self, name: str, shape: Sequence[int], recipe: Recipe) -> SSAValue:
        """A weight, under a name with a number where that is taken."""
        return self.add(self.weights.param(name, tuple(shape), recipe))

    def conv2d(
        self,
        x: SSAValue,
        weights: Sequence[SSAValue],
        stride: tuple[int, int],
        padding: Sides,
        groups: int,
    ) -> SSAValue:
        """A convolution whose padding may differ between sides: the window then gets rows or columns of zeros."""
        w, *bias = weights
        more = [abs(before - after) for before, after in padding]
        if any(more):
            owner = expect(w.owner, nn.ParamOp)
            recipe, shape = self.weights.recipes[owner.param_name], nn.shape_of(w)
            (top, bottom), (left, right) = (
                (max(after - before, 0), max(before - after, 0)) for before, after in padding
            )
            w = self.param(
                owner.param_name,
                (*shape[:2], *(k + n for k, n in zip(shape[2:], more, strict=True))),
                lambda: torch.nn.functional.pad(recipe(), (left, right, top, bottom)),
            )
        widest = tuple(max(sides) for sides in padding)
        conv = nn.Conv2dOp(x, w, *bias, stride=stride, padding=widest, groups=groups)
        return self.add(conv)

    def times(self, x: SSAValue, factor: float) -> SSAValue:
        """x times a number, which is put together with one that x is multiplied by already."""
        product = x.owner
        if isinstance(product, nn.MulOp) and (number := nn.constant(product.rhs)) is not None:
            x, factor = product.lhs, factor * number
        if math.isclose(factor, 1, rel_tol=2.0**-22):
            return x
        return self.add(nn.MulOp(x, self.add(nn.ConstantOp(factor))))

    def inverse(self, x: SSAValue) -> SSAValue:
        """1 / x of a root, as norms have it."""
        root = x.owner
        if not isinstance(root, nn.PowOp) or root.exponent.value.data != 0.5:
            raise Unsupported("by a value")
        return self.add(nn.RsqrtOp(root.x))

    def mean(self, x: SSAValue, kernel: Sequence[int], stride: Sequence[int]) -> SSAValue:
        """The mean of each window, where it has more than one element."""
        if tuple(kernel) == tuple(stride) == (1, 1):
            return x
        return self.add(nn.AvgPool2dOp(x, kernel=tuple(kernel), stride=tuple(stride)))

    def view(self, x: SSAValue, after: Sequence[int]) -> SSAValue:
        """The same elements in another shape; an image as one row, or what `views` knows."""
        after = tuple(after)
        if isinstance(x.owner, nn.ViewOp) and nn.shape_of(x.owner.x) == after:
            return x.owner.x
        if (before := nn.shape_of(x)) == after:
            return x
        row = len(before) == 4 and after == (before[0], int(np.prod(before[1:])))
        return self.add(
            nn.FlattenOp(x) if row and not isinstance(x.owner, MOVES) else nn.ViewOp(x, after)
        )

    def permute(self, x: SSAValue, axes: Sequence[int]) -> SSAValue:
        rank = len(nn.shape_of(x))
        axes = tuple(axis % rank for axis in axes)
        return x if axes == (*range(rank),) else self.add(nn.PermuteOp(x, axes=axes))

    def slice(self, x: SSAValue, axis: int, start: int, stop: int, step: int = 1) -> SSAValue:
        """The indices start .. stop-1 of an axis; with a step, which divides it, all those of one remainder."""
        shape = nn.shape_of(x)
        axis %= len(shape)
        if step > 1:
            only(
                shape[axis] % step == 0 and start < step and stop > shape[axis] - step + start,
                f"a step of {step}",
            )
            parts = (*shape[:axis], shape[axis] // step, step, *shape[axis + 1 :])
            return self.select(self.view(x, parts), axis + 1, start)
        if (start, stop) == (0, shape[axis]):
            return x
        order = [*(i for i in range(len(shape)) if i != axis), axis]
        last = self.add(nn.SliceOp(self.permute(x, order), bounds=(start, stop)))
        return self.permute(last, [order.index(i) for i in range(len(shape))])

    def select(self, x: SSAValue, axis: int, at: int) -> SSAValue:
        """One index of an axis, which goes."""
        shape = [*nn.shape_of(x)]
        axis, at = axis % len(shape), at % shape[axis]
        one = self.slice(x, axis, at, at + 1)
        return self.view(one, [*shape[:axis], *shape[axis + 1 :]])

    def expand(self, x: SSAValue, shape: Sequence[int]) -> SSAValue:
        """x repeated along axes of size 1, in front of which there may be new ones."""
        before, after = nn.shape_of(x), tuple(shape)
        x = self.view(x, (1,) * (len(after) - len(before)) + before)
        return x if nn.shape_of(x) == after else self.add(nn.ExpandOp(x, after))

    def repeat(self, x: SSAValue, axis: int, times: int) -> SSAValue:
        """Each index of an axis so many times, one after the other."""
        shape = nn.shape_of(x)
        axis %= len(shape)
        front, back = shape[: axis + 1], shape[axis + 1 :]
        each = self.expand(self.view(x, (*front, 1, *back)), (*front, times, *back))
        return self.view(each, (*shape[:axis], shape[axis] * times, *back))

    def stack(self, parts: Sequence[SSAValue], axis: int) -> SSAValue:
        """Values of one shape along a new axis."""
        shape = nn.shape_of(parts[0])
        axis %= len(shape) + 1
        one = (*shape[:axis], 1, *shape[axis:])
        return self.concat([self.view(part, one) for part in parts], axis)

    def concat(self, parts: Sequence[SSAValue], axis: int) -> SSAValue:
        """Channels of values side by side; or positions of one among others that are constant: what is a row of a
        table, and what is x."""
        values = [x for x in parts if not isinstance(x.owner, nn.ParamOp)]
        if len(values) == len(parts) > 1 and axis == len(nn.shape_of(parts[0])) - 1:
            return reduce(lambda one, other: self.add(nn.ConcatOp(one, other)), parts)
        only(len(values) == 1 and axis == 1, "of several values, or not along positions")
        (x,), lengths = values, [nn.shape_of(part)[1] for part in parts]
        recipes = [
            self.weights.recipes[part.owner.param_name]
            if isinstance(part.owner, nn.ParamOp)
            else lambda length=length: torch.zeros(1, length, nn.shape_of(x)[2])
            for part, length in zip(parts, lengths, strict=True)
        ]
        rows = [self._of_each_example(recipe) for recipe in recipes]
        before = sum(lengths[: [*parts].index(x)])
        name = next(p.owner.param_name for p in parts if isinstance(p.owner, nn.ParamOp))
        shape = (sum(lengths), nn.shape_of(x)[2])
        table = self.param(f"{name}.rows", shape, lambda: torch.cat([part() for part in rows]))
        return self.add(nn.AddPositionsOp(x, table, before=before))

    def _of_each_example(self, recipe: Recipe) -> Recipe:
        """A constant (1, T, C) or (N, T, C) as (T, C)."""

        def made() -> torch.Tensor:
            numbers = recipe()
            if not torch.equal(numbers, numbers[:1].expand_as(numbers)):
                raise UserError("a constant differs from example to example")
            return numbers[0]

        return made

    def matmul(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """The product of two values of examples, with heads or without, or of one and a weight (k, n)."""
        owner = rhs.owner
        if isinstance(owner, nn.ParamOp):
            recipe, shape = self.weights.recipes[owner.param_name], nn.shape_of(rhs)
            only(len(shape) == 2, f"a weight of shape {shape}")
            w = self.param(f"{owner.param_name}.t", shape[::-1], lambda: recipe().T)
            return self.add(nn.LinearOp(lhs, w))
        only(not isinstance(lhs.owner, nn.ParamOp), "a weight in the place of a value")
        return self._with_heads(nn.MatmulOp, lhs, rhs)

    def attention(
        self,
        q: SSAValue,
        k: SSAValue,
        v: SSAValue,
        scale: float,
        causal: bool,
        window: int | None = None,
    ) -> SSAValue:
        """softmax(scale q k^T) v, with heads or without; causal, perhaps within a window, or of all positions."""

        def mixed(q: SSAValue, k: SSAValue, v: SSAValue) -> Operation:
            scores = self.add(nn.ScoresOp(q, k, scale=scale))
            return nn.AttendOp(self.add(softmax(scores, causal, window=window)), v)

        return self._with_heads(mixed, q, k, v)

    def mask(self, x: SSAValue, added: Recipe) -> SSAValue:
        """Scores and what hides some of them, which is known."""
        numbers = added()
        return self.add(nn.AddOp(x, self.param("mask", tuple(numbers.shape), lambda: numbers)))

    def _with_heads(self, op: Callable[..., Operation], *values: SSAValue) -> SSAValue:
        """An operation of heads. What has no axis of them has one, or those of all examples in the first axis."""
        ranks = {len(nn.shape_of(x)) for x in values}
        only(ranks <= {3, 4}, "of values that are no positions, with heads or without")
        made = self.add(op(*(self.view(x, self._four(x)) for x in values)))
        shape = nn.shape_of(made)
        return made if 4 in ranks else self.view(made, (shape[0] * shape[1], *shape[2:]))

    def _four(self, x: SSAValue) -> nn.Shape:
        shape = nn.shape_of(x)
        if len(shape) == 4:
            return shape
        heads = shape[0] // self.batch if shape[0] % self.batch == 0 else 1
        return (shape[0] // heads, heads, *shape[1:])

    def norm(
        self,
        x: SSAValue,
        w: torch.Tensor | None,
        b: torch.Tensor | None,
        mean: torch.Tensor,
        var: torch.Tensor,
        eps: float,
    ) -> SSAValue:
        """(x - mean) / sqrt(var + eps) w + b, by running statistics."""
        only(len(nn.shape_of(x)) in (2, 4), "neither rows nor images")
        factor = torch.rsqrt(var.detach().double() + eps)
        factor = factor if w is None else factor * w.detach().double()
        summand = -mean.detach().double() * factor
        summand = summand if b is None else summand + b.detach().double()
        ops = self._scaled(x, factor, summand, self.path, "batch_norm")
        return [self.add(op) for op in ops][-1]

    def refuse(self, operation: str, why: str, path: str, nearest: str = "") -> None:
        found = Refusal(operation, why, nearest)
        self.refusals.setdefault(found, []).append(path or "the module itself")

    # The end

    def finish(self, outputs: Sequence[SSAValue]) -> ModuleOp:
        """The function, whose weights have no digests yet."""
        self._check_ids()
        for value in () if self.refusals else outputs:
            shape = nn.shape_of(value)
            if shape[:1] != (self.batch,) or isinstance(value.owner, nn.ParamOp) or _is_ids(value):
                raise UserError(f"the module returns {shape}: no row or image of each example")
        if self.refusals:
            raise self.error()
        self.block.add_op(ReturnOp(*outputs))
        raise_rows(self.block, self.weights, self._unfolded())
        self._sweep()
        types = [value.type for value in outputs]
        made = ModuleOp([FuncOp(FUNCTION, ((), types), Region(self.block))])
        self._add_biases()
        Rotations(self.block, self.weights).settle()
        self._settle_views()
        self._raise_masks()
        PassPipeline(RAISING).apply(Context(), made)
        scale_in_softmax(self.block)
        self._by_positions()
        self._by_channels()
        self._fold()
        self._sweep()
        self._check()
        self._settle_softmax()
        if self.refusals:
            raise self.error()
        return made

    def _add_biases(self) -> None:
        """Gives a layer the bias that is added to all that it makes, before views take parts of that."""
        for op in [*self.block.ops]:
            for x, b in either_order(op) if isinstance(op, nn.AddOp) else ():
                layer = x.owner
                if (
                    not isinstance(layer, nn.LinearOp)
                    or layer.bias is not None
                    or len({*x.uses}) != 1
                ):
                    continue
                if isinstance(b.owner, nn.ParamOp) and nn.shape_of(b) == nn.shape_of(layer.w)[:1]:
                    made = nn.LinearOp(layer.x, layer.w, b)
                    Rewriter.replace_op(op, nn.inherit_path(made, layer))
                    break

    def _check_ids(self) -> None:
        """Refuses what reads ids as numbers."""
        for op in self.block.ops:
            if not isinstance(op, nn.InputOp) or not _is_ids(op.result):
                continue
            why = f"of the ids {op.input_name}, which only embeddings read"
            for reader in (use.operation for use in op.result.uses):
                if not isinstance(reader, nn.EmbeddingOp):
                    self.refuse(reader.name, why, nn.module_path(reader))

    def _settle_views(self) -> None:
        for value in Views(self.block, self.weights).settle():
            view = expect(value.owner, Operation)
            before, after = (nn.shape_of(x) for x in (view.operands[0], value))
            why = f"{before} as {after}, which is no row, image, position or head of each example"
            self.refuse(
                view.name.removeprefix("nn."),
                why,
                nn.module_path(view),
                nearest="torch.flatten(x, 1)",
            )
        self._sweep()

    def _raise_masks(self) -> None:
        try:
            raise_masks(self.block, self.weights)
        except Unsupported as error:
            self.refuse("softmax", str(error), "")

    def _by_positions(self) -> None:
        """Writes sums of positions with constants that differ among them as rows of a table."""
        for op in [*self.block.ops]:
            if not isinstance(op, nn.AddOp):
                continue
            for x, c in either_order(op):
                shape, own = nn.shape_of(x), nn.shape_of(c)
                if not isinstance(c.owner, nn.ParamOp) or len(shape) != 3 or own[-2:] != shape[1:]:
                    continue
                rows = self.weights.recipes[c.owner.param_name]
                rows = self._of_each_example(rows) if len(own) == 3 else rows
                before, name = 0, f"{c.owner.param_name}.rows"
                if isinstance(last := x.owner, nn.AddPositionsOp) and len({*x.uses}) == 1:
                    own_rows = expect(last.table.owner, nn.ParamOp).param_name
                    rows = partial(_sum, self.weights.recipes[own_rows], rows)
                    x, before = last.x, last.before.value.data
                table = self.weights.param(name, shape[1:], rows)
                made = nn.AddPositionsOp(x, table.result, before=before)
                ops = [nn.inherit_path(each, op) for each in (table, made)]
                Rewriter.replace_op(op, ops)
                break

    def _sweep(self) -> None:
        """Takes away what nothing reads, as weights of norms."""
        for op in [*self.block.ops][::-1]:
            if op.results and not {*op.results[0].uses}:
                if isinstance(op, nn.InputOp):
                    raise UserError(f"nothing reads the input {op.input_name}")
                Rewriter.erase_op(op)

    def _unfolded(self) -> set[Operation]:
        """What factors and summands of channels are until `fold`."""
        return {op for y in self.sums for op in (y, expect(y.lhs.owner, nn.MulOp))}

    def _by_channels(self) -> None:
        """Writes sums and products with constants as factors and summands."""
        known = self._unfolded()
        for op in [*self.block.ops]:
            if not isinstance(op, nn.AddOp | nn.MulOp) or op in known:
                continue
            for x, c in either_order(op):
                numbers = self._channels(x, c) if x.type == op.result.type else None
                if numbers is None:
                    continue
                one, zero = torch.ones_like(numbers), torch.zeros_like(numbers)
                product = isinstance(op, nn.MulOp)
                factor, summand = (numbers, zero) if product else (one, numbers)
                what = "a constant factor" if product else "a constant summand"
                made = self._scaled(x, factor, summand, nn.module_path(op), what)
                Rewriter.replace_op(op, made)
                break

    def _channels(self, x: SSAValue, c: SSAValue) -> torch.Tensor | None:
        """The constant c as a number for each channel of x, in float64; None where it is no such thing."""
        shape, owner = nn.shape_of(x), c.owner
        channels = _channelled(shape)
        if isinstance(owner, nn.ConstantOp):
            return torch.full((max(channels),), owner.value.value.data, dtype=torch.float64)
        if not isinstance(owner, nn.ParamOp):
            return None
        own = nn.shape_of(c)
        wide = (1,) * (len(shape) - len(own)) + own
        if any(n not in (1, m) for n, m in zip(wide, channels, strict=True)):
            return None
        numbers = self.weights.recipes[owner.param_name]().detach().double()
        return numbers.reshape(-1).expand(max(channels)).clone()

    def _scaled(
        self, x: SSAValue, factor: torch.Tensor, summand: torch.Tensor, path: str, what: str
    ) -> list[Operation]:
        """x * factor + summand by channels, until `fold` takes them away."""
        shape = _channelled(nn.shape_of(x))[1:]
        names = (f"{path}.{name}".lstrip(".") for name in ("factor", "summand"))
        s, t = (
            self.weights.param(name, shape, lambda value=value: value)
            for name, value in zip(names, (factor, summand), strict=True)
        )
        product = nn.MulOp(x, s.result)
        y = nn.AddOp(product.result, t.result)
        self.sums[y] = what
        return [nn.with_path(op, path) for op in (s, product, t, y)]

    def _fold(self) -> None:
        """Folds factors and summands into layers, until none is left or none can be."""
        left = [*self.sums]
        while left:
            kept = [each for each in left if not fold(self.block, each, self.weights)]
            if len(kept) == len(left):
                break
            left = kept
        for each in left:
            why = "neither a linear layer nor a convolution beside it can take it"
            self.refuse(self.sums[each], why, nn.module_path(each))

    def _check(self) -> None:
        """Refuses what is left of operations that only some patterns may have."""
        unfolded = self._unfolded()
        for op in self.block.ops:
            if isinstance(op, ReturnOp | nn.ViewOp | nn.PermuteOp | nn.SliceOp) or op in unfolded:
                continue
            if isinstance(op, nn.ConcatOp):
                why = "of several values, in no rotation of channels that is known"
                self.refuse("concat", why, nn.module_path(op))
            elif not isinstance(op, Quantised):
                self.refuse(op.name, "in no activation that is known", nn.module_path(op))
            elif isinstance(op, nn.BinaryOp) and (
                op.lhs.type != op.rhs.type
                or any(isinstance(value.owner, nn.ParamOp) for value in op.operands)
            ):
                shapes = " and ".join(str(nn.shape_of(value)) for value in op.operands)
                self.refuse(op.name, f"operands of {shapes}", nn.module_path(op))

    def _settle_softmax(self) -> None:
        """A softmax that mixes no values is that of rows or of positions, which are results."""
        for op in [*self.block.ops]:
            if not isinstance(op, nn.SoftmaxOp | nn.MaskedSoftmaxOp):
                continue
            mixes = [isinstance(use.operation, nn.AttendOp) for use in op.result.uses]
            if all(mixes):
                continue
            if isinstance(op, nn.MaskedSoftmaxOp) or any(mixes) or len(nn.shape_of(op.x)) == 4:
                why = "neither attention's alone nor of rows or positions"
                self.refuse("softmax", why, nn.module_path(op), LOGITS)
            else:
                scaled = {"scale": op.factor} if op.factor != 1 else {}
                made = nn.ProbabilitiesOp(op.x, **scaled)
                Rewriter.replace_op(op, nn.inherit_path(made, op))

    def made(self) -> dict[str, np.ndarray]:
        """The weights in fp32 by name, with their digests on the operations that have them."""
        found: dict[str, np.ndarray] = {}
        for op in self.block.ops:
            if isinstance(op, nn.ParamOp):
                made = self.weights.recipes[op.param_name]().detach().to("cpu", torch.float32)
                array = np.array(made.numpy(), "<f4", order="C")
                found[op.param_name] = array
                op.properties["sha256"] = StringAttr(hashlib.sha256(array.tobytes()).hexdigest())
        return found

    def error(self) -> UserError:
        """One line that names all that was refused."""
        parts = []
        for refusal, paths in self.refusals.items():
            places = Counter(paths)
            named = [f"{p} ({n} times)" if n > 1 else p for p, n in [*places.items()][:SHOWN]]
            if len(places) > SHOWN:
                named.append(f"{len(places) - SHOWN} more modules")
            why = f" ({refusal.why})" if refusal.why else ""
            nearest = f"; nearest is {refusal.nearest}" if refusal.nearest else ""
            parts.append(f"{refusal.operation}{why} in {', '.join(named)}{nearest}")
        count = sum(map(len, self.refusals.values()))
        what = "1 operation is" if count == 1 else f"{count} operations are"
        return UserError(f"{what} not supported: {' | '.join(parts)}")
