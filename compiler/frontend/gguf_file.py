"""A GGUF file of a language model: configuration fields and weights under their usual names.

What transformers makes of the same file is the reference: fields that GGUF has no entry for, among them
query_pre_attn_scalar, have the defaults of transformers. Entries about the model that are not known are
refused. Quantised tensors are handed out as the fp32 numbers that the `gguf` package defines, a few rows
at a time. What a family's entries and tensors are called is in `families.base.Gguf`.

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

from ...errors import UserError, expect
from ..families.base import Family, Gguf
from ..families.registry import families
from .gguf_header import Array, Header, Place, Value, read_header

# Linear rotary embeddings of the global layers.
SCALING = {"rope.scaling.type": "rope_type", "rope.scaling.factor": "factor"}
TOKENS = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.eos_token_id": "eos_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}
END_TOKENS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")

LAYER_TENSOR = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")


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
        self.family, self.form = _family(path, metadata.get("general.architecture"))
        if metadata.get("split.count", 1) not in (0, 1):
            raise UserError(f"{path} is one part of a split model: merge the parts into one file")
        self._places = {
            _usual_name(self.form, name): place for name, place in header.tensors.items()
        }
        if len(self._places) < len(header.tensors):
            raise UserError(f"{path} has one tensor under two names")
        self.shapes = {name: place.shape for name, place in self._places.items()}
        for name, place in self._places.items():
            self._require_readable(name, place)
        self.fields = _fields(path, header, self.family, self.form)
        self.end_tokens = [metadata[key] for key in END_TOKENS if key in metadata]

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        """The tensor as fp32, at most `count` rows at a time; a vector in one piece."""
        stored = self._stored(self._places[name])
        order = self._order(name, len(stored))
        type = gguf.GGMLQuantizationType(self._places[name].type)
        for start in range(0, len(stored), count):
            values = gguf.dequantize(stored[order[start : start + count]], type)
            if self.form.gain and name.endswith("norm.weight"):
                values = values - np.float32(self.form.gain)
            yield values.reshape(-1, *self.shapes[name][1:])

    def _order(self, name: str, rows: int) -> np.ndarray:
        """Where the rows of a tensor stand in the file, in PyTorch's order."""
        order = np.arange(rows)
        for layer, field in self.form.paired.items():
            if name.endswith(f".{layer}.weight"):
                pairs = order.reshape(self.fields[field], -1, 2)
                return pairs.swapaxes(1, 2).reshape(-1)
        return order

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


def _family(path: Path, architecture: Value | None) -> tuple[Family, Gguf]:
    """The family whose models a file of an architecture holds, and how."""
    known = {each.gguf.architecture: each for each in families() if each.gguf}
    if not isinstance(architecture, str) or architecture not in known:
        supported = ", ".join(map(repr, known))
        raise UserError(
            f"{path} holds the architecture {shown(architecture)}; supported: {supported}"
        )
    return known[architecture], expect(known[architecture].gguf, Gguf)


def _usual_name(form: Gguf, name: str) -> str:
    if match := LAYER_TENSOR.fullmatch(name):
        layer, part, kind = match.groups()
        return f"model.layers.{layer}.{form.layer_tensors.get(part, part)}.{kind}"
    return form.tensors.get(name, name)


def _fields(path: Path, header: Header, family: Family, form: Gguf) -> dict[str, Any]:
    """The fields of a configuration, as config.json would have them."""
    prefix = f"{form.architecture}."
    entries = {
        key.removeprefix(prefix): value
        for key, value in header.metadata.items()
        if key.startswith(prefix)
    }
    named = {**form.required, **form.optional}
    for key, value in entries.items():
        if isinstance(value, Array) or key not in {*named, *form.same, *SCALING, *form.harmless}:
            raise UserError(
                f"{path}: the entry {prefix}{key} = {shown(value)} is not one that the compiler knows"
            )
    for key in form.required:
        if key not in entries:
            raise UserError(f"{path} has no entry {prefix}{key}")
    for key, other in form.same.items():
        if key in entries and other in entries and entries[key] != entries[other]:
            raise UserError(f"{path}: {prefix}{key} = {shown(entries[key])} is not {prefix}{other}")
    fields: dict[str, Any] = {"model_type": family.model_type}
    fields |= {name: entries[key] for key, name in named.items() if key in entries}
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
