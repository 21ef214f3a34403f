"""Files of networks of tensors: models of ONNX, and texts of StableHLO.

Errors: `UserError` for what is none, `MissingPackage` for a format whose package is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import MissingPackage, UserError
from .network import Network
from .stablehlo_file import import_stablehlo, is_stablehlo

Imported = tuple[Network, list[np.ndarray]]


def is_network(source: object) -> bool:
    """Whether it is a file of a network of tensors, by its suffix, and of a text by what it is of."""
    if not isinstance(source, str | Path):
        return False
    path = Path(source)
    return path.suffix == ".onnx" or is_stablehlo(path)


def read_network(
    path: Path,
    example_inputs: object,
    batch: int,
    outputs: Sequence[str] = (),
    weights: Mapping[int, object] | None = None,
) -> Imported:
    """The network of a file, for up to ``batch`` examples of a proof, and examples of its inputs in order.

    ``example_inputs`` are such examples, rows (N, n), positions (N, T, C) or images (N, C, H, W): an array or a
    tensor, a sequence of those, or a mapping by name. ``outputs`` names tensors of a graph of ONNX that take the
    place of its outputs; ``weights`` are arguments of a function in StableHLO, by position.
    """
    onnx = path.suffix == ".onnx"
    if outputs and not onnx:
        raise UserError("outputs are chosen in a graph of ONNX; let the function return others")
    if weights and onnx:
        raise UserError("weights are given for a text of StableHLO; others have their own")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if not onnx:
        return import_stablehlo(path, example_inputs, batch, weights or {})
    try:
        from .onnx_file import import_onnx
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "google"):
            raise
        raise MissingPackage("onnx", "onnx") from None
    return import_onnx(path, example_inputs, batch, outputs)
