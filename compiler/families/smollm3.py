"""SmolLM3 (Hugging Face 2025): as Llama, but some layers rotate nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from ...dialects.rotation import STILL
from ...errors import UserError
from .base import ACTIVATIONS, DECODER_FIELDS, FULL
from .decoder import Decoder, DecoderFamily, Style, rope_fields

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class SmolLM3(DecoderFamily):
    model_type = "smollm3"
    title = "SmolLM3"
    style = Style(optional_biases=True)
    fields = DECODER_FIELDS.adding(
        sizes={"no_rope_layer_interval": 1 << 10, "sliding_window": 1 << 31},
        optional=("num_key_value_heads", "sliding_window"),
        fixed={
            "architectures": (None, [], ["SmolLM3ForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (False, True),
            "mlp_bias": (False, True),
            "use_sliding_window": (False,),
        },
        used=("layer_types", "no_rope_layers"),
    )
    one_mask = False

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        rotated, layers = config.no_rope_layers, config.num_hidden_layers
        if len(rotated) != layers or any(each not in (0, 1) for each in rotated):
            raise UserError(
                f"{where}: no_rope_layers = {shown(rotated)} must say 0 or 1 for each of {layers} layers"
            )
        if not any(rotated):
            raise UserError(f"{where}: no_rope_layers says that no layer has a rotary embedding")
        if {*config.layer_types} != {FULL}:
            raise UserError(f"{where}: layer_types must be {FULL} without use_sliding_window")

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        model.require_global()
        model.require_usual_scale()
        moving = {*model.rotations} - {STILL}
        if len(moving) != 1:
            raise UserError("its layers have several rotary embeddings, or none")
        return {
            "model_type": self.model_type,
            **model.brief_fields(),
            "hidden_act": model.hidden_activation,
            "attention_bias": model.attention_bias,
            "mlp_bias": model.mlp_bias,
            "no_rope_layers": [int(rotation != STILL) for rotation in model.rotations],
            "rope_parameters": rope_fields(moving.pop()),
        }


SMOLLM3 = SmolLM3()
