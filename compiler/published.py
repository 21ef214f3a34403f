"""The integer function of a key, as everybody may see it: what both of its circuits were lowered from.

The function is a `quant` module after `batch-decode`: operations, shapes, formats, tables and the names of
weights. What only making the weights' integers takes is left out, as it tells more of private weights
than the circuits do: the digests of the checkpoint's tensors, by which anyone could try guesses, and the
exponents of their rows and columns (`quant.param`). Lowering reads neither.

Errors: `UserError` in one line for a text that `write_function` did not write.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from ..dialects import quant
from ..errors import UserError
from .module_text import parse_module, print_module
from .modules import main_function

SECRET = ("sha256", "rows", "columns")
"""The properties of `quant.param` that are for whoever has the weights."""


def publish(module: ModuleOp) -> ModuleOp:
    """A copy of a function without what only whoever has the weights may know."""
    public = module.clone()
    for op in public.walk():
        if isinstance(op, quant.ParamOp):
            for name in SECRET:
                op.properties.pop(name, None)
    return public


def write_function(module: ModuleOp) -> bytes:
    """The text of a published function in UTF-8."""
    return print_module(module).encode()


def read_function(data: bytes) -> ModuleOp:
    """The function of a text; there is one text of a function."""
    try:
        module = parse_module(data.decode())
        main_function(module)
        same = write_function(publish(module)) == data
    except (UserError, UnicodeDecodeError) as error:
        raise UserError(f"the function is malformed: {error}") from None
    if not same:
        raise UserError("the function is malformed: not in its canonical form")
    return module
