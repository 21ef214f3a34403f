"""Llama (Touvron et al. 2023; Grattafiori et al. 2024), and what is built like it, as SmolLM2 is.

Rotary embeddings may be stretched as in Llama 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import UserError
from .base import (
    ACTIVATIONS,
    DECODER_FIELDS,
    FULL,
    GGUF_ENTRIES,
    GGUF_LAYER,
    Family,
    Gguf,
    head_dim,
)
from .decoder import LENGTH, RAMP, Decoder, DecoderFamily, Style, rope_fields, rotation_of

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Llama(DecoderFamily):
    model_type = "llama"
    title = "Llama"
    style = Style(optional_biases=True)
    fields = DECODER_FIELDS.adding(
        optional=("head_dim", "num_key_value_heads"),
        fixed={
            "architectures": (None, [], ["LlamaForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False, True),
            "mlp_bias": (False, True),
            "rope_interleaved": (False,),
        },
        harmless=("is_llama_config", "pretraining_tp", "transformers.js_config"),
    )
    rope_types: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Family.rope_types,
        "llama3": ("factor", *RAMP),
        "yarn": ("factor", LENGTH),
    }
    rope_options = ("beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim")
    gguf = Gguf(
        architecture="llama",
        required=GGUF_ENTRIES,
        optional={"vocab_size": "vocab_size", "rope.dimension_count": "head_dim"},
        same={
            "attention.key_length": "rope.dimension_count",
            "attention.value_length": "rope.dimension_count",
        },
        layer_tensors=GGUF_LAYER,
        paired={
            "self_attn.q_proj": "num_attention_heads",
            "self_attn.k_proj": "num_key_value_heads",
        },
    )

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        theta, yarn = config.rope_parameters["rope_theta"], "yarn"
        if config.rope_parameters["rope_type"] == yarn and theta <= 1:
            raise UserError(f"{where}: rope_theta = {theta} must be above 1 for {yarn}")
        ramp = rotation_of(config.rope_parameters, head_dim(config)).ramp
        if ramp and not ramp[2] and ramp[0] >= ramp[1]:
            raise UserError(
                f"{where}: beta_fast, beta_slow and {LENGTH} make {yarn} interpolate from channel "
                f"{ramp[0]:g} to {ramp[1]:g}: the first must be less"
            )
        if ramp and ramp[0] >= ramp[1]:
            raise UserError(
                f"{where}: {RAMP[0]} = {ramp[0]} must be less than {RAMP[1]} = {ramp[1]}"
            )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_global()
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_act": model.hidden_activation,
            "attention_bias": model.attention_bias,
            "mlp_bias": model.mlp_bias,
            "rope_parameters": rope_fields(model.one_rotation()),
        }


LLAMA = Llama()
