"""The small model's configuration, function and key, which all tests here share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.families.decoder import Decoder
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.published import publish
from zklemma.runtime.model.keys import VerifyingKey

sys.path.append(str(Path(__file__).parent))
small: Any = import_module("small")

FIELDS = {
    "model_type": "gemma3_text",
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "sliding_window": 3,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}


@pytest.fixture(scope="session")
def config() -> Decoder:
    return GEMMA3.read(publish(small.SHARED.tiny_module()[1]))


@pytest.fixture(scope="session")
def function(config: Decoder) -> ModuleOp:
    return small.function_of(config)


@pytest.fixture(scope="session")
def honest(function: ModuleOp) -> VerifyingKey:
    return small.honest_key(function)


@pytest.fixture(scope="session")
def write_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the small model's config.json, with changes."""
    folder = tmp_path_factory.mktemp("configs")

    def write(**changes: object) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.json"
        path.write_text(json.dumps(FIELDS | changes))
        return path

    return write
