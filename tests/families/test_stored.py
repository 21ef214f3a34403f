"""Checkpoints that store weights otherwise than the compiler sees them: transposed, and under shorter names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from zklemma.compiler.frontend.checkpoint import load_checkpoint, without_weights
from zklemma.compiler.frontend.module import module_checkpoint
from zklemma.errors import UserError

WEIGHTS = "model.safetensors"
LAYER = "transformer.h.1"


@pytest.fixture
def source(make: Any) -> Path:
    return make("gpt2", n_inner=48)


def test_what_is_stored_transposed(source: Path) -> None:
    found, stored = load_checkpoint(source), load_file(source / WEIGHTS)
    up, fused = (stored[f"{LAYER}.{name}.weight"] for name in ("mlp.c_fc", "attn.c_attn"))
    np.testing.assert_array_equal(found.tensor(f"{LAYER}.mlp.c_fc.weight"), up.T)
    for number, name in enumerate("qkv"):
        part = found.tensor(f"{LAYER}.attn.{name}_proj.weight")
        np.testing.assert_array_equal(part, fused[:, 32 * number : 32 * (number + 1)].T)
    state = found.state()
    assert {*state} == {*stored}
    for name, array in stored.items():
        np.testing.assert_array_equal(state[name], array, name)
    assert without_weights(source).shapes == found.shapes


def test_names_without_the_prefix_and_masks(source: Path) -> None:
    """As the published GPT-2 has them."""
    before = load_checkpoint(source)
    expected = {name: before.sha256(name) for name in before.names}
    stored = load_file(source / WEIGHTS)
    short = {name.removeprefix("transformer."): array for name, array in stored.items()}
    short |= {f"h.{i}.attn.bias": np.ones((1, 1, 64, 64), np.float32) for i in range(2)}
    save_file(short, source / WEIGHTS)
    found = load_checkpoint(source)
    assert {name: found.sha256(name) for name in found.names} == expected
    save_file(short | {"h.0.attn.mask": short["h.0.attn.bias"]}, source / WEIGHTS)
    with pytest.raises(UserError, match=r"h\.0\.attn\.mask has no place in the model"):
        load_checkpoint(source)


def test_weights_of_heads_that_lie_together(make: Any) -> None:
    """In a GPT-NeoX those of each head's queries, keys and values; files have an older name of the output layer,
    and may hold masks."""
    source = make("gpt_neox")
    found, stored = load_checkpoint(source), load_file(source / WEIGHTS)
    layer = "gpt_neox.layers.1.attention"
    for kind, shape in (("weight", (32, 32)), ("bias", (32,))):
        heads = stored[f"{layer}.query_key_value.{kind}"].reshape(4, 3, 8, -1)
        for number, name in enumerate("qkv"):
            part = found.tensor(f"{layer}.{name}_proj.{kind}")
            np.testing.assert_array_equal(part, heads[:, number].reshape(shape))
    assert without_weights(source).shapes == found.shapes
    stored["lm_head.weight"] = stored.pop("embed_out.weight")
    state = found.state()
    assert {*state} == {*stored}
    for name, array in stored.items():
        np.testing.assert_array_equal(state[name], array, name)
    expected = {name: found.sha256(name) for name in found.names}
    save_file(stored | {f"{layer}.bias": np.ones((1, 1, 64, 64), np.float32)}, source / WEIGHTS)
    newer = load_checkpoint(source)
    assert {name: newer.sha256(name) for name in newer.names} == expected


def test_a_model_in_memory(source: Path) -> None:
    saved = load_checkpoint(source)
    model, tokenizer = (
        kind.from_pretrained(source) for kind in (AutoModelForCausalLM, AutoTokenizer)
    )
    found = module_checkpoint(model, tokenizer)
    assert [found.sha256(name) for name in found.names] == [
        saved.sha256(name) for name in saved.names
    ]
