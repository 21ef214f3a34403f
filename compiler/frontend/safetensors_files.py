"""The weights of a Hugging Face directory: model.safetensors, or the shards that an index lists.

As in transformers the single file wins where both are there. Tensors are memory-mapped, stored as
fp32, bf16 or fp16 and handed out as fp32.

Errors: `UserError` naming the file and the tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from ...errors import UserError
from .files import read_json, require_content

DTYPES = ("F32", "BF16", "F16")
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class SafetensorsFiles:
    """`shapes` of the stored tensors by name, and their `rows`."""

    def __init__(self, directory: Path):
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._files: dict[str, Path] = {}
        for path in _paths(directory):
            require_content(path)
            try:
                self._list(path)
            except (SafetensorError, OSError) as error:
                raise UserError(f"{path} is not a readable safetensors file: {error}") from error

    def _list(self, path: Path) -> None:
        with safe_open(path, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                tensor = tensors.get_slice(name)
                if tensor.get_dtype() not in DTYPES:
                    raise UserError(
                        f"{path}: weight {name} is stored as {tensor.get_dtype()}; "
                        f"supported are {', '.join(DTYPES)}"
                    )
                if name in self._files:
                    raise UserError(f"{path}: weight {name} is also in {self._files[name].name}")
                self.shapes[name] = tuple(tensor.get_shape())
                self._files[name] = path

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        """The tensor as fp32, at most `count` rows at a time."""
        with safe_open(self._files[name], framework="pt") as tensors:
            tensor = tensors.get_slice(name)
            for start in range(0, self.shapes[name][0], count):
                yield tensor[start : start + count].to(torch.float32).numpy()


def _paths(directory: Path) -> list[Path]:
    if (single := directory / SINGLE).is_file():
        return [single]
    index = directory / INDEX
    if not index.is_file():
        raise UserError(
            f"{directory} has no {SINGLE}; save the weights with "
            "save_pretrained(.., safe_serialization=True)"
        )
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict):
        raise UserError(f"{index} has no weight_map")
    files = sorted({str(name) for name in places.values()})
    if any(Path(name).name != name for name in files):
        raise UserError(f"{index} names weights outside its directory")
    for name in files:
        if not (directory / name).is_file():
            raise UserError(f"{directory / name} is missing, but {INDEX} lists weights in it")
    return [directory / name for name in files]
