"""A checkpoint of several models, of which the text model is compiled: the same one as alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForImageTextToText
from zklemma.compiler.frontend.checkpoint import load_checkpoint, without_weights
from zklemma.errors import UserError

GEMMA3 = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 5}
WEIGHTS = "model.safetensors"
PREFIXES = {
    "as older files have it": ("language_model.model.", "", "language_model.lm_head."),
    "as newer files have it": ("model.language_model.", "model.", "lm_head."),
}


def wrap(source: Path, prefix: str, other: str, head: str) -> None:
    """Makes a checkpoint of text one of text and images."""
    text = json.loads((source / "config.json").read_text())
    outer = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}
    outer |= {"image_token_index": 63, "vision_config": {"hidden_size": 8}}
    outer["eos_token_id"] = text.pop("eos_token_id")
    text.pop("architectures")
    (source / "config.json").write_text(json.dumps(outer | {"text_config": text}))
    (source / "generation_config.json").unlink(missing_ok=True)
    tensors = {f"{other}vision_tower.patches.weight": np.zeros((2, 2), np.float32)}
    for name, array in load_file(source / WEIGHTS).items():
        new = name.replace("model.", prefix, 1) if name.startswith("model.") else name
        tensors[new.replace("lm_head.", head)] = array
    save_file(tensors, source / WEIGHTS)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("names", PREFIXES.values(), ids=PREFIXES)
def test_the_text_model_is_the_one_alone(make: Any, names: Any, tied: bool) -> None:
    source = make("gemma3_text", tie_word_embeddings=tied, **GEMMA3)
    alone = load_checkpoint(source)
    expected = {name: alone.sha256(name) for name in alone.names}
    wrap(source, *names)
    found = load_checkpoint(source)
    assert {name: found.sha256(name) for name in found.names} == expected
    assert found.end_tokens == alone.end_tokens
    assert found.config.to_dict() | {"architectures": None} == alone.config.to_dict() | {
        "architectures": None
    }
    assert without_weights(source).shapes == alone.shapes


def test_what_transformers_writes_is_read(tmp_path: Path, make: Any) -> None:
    source = make("gemma3_text", **GEMMA3)
    wrap(source, *PREFIXES["as newer files have it"])
    fields = json.loads((source / "config.json").read_text())
    vision = {"num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    vision |= {"hidden_size": 8, "image_size": 28, "patch_size": 14}
    fields |= {"vision_config": vision, "mm_tokens_per_image": 1}
    (source / "config.json").write_text(json.dumps(fields))
    model = AutoModelForImageTextToText.from_pretrained(source)
    model.save_pretrained(source)
    found = load_checkpoint(source)
    weight = model.get_parameter("model.language_model.layers.1.mlp.up_proj.weight")
    mine = found.tensor("model.layers.1.mlp.up_proj.weight")
    np.testing.assert_array_equal(mine, weight.detach().numpy())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text_config": None}, "text_config = None must be an object"),
        ({"soft_tokens": 4}, "'soft_tokens' = 4 is not a setting"),
        ({"text_config": {"model_type": "llama"}}, "model_type"),
        ({"text_config": {"head_dim": 0}}, "head_dim = 0"),
    ],
    ids=str,
)
def test_refused(make: Any, changes: dict[str, Any], words: str) -> None:
    source = make("gemma3_text", **GEMMA3)
    wrap(source, *PREFIXES["as newer files have it"])
    fields = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(fields | changes))
    with pytest.raises(UserError, match=words):
        load_checkpoint(source)
