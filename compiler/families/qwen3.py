"""Qwen 3 (Yang et al. 2025), the dense models: as Qwen 2, with normalised queries and keys in place of biases."""

from __future__ import annotations

from typing import Any

from .base import GGUF_ENTRIES, GGUF_LAYER, Gguf
from .decoder import Decoder, Style
from .qwen2 import Qwen2


class Qwen3(Qwen2):
    model_type = "qwen3"
    title = "Qwen3"
    style = Style(query_norms=True, optional_biases=True)
    fields = Qwen2.fields.adding(
        fixed={"architectures": (None, [], ["Qwen3ForCausalLM"]), "attention_bias": (False, True)}
    )
    gguf = Gguf(
        architecture="qwen3",
        required={**GGUF_ENTRIES, "attention.key_length": "head_dim"},
        optional={"vocab_size": "vocab_size"},
        same={
            "attention.value_length": "attention.key_length",
            "rope.dimension_count": "attention.key_length",
        },
        layer_tensors={
            **GGUF_LAYER,
            "attn_q_norm": "self_attn.q_norm",
            "attn_k_norm": "self_attn.k_norm",
        },
    )

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        return {
            **super().config_fields(model),
            "head_dim": model.head_dim,
            "attention_bias": model.attention_bias,
        }


QWEN3 = Qwen3()
