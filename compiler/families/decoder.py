"""Decoder-only language models by their configuration alone: the raised `nn` function, without PyTorch and weights.

It is what `import_model` and `raise-to-nn` make of the model in transformers, up to the order of operations
and the digests of weights, which are zeros here. Whoever reads a key learns from it which model the
key's function is, without a graph of PyTorch's beside it.

A `Decoder` is a stack of layers of causal attention and a gated feed-forward network, each added to a
residual stream (Vaswani et al. 2017; Touvron et al. 2023). What differs from family to family is its `Style`.

Shapes as in the `nn` dialect. Errors: sizes that do not fit are a `VerifyException`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import nn
from ...dialects.rotation import Rotation
from ...errors import UserError
from .base import ACTIVATIONS, FULL, Family

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

RAMP = ("low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
"""What configurations call the numbers of a ramp."""


@dataclass(frozen=True)
class Style:
    """How a family builds its layers."""

    gain: float = 0.0
    """What norms add to their weights."""
    scaled_embedding: bool = False
    """Whether embeddings are multiplied by the root of their width."""
    biased_attention: bool = False
    """Whether the linear layers that make queries, keys and values have biases."""
    query_norms: bool = False
    """Whether queries and keys are normalised, head by head, before they are rotated."""
    sandwich: bool = False
    """Whether what attention and feed-forward network give is normalised before it is added."""


@dataclass(frozen=True)
class Decoder:
    """What a configuration says about the function, under the names of config.json.

    ``rope`` has the rotation by layer type; ``sliding_window`` is None where no layer has one. Scores are
    divided by the root of ``query_pre_attn_scalar``.
    """

    style: Style
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    hidden_activation: str
    rms_norm_eps: float
    query_pre_attn_scalar: float
    layer_types: tuple[str, ...]
    sliding_window: int | None
    rope: Mapping[str, Rotation]
    tie_word_embeddings: bool

    def fields(self) -> dict[str, Any]:
        """What configurations of all families say in the same words."""
        return {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": len(self.layer_types),
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "rms_norm_eps": self.rms_norm_eps,
            "tie_word_embeddings": self.tie_word_embeddings,
        }

    def require_usual_scale(self) -> None:
        """`UserError` unless scores are divided by the root of a head's width, for families that do not say."""
        if self.query_pre_attn_scalar != self.head_dim:
            raise UserError(
                f"its scores are divided by the root of {self.query_pre_attn_scalar}, not of {self.head_dim}"
            )

    def require_global(self) -> None:
        """`UserError` for layers with a window."""
        if {*self.layer_types} != {FULL}:
            raise UserError("some of its layers have a window")

    def one_rotation(self) -> Rotation:
        """That of all layers; `UserError` where there are several."""
        if len({*self.rope.values()}) != 1:
            raise UserError("its layers have several rotary embeddings")
        return next(iter(self.rope.values()))

    def module(self, tokens: int) -> ModuleOp:
        """The function for exactly so many tokens."""
        return _Builder(self).module(tokens)


