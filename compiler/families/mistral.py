"""Mistral (Jiang et al. 2023): as Llama, with one window for all layers, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, FULL, SLIDING
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Mistral(DecoderFamily):
    model_type = "mistral"
    title = "Mistral"
    style = Style()
    fields = DECODER_FIELDS.adding(
        sizes={"sliding_window": 1 << 31},
        optional=("head_dim", "num_key_value_heads", "sliding_window"),
        fixed={
            "architectures": (None, [], ["MistralForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
        },
    )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL if config.sliding_window is None else SLIDING: config.sliding_window}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_usual_scale()
        model.require_one_window()
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_act": model.hidden_activation,
            "sliding_window": model.sliding_window,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


MISTRAL = Mistral()
