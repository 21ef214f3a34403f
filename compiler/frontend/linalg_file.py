"""Texts of `linalg` on tensors, as people and other compilers write them (`text_importer`), with xDSL's dialects.

Images have their channels where the first convolution reads them, or else first.

Errors: `UserError`, one line, for texts that can not be read; one that names all operations that are not supported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from xdsl.dialects.arith import Arith
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.dialects.linalg import Linalg
from xdsl.dialects.math import Math
from xdsl.dialects.tensor import Tensor

from ...errors import UserError
from ..module_text import parse_module
from ..plugins import Dialects
from .linalg_ops import IMAGES, LINALG_OPERATIONS, NEAREST
from .network import Network
from .text_importer import import_text, without_locations

PARTS = (Builtin, Func, Arith, Math, Tensor, Linalg)
DIALECTS: Dialects = {each.name: lambda each=each: each for each in PARTS}
KNOWN = {op.name for each in PARTS for op in each.operations}
OPERATION = re.compile(r"(?<![\w.#<\"!])\"?((?:linalg|tensor|arith|math)\.[a-z_0-9]+)(?![\w<])")


def import_linalg(
    path: Path,
    text: str,
    given: object,
    batch: int,
    weights: Mapping[int, object],
) -> tuple[Network, list[np.ndarray]]:
    """The network of the text of a file; see `import_text`."""
    text = without_locations(path, text, OPERATION, KNOWN, NEAREST)
    try:
        module = parse_module(text, DIALECTS)
    except UserError as error:
        raise UserError(f"{path}: no text of linalg that can be read: {error}") from error
    name = path.name.partition(".")[0]
    layout = _layout(module)
    return import_text(module, name, LINALG_OPERATIONS, layout, given, batch, weights)


def _layout(module: ModuleOp) -> tuple[int, ...]:
    for op in module.walk():
        if op.name in IMAGES:
            images, _ = IMAGES[op.name]
            return tuple(map(images.index, "bf01"))
    return (0, 1, 2, 3)
