"""Phi-3 and Phi-3.5 mini and medium (Abdin et al. 2024): as Mistral, with one linear layer for queries, keys and
values, and one for both halves of the feed-forward network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from .base import ACTIVATIONS, DECODER_FIELDS, FULL, SLIDING, head_dim, stacked
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Phi3(DecoderFamily):
    model_type = "phi3"
    title = "Phi-3"
    style = Style(activation="activation_fn", product_first=True)
    fields = DECODER_FIELDS.adding(
        sizes={"sliding_window": 1 << 31, "original_max_position_embeddings": 1 << 31},
        optional=("num_key_value_heads", "sliding_window"),
        fixed={
            "architectures": (None, [], ["Phi3ForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False,),
        },
        harmless=("auto_map", "embd_pdrop", "resid_pdrop"),
    )
    rope_types: ClassVar[Mapping[str, tuple[str, ...]]] = {"default": ()}

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL if config.sliding_window is None else SLIDING: config.sliding_window}

    def parts(self, config: PreTrainedConfig) -> Mapping[str, Mapping[str, range]]:
        width = head_dim(config)
        heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}
        heads["v"] = heads["k"]
        found: dict[str, Mapping[str, range]] = {}
        for number in range(config.num_hidden_layers):
            attention, mlp = (f"model.layers.{number}.{name}" for name in ("self_attn", "mlp"))
            found[f"{attention}.qkv_proj.weight"] = stacked(
                {f"{attention}.{name}_proj.weight": count * width for name, count in heads.items()}
            )
            found[f"{mlp}.gate_up_proj.weight"] = stacked(
                {f"{mlp}.{name}_proj.weight": config.intermediate_size for name in ("gate", "up")}
            )
        return found

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_usual_scale()
        model.require_one_window()
        return {
            "model_type": self.model_type,
            **model.brief_fields(),
            "hidden_act": model.hidden_activation,
            "sliding_window": model.sliding_window,
            "rope_parameters": {**rope_fields(model.one_rotation()), "partial_rotary_factor": 1.0},
        }


PHI3 = Phi3()
