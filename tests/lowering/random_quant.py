"""Random small `quant` functions that every pass has to take: one to three layers of drawn blocks, odd sizes.

Formats are chosen so that no value can leave its type, whatever the weights are: each rounding keeps the bits
that its accumulator needs, and each layer adds to the residual stream much less than it holds. Weights are
large for their type, so that something is left of a value after that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, ModuleOp, StringAttr, f64, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from zklemma.compiler.analysis.plan import WIDTH
from zklemma.dialects import nn, quant
from zklemma.dialects.quant import QuantTensorType, TableAttr, type_of

STREAM, FRACTION = 26, 4
"""The format of the residual stream."""
DELTA = 19
"""Bits of what a block adds to it: up to nine of them are far below the stream's own."""
ROOT, EMAX = 12, 19


@dataclass(frozen=True)
class Sizes:
    """Of a model; ``layers`` are the blocks of each."""

    tokens: int
    vocabulary: int
    channels: int
    hidden: int
    kv: int
    group: int
    width: int
    layers: int
    blocks: tuple[str, ...]
    norm_at_end: bool
    rounded_product: bool
    rope: bool
    shift: int
    """Of the embedding's rows."""
    window: int
    layer_norms: bool
    positions: bool
    seed: int
    rotated: bool = False
    """Whether only the first two channels of heads are, where there are more."""


