"""Decoder-only language models with layer norms, of which GPT-2 is the first, by their configuration alone.

As in `decoder`, whose models came later, what `import_model` and `raise-to-nn` make of the model in transformers,
without PyTorch and weights. A `Classic` is a stack of layers of causal attention with as many keys as queries, and
a feed-forward network that is not gated, each added to a residual stream (Radford et al. 2019). Layer norms have
biases, and linear layers may. Positions are embedded, by a table of weights, or channels of heads are rotated. The
network reads the stream with what attention adds, or beside it.

Shapes as in the `nn` dialect. Errors: sizes that do not fit are a `VerifyException`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import nn, quant
from ...dialects.rotation import Rotation
from ...errors import UserError
from ..modules import main_function
from .base import ACTIVATIONS, FULL, Family
from .recognise import (
    MOST_LAYERS,
    activation_in,
    activation_of,
    eps_of,
    first,
    maker_of,
    score_scale_of,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Names:
    """What a family calls its modules, those of a layer without its number in front."""

    embedding: str
    layers: str
    norm: str
    attention: str
    query: str
    key: str
    value: str
    output: str
    mlp: str
    """The module of the feed-forward network; none where that is the layer itself."""
    up: str
    activation: str
    down: str
    norms: tuple[str, str]
    """Of what attention reads, and of what the feed-forward network reads."""
    positions: str = ""
    """The table of positions; none where positions are not embedded."""
    stream_first: tuple[bool, bool] = (True, True)
    """Whether sums with what attention and the network give have the stream as their first operand."""


@dataclass(frozen=True)
class Classic:
    """What a configuration says about the function. ``positions`` is how many rows the table of positions has, of
    which the first ``offset`` are those of none; 0 where there is no table. ``rotated`` is how many channels of
    each head ``rotation`` turns."""

    names: Names
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    activation: str
    eps: float
    score_scale: float
    positions: int
    offset: int
    biased: bool
    """Whether linear layers, but for the last, have biases."""
    tie_word_embeddings: bool
    rotation: Rotation | None = None
    rotated: int = 0
    parallel: bool = False
    """Whether attention and feed-forward network read the same stream."""

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def require_usual_scale(self) -> None:
        """`UserError` unless scores are divided by the root of a head's width."""
        if self.score_scale != self.head_dim**-0.5:
            raise UserError(
                f"its scores are multiplied by {self.score_scale}, not divided by the root of {self.head_dim}"
            )

    def module(self, tokens: int) -> ModuleOp:
        """The function for exactly so many tokens."""
        return _Builder(self).module(tokens)


class _Builder:
    def __init__(self, config: Classic):
        self.config, self.names = config, config.names
        self.block = Block()

    def module(self, tokens: int) -> ModuleOp:
        c, names = self.config, self.names
        ids = self.add(nn.TokensOp(TensorType(i64, [tokens])), "")
        table = self.param(f"{names.embedding}.weight", c.vocab_size, c.hidden_size)
        x = self.add(nn.EmbeddingOp(ids, table, scale=1.0), names.embedding)
        if c.positions:
            places = self.param(f"{names.positions}.weight", c.positions, c.hidden_size)
            rows = nn.PositionEmbeddingOp(places, offset=c.offset, count=tokens)
            root = names.layers.rpartition(".")[0]
            x = self.add(nn.AddOp(x, self.add(rows, names.positions)), root)
        for number in range(c.num_hidden_layers):
            x = self.layer(x, f"{names.layers}.{number}")
        x = self.norm(x, names.norm)
        if not c.tie_word_embeddings:
            table = self.param("lm_head.weight", c.vocab_size, c.hidden_size)
        logits = self.add(nn.LinearOp(x, table), "lm_head")
        self.block.add_op(ReturnOp(logits))
        module = ModuleOp([FuncOp("main", ((), [logits.type]), Region(self.block))])
        module.verify()
        return module

    def layer(self, x: SSAValue, path: str) -> SSAValue:
        before, between = self.names.norms
        mlp = ".".join(filter(None, (path, self.names.mlp)))
        attended = self.attention(
            self.norm(x, f"{path}.{before}"), f"{path}.{self.names.attention}"
        )
        if self.config.parallel:
            made = self.mlp(self.norm(x, f"{path}.{between}"), mlp)
            return self.sum(self.sum(x, made, path, True), attended, path, True)
        x = self.sum(x, attended, path, self.names.stream_first[0])
        return self.sum(
            x, self.mlp(self.norm(x, f"{path}.{between}"), mlp), path, self.names.stream_first[1]
        )

    def sum(self, x: SSAValue, delta: SSAValue, path: str, stream_first: bool) -> SSAValue:
        return self.add(nn.AddOp(*((x, delta) if stream_first else (delta, x))), path)

    def attention(self, x: SSAValue, path: str) -> SSAValue:
        c, names = self.config, self.names
        q, k, v = (
            self.heads(x, f"{path}.{name}", path) for name in (names.query, names.key, names.value)
        )
        if c.rotation:
            rotated = None if c.rotated == c.head_dim else c.rotated
            q, k = (self.add(nn.RopeOp.of(each, c.rotation, rotated), path) for each in (q, k))
        scores = self.add(nn.ScoresOp(q, k, scale=c.score_scale), path)
        p = self.add(nn.MaskedSoftmaxOp(scores), path)
        mixed = self.add(nn.MergeHeadsOp(self.add(nn.AttendOp(p, v), path)), path)
        return self.linear(mixed, f"{path}.{names.output}", c.hidden_size)

    def heads(self, x: SSAValue, name: str, path: str) -> SSAValue:
        c = self.config
        return self.add(
            nn.SplitHeadsOp(self.linear(x, name, c.hidden_size), heads=c.num_attention_heads), path
        )

    def mlp(self, x: SSAValue, path: str) -> SSAValue:
        c, names = self.config, self.names
        up = self.linear(x, f"{path}.{names.up}", c.intermediate_size)
        active = self.add(ACTIVATIONS[c.activation](up), f"{path}.{names.activation}")
        return self.linear(active, f"{path}.{names.down}", c.hidden_size)

    def norm(self, x: SSAValue, path: str) -> SSAValue:
        width = nn.shape_of(x)[-1]
        weights = [self.param(f"{path}.{kind}", width) for kind in ("weight", "bias")]
        centred = self.add(nn.CenterOp(x), path)
        return self.add(nn.RMSNormOp(centred, *weights, eps=self.config.eps, offset=0.0), path)

    def linear(self, x: SSAValue, path: str, size: int) -> SSAValue:
        weights = [self.param(f"{path}.weight", size, nn.shape_of(x)[-1])]
        if self.config.biased:
            weights.append(self.param(f"{path}.bias", size))
        return self.add(nn.LinearOp(x, *weights), path)

    def param(self, name: str, *shape: int) -> SSAValue:
        op = nn.ParamOp(
            TensorType(f32, shape), param=SymbolRefAttr(name), sha256=StringAttr("0" * 64)
        )
        return self.add(op, "")

    def add(self, op: Operation, path: str) -> SSAValue:
        self.block.add_op(nn.with_path(op, path))
        return op.results[0]


