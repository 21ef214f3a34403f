"""OPT (Zhang et al. 2022), the models that normalise what layers read: all published sizes but 350M."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from .base import ACTIVATIONS, DECODER_FIELDS, Fields
from .classic import Classic, ClassicFamily, Names

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

USUAL_EPS = 1e-5
"""What PyTorch adds to variances where nobody says: configurations of OPT do not."""


class Opt(ClassicFamily):
    model_type = "opt"
    title = "OPT"
    names = Names(
        embedding="model.decoder.embed_tokens",
        positions="model.decoder.embed_positions",
        layers="model.decoder.layers",
        norm="model.decoder.final_layer_norm",
        attention="self_attn",
        query="q_proj",
        key="k_proj",
        value="v_proj",
        output="out_proj",
        mlp="",
        up="fc1",
        activation="activation_fn",
        down="fc2",
        norms=("self_attn_layer_norm", "final_layer_norm"),
    )
    offset = 2
    fields = Fields(
        sizes={
            "vocab_size": 1 << 24,
            "hidden_size": 1 << 20,
            "ffn_dim": 1 << 20,
            "num_hidden_layers": 1 << 10,
            "num_attention_heads": 1 << 12,
            "max_position_embeddings": 1 << 24,
            "word_embed_proj_dim": 1 << 20,
        },
        optional=("word_embed_proj_dim",),
        fixed={
            **DECODER_FIELDS.fixed,
            "architectures": (None, [], ["OPTForCausalLM"]),
            "activation_function": tuple(ACTIVATIONS),
            "do_layer_norm_before": (True,),
            "layer_norm_elementwise_affine": (True,),
            "_remove_final_layer_norm": (False,),
            "enable_bias": (False, True),
        },
        used=("tie_word_embeddings", "pad_token_id", "eos_token_id"),
        harmless=(
            *DECODER_FIELDS.harmless,
            "activation_dropout",
            "dropout",
            "init_std",
            "layerdrop",
            "prefix",
        ),
    )
    eps_field = None
    embedding = "model.decoder.embed_tokens.weight"

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        super().check(where, config, fields)
        if config.word_embed_proj_dim != config.hidden_size:
            raise UserError(
                f"{where}: word_embed_proj_dim = {shown(config.word_embed_proj_dim)} is not supported, only "
                f"hidden_size = {config.hidden_size}"
            )

    def config_fields(self, model: Classic) -> dict[str, Any]:
        model.require_usual_scale()
        if model.eps != USUAL_EPS:
            raise UserError(f"its norms add {model.eps} to variances, not {USUAL_EPS}")
        return {
            "model_type": self.model_type,
            "vocab_size": model.vocab_size,
            "hidden_size": model.hidden_size,
            "word_embed_proj_dim": model.hidden_size,
            "ffn_dim": model.intermediate_size,
            "num_hidden_layers": model.num_hidden_layers,
            "num_attention_heads": model.num_attention_heads,
            "max_position_embeddings": model.positions - self.offset,
            "activation_function": self.activation(model.activation),
            "enable_bias": model.biased,
            "tie_word_embeddings": model.tie_word_embeddings,
        }


OPT = Opt()
