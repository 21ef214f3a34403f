"""Where networks of tensors come from: a module of PyTorch in memory, or a file that its suffix tells.

Errors: `UserError` for other sources, `MissingPackage` for a format whose package is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ...errors import MissingPackage, UserError
from .function import import_module
from .imported import Imported

NetworkSource = torch.nn.Module | str | Path


def is_network(source: object) -> bool:
    """Whether it is a file of a network of tensors, by its suffix."""
    return isinstance(source, str | Path) and Path(source).suffix in READERS


def import_network(
    source: NetworkSource, example_inputs: object, batch: int, outputs: Sequence[str] = ()
) -> Imported:
    """The network for up to ``batch`` examples of a proof.

    ``example_inputs`` are examples of its inputs, rows (N, n) or images (N, C, H, W): an array or a tensor, or a
    sequence of those, or for a file also a mapping by name. ``outputs`` names tensors of a file's graph
    that take the place of its outputs.
    """
    if isinstance(source, torch.nn.Module):
        if outputs:
            raise UserError("outputs are chosen in a file's graph; let the module return others")
        return import_module(source, example_inputs, batch)
    path = Path(source)
    if path.suffix not in READERS:
        raise UserError(f"{path}: a network is a module of PyTorch or a file {', '.join(READERS)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return READERS[path.suffix](path, example_inputs, batch, outputs)


def _onnx(path: Path, example_inputs: object, batch: int, outputs: Sequence[str]) -> Imported:
    try:
        from .onnx_file import import_onnx
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "google"):
            raise
        raise MissingPackage("onnx", "onnx") from None
    return import_onnx(path, example_inputs, batch, outputs)


READERS: dict[str, Callable[[Path, object, int, Sequence[str]], Imported]] = {".onnx": _onnx}
"""What reads a file, by its suffix."""