class ClassicFamily(Family):
    """A family of such models."""

    names: ClassVar[Names]
    offset: ClassVar[int] = 0
    """The row of the table of positions that the first one has."""
    activations: ClassVar[Mapping[str, str]] = {}
    """What configurations call activations that `ACTIVATIONS` names otherwise."""
    rope_types: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        width, heads = config.hidden_size, config.num_attention_heads
        if width % heads:
            raise UserError(f"{where}: {width} channels do not make {heads} heads")

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        return {}

    def read(self, function: ModuleOp) -> Classic:
        found = self.recognise(function)
        self.config_fields(found)  # Which refuses what no configuration of the family says.
        return found

    def recognise(self, module: ModuleOp) -> Classic:
        """The configuration of a published function, as that of such a model."""
        block = main_function(module).body.block
        embedding, argmax = first(block, quant.EmbedOp), first(block, quant.ArgmaxOp)
        positions = first(block, quant.EmbedPositionsOp) if self.names.positions else None
        layers = next((op for op in block.ops if isinstance(op, quant.LayersOp)), None)
        count = layers.layers if layers else 1
        if count > MOST_LAYERS:
            raise UserError(f"the function has {count} layers, more than any model")
        body = layers.body.block if layers else block  # Of one layer, or it is no model's.
        scores, softmax = first(body, quant.ScoresOp), first(body, quant.SoftmaxOp)
        if any(softmax.windows.get_values()):
            raise UserError("some of its layers have a window")
        vocabulary, hidden = quant.type_of(embedding.table).shape
        table = activation_in(body, softmax)
        rope = next((op for op in body.ops if isinstance(op, quant.RopeOp)), None)
        read = [op.x for op in body.ops if isinstance(op, quant.CenterOp)][:2]
        return Classic(
            names=self.names,
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=quant.type_of(table.x).shape[-1],
            num_hidden_layers=count,
            num_attention_heads=quant.type_of(scores.q).shape[0],
            activation=activation_of(table),
            eps=eps_of([op for op in module.walk() if isinstance(op, quant.RmsNormOp)]),
            score_scale=score_scale_of(layers, scores, 1.0),
            positions=quant.type_of(positions.table).shape[0] if positions else 0,
            offset=self.offset,
            biased=maker_of(scores.k, quant.MatmulOp).bias is not None,
            tie_word_embeddings=argmax.table is embedding.table,
            rotation=rope and rope.rotations[rope.kinds.get_values()[0]],
            rotated=rope.width if rope else 0,
            parallel=len({*read}) < len(read),
        )

    def activation(self, name: str) -> str:
        """What configurations call an activation of `ACTIVATIONS`."""
        return next((own for own, usual in self.activations.items() if usual == name), name)

    @abstractmethod
    def config_fields(self, model: Classic) -> dict[str, Any]: ...
