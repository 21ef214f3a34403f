"""Files of networks of tensors: models of ONNX, and texts of StableHLO and of `linalg`.

Errors: `UserError` for what is none, `MissingPackage` for a format whose package is not installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import MissingPackage, UserError
from .linalg_file import import_linalg
from .network import Network
from .stablehlo_file import import_stablehlo

Imported = tuple[Network, list[np.ndarray]]
DIALECT = re.compile(r"\b(stablehlo|linalg)\.[a-z]")
READERS = {"stablehlo": import_stablehlo, "linalg": import_linalg}


@dataclass(frozen=True)
class NetworkFile:
    """A file of a network, and of a text what it says, in which ``dialect``."""

    path: Path
    text: str = ""
    dialect: str = "onnx"


def network_file(source: object) -> NetworkFile | None:
    """The file of a network of tensors that a path is of, by its suffix, and of a text by the first dialect in it
    that networks are in; None for anything else."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    if path.suffix == ".onnx":
        return NetworkFile(path)
    if path.suffix != ".mlir" or not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None
    found = DIALECT.search(text)
    return NetworkFile(path, text, found[1]) if found else None


def read_network(
    file: NetworkFile,
    example_inputs: object,
    batch: int,
    outputs: Sequence[str] = (),
    weights: Mapping[int, object] | None = None,
) -> Imported:
    """The network of a file, for up to ``batch`` examples of a proof, and examples of its inputs in order.

    ``example_inputs`` are such examples, rows (N, n), positions (N, T, C) or images (N, C, H, W): an array or a
    tensor, a sequence of those, or a mapping by name. ``outputs`` names tensors of a graph of ONNX that take the
    place of its outputs; ``weights`` are arguments of a function in a text, by position.
    """
    path, onnx = file.path, file.dialect == "onnx"
    if outputs and not onnx:
        raise UserError("outputs are chosen in a graph of ONNX; let the function return others")
    if weights and onnx:
        raise UserError("weights are given for a text of MLIR; others have their own")
    if not onnx:
        reader = READERS[file.dialect]
        return reader(path, file.text, example_inputs, batch, weights or {})
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        from .onnx_file import import_onnx
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "google"):
            raise
        raise MissingPackage("onnx", "onnx") from None
    return import_onnx(path, example_inputs, batch, outputs)
