"""Gemma 2 (Google 2024): sandwich norms, soft caps of scores and logits, a window in every other layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, FULL, SLIDING
from .decoder import (
    Decoder,
    DecoderFamily,
    Style,
    embedding_scale,
    require_same_activation,
    rope_fields,
)
from .recognise import query_scalar

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Gemma2(DecoderFamily):
    model_type = "gemma2"
    title = "Gemma 2"
    style = Style(gain=1.0, scaled_embedding=True, norms_behind=True, soft_caps=True)
    fields = DECODER_FIELDS.adding(
        sizes={"sliding_window": 1 << 31},
        optional=("sliding_window", "attn_logit_softcapping", "final_logit_softcapping"),
        numbers=("query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping"),
        fixed={
            "architectures": (None, [], ["Gemma2ForCausalLM"]),
            "hidden_activation": tuple(ACTIVATIONS),
            "hidden_act": (None, *ACTIVATIONS),
            "attention_bias": (False,),
            "use_bidirectional_attention": (False, None),
        },
        used=("layer_types",),
        harmless=("sliding_window_size",),
    )
    one_mask = False

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        require_same_activation(where, config, fields)

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None, SLIDING: config.sliding_window}

    def scalars(self, config: PreTrainedConfig) -> Mapping[str, float]:
        return {"model.embed_tokens.embed_scale": embedding_scale(config.hidden_size)}

    def logits_cap(self, config: PreTrainedConfig) -> float | None:
        return config.final_logit_softcapping

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        """Without the cap of logits: no greedy token depends on it."""
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_activation": model.hidden_activation,
            "query_pre_attn_scalar": query_scalar(model.score_scale),
            "attn_logit_softcapping": model.score_cap,
            "layer_types": list(model.layer_types),
            "sliding_window": model.sliding_window,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


GEMMA2 = Gemma2()
