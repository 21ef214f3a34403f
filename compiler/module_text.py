"""Modules of `nn` and `quant` as text, and back.

An `nn` module may have operations of other packages' dialects, an activation for one: whoever reads it says
which dialects there are (`plugins`). What anyone may have written, a key's function, has ours alone.

Errors: `UserError` in one line for a text that is no such module, or one whose values are used before
they are defined.
"""

from __future__ import annotations

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
from .modules import check_order
from .plugins import Dialects
from .transforms.guard import summary


def print_module(module: ModuleOp) -> str:
    """The text of a module."""
    text = StringIO()
    Printer(stream=text).print_op(module)
    return text.getvalue()


OURS: Dialects = {
    dialect.name: lambda dialect=dialect: dialect for dialect in (Builtin, Func, NN, QUANT)
}


def parse_module(text: str, dialects: Dialects = OURS) -> ModuleOp:
    """The module that a text says, verified."""
    _check_strings(text)
    context = Context()
    for name, make in dialects.items():
        context.register_dialect(name, make)
    try:
        module = Parser(context, text).parse_module()
        module.verify()
    except ParseError as error:
        raise UserError(" ".join(error.msg.split())) from None
    except RecursionError:
        raise UserError("nested too deeply") from None
    except Exception as error:  # Of what is built while parsing, or of xDSL on odd numbers.
        raise UserError(summary(error) or type(error).__name__) from None
    check_order(module)
    return module


def _check_strings(text: str) -> None:
    """Stops at strings that do not end in their line, over which xDSL's lexer takes exponential time."""
    for number, line in enumerate(text.split("\n"), 1):
        if "\\" in line or line.count('"') % 2 or not line.isprintable():
            raise UserError(f"line {number} has a string that does not end, or an odd character")
