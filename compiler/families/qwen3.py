"""Qwen 3 (Yang et al. 2025), the dense models: normalised queries and keys; the last layers may have a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...dialects.rotation import Rotation
from .base import (
    ACTIVATIONS,
    DECODER_FIELDS,
    FULL,
    GGUF_ENTRIES,
    GGUF_LAYER,
    SLIDING,
    Gguf,
)
from .decoder import Decoder, DecoderFamily, Style, rope_fields, rotation_of

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Qwen3(DecoderFamily):
    model_type = "qwen3"
    title = "Qwen3"
    style = Style(query_norms=True)
    fields = DECODER_FIELDS.adding(
        sizes={"sliding_window": 1 << 31},
        optional=("num_key_value_heads", "sliding_window"),
        fixed={
            "architectures": (None, [], ["Qwen3ForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False,),
            "use_sliding_window": (False, True),
        },
        used=("layer_types", "max_window_layers"),
    )
    one_mask = False
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

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None, SLIDING: config.sliding_window}

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        return {"model.rotary_emb.inv_freq": rotation_of(config.rope_parameters)}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_act": model.hidden_activation,
            "use_sliding_window": model.sliding_window is not None,
            "sliding_window": model.sliding_window,
            "layer_types": list(model.layer_types),
            "rope_parameters": rope_fields(model.one_rotation()),
        }


QWEN3 = Qwen3()
