"""GPT-NeoX (Black et al. 2022), the models of Pythia among them.

One linear layer makes queries, keys and values, head by head. The first channels of each head are rotated, and the
feed-forward network reads the stream beside attention, if configurations don't say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any, ClassVar

from ...dialects.rotation import Rotation
from ...errors import UserError
from .base import ACTIVATIONS, DECODER_FIELDS, Fields, head_dim
from .classic import Classic, ClassicFamily, Names
from .decoder import rope_fields, rotation_of

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

LAYERS = "gpt_neox.layers"
PART = "partial_rotary_factor"
OLDER = {"rotary_pct": PART, "rotary_emb_base": "rope_theta"}
"""What configurations called rotary parameters before these had a field of their own."""


class GptNeoX(ClassicFamily):
    model_type = "gpt_neox"
    title = "GPT-NeoX"
    names = Names(
        embedding="gpt_neox.embed_in",
        layers=LAYERS,
        norm="gpt_neox.final_layer_norm",
        attention="attention",
        query="q_proj",
        key="k_proj",
        value="v_proj",
        output="dense",
        mlp="mlp",
        up="dense_h_to_4h",
        activation="act",
        down="dense_4h_to_h",
        norms=("input_layernorm", "post_attention_layernorm"),
        stream_first=(False, False),
    )
    rope_types: ClassVar[Mapping[str, tuple[str, ...]]] = {"default": (), "linear": ("factor",)}
    partial_rope = True
    fields = Fields(
        sizes={
            "vocab_size": 1 << 24,
            "hidden_size": 1 << 20,
            "intermediate_size": 1 << 20,
            "num_hidden_layers": 1 << 10,
            "num_attention_heads": 1 << 12,
            "max_position_embeddings": 1 << 31,
        },
        numbers=("layer_norm_eps", *OLDER),
        fixed={
            **{name: only for name, only in DECODER_FIELDS.fixed.items() if name != PART},
            "architectures": (None, [], ["GPTNeoXForCausalLM"]),
            "hidden_act": tuple(ACTIVATIONS),
            "attention_bias": (True,),
            "use_parallel_residual": (False, True),
        },
        used=DECODER_FIELDS.used,
        harmless=(*DECODER_FIELDS.harmless, "classifier_dropout", "hidden_dropout"),
    )
    eps_field = "layer_norm_eps"
    embedding = "gpt_neox.embed_in.weight"
    renamed: ClassVar[Mapping[str, str]] = {"embed_out.weight": "lm_head.weight"}
    unread = (".attention.bias", ".attention.masked_bias", "inv_freq")

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        super().check(where, config, fields)
        for older, name in OLDER.items():
            if fields.get(older, config.rope_parameters[name]) != config.rope_parameters[name]:
                raise UserError(
                    f"{where}: {older} = {shown(fields[older])} is not what the model uses, {name} = "
                    f"{config.rope_parameters[name]}: remove it"
                )
        rotated = rotated_channels(config)
        if rotated % 2 or not 0 < rotated <= head_dim(config):
            raise UserError(
                f"{where}: {PART} = {config.rope_parameters[PART]} makes {rotated} channels of "
                f"{head_dim(config)}, which are no pairs"
            )

    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        rotation = rotation_of(config.rope_parameters, rotated_channels(config))
        return {"gpt_neox.rotary_emb.inv_freq": rotation}

    def parts(self, config: PreTrainedConfig) -> Mapping[str, Mapping[str, list[int]]]:
        width = head_dim(config)
        rows = {
            name: [
                (3 * head + part) * width + channel
                for head in range(config.num_attention_heads)
                for channel in range(width)
            ]
            for part, name in enumerate("qkv")
        }
        return {
            f"{LAYERS}.{number}.attention.query_key_value.{kind}": {
                f"{LAYERS}.{number}.attention.{name}_proj.{kind}": found
                for name, found in rows.items()
            }
            for number in range(config.num_hidden_layers)
            for kind in ("weight", "bias")
        }

    def config_fields(self, model: Classic) -> dict[str, Any]:
        model.require_usual_scale()
        if model.rotation is None:
            raise UserError("its layers have no rotary embedding")
        if not model.biased:
            raise UserError("its linear layers have no biases")
        return {
            "model_type": self.model_type,
            "vocab_size": model.vocab_size,
            "hidden_size": model.hidden_size,
            "intermediate_size": model.intermediate_size,
            "num_hidden_layers": model.num_hidden_layers,
            "num_attention_heads": model.num_attention_heads,
            "hidden_act": self.activation(model.activation),
            "layer_norm_eps": model.eps,
            "tie_word_embeddings": model.tie_word_embeddings,
            "use_parallel_residual": model.parallel,
            "rope_parameters": {
                **rope_fields(model.rotation),
                PART: model.rotated / model.head_dim,
            },
        }


def rotated_channels(config: PreTrainedConfig) -> int:
    """How many channels of each head are rotated, as transformers counts them."""
    return int(head_dim(config) * config.rope_parameters[PART])


GPT_NEOX = GptNeoX()
