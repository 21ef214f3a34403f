"""GPT-2 (Radford et al. 2019), and what is built like it, as DistilGPT-2 is.

Weights are stored as (inputs, outputs), and one linear layer makes queries, keys and values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .base import ACTIVATIONS, DECODER_FIELDS, Fields, stacked
from .classic import Classic, ClassicFamily, Names

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

LAYERS = "transformer.h"
NEW_GELU = {"gelu_new": "gelu_pytorch_tanh"}
"""GPT-2's name of the tanh form, which it writes out."""


class Gpt2(ClassicFamily):
    model_type = "gpt2"
    title = "GPT-2"
    names = Names(
        embedding="transformer.wte",
        positions="transformer.wpe",
        layers=LAYERS,
        norm="transformer.ln_f",
        attention="attn",
        query="q_proj",
        key="k_proj",
        value="v_proj",
        output="c_proj",
        mlp="mlp",
        up="c_fc",
        activation="act",
        down="c_proj",
        norms=("ln_1", "ln_2"),
        stream_first=(False, True),
    )
    activations = NEW_GELU
    fields = Fields(
        sizes={
            "vocab_size": 1 << 24,
            "n_embd": 1 << 20,
            "n_inner": 1 << 20,
            "n_layer": 1 << 10,
            "n_head": 1 << 12,
            "n_positions": 1 << 24,
            "n_ctx": 1 << 24,
        },
        optional=("n_inner",),
        numbers=("layer_norm_epsilon",),
        fixed={
            **DECODER_FIELDS.fixed,
            "architectures": (None, [], ["GPT2LMHeadModel"]),
            "activation_function": (*ACTIVATIONS, *NEW_GELU),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
        },
        used=("tie_word_embeddings", "pad_token_id", "eos_token_id"),
        harmless=(
            *DECODER_FIELDS.harmless,
            "attn_pdrop",
            "embd_pdrop",
            "reorder_and_upcast_attn",
            "resid_pdrop",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        ),
    )
    eps_field = "layer_norm_epsilon"
    embedding = "transformer.wte.weight"
    prefix = "transformer."
    unread = (".attn.bias", ".attn.masked_bias")

    def parts(self, config: PreTrainedConfig) -> Mapping[str, Mapping[str, range]]:
        return {
            f"{LAYERS}.{number}.attn.c_attn.{kind}": stacked(
                {f"{LAYERS}.{number}.attn.{name}_proj.{kind}": config.n_embd for name in "qkv"}
            )
            for number in range(config.n_layer)
            for kind in ("weight", "bias")
        }

    def transposed(self, config: PreTrainedConfig) -> frozenset[str]:
        names = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
        return frozenset(
            f"{LAYERS}.{number}.{name}.weight" for number in range(config.n_layer) for name in names
        )

    def config_fields(self, model: Classic) -> dict[str, Any]:
        model.require_usual_scale()
        return {
            "model_type": self.model_type,
            "vocab_size": model.vocab_size,
            "n_positions": model.positions,
            "n_embd": model.hidden_size,
            "n_layer": model.num_hidden_layers,
            "n_head": model.num_attention_heads,
            "n_inner": None
            if model.intermediate_size == 4 * model.hidden_size
            else model.intermediate_size,
            "activation_function": self.activation(model.activation),
            "layer_norm_epsilon": model.eps,
            "tie_word_embeddings": model.tie_word_embeddings,
        }


GPT2 = Gpt2()
