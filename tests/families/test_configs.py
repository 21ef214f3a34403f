"""Configurations of the families: rotations as transformers has them, and one clear line for what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from zklemma.compiler.analysis.rope_table import rope_table
from zklemma.compiler.frontend.config import checked_config
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError

WHERE = Path("config.json")
SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "pad_token_id": None,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {}),
        ("llama", {"rope_theta": 5e5, "rope_scaling": LLAMA3}),
        ("llama", {"rope_parameters": LLAMA3 | {"rope_theta": 1e4}}),
        ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
        ("llama", {"rope_scaling": YARN}),
        ("llama", {"rope_scaling": YARN | {"beta_fast": 8.0, "beta_slow": 2.0}}),
        ("llama", {"rope_scaling": YARN | {"original_max_position_embeddings": 8}}),
        ("mistral", {"rope_theta": 1e6}),
        ("qwen2", {"rope_theta": 1e6}),
        ("qwen3", {"head_dim": 16}),
        ("gemma", {"head_dim": 16}),
        ("gemma2", {"head_dim": 16}),
        ("granite", {}),
        ("olmo2", {}),
        ("phi3", {}),
        ("smollm3", {}),
        ("gpt_neox", {}),
        ("gpt_neox", {"rotary_pct": 0.5, "rotary_emb_base": 3e3}),
    ],
    ids=str,
)
def test_rotations_are_those_of_transformers(kind: str, changes: dict[str, Any]) -> None:
    known = CONFIG_MAPPING[kind]()
    small = {name: value for name, value in SMALL.items() if hasattr(known, name)}
    family, config = checked_config(WHERE, small | {"model_type": kind} | changes)
    ((name, rotation),) = family.rotations(config).items()
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind].from_dict(small | changes))
    theirs = model.get_buffer(name).numpy()
    np.testing.assert_allclose(rotation.frequencies(len(theirs)), theirs, rtol=1e-5)


@pytest.mark.parametrize("ramp", [None, (1.0, 4.0, 64.0)])
def test_tables_have_the_angles(ramp: tuple[float, float, float] | None) -> None:
    rotation = Rotation(1e4, 8.0, ramp)
    angles = np.outer(np.arange(9), np.tile(rotation.frequencies(16), 2))
    for table, real in zip(rope_table(rotation, 9, 32), (np.cos, np.sin), strict=True):
        np.testing.assert_array_equal(table, np.floor(2**16 * real(angles) + 0.5))


GPT2: dict[str, Any] = {"n_embd": 48, "n_head": 4, "n_layer": 1, "vocab_size": 64}
OPT: dict[str, Any] = {"hidden_size": 48, "num_attention_heads": 4, "word_embed_proj_dim": 48}
NEOX: dict[str, Any] = {"hidden_size": 48, "num_attention_heads": 4, "rotary_pct": 0.17}


@pytest.mark.parametrize(
    ("fields", "changes", "words"),
    [
        (GPT2, {"n_embd": 50}, ["50 channels do not make 4 heads"]),
        (GPT2, {"n_inner": 0}, ["n_inner = 0"]),
        (GPT2, {"scale_attn_by_inverse_layer_idx": True}, ["scale_attn_by_inverse_layer_idx"]),
        (GPT2, {"add_cross_attention": True}, ["add_cross_attention = True"]),
        (GPT2, {"activation_function": "gelu_fast"}, ["activation_function = 'gelu_fast'"]),
        (GPT2, {"rope_theta": 1e4}, ["rope_theta = 10000.0 is not a setting"]),
        (OPT, {"word_embed_proj_dim": 32}, ["word_embed_proj_dim = 32", "hidden_size = 48"]),
        (OPT, {"do_layer_norm_before": False}, ["do_layer_norm_before = False"]),
        (OPT, {"_remove_final_layer_norm": True}, ["_remove_final_layer_norm = True"]),
        (OPT, {"layer_norm_elementwise_affine": False}, ["layer_norm_elementwise_affine"]),
        (NEOX, {"rotary_pct": 0.3}, ["partial_rotary_factor = 0.3", "3 channels of 12"]),
        (NEOX, {"rotary_pct": 0.01}, ["0 channels of 12"]),
        (NEOX, {"rotary_pct": 2.0}, ["24 channels of 12"]),
        (NEOX, {"rotary_pct": 0}, ["rotary_pct = 0 must be a positive number"]),
        (NEOX, {"rope_parameters": {"partial_rotary_factor": 0.5}}, ["rotary_pct = 0.17", "0.5"]),
        (NEOX, {"rope_parameters": {"partial_rotary_factor": 1.5}}, ["must be in 0 .. 1"]),
        (NEOX, {"attention_bias": False}, ["attention_bias = False"]),
        (NEOX, {"use_parallel_residual": 1}, ["use_parallel_residual = 1"]),
    ],
    ids=str,
)
def test_refused_of_models_with_layer_norms(
    fields: dict[str, Any], changes: dict[str, Any], words: list[str]
) -> None:
    kinds = {"n_embd": "gpt2", "word_embed_proj_dim": "opt", "rotary_pct": "gpt_neox"}
    kind = {"model_type": next(kind for name, kind in kinds.items() if name in fields)}
    checked_config(WHERE, kind | fields)
    with pytest.raises(UserError) as raised:
        checked_config(WHERE, kind | fields | changes)
    message = str(raised.value)
    assert all(word in message for word in ["config.json", *words]), message


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("gemma", {"attention_bias": True}, ["attention_bias = True", "only False"]),
        ("granite", {"mlp_bias": True}, ["mlp_bias = True"]),
        ("llama", {"sliding_window": 5}, ["sliding_window = 5 is not a setting"]),
        ("llama", {"attention_multiplier": 2.0}, ["attention_multiplier = 2.0", "remove it"]),
        ("llama", {"hidden_act": "mish"}, ["hidden_act = 'mish'"]),
        ("mistral", {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, ["'yarn'", "'linear'"]),
        ("llama", {"rope_scaling": YARN | {"beta_fast": -1.0}}, ["beta_fast = -1.0"]),
        ("llama", {"rope_scaling": YARN | {"beta_fast": 0.1}}, ["beta_fast", "the first must be"]),
        ("llama", {"rope_scaling": YARN | {"rope_theta": 1.0}}, ["rope_theta = 1.0", "yarn"]),
        ("phi3", {"head_dim": None}, ["head_dim = None"]),
        ("llama", {"rope_scaling": LLAMA3 | {"low_freq_factor": 4.0}}, ["low_freq_factor = 4.0"]),
        ("llama", {"rope_scaling": LLAMA3 | {"factor": 0}}, ["factor = 0"]),
        (
            "llama",
            {"hidden_size": 96, "num_attention_heads": 3, "num_key_value_heads": 2},
            ["num_key_value_heads = 2"],
        ),
        ("mistral", {"layer_types": ["full_attention"]}, ["layer_types"]),
        ("mistral", {"rope_scaling": LLAMA3}, ["rope_scaling has 'low_freq_factor'"]),
        ("qwen3", {"layer_types": ["linear_attention"]}, ["linear_attention"]),
        ("gemma", {"use_bidirectional_attention": True}, ["use_bidirectional_attention"]),
        ("bert", {}, ["'bert'", "'gemma3_text', 'llama'"]),
        ("smollm3", {"no_rope_layers": [2]}, ["no_rope_layers = [2]"]),
        ("smollm3", {"no_rope_layers": [0]}, ["no layer"]),
        ("smollm3", {"no_rope_layers": [1, 1]}, ["no_rope_layers = [1, 1]"]),
        (["llama"], {}, ["['llama']"]),
    ],
    ids=str,
)
def test_refused(kind: Any, changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        checked_config(WHERE, SMALL | {"model_type": kind} | changes)
    message = str(raised.value)
    assert "\n" not in message
    assert all(word in message for word in ["config.json", *words]), message
