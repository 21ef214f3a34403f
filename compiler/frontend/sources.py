"""Where networks of tensors come from: a module of PyTorch in memory, or a file that its suffix tells.

Errors: `UserError` for other sources, `MissingPackage` for a format whose package is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ...errors import MissingPackage, UserError
from .function import import_module
from .imported import Imported
from .stablehlo_file import import_stablehlo

SUFFIXES = (".onnx", ".mlir")
NetworkSource = torch.nn.Module | str | Path


def is_network(source: object) -> bool:
    """Whether it is a file of a network of tensors, by its suffix."""
    return isinstance(source, str | Path) and Path(source).suffix in SUFFIXES


def import_network(
    source: NetworkSource,
    example_inputs: object,
    batch: int,
    outputs: Sequence[str] = (),
    weights: Mapping[int, object] | None = None,
) -> Imported:
    """The network for up to ``batch`` examples of a proof.

    ``example_inputs`` are examples of its inputs, rows (N, n) or images (N, C, H, W): an array or a tensor, or a
    sequence of those, or for a file also a mapping by name. ``outputs`` names tensors of a graph of ONNX
    that take the place of its outputs; ``weights`` are arguments of a function in StableHLO, by position.
    """
    suffix = "" if isinstance(source, torch.nn.Module) else Path(source).suffix
    if outputs and suffix != ".onnx":
        raise UserError("outputs are chosen in a graph of ONNX; let the function return others")
    if weights and suffix != ".mlir":
        raise UserError("weights are given for a text of StableHLO; others have their own")
    if isinstance(source, torch.nn.Module):
        return import_module(source, example_inputs, batch)
    path = Path(source)
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: a network is a module of PyTorch or a file {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".mlir":
        return import_stablehlo(path, example_inputs, batch, weights or {})
    return _onnx(path, example_inputs, batch, outputs)


def _onnx(path: Path, example_inputs: object, batch: int, outputs: Sequence[str]) -> Imported:
    try:
        from .onnx_file import import_onnx
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "google"):
            raise
        raise MissingPackage("onnx", "onnx") from None
    return import_onnx(path, example_inputs, batch, outputs)
