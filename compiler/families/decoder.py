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
from pathlib import Path
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ...dialects import nn
from ...dialects.rotation import Rotation
from ...errors import UserError
from .base import ACTIVATIONS, FULL, Family, head_dim

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

LENGTH = "original_max_position_embeddings"
RAMP = ("low_freq_factor", "high_freq_factor", LENGTH)
"""What configurations call the numbers of a ramp."""
FASTEST, SLOWEST = 32.0, 1.0
"""The turns between which the ramp of YaRN lies where configurations don't say."""


@dataclass(frozen=True)
class Style:
    """How a family builds its layers."""

    gain: float = 0.0
    """What norms add to their weights."""
    scaled_embedding: bool = False
    """Whether embeddings are multiplied by the root of their width."""
    biased_attention: bool = False
    """Whether the linear layers that make queries, keys and values have biases."""
    optional_biases: bool = False
    """Whether configurations say if the linear layers of attention have biases, and the others."""
    query_norms: bool = False
    """Whether queries and keys are normalised, head by head, before they are rotated."""
    wide_query_norms: bool = False
    """Whether they are normalised before that, all heads together."""
    norms_before: bool = True
    """Whether what attention and feed-forward network read is normalised."""
    norms_behind: bool = False
    """Whether what they give is normalised before it is added."""
    activation: str = "act_fn"
    """What the activation is called in the feed-forward network."""
    product_first: bool = False
    """Whether the network's product has the activation as its second factor."""
    soft_caps: bool = False
    """Whether configurations give soft caps of scores and logits."""
    multipliers: bool = False
    """Whether configurations say by what embeddings, what is added to the residual stream, and logits are
    multiplied."""


