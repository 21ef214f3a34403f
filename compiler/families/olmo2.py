"""OLMo 2 (Ai2 2024): norms of what layers add and not of what they read, and of all queries and keys together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, FULL
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Olmo2(DecoderFamily):
    model_type = "olmo2"
    title = "OLMo 2"
    style = Style(wide_query_norms=True, norms_before=False, norms_behind=True)
    fields = DECODER_FIELDS.adding(
        optional=("num_key_value_heads",),
        fixed={
            "architectures": (None, [], ["Olmo2ForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False,),
        },
    )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_global()
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            **model.brief_fields(),
            "hidden_act": model.hidden_activation,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


OLMO2 = Olmo2()