class _Builder:
    def __init__(self, config: Decoder):
        self.config = config
        self.block = Block()

    def module(self, tokens: int) -> ModuleOp:
        c, embedding = self.config, "model.embed_tokens"
        ids = self.add(nn.TokensOp(TensorType(i64, [tokens])), "")
        table = self.param(embedding, c.vocab_size, c.hidden_size)
        scale = embedding_scale(c.hidden_size) if c.style.scaled_embedding else 1.0
        x = self.add(nn.EmbeddingOp(ids, table, scale=scale), embedding)
        for number, kind in enumerate(c.layer_types):
            x = self.layer(x, f"model.layers.{number}", kind)
        x = self.norm(x, "model.norm")
        if not c.tie_word_embeddings:
            table = self.param("lm_head", c.vocab_size, c.hidden_size)
        logits = self.add(nn.LinearOp(x, table), "lm_head")
        self.block.add_op(ReturnOp(logits))
        module = ModuleOp([FuncOp("main", ((), [logits.type]), Region(self.block))])
        module.verify()
        return module

    def layer(self, x: SSAValue, path: str, kind: str) -> SSAValue:
        after, sandwich = "post_attention_layernorm", self.config.style.sandwich
        y = self.norm(x, f"{path}.input_layernorm")
        y = self.attention(y, f"{path}.self_attn", kind)
        if sandwich:
            y = self.norm(y, f"{path}.{after}")
        x = self.add(nn.AddOp(x, y), path)
        y = self.norm(x, f"{path}.{'pre_feedforward_layernorm' if sandwich else after}")
        y = self.mlp(y, f"{path}.mlp")
        if sandwich:
            y = self.norm(y, f"{path}.post_feedforward_layernorm")
        return self.add(nn.AddOp(x, y), path)

    def attention(self, x: SSAValue, path: str, kind: str) -> SSAValue:
        c = self.config
        q = self.rotated(self.heads(x, path, "q", c.num_attention_heads), path, "q", kind)
        k = self.rotated(self.heads(x, path, "k", c.num_key_value_heads), path, "k", kind)
        v = self.heads(x, path, "v", c.num_key_value_heads)
        scores = self.add(nn.ScoresOp(q, k, scale=c.query_pre_attn_scalar**-0.5), path)
        window = {} if kind == FULL else {"window": c.sliding_window or 0}
        p = self.add(nn.MaskedSoftmaxOp(scores, **window), path)
        mixed = self.add(nn.MergeHeadsOp(self.add(nn.AttendOp(p, v), path)), path)
        return self.linear(mixed, f"{path}.o_proj", c.hidden_size)

    def heads(self, x: SSAValue, path: str, name: str, count: int) -> SSAValue:
        biased = self.config.style.biased_attention
        y = self.linear(x, f"{path}.{name}_proj", count * self.config.head_dim, biased)
        return self.add(nn.SplitHeadsOp(y, heads=count), path)

    def rotated(self, x: SSAValue, path: str, name: str, kind: str) -> SSAValue:
        if self.config.style.query_norms:
            x = self.norm(x, f"{path}.{name}_norm")
        return self.add(nn.RopeOp.of(x, self.config.rope[kind]), path)

    def mlp(self, x: SSAValue, path: str) -> SSAValue:
        gate = self.linear(x, f"{path}.gate_proj", self.config.intermediate_size)
        gate = self.add(ACTIVATIONS[self.config.hidden_activation](gate), f"{path}.act_fn")
        up = self.linear(x, f"{path}.up_proj", self.config.intermediate_size)
        product = self.add(nn.MulOp(gate, up), path)
        return self.linear(product, f"{path}.down_proj", self.config.hidden_size)

    def norm(self, x: SSAValue, path: str) -> SSAValue:
        weight = self.param(path, nn.shape_of(x)[-1])
        gain = self.config.style.gain
        offset = {} if gain == 1.0 else {"offset": gain}
        op = nn.RMSNormOp(x, weight, eps=self.config.rms_norm_eps, **offset)
        return self.add(op, path)

    def linear(self, x: SSAValue, path: str, size: int, biased: bool = False) -> SSAValue:
        weights = [self.param(path, size, nn.shape_of(x)[-1])]
        if biased:
            weights.append(self.param(path, size, kind="bias"))
        return self.add(nn.LinearOp(x, *weights), path)

    def param(self, path: str, *shape: int, kind: str = "weight") -> SSAValue:
        op = nn.ParamOp(
            TensorType(f32, shape),
            param=SymbolRefAttr(f"{path}.{kind}"),
            sha256=StringAttr("0" * 64),
        )
        return self.add(op, "")

    def add(self, op: Operation, path: str) -> SSAValue:
        self.block.add_op(nn.with_path(op, path))
        return op.results[0]


def embedding_scale(width: int) -> float:
    """The root of a width, in fp32."""
    return float(np.float32(math.sqrt(width)))


def rope_fields(rotation: Rotation) -> dict[str, Any]:
    """The rotary parameters of a rotation as config.json has them."""
    theta, factor, ramp = rotation
    fields: dict[str, Any] = {"rope_type": "default", "rope_theta": theta}
    if ramp is not None:
        fields |= {"rope_type": "llama3", "factor": factor, **dict(zip(RAMP, ramp, strict=True))}
    elif factor != 1:
        fields |= {"rope_type": "linear", "factor": factor}
    return fields


def rotation_of(parameters: Mapping[str, Any]) -> Rotation:
    """The rotation of the rotary parameters that transformers has."""
    kind, theta = parameters["rope_type"], float(parameters["rope_theta"])
    if kind == "default":
        return Rotation(theta)
    low, high, length = (float(parameters.get(name, 0)) for name in RAMP)
    ramp = (low, high, length) if kind == "llama3" else None
    return Rotation(theta, float(parameters["factor"]), ramp)


class DecoderFamily(Family):
    """A family whose models are decoders of one style."""

    style: ClassVar[Style]

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        """By default one for all layers."""
        return {"model.rotary_emb.inv_freq": rotation_of(config.rope_parameters)}

    def read(self, function: ModuleOp) -> Decoder:
        from .recognise import recognise

        found = recognise(function, self.style)
        self.config_fields(found)  # Which refuses what no configuration of the family says.
        return found

    @abstractmethod
    def config_fields(self, model: Decoder) -> dict[str, Any]: ...