@dataclass(frozen=True)
class Decoder:
    """What a configuration says about the function, mostly under the names of config.json.

    ``rotations`` has one for each layer; ``sliding_window`` is None where no layer has one. Scores are multiplied
    by ``score_scale``, embeddings by ``embedding_scale``, what layers add to the stream by ``delta_scale``; logits
    are divided by ``logits_divisor``.
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
    score_scale: float
    layer_types: tuple[str, ...]
    sliding_window: int | None
    rotations: tuple[Rotation, ...]
    tie_word_embeddings: bool
    embedding_scale: float = 1.0
    delta_scale: float = 1.0
    logits_divisor: float = 1.0
    score_cap: float | None = None
    """c where scores are c tanh(x / c) of what they would be."""
    attention_bias: bool = False
    """Whether all linear layers of attention have biases."""
    mlp_bias: bool = False

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

    def brief_fields(self) -> dict[str, Any]:
        """`fields` without the width of heads where it is the usual one, which few configurations give."""
        fields = self.fields()
        if self.hidden_size == self.num_attention_heads * self.head_dim:
            del fields["head_dim"]
        return fields

    def require_usual_scale(self) -> None:
        """`UserError` unless scores are divided by the root of a head's width, for families that do not say."""
        yarn = max(map(yarn_scale, self.rotations), default=1.0)
        if self.score_scale != self.head_dim**-0.5 * yarn * yarn:
            raise UserError(
                f"its scores are multiplied by {self.score_scale}, not divided by the root of {self.head_dim}"
            )

    def require_global(self) -> None:
        """`UserError` for layers with a window."""
        if {*self.layer_types} != {FULL}:
            raise UserError("some of its layers have a window")

    def require_one_window(self) -> None:
        """`UserError` unless all layers have a window, or none."""
        if len({*self.layer_types}) > 1:
            raise UserError("its layers have several windows")

    def one_rotation(self) -> Rotation:
        """That of all layers; `UserError` where there are several."""
        if len({*self.rotations}) != 1:
            raise UserError("its layers have several rotary embeddings")
        return self.rotations[0]

    def rope(self) -> dict[str, Rotation]:
        """The rotation of each layer type; `UserError` where there are several."""
        pairs = {*zip(self.layer_types, self.rotations, strict=True)}
        if len(pairs) != len({*self.layer_types}):
            raise UserError("layers of one type have several rotary embeddings")
        return dict(pairs)

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
        x = self.add(nn.EmbeddingOp(ids, table, scale=c.embedding_scale), embedding)
        for number in range(len(c.layer_types)):
            x = self.layer(x, number)
        x = self.norm(x, "model.norm")
        if not c.tie_word_embeddings:
            table = self.param("lm_head", c.vocab_size, c.hidden_size)
        scale = {} if c.logits_divisor == 1 else {"scale": 1.0 / c.logits_divisor}
        logits = self.add(nn.LinearOp(x, table, **scale), "lm_head")
        self.block.add_op(ReturnOp(logits))
        module = ModuleOp([FuncOp("main", ((), [logits.type]), Region(self.block))])
        module.verify()
        return module

    def layer(self, x: SSAValue, number: int) -> SSAValue:
        path, style = f"model.layers.{number}", self.config.style
        after, both = "post_attention_layernorm", style.norms_before and style.norms_behind
        y = self.norm(x, f"{path}.input_layernorm") if style.norms_before else x
        y = self.attention(y, f"{path}.self_attn", number)
        if style.norms_behind:
            y = self.norm(y, f"{path}.{after}")
        x = self.add(nn.AddOp(x, y), path)
        y = x
        if style.norms_before:
            y = self.norm(x, f"{path}.{'pre_feedforward_layernorm' if both else after}")
        y = self.mlp(y, f"{path}.mlp")
        if style.norms_behind:
            y = self.norm(y, f"{path}.post_feedforward_layernorm")
        return self.add(nn.AddOp(x, y), path)

    def attention(self, x: SSAValue, path: str, number: int) -> SSAValue:
        c = self.config
        q = self.rotated(self.heads(x, path, "q", c.num_attention_heads), path, "q", number)
        k = self.rotated(self.heads(x, path, "k", c.num_key_value_heads), path, "k", number)
        v = self.heads(x, path, "v", c.num_key_value_heads)
        cap = c.score_cap or 1.0
        scores = self.add(nn.ScoresOp(q, k, scale=c.score_scale * (1.0 / cap)), path)
        others: dict[str, int | float] = {}
        if c.layer_types[number] != FULL:
            others["window"] = c.sliding_window or 0
        if c.score_cap is not None:
            scores = self.add(nn.TanhOp(scores), path)
            others["scale"] = cap
        p = self.add(nn.MaskedSoftmaxOp(scores, **others), path)
        mixed = self.add(nn.MergeHeadsOp(self.add(nn.AttendOp(p, v), path)), path)
        return self.linear(mixed, f"{path}.o_proj", c.hidden_size, c.attention_bias, c.delta_scale)

    def heads(self, x: SSAValue, path: str, name: str, count: int) -> SSAValue:
        c, style = self.config, self.config.style
        biased = style.biased_attention or c.attention_bias
        y = self.linear(x, f"{path}.{name}_proj", count * c.head_dim, biased)
        if style.wide_query_norms and name != "v":
            y = self.norm(y, f"{path}.{name}_norm")
        return self.add(nn.SplitHeadsOp(y, heads=count), path)

    def rotated(self, x: SSAValue, path: str, name: str, number: int) -> SSAValue:
        if self.config.style.query_norms:
            x = self.norm(x, f"{path}.{name}_norm")
        return self.add(nn.RopeOp.of(x, self.config.rotations[number]), path)

    def mlp(self, x: SSAValue, path: str) -> SSAValue:
        c = self.config
        gate = self.linear(x, f"{path}.gate_proj", c.intermediate_size, c.mlp_bias)
        gate = self.add(ACTIVATIONS[c.hidden_activation](gate), f"{path}.{c.style.activation}")
        up = self.linear(x, f"{path}.up_proj", c.intermediate_size, c.mlp_bias)
        factors = (up, gate) if c.style.product_first else (gate, up)
        product = self.add(nn.MulOp(*factors), path)
        return self.linear(product, f"{path}.down_proj", c.hidden_size, c.mlp_bias, c.delta_scale)

    def norm(self, x: SSAValue, path: str) -> SSAValue:
        weight = self.param(path, nn.shape_of(x)[-1])
        gain = self.config.style.gain
        offset = {} if gain == 1.0 else {"offset": gain}
        op = nn.RMSNormOp(x, weight, eps=self.config.rms_norm_eps, **offset)
        return self.add(op, path)

    def linear(
        self, x: SSAValue, path: str, size: int, biased: bool = False, scale: float = 1.0
    ) -> SSAValue:
        weights = [self.param(path, size, nn.shape_of(x)[-1])]
        if biased:
            weights.append(self.param(path, size, kind="bias"))
        factor = {} if scale == 1 else {"scale": scale}
        return self.add(nn.LinearOp(x, *weights, **factor), path)

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
    if ramp is not None and not ramp[2]:
        fields |= {"rope_type": "yarn", "factor": factor}
    elif ramp is not None:
        fields |= {"rope_type": "llama3", "factor": factor, **dict(zip(RAMP, ramp, strict=True))}
    elif factor != 1:
        fields |= {"rope_type": "linear", "factor": factor}
    return fields


