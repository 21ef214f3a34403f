"""The planned `nn` module of an artifact as text: what was compiled, with the formats of its values.

An artifact keeps it so that the integers can be compared with PyTorch's numbers later. It holds no
weights, only their digests. The text is compressed and in base64, as facts of an artifact are JSON's.

Errors: `UserError` for a text that is no such module.
"""

from __future__ import annotations

import base64
import zlib
from io import StringIO

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError

from ..dialects.nn import NN
from ..dialects.quant import QUANT
from ..errors import UserError


def write_plan(module: ModuleOp) -> str:
    """The text of a module."""
    text = StringIO()
    Printer(stream=text).print_op(module)
    return base64.b64encode(zlib.compress(text.getvalue().encode(), 9)).decode()


def read_plan(plan: str) -> ModuleOp:
    """The module of a text that `write_plan` wrote."""
    context = Context()
    for dialect in (Builtin, Func, NN, QUANT):
        context.load_dialect(dialect)
    try:
        text = zlib.decompress(base64.b64decode(plan, validate=True)).decode()
        return Parser(context, text).parse_module()
    except (ValueError, zlib.error, ParseError):
        raise UserError("the artifact's plan is malformed; compile the model again") from None
