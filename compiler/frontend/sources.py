"""Files of networks of tensors, which their suffixes tell.

Errors: `UserError` for other files, `MissingPackage` for a format whose package is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...errors import MissingPackage, UserError
from .network import Network

Imported = tuple[Network, list[np.ndarray]]


def is_network(source: object) -> bool:
    """Whether it is a file of a network of tensors, by its suffix."""
    return isinstance(source, str | Path) and Path(source).suffix in READERS


def read_network(
    path: Path, example_inputs: object, batch: int, outputs: Sequence[str] = ()
) -> Imported:
    """The network of a file, for up to ``batch`` examples of a proof, and examples of its inputs in order.

    ``example_inputs`` are such examples, rows (N, n) or images (N, C, H, W): an array or a tensor, a
    sequence of those, or a mapping by name. ``outputs`` names tensors of the file's graph that take the place of
    its outputs.
    """
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
