"""What a pass expects of a module: one function of straight-line code, or systems.

The compiler's modules have one of two forms: a single `func.func` (`nn`, `quant`), or one or more
`zk.system` or `circuit.system`. Passes ask here for what they work on, so that a module of another
form stops each of them in the same words.

What they declare in a system gets a name of its own (`fresh`).

xDSL's verifier does not ask that values are defined before they are used; `check_order` does.

Errors: `UserError` saying what the module has instead.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TypeVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation

from ..dialects.interfaces import TensorSource
from ..dialects.nn import module_path
from ..errors import UserError

OpT = TypeVar("OpT", bound=Operation)


def main_function(module: ModuleOp, arguments: bool = False) -> FuncOp:
    """The one function of a module: a body of one block that ends in `func.return`.

    Token ids enter a model by an operation of its dialect, so it has no arguments unless
    ``arguments`` allows them.
    """
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    if len(functions) != 1:
        raise UserError(f"expected a module of one function, found {len(functions)}")
    (function,) = functions
    name, blocks = f"function @{function.sym_name.data}", list(function.body.blocks)
    if not blocks:
        raise UserError(f"{name} is declared without a body")
    if len(blocks) > 1:
        raise UserError(
            f"{name} has {len(blocks)} blocks; a model is straight-line code, one block"
        )
    if not isinstance(blocks[0].last_op, ReturnOp):
        raise UserError(f"{name} does not end in func.return")
    if blocks[0].args and not arguments:
        raise UserError(
            f"{name} has arguments; a model has none: its token ids are the result of nn.tokens "
            "or quant.tokens"
        )
    return function


def takes_tensors(module: ModuleOp) -> bool:
    """Whether a module's function is one of tensors, which the passes of language models leave as it is."""
    return any(isinstance(op, TensorSource) for op in module.walk())


def systems(module: ModuleOp, *kinds: type[OpT]) -> list[OpT]:
    """The operations of these kinds at the top of a module, of which there is at least one."""
    found = [op for op in module.ops if isinstance(op, kinds)]
    if not found:
        names = " or ".join(kind.name for kind in kinds)
        raise UserError(f"the module has no {names}; it is at another level of the compiler")
    return found


def check_order(module: ModuleOp) -> None:
    """Stops at an operation that uses a value of its block before the value is defined."""
    before: set[Operation] = set()
    for op in module.walk():
        for operand in op.operands:
            owner = operand.owner
            if isinstance(owner, Operation) and owner.parent is op.parent and owner not in before:
                raise UserError(
                    f"{module_path(op) or 'the model'}: {op.name} uses the result of {owner.name} "
                    "before it is defined"
                )
        before.add(op)


def fresh(name: str, used: Container[str]) -> str:
    """A name with a number where it is used already."""
    found, n = name, 1
    while found in used:
        n += 1
        found = f"{name}{n}"
    return found