SIZES = st.builds(
    Sizes,
    tokens=st.sampled_from([4, 5, 6, 7]),
    vocabulary=st.integers(3, 11),
    channels=st.sampled_from([2, 3, 5, 6, 7]),
    hidden=st.integers(2, 7),
    kv=st.integers(1, 2),
    group=st.integers(1, 3),
    width=st.sampled_from([2, 4, 6]),
    layers=st.integers(1, 3),
    blocks=st.lists(
        st.sampled_from(["linear", "square", "attention", "gated"]),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    norm_at_end=st.booleans(),
    rounded_product=st.booleans(),
    rope=st.booleans(),
    rotated=st.booleans(),
    shift=st.integers(-9, 3),
    window=st.integers(0, 4),
    layer_norms=st.booleans(),
    positions=st.booleans(),
    seed=st.integers(0, 1 << 16),
)


def function(sizes: Sizes) -> tuple[ModuleOp, dict[str, np.ndarray]]:
    """A function that returns logits, its layers one after the other, and its weights by name."""
    return _Writer(sizes).function()


class _Writer:
    def __init__(self, sizes: Sizes):
        self.sizes = sizes
        self.random = np.random.default_rng(sizes.seed)
        self.weights: dict[str, np.ndarray] = {}
        self.ops: list[Operation] = []
        self.path = ""

    def add(self, op: Operation) -> SSAValue:
        self.ops.append(nn.with_path(op, self.path))
        return op.results[0]

    def param(self, name: str, *shape: int, bits: int = 7, frac: int = 6) -> SSAValue:
        name = f"{self.path}.{name}.weight"
        type = QuantTensorType.of(shape, bits, frac)
        sizes = self.random.integers(type.bound // 2, type.bound, shape)
        self.weights[name] = (sizes * self.random.choice((-1, 1), shape)).astype(np.int16)
        names, zero, one = ArrayAttr([StringAttr(name)]), FloatAttr(0.0, f64), FloatAttr(1.0, f64)
        return self.add(quant.ParamOp(type, names=names, offset=zero, factor=one))

    def matmul(self, x: SSAValue, name: str, out: int, frac: int = 6) -> SSAValue:
        weight = self.param(name, out, type_of(x).shape[-1], frac=frac)
        return self.add(quant.MatmulOp(x, weight))

    def rounded(self, acc: SSAValue, bits: int, spare: int = 0) -> SSAValue:
        """An accumulator, of which some bits are not used, in a number of bits that holds whatever it is."""
        type = type_of(acc)
        shift = max(0, type.width - spare - bits + 1)
        made = QuantTensorType.of(type.shape, min(bits, type.width), type.fraction - shift)
        return self.add(quant.RequantizeOp(acc, shift=shift, results=[made]))

    def norm(self, x: SSAValue, name: str) -> SSAValue:
        width = type_of(x).shape[-1]
        gain, others = self.param(name, width, bits=8, frac=4), []
        if self.sizes.layer_norms:
            x = self.add(quant.CenterOp(x, shift=30, bits=min(type_of(x).width, 24)))
            others = [self.param(f"{name}.bias", width, bits=8, frac=4)]
        table = TableAttr.of(f"round(2^{ROOT} / sqrt(x))", 1 << 14, 1 << 16)
        exponents = (0, EMAX)
        shift = ROOT + EMAX if others else None
        norm = quant.RmsNormOp(
            x,
            gain,
            *others,
            eps=(1 << 14,),
            exponents=exponents,
            root=ROOT,
            table=table,
            bias_shift=shift,
        )
        # A norm is at least two bits below what its type has to allow for.
        return self.rounded(self.add(norm), 16, spare=2)

    def add_to(self, stream: SSAValue, x: SSAValue) -> SSAValue:
        """The stream with a linear layer of x added, whose weights have the fraction bits that fit."""
        type, shape = type_of(x), type_of(stream).shape
        width = quant.signed_bits(type.shape[-1] * type.bound << 6)
        shift = width - DELTA + 1
        acc = self.matmul(x, "out", shape[-1], frac=shift + FRACTION - type.fraction)
        made = QuantTensorType.of(shape, DELTA, FRACTION)
        delta = self.add(quant.RequantizeOp(acc, shift=shift, results=[made]))
        return self.add(quant.AddOp(stream, delta, results=[type_of(stream)]))

    def linear(self, x: SSAValue) -> SSAValue:
        return self.rounded(self.matmul(x, "in", self.sizes.hidden), 12)

    def square(self, x: SSAValue) -> SSAValue:
        """Nothing more: the linear layer of `add_to` gives as many channels as it takes."""
        return x

    def gated(self, x: SSAValue) -> SSAValue:
        gate = self.rounded(self.matmul(x, "gate", self.sizes.hidden), 10)
        up = self.rounded(self.matmul(x, "up", self.sizes.hidden), 14)
        table = TableAttr.of("max(0, x) + floor(x / 4)", -512, 512)
        kind = QuantTensorType.of(type_of(gate).shape, 11, type_of(gate).fraction)
        act = self.add(quant.TableOp(gate, table=table, results=[kind]))
        product = self.add(quant.MulOp(act, up))
        return self.rounded(product, 18) if self.sizes.rounded_product else product

    def attention(self, x: SSAValue) -> SSAValue:
        kv, heads = self.sizes.kv, self.sizes.kv * self.sizes.group
        q, k, v = (self.heads(x, name, n) for name, n in (("q", heads), ("k", kv), ("v", kv)))
        q, k = self.norm(q, "q_norm"), self.norm(k, "k_norm")
        if self.sizes.rope:
            q, k = self.rope(q), self.rope(k)
        scores = self.rounded(self.add(quant.ScoresOp(q, k)), 16)
        table = TableAttr.of("round(2^15 * exp(-x / 2))", 0, 1 << 16)
        width = ((self.sizes.tokens << quant.EXP_FRAC) - 1).bit_length()
        softmax = quant.SoftmaxOp(
            scores, windows=(self.sizes.window,), k=30, width=width, table=table
        )
        self.add(softmax)
        mixed = self.rounded(self.add(quant.AttendOp(softmax.e, softmax.inv, v)), 14)
        return self.add(quant.MergeHeadsOp(mixed))

    def heads(self, x: SSAValue, name: str, heads: int) -> SSAValue:
        y = self.rounded(self.matmul(x, name, heads * self.sizes.width), 14)
        return self.add(quant.SplitHeadsOp(y, heads=heads))

    def rope(self, x: SSAValue) -> SSAValue:
        rotated = 2 if self.sizes.rotated and self.sizes.width > 2 else None
        rope = quant.RopeOp(x, thetas=(1e4,), factors=(1.0,), kinds=(0,), rotated=rotated)
        return self.rounded(self.add(rope), 14)

    def function(self) -> tuple[ModuleOp, dict[str, np.ndarray]]:
        sizes = self.sizes
        self.path = "model.embed_tokens"
        ids = self.add(quant.TokensOp(QuantTensorType.of((sizes.tokens,), 32, 0)))
        fraction = FRACTION - sizes.shift
        table = self.param("table", sizes.vocabulary, sizes.channels, bits=16, frac=fraction)
        shape = (sizes.tokens, sizes.channels)
        stream = QuantTensorType.of(shape, STREAM, FRACTION)
        x = self.add(quant.EmbedOp(ids, table, shift=sizes.shift, results=[stream]))
        if sizes.positions:
            self.path = "model.embed_positions"
            rows = self.param("table", sizes.tokens + 3, sizes.channels, bits=15, frac=FRACTION)
            here = quant.EmbedPositionsOp(rows, offset=2, count=sizes.tokens, shift=0)
            x = self.add(quant.AddOp(x, self.add(here), results=[stream]))
        for layer in range(sizes.layers):
            for block in sizes.blocks:
                self.path = f"model.layers.{layer}.{block}"
                x = self.add_to(x, getattr(self, block)(self.norm(x, "norm")))
        self.path = "model.norm"
        if sizes.norm_at_end:
            x = self.norm(x, "norm")
        self.path = "lm_head"
        logits = quant.MatmulOp(x, table)
        width = type_of(self.add(logits)).width + 1
        logits.attributes[WIDTH] = IntegerAttr(width, i64)
        self.ops.append(ReturnOp(logits.result))
        main = FuncOp("main", ((), (logits.result.type,)), Region(Block(self.ops)))
        return ModuleOp([main]), self.weights
