"""A random Gemma-3 checkpoint in Hugging Face format, small enough to build in a test."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GemmaTokenizer

SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
}
# The special tokens of Gemma, then a space and the letters; a to d are also paired.
TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *string.ascii_lowercase, "ab", "cd")

CheckpointMaker = Callable[..., Path]


def make_checkpoint(
    directory: Path, dtype: torch.dtype = torch.float32, shards: str = "1GB", **config: Any
) -> Path:
    """Writes a random checkpoint; norms get gains away from their neutral value."""
    torch.manual_seed(0)
    model = Gemma3ForCausalLM(Gemma3TextConfig(**(SMALL | config)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.3 if "norm" in name else parameter.shape[-1] ** -0.5
            parameter.normal_(std=spread)
    torch.nn.Module.to(model, dtype)
    model.save_pretrained(directory, max_shard_size=shards)
    merges: Any = [("a", "b"), ("c", "d")]
    tokenizer = GemmaTokenizer(
        {token: i for i, token in enumerate(TOKENS)}, merges, add_bos_token=True
    )
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture
def maker(tmp_path: Path) -> CheckpointMaker:
    """Makes a checkpoint under the test's directory."""
    return lambda **options: make_checkpoint(tmp_path / "checkpoint", **options)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default checkpoint, shared by the tests that only read it."""
    return make_checkpoint(tmp_path_factory.mktemp("small") / "checkpoint")
