"""Gemma-3 by its configuration alone: the raised `nn` function, without PyTorch and without weights.

It is what `import_model` and `raise-to-nn` make of the model in transformers, up to the order of operations
and the digests of weights, which are zeros here. Whoever reads a key learns from it which model of the
family the key's function is, without a graph of PyTorch's beside it.

Shapes as in the `nn` dialect. Errors: a configuration of sizes that do not fit is a `VerifyException`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, TensorType, f32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from ..dialects import nn

FAMILY = "gemma3_text"
FULL, SLIDING = "full_attention", "sliding_attention"
ACTIVATIONS: dict[str, type[nn.ActivationOp]] = {
    "gelu_pytorch_tanh": nn.GeluTanhOp,
    "gelu": nn.GeluOp,
    "silu": nn.SiluOp,
    "relu": nn.ReluOp,
}
"""What configurations call them."""


@dataclass(frozen=True)
class Gemma3:
    """What a configuration says about the function, under the names of config.json.

    ``rope`` has (theta, factor) by layer type; ``sliding_window`` is None where no layer has one.
    """

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
    rope: Mapping[str, tuple[float, float]]
    tie_word_embeddings: bool

    def fields(self) -> dict[str, Any]:
        """The configuration as config.json would have it."""
        rope: dict[str, dict[str, Any]] = {}
        for kind, (theta, factor) in self.rope.items():
            rope[kind] = {"rope_type": "default", "rope_theta": theta}
            if factor != 1:
                rope[kind] |= {"rope_type": "linear", "factor": factor}
        return {
            "model_type": FAMILY,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": len(self.layer_types),
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "hidden_activation": self.hidden_activation,
            "rms_norm_eps": self.rms_norm_eps,
            "query_pre_attn_scalar": self.query_pre_attn_scalar,
            "layer_types": list(self.layer_types),
            "sliding_window": self.sliding_window,
            "rope_parameters": rope,
            "tie_word_embeddings": self.tie_word_embeddings,
        }

    def module(self, tokens: int) -> ModuleOp:
        """The function for exactly so many tokens."""
        return _Builder(self).module(tokens)


class _Builder:
    def __init__(self, config: Gemma3):
        self.config = config
        self.block = Block()

    def module(self, tokens: int) -> ModuleOp:
        c, embedding = self.config, "model.embed_tokens"
        ids = self.add(nn.TokensOp(TensorType(i64, [tokens])), "")
        table = self.param(embedding, c.vocab_size, c.hidden_size)
        scale = float(np.float32(math.sqrt(c.hidden_size)))
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
        y = self.norm(x, f"{path}.input_layernorm")
        y = self.attention(y, f"{path}.self_attn", kind)
        y = self.norm(y, f"{path}.post_attention_layernorm")
        x = self.add(nn.AddOp(x, y), path)
        y = self.norm(x, f"{path}.pre_feedforward_layernorm")
        y = self.norm(self.mlp(y, f"{path}.mlp"), f"{path}.post_feedforward_layernorm")
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
        y = self.linear(x, f"{path}.{name}_proj", count * self.config.head_dim)
        return self.add(nn.SplitHeadsOp(y, heads=count), path)

    def rotated(self, x: SSAValue, path: str, name: str, kind: str) -> SSAValue:
        theta, factor = self.config.rope[kind]
        normed = self.norm(x, f"{path}.{name}_norm")
        return self.add(nn.RopeOp(normed, theta=theta, factor=factor), path)

    def mlp(self, x: SSAValue, path: str) -> SSAValue:
        gate = self.linear(x, f"{path}.gate_proj", self.config.intermediate_size)
        gate = self.add(ACTIVATIONS[self.config.hidden_activation](gate), f"{path}.act_fn")
        up = self.linear(x, f"{path}.up_proj", self.config.intermediate_size)
        product = self.add(nn.MulOp(gate, up), path)
        return self.linear(product, f"{path}.down_proj", self.config.hidden_size)

    def norm(self, x: SSAValue, path: str) -> SSAValue:
        weight = self.param(path, nn.shape_of(x)[-1])
        return self.add(nn.RMSNormOp(x, weight, eps=self.config.rms_norm_eps), path)

    def linear(self, x: SSAValue, path: str, size: int) -> SSAValue:
        weight = self.param(path, size, nn.shape_of(x)[-1])
        return self.add(nn.LinearOp(x, weight), path)

    def param(self, path: str, *shape: int) -> SSAValue:
        op = nn.ParamOp(
            TensorType(f32, shape),
            param=SymbolRefAttr(f"{path}.weight"),
            sha256=StringAttr("0" * 64),
        )
        return self.add(op, "")

    def add(self, op: Operation, path: str) -> SSAValue:
        self.block.add_op(nn.with_path(op, path))
        return op.results[0]
