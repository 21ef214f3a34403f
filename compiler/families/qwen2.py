"""Qwen 2 and 2.5 (Yang et al. 2024), the dense models: biased queries, keys and values; the last layers may have a
window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import (
    ACTIVATIONS,
    DECODER_FIELDS,
    FULL,
    GGUF_ENTRIES,
    GGUF_LAYER,
    SLIDING,
    Gguf,
)
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Qwen2(DecoderFamily):
    model_type = "qwen2"
    title = "Qwen2"
    style = Style(biased_attention=True)
    fields = DECODER_FIELDS.adding(
        sizes={"sliding_window": 1 << 31},
        optional=("num_key_value_heads", "sliding_window"),
        fixed={
            "architectures": (None, [], ["Qwen2ForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "use_sliding_window": (False, True),
        },
        used=("layer_types", "max_window_layers"),
    )
    one_mask = False
    gguf = Gguf(
        architecture="qwen2",
        required=GGUF_ENTRIES,
        optional={"vocab_size": "vocab_size"},
        same={},
        layer_tensors=GGUF_LAYER,
    )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None, SLIDING: config.sliding_window}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            **model.brief_fields(),
            "hidden_act": model.hidden_activation,
            "use_sliding_window": model.sliding_window is not None,
            "sliding_window": model.sliding_window,
            "layer_types": list(model.layer_types),
            "rope_parameters": rope_fields(model.one_rotation()),
        }


QWEN2 = Qwen2()
