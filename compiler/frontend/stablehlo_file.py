"""Texts of StableHLO, as JAX lowers functions to (`text_importer`).

Images have their channels where the first convolution reads them.

Errors: `UserError`, one line, for texts that can not be read; one that names all operations that are not supported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func

from ...dialects.chlo import CHLO
from ...dialects.stablehlo import STABLEHLO, ConvolutionOp
from ...errors import UserError
from ..module_text import parse_module
from ..plugins import Dialects
from ..transforms.raise_logistic import RaiseLogistic
from .network import Network
from .stablehlo_ops import NEAREST, STABLEHLO_OPERATIONS
from .text_importer import import_text, without_locations

OPERATION = re.compile(r"(?<![\w.#<\"])\"?((?:stablehlo|chlo)\.[a-z_0-9]+)")
BITS = re.compile(r"dense<0x([0-9A-Fa-f]{8})>")
"""A number of fp32 that is not finite."""
AMONG_OTHERS = re.compile(r"[\[ ]0x[0-9A-Fa-f]{8}[\],]")
DIALECTS: Dialects = {
    each.name: lambda each=each: each for each in (Builtin, Func, STABLEHLO, CHLO)
}
KNOWN = {op.name for each in (STABLEHLO, CHLO) for op in each.operations}


def import_stablehlo(
    path: Path,
    text: str,
    given: object,
    batch: int,
    weights: Mapping[int, object],
) -> tuple[Network, list[np.ndarray]]:
    """The network of the text of a file; see `import_text`."""
    module = _parsed(path, text)
    name = path.name.partition(".")[0]
    layout = _layout(module)
    return import_text(module, name, STABLEHLO_OPERATIONS, layout, given, batch, weights)


def _parsed(path: Path, text: str) -> ModuleOp:
    text = without_locations(path, text, OPERATION, KNOWN, NEAREST)
    if AMONG_OTHERS.search(text):
        raise UserError(f"{path}: a constant has numbers that are not finite")
    # Where a number is its bits, xDSL's parser would read an integer.
    text = BITS.sub(lambda bits: f'dense<"0x{bytes.fromhex(bits[1])[::-1].hex()}">', text)
    try:
        module = parse_module(text, DIALECTS)
    except UserError as error:
        raise UserError(f"{path}: no text of StableHLO that can be read: {error}") from error
    RaiseLogistic().apply(Context(), module)
    return module


def _layout(module: ModuleOp) -> tuple[int, ...]:
    """Which axes of images are examples, channels, rows and columns: as the first convolution has them, or else
    with channels last."""
    for op in module.walk():
        if isinstance(op, ConvolutionOp):
            axes = op.axes(0)
            if sorted(axes) == ["0", "1", "b", "f"]:
                return tuple(axes.index(name) for name in "bf01")
    return (0, 3, 1, 2)
