"""Granite 3 (IBM 2024), the dense models: as Llama, with factors on embeddings, scores, deltas and logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, FULL
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Granite(DecoderFamily):
    model_type = "granite"
    title = "Granite"
    style = Style(multipliers=True)
    fields = DECODER_FIELDS.adding(
        optional=("num_key_value_heads",),
        numbers=(
            "attention_multiplier",
            "embedding_multiplier",
            "logits_scaling",
            "residual_multiplier",
        ),
        fixed={
            "architectures": (None, [], ["GraniteForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False,),
            "mlp_bias": (False,),
        },
    )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_global()
        return {
            "model_type": self.model_type,
            **model.brief_fields(),
            "hidden_act": model.hidden_activation,
            "attention_multiplier": model.score_scale,
            "embedding_multiplier": model.embedding_scale,
            "logits_scaling": model.logits_divisor,
            "residual_multiplier": model.delta_scale,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


GRANITE = Granite()
