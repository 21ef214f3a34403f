"""Random small `quant` functions of images: drawn operations one after the other, odd sizes, steps and paddings.

Formats are chosen so that no value can leave its type: each rounding keeps the bits that its accumulator needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, ModuleOp, StringAttr, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from zklemma.dialects import nn, quant
from zklemma.dialects.quant import QuantTensorType, TableAttr, type_of

KINDS = ("convolution", "depthwise", "grouped", "relu", "largest", "mean", "double", "whole")


@dataclass(frozen=True)
class Sizes:
    """Of a function of images; ``blocks`` are its operations before the last two."""

    examples: int
    channels: int
    rows: int
    columns: int
    blocks: tuple[str, ...]
    features: int
    seed: int


SIZES = st.builds(
    Sizes,
    examples=st.integers(1, 3),
    channels=st.integers(1, 3),
    rows=st.integers(1, 7),
    columns=st.integers(1, 6),
    blocks=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4).map(tuple),
    features=st.integers(1, 4),
    seed=st.integers(0, 1 << 16),
)


def function(sizes: Sizes) -> tuple[ModuleOp, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A function, its weights by name, and inputs."""
    return _Writer(sizes).function()


@dataclass
class _Writer:
    sizes: Sizes
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    ops: list[Operation] = field(default_factory=list)
    path: str = ""

    def function(self) -> tuple[ModuleOp, dict[str, np.ndarray], dict[str, np.ndarray]]:
        sizes, self.random = self.sizes, np.random.default_rng(self.sizes.seed)
        shape = (sizes.examples, sizes.channels, sizes.rows, sizes.columns)
        type = QuantTensorType.of(shape, 8, 4)
        x = self.add(quant.InputOp(type, tensor=StringAttr("image")))
        for i, kind in enumerate(sizes.blocks):
            self.path = f"b{i}"
            x = getattr(self, kind)(x)
        self.path = "head"
        x = self.add(quant.FlattenOp(x))
        weight = self.param(sizes.features, type_of(x).shape[1])
        x = self.rounded(self.add(quant.MatmulOp(x, weight)))
        block = Block([*self.ops, ReturnOp(x)])
        function = FuncOp("main", ((), (x.type,)), Region(block))
        inputs = {"image": self.random.integers(-128, 128, shape)}
        return ModuleOp([function]), self.weights, inputs

    def add(self, op: Operation) -> SSAValue:
        self.ops.append(nn.with_path(op, self.path))
        return op.results[0]

    def param(self, *shape: int) -> SSAValue:
        name = f"{self.path}.weight{len(self.weights)}"
        self.weights[name] = self.random.integers(-32, 32, shape).astype(np.int16)
        names, zero, one = ArrayAttr([StringAttr(name)]), FloatAttr(0.0, f64), FloatAttr(1.0, f64)
        type = QuantTensorType.of(shape, 6, 5)
        return self.add(quant.ParamOp(type, names=names, offset=zero, factor=one))

    def rounded(self, acc: SSAValue, bits: int = 10) -> SSAValue:
        type = type_of(acc)
        shift = max(0, type.width - bits + 1)
        made = QuantTensorType.of(type.shape, min(bits, type.width), type.fraction - shift)
        return self.add(quant.RequantizeOp(acc, shift=shift, results=[made]))

    def window(self, x: SSAValue, most: int = 3) -> tuple[tuple[int, ...], ...]:
        """Sizes, steps and paddings of a window that fits."""
        sides = []
        for size in type_of(x).shape[2:]:
            kernel = int(self.random.integers(1, most + 1))
            padding = int(self.random.integers(0, kernel))
            sides.append((min(kernel, size + 2 * padding), self.random.integers(1, 3), padding))
        kernel, stride, padding = (tuple(map(int, numbers)) for numbers in zip(*sides, strict=True))
        return kernel, stride, tuple(min(p, k - 1) for p, k in zip(padding, kernel, strict=True))

    def convolution(self, x: SSAValue) -> SSAValue:
        kernel, stride, padding = self.window(x)
        made = int(self.random.integers(1, 4))
        weight = self.param(made, type_of(x).shape[1], *kernel)
        shift = type_of(x).fraction
        acc = (
            quant.Conv2dOp(
                x,
                weight,
                self.param(made),
                stride=stride,
                padding=padding,
                groups=1,
                bias_shift=max(0, shift),
            )
            if shift >= 0
            else quant.Conv2dOp(x, weight, stride=stride, padding=padding, groups=1)
        )
        return self.rounded(self.add(acc))

    def depthwise(self, x: SSAValue) -> SSAValue:
        kernel, stride, padding = self.window(x)
        channels = type_of(x).shape[1]
        weight = self.param(channels, 1, *kernel)
        acc = quant.Conv2dOp(x, weight, stride=stride, padding=padding, groups=channels)
        return self.rounded(self.add(acc))

    def grouped(self, x: SSAValue) -> SSAValue:
        """Of one channel for each of its own, or of two."""
        kernel, stride, padding = self.window(x)
        channels = type_of(x).shape[1]
        groups = channels // 2 if channels % 2 == 0 else channels
        weight = self.param(2 * groups, channels // groups, *kernel)
        acc = quant.Conv2dOp(x, weight, stride=stride, padding=padding, groups=groups)
        return self.rounded(self.add(acc))

    def relu(self, x: SSAValue) -> SSAValue:
        bound = type_of(x).bound
        table = TableAttr.of("max(x, 0)", -bound, bound)
        return self.add(quant.TableOp(x, table=table, results=[type_of(x)]))

    def largest(self, x: SSAValue) -> SSAValue:
        positive = self.relu(x)
        kernel, stride, padding = self.window(positive)
        # A side with no taps but one is a view, of which views can not be taken.
        kernel = tuple(max(2, k) for k in kernel)
        padding = tuple(
            max(p, -(-(k - n) // 2))
            for p, k, n in zip(padding, kernel, type_of(x).shape[2:], strict=True)
        )
        return self.add(quant.MaxPoolOp(positive, kernel=kernel, stride=stride, padding=padding))

    def mean(self, x: SSAValue) -> SSAValue:
        kernel = tuple(min(2, size) for size in type_of(x).shape[2:])
        acc = quant.SumPoolOp(x, kernel=kernel, stride=(1, 2), factor=3, doublings=2)
        return self.rounded(self.add(acc))

    def double(self, x: SSAValue) -> SSAValue:
        type = type_of(x)
        made = QuantTensorType.of(type.shape, type.width + 1, type.fraction)
        return self.add(quant.AddOp(x, x, results=[made]))

    def whole(self, x: SSAValue) -> SSAValue:
        kernel = type_of(x).shape[2:]
        acc = quant.SumPoolOp(x, kernel=kernel, stride=kernel, factor=1, doublings=0)
        return self.rounded(self.add(acc))
