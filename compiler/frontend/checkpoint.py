"""A Gemma-3 text checkpoint on disk: configuration, tokenizer and weights, checked before use.

Reads a Hugging Face directory: config.json, tokenizer.json and model.safetensors, or a sharded
model.safetensors.index.json. Weights are memory-mapped, stored as fp32, bf16 or fp16 and handed out
as fp32: the reference function is the fp32 evaluation of the stored numbers. An argument that is no
directory but looks like a hub id is downloaded through huggingface_hub.

With tied embeddings one tensor has two names, "model.embed_tokens.weight" and "lm_head.weight"; the
first is canonical, files hold either.

Errors: `UserError` for whatever can not be used, naming the file, setting or tensor.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer
from transformers import Gemma3TextConfig

from ...errors import UserError
from .export import LAYER_TYPES, meta_model

EMBEDDING = "model.embed_tokens.weight"
LM_HEAD = "lm_head.weight"
DTYPES = ("F32", "BF16", "F16")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
HUB_FILES = ("config.json", "tokenizer.json", "*.safetensors", "*.safetensors.index.json")
CHUNK_BYTES = 1 << 24


@dataclass(eq=False)
class Checkpoint:
    """A checkpoint whose files agree with its configuration; tensors are read when asked for."""

    path: Path
    config: Gemma3TextConfig
    tokenizer_json: bytes
    shapes: dict[str, tuple[int, ...]]
    """Shape of every weight, by canonical name, in the model's order."""
    _stored: dict[str, tuple[Path, str]] = field(repr=False)
    """Where a canonical name lies: file and the name used there."""
    _digests: dict[str, str] = field(default_factory=dict, repr=False)

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
        name = EMBEDDING if name == LM_HEAD and self.config.tie_word_embeddings else name
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

    def sha256(self, name: str) -> str:
        """The SHA-256 of the weight's fp32 little-endian row-major bytes, as hexadecimal digits."""
        name = self.canonical(name)
        if name not in self._digests:
            digest = hashlib.sha256()
            for chunk in self._chunks(name):
                digest.update(chunk.astype("<f4", copy=False).tobytes())
            self._digests[name] = digest.hexdigest()
        return self._digests[name]

    def _chunks(self, name: str) -> Iterator[np.ndarray]:
        """The weight as fp32, a bounded number of rows at a time."""
        file, stored = self._stored[name]
        shape = self.shapes[name]
        rows = max(1, CHUNK_BYTES // (4 * math.prod(shape[1:])))
        with safe_open(file, framework="pt") as tensors:
            tensor = tensors.get_slice(stored)
            for start in range(0, shape[0], rows):
                chunk: np.ndarray = tensor[start : start + rows].to(torch.float32).numpy()
                if not np.isfinite(chunk).all():
                    raise UserError(f"{file}: weight {stored} holds NaN or infinity")
                yield chunk


def load_checkpoint(source: str | Path) -> Checkpoint:
    """Opens a checkpoint directory or hub id and checks that its files agree with each other."""
    directory = _locate(source)
    config = _config(directory)
    tokenizer = _tokenizer(directory)
    stored = _stored_tensors(directory)
    shapes = {name: tuple(t.shape) for name, t in meta_model(config).state_dict().items()}
    if config.tie_word_embeddings:
        del shapes[LM_HEAD]
        if EMBEDDING not in stored and LM_HEAD in stored:
            stored[EMBEDDING] = stored.pop(LM_HEAD)
        elif LM_HEAD in stored:
            _require_same(directory, shapes[EMBEDDING], stored[EMBEDDING], stored.pop(LM_HEAD))
    _require_agreement(directory, shapes, stored)
    places = {name: stored[name][:2] for name in shapes}
    return Checkpoint(directory, config, tokenizer, shapes, places)


def rope_parameters(config: Gemma3TextConfig, layer_type: str) -> tuple[float, float]:
    """(theta, factor) of a layer type: frequencies are theta^(-2i/D) / factor."""
    parameters: dict[str, Any] = (config.rope_parameters or {}).get(layer_type) or {}
    kind = parameters.get("rope_type", "default")
    if kind not in ("default", "linear") or "rope_theta" not in parameters:
        raise UserError(
            f"config.json: rope_parameters of {layer_type} have type {kind!r}; "
            "supported are 'default' and 'linear', with a rope_theta"
        )
    theta = parameters["rope_theta"]
    factor = parameters.get("factor", 1.0) if kind == "linear" else 1.0
    for name, value in (("rope_theta", theta), ("factor", factor)):
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise UserError(
                f"config.json: {name} = {value!r} of {layer_type} must be a positive number"
            )
    return float(theta), float(factor)


def _locate(source: str | Path) -> Path:
    directory = Path(source)
    if directory.is_dir():
        return directory
    if directory.exists():
        raise UserError(f"{source} is a file; give the checkpoint directory that holds config.json")
    if not HUB_ID.fullmatch(str(source)):
        raise UserError(f"{source}: no such directory")
    try:
        return Path(snapshot_download(str(source), allow_patterns=list(HUB_FILES)))
    except Exception as error:  # network, authentication, cache: all mean "not available"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{source} is no local directory, and fetching it from the Hugging Face hub failed: "
            f"{reason}"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} does not hold a JSON object")
    return value


