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

import numpy as np
import torch
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.dialects.builtin import f32 as f32_type
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass, PassPipeline
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...dialects.interfaces import Quantised
from ...errors import UserError, expect
from ..transforms.matching import either_order
from ..transforms.raise_gelu import RaiseGelu
from ..transforms.raise_silu import RaiseSilu
from .fold_norms import Recipe, Weights, fold
from .graph import only

FUNCTION = "main"
Tensor = Callable[[str], np.ndarray]
Sides = tuple[tuple[int, int], tuple[int, int]]
"""Rows above and below an image, columns left and right of it."""
RAISING: tuple[ModulePass, ...] = (RaiseGelu(), RaiseSilu())
_OTHER = re.compile(r"[^A-Za-z0-9_.]+")
SHOWN = 3
"""How many places are named of an operation that stands in many."""


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

    def mean(self, x: SSAValue, kernel: Sequence[int], stride: Sequence[int]) -> SSAValue:
        """The mean of each window, where it has more than one element."""
        if tuple(kernel) == tuple(stride) == (1, 1):
            return x
        return self.add(nn.AvgPool2dOp(x, kernel=tuple(kernel), stride=tuple(stride)))

    def view(self, x: SSAValue, after: Sequence[int]) -> SSAValue:
        """The same shape, or each example as one row."""
        before, after = nn.shape_of(x), tuple(after)
        if before == after:
            return x
        rows = len(before) > 2 and after == (before[0], int(np.prod(before[1:])))
        only(rows, f"{before} as {after}, not as one row of each example")
        return self.add(nn.FlattenOp(x))

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
        for value in () if self.refusals else outputs:
            shape = nn.shape_of(value)
            if shape[:1] != (self.batch,) or isinstance(value.owner, nn.ParamOp):
                raise UserError(f"the module returns {shape}: no row or image of each example")
        if self.refusals:
            raise self.error()
        self.block.add_op(ReturnOp(*outputs))
        self._sweep()
        types = [value.type for value in outputs]
        made = ModuleOp([FuncOp(FUNCTION, ((), types), Region(self.block))])
        PassPipeline(RAISING).apply(Context(), made)
        self._by_channels()
        self._fold()
        self._sweep()
        self._check()
        if self.refusals:
            raise self.error()
        return made

    def _sweep(self) -> None:
        """Takes away what nothing reads, as weights of norms."""
        for op in [*self.block.ops][::-1]:
            if op.results and not {*op.results[0].uses}:
                if isinstance(op, nn.InputOp):
                    raise UserError(f"nothing reads the input {op.input_name}")
                Rewriter.erase_op(op)

    def _by_channels(self) -> None:
        """Writes sums and products with constants as factors and summands."""
        known = {op for y in self.sums for op in (y, y.lhs.owner)}
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
        channels = (1, shape[1], *(1,) * (len(shape) - 2))
        if isinstance(owner, nn.ConstantOp):
            return torch.full((shape[1],), owner.value.value.data, dtype=torch.float64)
        if not isinstance(owner, nn.ParamOp):
            return None
        own = nn.shape_of(c)
        wide = (1,) * (len(shape) - len(own)) + own
        if any(n not in (1, m) for n, m in zip(wide, channels, strict=True)):
            return None
        numbers = self.weights.recipes[owner.param_name]().detach().double()
        return numbers.reshape(-1).expand(shape[1]).clone()

    def _scaled(
        self, x: SSAValue, factor: torch.Tensor, summand: torch.Tensor, path: str, what: str
    ) -> list[Operation]:
        """x * factor + summand by channels, until `fold` takes them away."""
        shape = (*factor.shape, *(1,) * (len(nn.shape_of(x)) - 2))
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
        unfolded = {op for y in self.sums for op in (y, y.lhs.owner)}
        for op in self.block.ops:
            if isinstance(op, ReturnOp) or op in unfolded:
                continue
            if not isinstance(op, Quantised):
                self.refuse(op.name, "in no activation that is known", nn.module_path(op))
            elif isinstance(op, nn.BinaryOp) and (
                op.lhs.type != op.rhs.type
                or any(isinstance(value.owner, nn.ParamOp) for value in op.operands)
            ):
                shapes = " and ".join(str(nn.shape_of(value)) for value in op.operands)
                self.refuse(op.name, f"operands of {shapes}", nn.module_path(op))

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