def rotation_of(parameters: Mapping[str, Any], width: int) -> Rotation:
    """The rotation of the rotary parameters that transformers has, in heads of a width."""
    kind, theta = parameters["rope_type"], float(parameters["rope_theta"])
    if kind == "default":
        return Rotation(theta)
    if kind == "yarn":
        return Rotation(theta, float(parameters["factor"]), _yarn(parameters, theta, width))
    low, high, length = (float(parameters.get(name, 0)) for name in RAMP)
    ramp = (low, high, length) if kind == "llama3" else None
    return Rotation(theta, float(parameters["factor"]), ramp)


def _yarn(parameters: Mapping[str, Any], theta: float, width: int) -> tuple[float, float, float]:
    """The channels between which YaRN goes over to interpolation (Peng et al. 2023, section 3.2)."""
    turns = parameters.get("beta_fast") or FASTEST, parameters.get("beta_slow") or SLOWEST
    low, high = (
        width * math.log(parameters[LENGTH] / (each * 2 * math.pi)) / (2 * math.log(theta))
        for each in turns
    )
    low, high = max(math.floor(low), 0), min(math.ceil(high), width - 1)
    return float(low), high + 0.001 if low == high else float(high), 0.0


def yarn_scale(rotation: Rotation) -> float:
    """What cosines and sines are multiplied by where configurations of YaRN don't say; 1 for other rotations."""
    yarn = rotation.ramp is not None and not rotation.ramp[2]
    return 0.1 * math.log(rotation.factor) + 1.0 if yarn and rotation.factor > 1 else 1.0


def require_same_activation(
    where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]
) -> None:
    """`UserError` where a second name has another activation than the one that the model uses."""
    if fields.get("hidden_act") not in (None, config.hidden_activation):
        raise UserError(
            f"{where}: hidden_act = {shown(fields['hidden_act'])} is not what the model uses, "
            f"hidden_activation = {config.hidden_activation!r}: remove it"
        )


class DecoderFamily(Family):
    """A family whose models are decoders of one style."""

    style: ClassVar[Style]

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        """By default one for all layers."""
        return {"model.rotary_emb.inv_freq": rotation_of(config.rope_parameters, head_dim(config))}

    def read(self, function: ModuleOp) -> Decoder:
        from .recognise import recognise

        found = recognise(function, self.style)
        self.config_fields(found)  # Which refuses what no configuration of the family says.
        return found

    @abstractmethod
    def config_fields(self, model: Decoder) -> dict[str, Any]: ...
