"""A GGUF file of a Gemma-3 text model: configuration fields and weights under their usual names.

What transformers makes of the same file is the reference: fields that GGUF has no entry for, among them
query_pre_attn_scalar, have the defaults of transformers. Entries about the model that are not known are
refused. Quantised tensors are handed out as the fp32 numbers that the `gguf` package defines, a few rows
at a time; gains of norms, which GGUF stores as 1 + w, as w.

Errors: `UserError` naming the file and the entry or tensor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import gguf
import numpy as np

from ...errors import UserError
from .gguf_header import Array, Header, Place, Value, read_header

ARCHITECTURE = "gemma3"
# Entries about the model that must be there, and what they are called in a configuration.
REQUIRED = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.sliding_window": "sliding_window",
    "rope.freq_base": "rope_theta",
}
OPTIONAL = {
    "vocab_size": "vocab_size",
    "attention.causal": "is_causal",
    "attention.sliding_window_pattern": "sliding_window_pattern",
    "rope.freq_base_swa": "rope_local_base_freq",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
# Entries that must repeat the length of the keys.
SAME_AS_KEYS = ("attention.value_length", "rope.dimension_count")
# Linear rotary embeddings of the global layers.
SCALING = {"rope.scaling.type": "rope_type", "rope.scaling.factor": "factor"}
HARMLESS = ("rope.scaling.finetuned", "rope.scaling.original_context_length")
TOKENS = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.eos_token_id": "eos_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}
END_TOKENS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")

LAYER_TENSOR = re.compile(r"blk\.(\d+)\.(\w+)\.weight")
MODEL_TENSORS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "post_ffw_norm": "post_feedforward_layernorm",
}


class GgufFile:
    """`fields` of the configuration, `shapes` of the tensors by name, and their `rows`."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._data = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:  # an empty file can not be mapped
            raise UserError(f"{path}: cannot read: {error}") from error
        header = read_header(path, self._data)
        metadata = header.metadata
        architecture = metadata.get("general.architecture")
        if architecture != ARCHITECTURE:
            raise UserError(
                f"{path} holds the architecture {shown(architecture)}; supported is {ARCHITECTURE!r}"
            )
        if metadata.get("split.count", 1) not in (0, 1):
            raise UserError(f"{path} is one part of a split model: merge the parts into one file")
        self._places = {_usual_name(name): place for name, place in header.tensors.items()}
        if len(self._places) < len(header.tensors):
            raise UserError(f"{path} has one tensor under two names")
        self.shapes = {name: place.shape for name, place in self._places.items()}
        for name, place in self._places.items():
            self._require_readable(name, place)
        self.fields = _fields(path, header)
        self.end_tokens = [metadata[key] for key in END_TOKENS if key in metadata]

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        """The tensor as fp32, at most `count` rows at a time; a vector in one piece."""
        stored = self._stored(self._places[name])
        type = gguf.GGMLQuantizationType(self._places[name].type)
        for start in range(0, len(stored), count):
            values = gguf.dequantize(stored[start : start + count], type)
            values = values - np.float32(1) if "norm" in name else values
            yield values.reshape(-1, *self.shapes[name][1:])

    def _stored(self, place: Place) -> np.ndarray:
        """The bytes of a tensor, row by row."""
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(place.type)]
        width = place.shape[-1] // block * size
        rows = math.prod(place.shape[:-1])
        data = self._data[place.start : place.start + rows * width]
        return data.reshape(rows, width)

    def _require_readable(self, name: str, place: Place) -> None:
        try:
            type = gguf.GGMLQuantizationType(place.type)
            block, size = gguf.GGML_QUANT_SIZES[type]
            gguf.dequantize(np.zeros((1, size), np.uint8), type)
        except (ValueError, KeyError, NotImplementedError) as error:
            known = place.type in set(gguf.GGMLQuantizationType)
            type_name = gguf.GGMLQuantizationType(place.type).name if known else str(place.type)
            raise UserError(
                f"{self.path}: weight {name} is stored as {type_name}, which the gguf package can "
                "not read"
            ) from error
        count = math.prod(place.shape)
        if not count or place.shape[-1] % block:
            raise UserError(f"{self.path}: weight {name} can not have the shape {place.shape}")
        if place.start + count // block * size > len(self._data):
            raise UserError(f"{self.path} is truncated: it ends before the weight {name} does")


def _usual_name(name: str) -> str:
    if match := LAYER_TENSOR.fullmatch(name):
        layer, part = match.groups()
        return f"model.layers.{layer}.{LAYER_TENSORS.get(part, part)}.weight"
    return MODEL_TENSORS.get(name, name)


def _fields(path: Path, header: Header) -> dict[str, Any]:
    """The fields of a configuration, as config.json would have them."""
    prefix = f"{ARCHITECTURE}."
    entries = {
        key.removeprefix(prefix): value
        for key, value in header.metadata.items()
        if key.startswith(prefix)
    }
    for key, value in entries.items():
        if isinstance(value, Array) or not (
            key in REQUIRED
            or key in OPTIONAL
            or key in SAME_AS_KEYS
            or key in SCALING
            or key in HARMLESS
        ):
            raise UserError(
                f"{path}: the entry {prefix}{key} = {shown(value)} is not one that the compiler knows"
            )
    for key in REQUIRED:
        if key not in entries:
            raise UserError(f"{path} has no entry {prefix}{key}")
    for key in SAME_AS_KEYS:
        if entries.get(key, entries["attention.key_length"]) != entries["attention.key_length"]:
            raise UserError(
                f"{path}: {prefix}{key} = {shown(entries[key])} is not {prefix}attention.key_length"
            )
    fields: dict[str, Any] = {"model_type": "gemma3_text"}
    fields |= {name: entries[key] for key, name in (REQUIRED | OPTIONAL).items() if key in entries}
    fields |= {name: header.metadata[key] for key, name in TOKENS.items() if key in header.metadata}
    fields.setdefault("vocab_size", _vocabulary(path, header.metadata))
    scaling = {name: entries[key] for key, name in SCALING.items() if key in entries}
    if scaling.get("rope_type", "none") != "none":
        fields["rope_scaling"] = scaling
    fields["tie_word_embeddings"] = "output.weight" not in header.tensors
    return fields


def _vocabulary(path: Path, metadata: dict[str, Value]) -> int:
    tokens = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Array):
        raise UserError(f"{path} has no vocabulary (tokenizer.ggml.tokens)")
    return tokens.length
