"""A checkpoint of a language model: configuration, tokenizer and weights, checked before use.

It is a Hugging Face directory (config.json, tokenizer.json, model.safetensors or shards of it) or a
GGUF file. Weights stay on disk and are handed out as fp32: the reference function is the fp32
evaluation of the stored numbers.

With tied embeddings one tensor has two names, those of the embedding and of the output layer; the first is
canonical, files hold either.

Errors: `UserError` for whatever can not be used, naming the file, setting or tensor.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transformers import PreTrainedConfig

from ...errors import UserError
from ..families.base import Family
from .config import checked_config, inner_config, token_ids
from .export import meta_model
from .files import read_json
from .locate import locate
from .safetensors_files import SafetensorsFiles
from .tensors import (
    InnerTensors,
    Parts,
    PartTensors,
    Shapes,
    Tensors,
    TransposedTensors,
    split_shapes,
    transposed_shapes,
)
from .tokenizer import LoadedTokenizer, directory_tokenizer, gguf_tokenizer

if TYPE_CHECKING:
    from .gguf_file import GgufFile

CHUNK_BYTES = 1 << 24


@dataclass(eq=False)
class Checkpoint:
    """A checkpoint whose files agree with its configuration; tensors are read when asked for."""

    path: Path
    name: str
    """What people call it: the directory's or file's name, or the hub id."""
    family: Family
    config: PreTrainedConfig
    tokenizer_json: bytes
    chat: tuple[str, str] | None
    """What the model's template of conversations writes before and behind a question."""
    end_tokens: tuple[int, ...]
    """The ids that end a text, in ascending order."""
    end_file: Path
    """The file that says so."""
    shapes: Shapes
    """Shape of every weight, by canonical name, in the model's order."""
    tensors: Tensors = field(repr=False)
    stored: dict[str, str] = field(repr=False)
    """The name that the files have for a canonical name."""
    parts: Parts = field(default_factory=dict, repr=False)
    """The weights that PyTorch has as one."""
    transposed: frozenset[str] = field(default_factory=frozenset, repr=False)
    """The weights that PyTorch has transposed, with all their parts."""
    digests: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names of all weights."""
        return tuple(self.shapes)

    @property
    def parameters(self) -> int:
        """The number of weights, tied ones counted once."""
        return sum(map(math.prod, self.shapes.values()))

    def canonical(self, name: str) -> str:
        """The canonical name of a weight: resolves the alias of tied embeddings."""
        if name == self.family.head and self.config.tie_word_embeddings:
            name = self.family.embedding
        if name not in self.shapes:
            raise UserError(f"{self.path} has no weight named {name}")
        return name

    def tensor(self, name: str) -> np.ndarray:
        """The weight as a C-contiguous fp32 array; NaN or infinity is an error."""
        name = self.canonical(name)
        out = np.empty(self.shapes[name], np.float32)
        start = 0
        for chunk in self._chunks(name):
            out[start : start + len(chunk)] = chunk
            start += len(chunk)
        return out

    def state(self) -> dict[str, np.ndarray]:
        """All weights, as PyTorch has them."""
        found = {name: self.tensor(name) for name in self.shapes}
        for whole, parts in self.parts.items():
            count, (first, *_) = sum(map(len, parts.values())), parts
            found[whole] = np.empty((count, *found[first].shape[1:]), np.float32)
            for part, rows in parts.items():
                found[whole][np.array(rows)] = found.pop(part)
        return found | {name: np.ascontiguousarray(found[name].T) for name in self.transposed}

    def sha256(self, name: str) -> str:
        """The SHA-256 of the weight's fp32 little-endian row-major bytes, as hexadecimal digits."""
        name = self.canonical(name)
        if name not in self.digests:
            digest = hashlib.sha256()
            for chunk in self._chunks(name):
                digest.update(np.ascontiguousarray(chunk, "<f4").data.cast("B"))
            self.digests[name] = digest.hexdigest()
        return self.digests[name]

    def _chunks(self, name: str) -> Iterator[np.ndarray]:
        """The weight as fp32, a bounded number of rows at a time."""
        stored = self.stored[name]
        count = max(1, CHUNK_BYTES // (4 * math.prod(self.shapes[name][1:])))
        for chunk in self.tensors.rows(stored, count):
            if not np.isfinite(chunk).all():
                raise UserError(f"{self.path}: weight {stored} holds NaN or infinity")
            yield chunk


def load_checkpoint(source: str | Path) -> Checkpoint:
    """Opens a checkpoint directory, a GGUF file, a hub id or a packaged model, and checks that its
    parts agree with each other."""
    path, name = locate(source)
    return _open_directory(path, name) if path.is_dir() else _open_gguf(path, name)


def _open_directory(path: Path, name: str) -> Checkpoint:
    file = path / "config.json"
    if not file.is_file():
        hint = "; give the GGUF file itself" if any(path.glob("*.gguf")) else ""
        raise UserError(f"{path} is not a Hugging Face checkpoint: it has no config.json{hint}")
    wrapper, fields = inner_config(file, read_json(file))
    family, config = checked_config(file, fields)
    tokenizer = directory_tokenizer(path, config)
    ends = _ends(file, config)
    tensors: Tensors = SafetensorsFiles(path)
    if wrapper:
        tensors = InnerTensors(tensors, wrapper.prefixes, wrapper.others)
    return checked(path, name, family, config, tokenizer, ends, tensors)


def _open_gguf(path: Path, name: str) -> Checkpoint:
    from .gguf_file import GgufFile  # Needs a package that directories do not.

    tensors = GgufFile(path)
    family, config = checked_config(path, tensors.fields)
    tokenizer = gguf_tokenizer(path, tensors.form)
    return checked(path, name, family, config, tokenizer, _gguf_ends(tensors), tensors)


def _ends(file: Path, config: PreTrainedConfig) -> tuple[tuple[int, ...], Path]:
    """The ids that end a text of the model with this configuration file, and which file says so. As in
    transformers: a generation_config.json beside it says all, where there is one."""
    path = file.with_name("generation_config.json")
    if path.is_file():
        return token_ids(path, "eos_token_id", read_json(path).get("eos_token_id")), path
    return token_ids(file, "eos_token_id", config.eos_token_id), file


def _gguf_ends(file: GgufFile) -> tuple[tuple[int, ...], Path]:
    return token_ids(file.path, "the tokens that end a text", file.end_tokens), file.path


def checked(
    path: Path,
    name: str,
    family: Family,
    config: PreTrainedConfig,
    tokenizer: LoadedTokenizer,
    ends: tuple[tuple[int, ...], Path],
    tensors: Tensors,
) -> Checkpoint:
    """The checkpoint, if the tensors are those that the configuration asks for."""
    shapes = _shapes(family, config)
    embedding, head = family.embedding, family.head
    short = {name.removeprefix(family.prefix): name for name in shapes}
    short |= {other: name for other, name in family.renamed.items() if name in shapes}
    stored = {short.get(name, name): name for name in tensors.shapes}
    if config.tie_word_embeddings:
        if embedding not in stored and head in stored:
            stored[embedding] = stored.pop(head)
        elif head in stored:
            _require_same(path, tensors, stored[embedding], stored.pop(head))
    for weight, shape in shapes.items():
        if weight not in stored:
            raise UserError(
                f"{path}: the configuration asks for the weight {weight}, no file has it"
            )
        actual = tensors.shapes[stored[weight]]
        if actual != shape:
            raise UserError(
                f"{path}: weight {weight} has shape {actual}, the configuration makes it {shape}"
            )
    for weight in stored:
        if weight not in shapes and not weight.endswith(family.unread):
            raise UserError(f"{path}: weight {weight} has no place in the model")
    if transposed := family.transposed(config):
        shapes = transposed_shapes(shapes, transposed)
        tensors = TransposedTensors(tensors, {stored[name] for name in transposed})
    if parts := family.parts(config):
        inside = {stored[whole]: rows for whole, rows in parts.items()}
        shapes, tensors = split_shapes(shapes, parts), PartTensors(tensors, inside)
        stored |= {part: part for rows in parts.values() for part in rows}
    read = tokenizer.json, tokenizer.chat
    return Checkpoint(
        path, name, family, config, *read, *ends, shapes, tensors, stored, parts, transposed
    )


def _shapes(family: Family, config: PreTrainedConfig) -> Shapes:
    """Shape of every weight, by canonical name, in the model's order."""
    shapes = {name: tuple(t.shape) for name, t in meta_model(family, config).state_dict().items()}
    if config.tie_word_embeddings:
        del shapes[family.head]
    return shapes


def _require_same(path: Path, tensors: Tensors, first: str, second: str) -> None:
    """Both names of tied embeddings are stored: they must hold the same numbers."""
    shape = tensors.shapes[first]
    equal = shape == tensors.shapes[second]
    if equal:
        count = max(1, CHUNK_BYTES // (4 * max(1, math.prod(shape[1:]))))
        pairs = zip(tensors.rows(first, count), tensors.rows(second, count), strict=True)
        equal = all(np.array_equal(a, b) for a, b in pairs)
    if not equal:
        raise UserError(
            f"{path}: the configuration ties {first} and {second}, but they differ; set "
            "tie_word_embeddings to false"
        )


class _NoTensors:
    """The weights of a model that has none."""

    def __init__(self) -> None:
        self.shapes: Shapes = {}

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        raise UserError(f"{name}: a configuration has no weights")


def without_weights(source: str | Path) -> Checkpoint:
    """The model that a configuration describes, for what needs no weights: their digests are zeros.

    ``source`` is a config.json, or whatever `load_checkpoint` takes.
    """
    path, name = Path(source), str(source)
    if path.suffix != ".json":
        path, name = locate(source)
    if path.is_dir():
        path = path / "config.json"
    if path.suffix == ".json":
        family, config = checked_config(path, inner_config(path, read_json(path))[1])
        ends = _ends(path, config)
    else:
        from .gguf_file import GgufFile  # Needs a package that directories do not.

        file = GgufFile(path)
        (family, config), ends = checked_config(path, file.fields), _gguf_ends(file)
    parts, transposed = family.parts(config), family.transposed(config)
    shapes = split_shapes(transposed_shapes(_shapes(family, config), transposed), parts)
    digests = dict.fromkeys(shapes, "0" * 64)
    return Checkpoint(
        path,
        name,
        family,
        config,
        b"",
        None,
        *ends,
        shapes,
        _NoTensors(),
        {},
        parts,
        transposed,
        digests,
    )
