"""Gemma (Google 2024), the first: as Llama, with Gemma's norms and scaled embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, FULL
from .decoder import (
    Decoder,
    DecoderFamily,
    Style,
    embedding_scale,
    rope_fields,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Gemma(DecoderFamily):
    model_type = "gemma"
    title = "Gemma"
    style = Style(gain=1.0, scaled_embedding=True)
    # transformers takes "gelu", as first releases have it, for the tanh form, and does not look at the other name.
    fields = DECODER_FIELDS.adding(
        fixed={
            "architectures": (None, [], ["GemmaForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "hidden_activation": (None, "gelu_pytorch_tanh"),
            "attention_bias": (False,),
            "use_bidirectional_attention": (False, None),
        },
    )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def scalars(self, config: PreTrainedConfig) -> Mapping[str, float]:
        return {"model.embed_tokens.embed_scale": embedding_scale(config.hidden_size)}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_global()
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_act": model.hidden_activation,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


GEMMA = Gemma()
