"""Gemma 3 (Google 2025), the text model: sandwich norms, normalised queries, windows between global layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...dialects.rotation import Rotation
from ...errors import UserError
from .base import (
    ACTIVATIONS,
    DECODER_FIELDS,
    FULL,
    GGUF_ENTRIES,
    GGUF_LAYER,
    LAYER_TYPES,
    SLIDING,
    Gguf,
    Wrapper,
)
from .decoder import (
    Decoder,
    DecoderFamily,
    Style,
    embedding_scale,
    require_same_activation,
    rope_fields,
    rotation_of,
)
from .recognise import query_scalar

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class Gemma3(DecoderFamily):
    model_type = "gemma3_text"
    title = "Gemma-3"
    style = Style(gain=1.0, scaled_embedding=True, query_norms=True, norms_behind=True)
    fields = DECODER_FIELDS.adding(
        sizes=dict.fromkeys(
            ("sliding_window", "sliding_window_pattern", "_sliding_window_pattern"), 1 << 31
        ),
        optional=("sliding_window",),
        numbers=("query_pre_attn_scalar", "rope_local_base_freq"),
        fixed={
            "architectures": (None, [], ["Gemma3ForCausalLM"]),
            "hidden_activation": tuple(ACTIVATIONS),
            "hidden_act": (None, *ACTIVATIONS),
            "attention_bias": (False,),
            "attn_logit_softcapping": (None,),
            "final_logit_softcapping": (None,),
            "use_bidirectional_attention": (False, None),
        },
        used=("layer_types",),
    )
    rope_by_layer_type = True
    one_mask = False
    gguf = Gguf(
        architecture="gemma3",
        required={
            **GGUF_ENTRIES,
            "attention.key_length": "head_dim",
            "attention.sliding_window": "sliding_window",
        },
        optional={
            "vocab_size": "vocab_size",
            "attention.causal": "is_causal",
            "attention.sliding_window_pattern": "sliding_window_pattern",
            "rope.freq_base_swa": "rope_local_base_freq",
            "attn_logit_softcapping": "attn_logit_softcapping",
            "final_logit_softcapping": "final_logit_softcapping",
        },
        same={
            "attention.value_length": "attention.key_length",
            "rope.dimension_count": "attention.key_length",
        },
        layer_tensors={
            **GGUF_LAYER,
            "attn_q_norm": "self_attn.q_norm",
            "attn_k_norm": "self_attn.k_norm",
            "post_attention_norm": "post_attention_layernorm",
            "ffn_norm": "pre_feedforward_layernorm",
            "post_ffw_norm": "post_feedforward_layernorm",
        },
        gain=1.0,
        tokenizer="GemmaTokenizer",
    )
    wrappers: ClassVar[Mapping[str, Wrapper]] = {
        # With images, as those from 4B on are published; older files have the first two prefixes.
        "gemma3": Wrapper(
            prefixes={
                "language_model.model.": "model.",
                "language_model.lm_head.": "lm_head.",
                "model.language_model.": "model.",
            },
            others=tuple(
                f"{prefix}{part}."
                for prefix in ("", "model.")
                for part in ("vision_tower", "multi_modal_projector")
            ),
            harmless=(
                "architectures",
                "boi_token_index",
                "eoi_token_index",
                "image_token_index",
                "mm_tokens_per_image",
                "vision_config",
            ),
        )
    }

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        require_same_activation(where, config, fields)
        # Without layer_types a pattern makes them; the name with an underscore is but a copy.
        used, copy = fields.get("sliding_window_pattern", 6), fields.get("_sliding_window_pattern")
        if fields.get("layer_types") is None and copy not in (None, used):
            raise UserError(
                f"{where}: _sliding_window_pattern = {copy} is not what makes the layers, "
                f"sliding_window_pattern = {used}: give layer_types"
            )

    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        return {FULL: None, SLIDING: config.sliding_window}

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        return {
            f"model.rotary_emb.{kind}_inv_freq": rotation_of(
                config.rope_parameters[kind], config.head_dim
            )
            for kind in LAYER_TYPES
        }

    def scalars(self, config: PreTrainedConfig) -> Mapping[str, float]:
        return {"model.embed_tokens.embed_scale": embedding_scale(config.hidden_size)}

    def config_fields(self, model: Decoder) -> dict[str, Any]:
        return {
            "model_type": self.model_type,
            **model.fields(),
            "hidden_activation": model.hidden_activation,
            "query_pre_attn_scalar": query_scalar(model.score_scale),
            "layer_types": list(model.layer_types),
            "sliding_window": model.sliding_window,
            "rope_parameters": {kind: rope_fields(each) for kind, each in model.rope().items()},
        }


GEMMA3 = Gemma3()
