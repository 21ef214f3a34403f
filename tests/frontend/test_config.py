"""Configurations: what means what, and one clear line for what might mean something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.frontend.config import checked_config
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError

WHERE = Path("config.json")
SMALL: dict[str, Any] = {
    "model_type": "gemma3_text",
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 7,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "sliding_window": 5,
    "max_position_embeddings": 64,
}
# As it is published for the 270M model.
PUBLISHED = """{
  "_sliding_window_pattern": 6, "architectures": ["Gemma3ForCausalLM"], "attention_bias": false,
  "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2,
  "cache_implementation": "hybrid", "eos_token_id": 1, "final_logit_softcapping": null,
  "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640,
  "initializer_range": 0.02, "intermediate_size": 2048, "layer_types": ["sliding_attention",
  "full_attention"], "max_position_embeddings": 32768, "model_type": "gemma3_text",
  "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 1, "pad_token_id": 0,
  "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000.0,
  "rope_scaling": null, "rope_theta": 1000000.0, "sliding_window": 512, "torch_dtype": "bfloat16",
  "transformers_version": "4.55.0.dev0", "use_bidirectional_attention": false, "use_cache": true,
  "vocab_size": 262144
}"""


def test_published_configuration() -> None:
    family, config = checked_config(WHERE, json.loads(PUBLISHED))
    assert family is GEMMA3
    assert GEMMA3.rotations(config) == {
        "model.rotary_emb.full_attention_inv_freq": Rotation(1e6),
        "model.rotary_emb.sliding_attention_inv_freq": Rotation(1e4),
    }


def test_every_field_that_transformers_writes() -> None:
    config = Gemma3TextConfig(**SMALL)
    _, again = checked_config(WHERE, json.loads(config.to_json_string(use_diff=False)))
    assert again.to_dict() == config.to_dict()


def frequencies(fields: dict[str, Any], layer_type: str) -> torch.Tensor:
    """The rotary frequencies of the model that transformers makes."""
    model = Gemma3ForCausalLM(Gemma3TextConfig.from_dict(fields))
    return model.model.rotary_emb.get_buffer(f"{layer_type}_inv_freq")


FULL = {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 5e5}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rope_theta": 5e5, "rope_local_base_freq": 7e3},
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_theta": 5e5},
        {"rope_parameters": FULL},
        {"rope_parameters": FULL, "rope_theta": 3.0, "rope_local_base_freq": 7e3},
        {"rope_parameters": FULL | {"sliding_attention": {"rope_theta": 7e3}}},
        {"sliding_window_pattern": 2},
    ],
    ids=str,
)
def test_rope_is_that_of_transformers(changes: dict[str, Any]) -> None:
    _, config = checked_config(WHERE, SMALL | changes)
    rotations = GEMMA3.rotations(config)
    for layer_type in ("full_attention", "sliding_attention"):
        ours = torch.tensor(rotations[f"model.rotary_emb.{layer_type}_inv_freq"].frequencies(4))
        theirs = frequencies(json.loads(json.dumps(SMALL | changes)), layer_type)
        torch.testing.assert_close(ours.float(), theirs)


HUGE = 10**20


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_causal": False}, ["is_causal = False"]),
        ({"is_causal": None}, ["is_causal = None"]),
        ({"is_causal": 1}, ["is_causal = 1"]),
        ({"attention_temperature": 2.0}, ["attention_temperature = 2.0", "remove it"]),
        ({"two\nlines": 1}, [r"two\nlines"]),
        ({"num_kv_shared_layers": 1}, ["num_kv_shared_layers = 1"]),
        ({"is_encoder_decoder": True}, ["is_encoder_decoder = True"]),
        ({"add_cross_attention": True}, ["add_cross_attention"]),
        ({"architectures": ["Gemma3ForSequenceClassification"]}, ["architectures"]),
        ({"hidden_act": "silu"}, ["hidden_act"]),
        ({"_sliding_window_pattern": 4, "layer_types": None}, ["_sliding_window_pattern = 4"]),
        ({"_sliding_window_pattern": 4}, ["_sliding_window_pattern = 4", "layer_types"]),
        ({"sliding_window": None}, ["sliding_window"]),
        ({"pad_token_id": 64}, ["pad_token_id = 64", "64"]),
        ({"pad_token_id": -65}, ["pad_token_id = -65"]),
        ({"eos_token_id": "end"}, ["eos_token_id"]),
        ({"rms_norm_eps": 1e60}, ["rms_norm_eps = 1e+60"]),
        ({"rms_norm_eps": 1e999}, ["rms_norm_eps = inf"]),
        ({"query_pre_attn_scalar": HUGE**3}, ["query_pre_attn_scalar"]),
        ({"query_pre_attn_scalar": 0}, ["query_pre_attn_scalar"]),
        ({"tie_word_embeddings": "yes"}, ["tie_word_embeddings"]),
        ({"num_hidden_layers": True}, ["num_hidden_layers = True"]),
        ({"num_hidden_layers": 10**4}, ["num_hidden_layers = 10000", "too large"]),
        *[
            ({name: HUGE}, [name, "too large"])
            for name in (
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "head_dim",
                "max_position_embeddings",
                "sliding_window",
            )
        ],
    ],
    ids=str,
)
def test_refused(changes: dict[str, Any], words: list[str]) -> None:
    refused(changes, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rope_scaling": {"type": "linear", "factor": 8.0}}, ["'type'", "'rope_type'"]),
        ({"rope_scaling": {"factor": 8.0}}, ["factor", "'linear'"]),
        ({"rope_scaling": {"rope_type": "linear"}}, ["factor"]),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, ["factor = 0"]),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 8.0}}, ["yarn"]),
        ({"rope_scaling": {"rope_type": ["linear"], "factor": 8.0}}, ["['linear']"]),
        ({"rope_scaling": 8.0}, ["rope_scaling = 8.0"]),
        ({"rope_scaling": {"rope_type": "linear", "factor": 8.0, "beta": 1}}, ["'beta'"]),
        ({"rope_scaling": {"factor": 1.0}, "rope_parameters": FULL}, ["exclude"]),
        ({"rope_parameters": FULL["full_attention"]}, ["'rope_type'", "one object for each"]),
        ({"rope_parameters": FULL | {"rope_type": "linear"}}, ["'rope_type'"]),
        (
            {"rope_parameters": {"full_attention": {"type": "linear", "factor": 8.0}}},
            ["'type'"],
        ),
        ({"rope_parameters": {"full_attention": 5e5}}, ["full_attention = 500000.0"]),
        ({"rope_theta": 1e999}, ["rope_theta = inf"]),
        ({"partial_rotary_factor": 0.5}, ["partial_rotary_factor = 0.5"]),
        *[
            (
                {"rope_parameters": {"full_attention": rope | {"partial_rotary_factor": 0.5}}},
                ["partial_rotary_factor = 0.5"],
            )
            for rope in ({"rope_type": "default", "rope_theta": 1e6}, FULL["full_attention"])
        ],
    ],
    ids=str,
)
def test_rope_refused(changes: dict[str, Any], words: list[str]) -> None:
    refused(changes, *words)


def refused(changes: dict[str, Any], *words: str) -> None:
    with pytest.raises(UserError) as caught:
        checked_config(WHERE, SMALL | changes)
    message = str(caught.value)
    assert message.startswith("config.json") and "\n" not in message and len(message) < 300
    for word in words:
        assert word in message
