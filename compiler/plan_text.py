"""The planned `nn` module of an artifact as text: what was compiled, with the formats of its values.

An artifact keeps it so that the integers can be compared with PyTorch's numbers later. It holds no
weights, only their digests. The text is compressed and in base64, as facts of an artifact are JSON's. The
dialects that it was written with have to be there: ours, and those of plug-ins.

Errors: `UserError` for a text that is no such module.
"""

from __future__ import annotations

import base64
import zlib

from xdsl.dialects.builtin import ModuleOp

from ..errors import UserError
from .module_text import parse_module, print_module
from .plugins import dialects


def write_plan(module: ModuleOp) -> str:
    """The text of a module."""
    return base64.b64encode(zlib.compress(print_module(module).encode(), 9)).decode()


def read_plan(plan: str) -> ModuleOp:
    """The module of a text that `write_plan` wrote."""
    left_out: list[str] = []
    try:
        text = zlib.decompress(base64.b64decode(plan, validate=True)).decode()
        return parse_module(text, dialects(left_out.append))
    except (ValueError, zlib.error, UserError):
        reasons = "; ".join(["the artifact's plan is malformed", *left_out])
        raise UserError(f"{reasons}; compile the model again") from None