def _config(directory: Path) -> Gemma3TextConfig:
    path = directory / "config.json"
    if not path.is_file():
        raise UserError(f"{directory} is not a Hugging Face checkpoint: it has no config.json")
    raw = _read_json(path)
    kind = raw.get("model_type")
    if kind == "gemma3":
        raise UserError(
            f"{path} describes a multimodal Gemma-3; only the text model is supported: save its "
            "language model as a Gemma3ForCausalLM checkpoint and use that"
        )
    if kind != "gemma3_text":
        raise UserError(f"{path} describes the architecture {kind!r}; supported is 'gemma3_text'")
    try:
        config = Gemma3TextConfig.from_dict(raw)
    except Exception as error:  # transformers raises many types for values it does not accept
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a valid Gemma-3 configuration: {reason}") from error
    _require_supported(path, config)
    return config


def _require_supported(path: Path, config: Gemma3TextConfig) -> None:
    required = {
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "use_bidirectional_attention": False,
        "quantization_config": None,
    }
    for key, supported in required.items():
        value = getattr(config, key, None)
        if value != supported and (value or supported):
            raise UserError(f"{path}: {key} = {value!r} is not supported, only {supported!r}")
    for key in (
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "max_position_embeddings",
        "query_pre_attn_scalar",
        "rms_norm_eps",
    ):
        if not getattr(config, key) > 0:
            raise UserError(f"{path}: {key} = {getattr(config, key)!r} must be positive")
    if config.head_dim % 2:
        raise UserError(f"{path}: head_dim = {config.head_dim} must be even for rotary embeddings")
    if config.num_attention_heads % config.num_key_value_heads:
        raise UserError(
            f"{path}: num_attention_heads = {config.num_attention_heads} is no multiple of "
            f"num_key_value_heads = {config.num_key_value_heads}"
        )
    layer_types = config.layer_types or []
    if len(layer_types) != config.num_hidden_layers:
        raise UserError(
            f"{path}: layer_types lists {len(layer_types)} layers, num_hidden_layers is "
            f"{config.num_hidden_layers}"
        )
    for layer_type in sorted(set(layer_types)):
        if layer_type not in LAYER_TYPES:
            raise UserError(f"{path}: layer type {layer_type!r} is not supported")
        rope_parameters(config, layer_type)
    if "sliding_attention" in layer_types and not (config.sliding_window or 0) > 0:
        raise UserError(f"{path}: sliding_window = {config.sliding_window!r} must be positive")


def _tokenizer(directory: Path) -> bytes:
    path = directory / "tokenizer.json"
    if not path.is_file():
        raise UserError(
            f"{directory} has no tokenizer.json; save the tokenizer in its fast format "
            "(AutoTokenizer.from_pretrained(..).save_pretrained(..))"
        )
    data = path.read_bytes()
    try:
        Tokenizer.from_str(data.decode())
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{path} is not a valid tokenizer: {error}") from error
    return data


StoredTensor = tuple[Path, str, tuple[int, ...]]


def _stored_tensors(directory: Path) -> dict[str, StoredTensor]:
    """File, name and shape of every tensor in the directory's safetensors files."""
    index, single = directory / "model.safetensors.index.json", directory / "model.safetensors"
    if index.is_file():
        weight_map = _read_json(index).get("weight_map")
        if not isinstance(weight_map, dict):
            raise UserError(f"{index} has no weight_map")
        files = sorted({str(name) for name in weight_map.values()})
        if any(Path(name).name != name for name in files):
            raise UserError(f"{index} names weights outside its directory")
    elif single.is_file():
        files = [single.name]
    else:
        raise UserError(
            f"{directory} has no model.safetensors; save the weights with "
            "save_pretrained(.., safe_serialization=True)"
        )
    stored: dict[str, StoredTensor] = {}
    for path in (directory / name for name in files):
        if not path.is_file():
            raise UserError(f"{path} is missing, but {index.name} lists weights in it")
        try:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - not a mapping
                    tensor = tensors.get_slice(name)
                    if tensor.get_dtype() not in DTYPES:
                        raise UserError(
                            f"{path}: weight {name} is stored as {tensor.get_dtype()}; "
                            f"supported are {', '.join(DTYPES)}"
                        )
                    stored[name] = (path, name, tuple(tensor.get_shape()))
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} is not a readable safetensors file: {error}") from error
    return stored


def _require_agreement(
    directory: Path, shapes: dict[str, tuple[int, ...]], stored: dict[str, StoredTensor]
) -> None:
    for name, shape in shapes.items():
        if name not in stored:
            raise UserError(f"{directory}: config.json asks for the weight {name}, no file has it")
        actual = stored[name][2]
        if actual != shape:
            raise UserError(
                f"{directory}: weight {name} has shape {actual}, config.json makes it {shape}"
            )
    for name in stored:
        if name not in shapes and not name.endswith("inv_freq"):
            raise UserError(f"{directory}: weight {name} has no place in the model of config.json")


def _require_same(
    directory: Path, shape: tuple[int, ...], first: StoredTensor, second: StoredTensor
) -> None:
    """Both names of tied embeddings are stored: they must hold the same numbers."""
    equal = first[2] == second[2] == shape
    if equal:
        with safe_open(first[0], "pt") as a, safe_open(second[0], "pt") as b:
            equal = torch.equal(a.get_tensor(first[1]), b.get_tensor(second[1]))
    if not equal:
        raise UserError(
            f"{directory}: config.json ties {first[1]} and {second[1]}, but they differ; "
            "set tie_word_embeddings to false"
        )
