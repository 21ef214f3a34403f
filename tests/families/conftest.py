"""Random checkpoints of every family in Hugging Face format, small enough to build in a test."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

COMMON: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 1,
}
NORMS = ("norm", "ln_")
"""What norms are called."""
WORDS = ("<pad>", "<eos>", "<unk>", *string.ascii_letters, " ", ".", ",", "\n")

MakeCheckpoint = Callable[..., Path]


def make_checkpoint(
    directory: Path,
    model_type: str,
    larger: Mapping[str, tuple[int, float]] | None = None,
    zeros: tuple[str, ...] = (),
    **config: Any,
) -> Path:
    """Writes a random checkpoint; norms get gains away from their neutral value, biases from zero.

    ``larger`` has, of weights by name, a row and how many times larger it is; ``zeros`` are the ends of names of
    weights that are all zeros.
    """
    torch.manual_seed(0)
    kind = CONFIG_MAPPING[model_type]
    known = kind()
    common = {name: value for name, value in COMMON.items() if hasattr(known, name)}
    made = kind.from_dict(common | {"model_type": model_type} | config)
    model = AutoModelForCausalLM.from_config(made)
    neutral = 0.0 if model_type.startswith("gemma") else 1.0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                gain = any(part in name for part in NORMS) and not name.endswith("bias")
                parameter.normal_(mean=neutral if gain else 0.0, std=0.3)
            else:
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
        for name, parameter in model.named_parameters():
            if zeros and name.endswith(zeros):
                parameter.zero_()
        for name, (row, factor) in (larger or {}).items():
            model.get_parameter(name)[row] *= factor
    model.save_pretrained(directory)
    words = models.BPE({word: i for i, word in enumerate(WORDS)}, [], unk_token="<unk>")
    tokenizer = Tokenizer(words)
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text('{"tokenizer_class": "TokenizersBackend"}\n')
    return directory


@pytest.fixture
def make(tmp_path: Path) -> MakeCheckpoint:
    """Makes a checkpoint under the test's directory."""
    return lambda model_type, **config: make_checkpoint(tmp_path / "model", model_type, **config)
