"""Seeded random checkpoints in the real Gemma-3 shapes, for measuring where no weights are at hand.

A folder holds what a downloaded checkpoint holds: config.json, tokenizer.json with its settings and
bf16 safetensors in shards, with the same names and the whole vocabulary. Linear layers have rows of
about unit norm and the gains of norms spread around 1, so activations keep the size that they have
in a trained model. The tokenizer merges bytes as learnt from the shipped calibration text, and fills
its vocabulary with tokens that no text contains.

Errors: `UserError` for an unknown shape or size and for a folder that can not be written.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import Gemma3TextConfig

from ..compiler.families.base import LM_HEAD
from ..compiler.families.gemma3 import GEMMA3
from ..compiler.frontend.export import meta_model
from ..compiler.texts import CALIBRATION, kinds
from ..errors import UserError

SEED = 0
SHARD_BYTES = 1 << 28
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")
LEARNT_TOKENS = 1024

COMMON: dict[str, Any] = {
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "hidden_activation": "gelu_pytorch_tanh",
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
    "dtype": "bfloat16",
}
LARGE: dict[str, Any] = {
    "vocab_size": 262144,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "sliding_window": 512,
    "max_position_embeddings": 32768,
}
SHAPES: dict[str, dict[str, Any]] = {
    "gemma3-270m": {
        "hidden_size": 640,
        "intermediate_size": 2048,
        "num_hidden_layers": 18,
        **LARGE,
    },
    "gemma3-1b": {"hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26, **LARGE},
    # Nobody's model: the same path in seconds.
    "gemma3-mini": {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 7,
        "vocab_size": 1280,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "sliding_window": 8,
        "max_position_embeddings": 64,
    },
    # The middle of what `benchmarks/growth.py` varies: an embedding of thirty layers' size, as the 270M's.
    "gemma3-small": {
        "hidden_size": 64,
        "intermediate_size": 192,
        "num_hidden_layers": 6,
        "vocab_size": 24_576,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "sliding_window": 32,
        "max_position_embeddings": 1024,
    },
}


def sizes_of(shape: str, overrides: Mapping[str, int] | None = None) -> dict[str, int]:
    """The sizes of a shape, some of them replaced."""
    if shape not in SHAPES:
        raise UserError(f"{shape}: unknown shape; there are {', '.join(SHAPES)}")
    for name, size in (overrides or {}).items():
        if name not in SHAPES[shape]:
            raise UserError(f"{name}: unknown size; there are {', '.join(SHAPES[shape])}")
        least = LEARNT_TOKENS if name == "vocab_size" else 1
        if size < least:
            raise UserError(f"{name} is {size}: give at least {least}")
    return SHAPES[shape] | dict(overrides or {})


def random_checkpoint(shape: str, cache: Path, overrides: Mapping[str, int] | None = None) -> Path:
    """The folder of the checkpoint of that shape and those sizes in ``cache``, made if it is not there
    yet. It is named after the shape and the sizes that are not the shape's own."""
    sizes = sizes_of(shape, overrides)
    others = sorted(sizes.items() - SHAPES[shape].items())
    name = "-".join([shape, *(f"{size}-{value}" for size, value in others)])
    folder = cache / name
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=cache))
        try:
            _write(part, configuration(sizes))
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot write: {error.strerror or error}") from error
    return folder


def configuration(sizes: Mapping[str, Any]) -> Gemma3TextConfig:
    """Every sixth layer is global; rotary embeddings as in Gemma 3."""
    kinds = [
        "sliding_attention" if (layer + 1) % 6 else "full_attention"
        for layer in range(sizes["num_hidden_layers"])
    ]
    rope = {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
    }
    return Gemma3TextConfig(**COMMON, **sizes, layer_types=kinds, rope_parameters=rope)


def _write(folder: Path, config: Gemma3TextConfig) -> None:
    text = json.dumps(config.to_dict() | {"architectures": ["Gemma3ForCausalLM"]}, indent=2)
    (folder / "config.json").write_text(text + "\n")
    (folder / "tokenizer.json").write_text(_tokenizer(config.vocab_size).to_str())
    # Or transformers would take its vocabulary for one in Gemma's spelling.
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "TokenizersBackend"}\n')
    shapes = {
        name: tensor.shape for name, tensor in meta_model(GEMMA3, config).state_dict().items()
    }
    del shapes[LM_HEAD]  # Stored once, as the embedding.
    shards: list[list[str]] = [[]]
    size = 0
    for name, shape in shapes.items():
        bytes_of = 2 * math.prod(shape)
        if size and size + bytes_of > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += bytes_of
    random = torch.Generator().manual_seed(SEED)
    places = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        tensors = {name: _weight(name, shapes[name], random) for name in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    total = sum(2 * math.prod(shape) for shape in shapes.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _weight(name: str, shape: torch.Size, random: torch.Generator) -> torch.Tensor:
    """Norms store their gain minus 1."""
    spread = 0.3 if "norm" in name else shape[-1] ** -0.5
    rows = max(1, (1 << 24) // math.prod(shape[1:]))
    weight = torch.empty(shape, dtype=torch.bfloat16)
    for start in range(0, shape[0], rows):
        part = weight[start : start + rows]
        part.copy_(torch.empty(part.shape).normal_(std=spread, generator=random))
    return weight


def _tokenizer(size: int) -> Tokenizer:
    """Byte-level BPE whose texts begin with <bos>."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=LEARNT_TOKENS,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = kinds(CALIBRATION)["stories"].splitlines(keepends=True)
    learner.train_from_iterator(lines, trainer)
    learnt = json.loads(learner.to_str())["model"]
    vocabulary = learnt["vocab"]
    fillers = range(len(vocabulary), size)
    vocabulary |= {f"<unused{i}>": i for i in fillers}
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", SPECIAL.index("<bos>"))]
    )
    return tokenizer
