"""Pass `drop-batch`: removes the leading batch axis of size 1 from an imported `nn` function.

A model traced for one sequence carries the axis (1, T, ...) through every tensor that depends on
the token ids, positions or masks. Dropping it there changes no element; weights and scalars never
had it. Some models do without it in places, by a view: there it goes, and where it comes back. Values are
rewritten in program order; the axis of the function's result goes with them.

Errors: `UserError` where an operation mixes the batch axis with others.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...dialects.interfaces import LeadingAxes
from ...errors import UserError
from ..modules import main_function


@dataclass(frozen=True)
class DropBatch(ModulePass):
    """Removes the leading axis of size 1."""

    name = "drop-batch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        _drop(main_function(op, arguments=True))


def _drop(function: FuncOp) -> None:
    block = function.body.block
    dropped: dict[SSAValue, SSAValue] = {}
    flat: set[SSAValue] = set()
    """Values without the axis that are made from values with it."""
    for op in list(block.ops):
        if isinstance(op, nn.ViewOp) and op.x in dropped and _flattens(op.x, op.result):
            flat.add(dropped[op.x])
            op.result.replace_all_uses_with(dropped[op.x])
            continue
        if isinstance(op, nn.ViewOp) and op.x in flat and _flattens(op.result, op.x):
            dropped[op.result] = op.x
            continue
        if not flat.isdisjoint(op.operands) and dropped.keys().isdisjoint(op.operands):
            flat.update(op.results)
        batched = [operand in dropped for operand in op.operands]
        if isinstance(op, LeadingAxes) and not op.operands:  # It makes the axis.
            if len(nn.shape_of(op.results[0])) == 1:
                continue
        elif not any(batched):
            continue
        elif isinstance(op, ReturnOp):
            op.operands = [dropped.get(operand, operand) for operand in op.operands]
            continue
        new = nn.inherit_path(_without_batch(op, batched, dropped), op)
        block.insert_op_before(new, op)
        dropped[op.results[0]] = new.results[0]
    for op in reversed(list(block.ops)):
        gone = isinstance(op, nn.ViewOp) and not op.result.uses
        if gone or (op.results and op.results[0] in dropped):
            Rewriter.erase_op(op)
    function.update_function_type()


def _flattens(batched: SSAValue, without: SSAValue) -> bool:
    """Whether a view between two values, either way, only drops or adds the axis in front of rows (T, n)."""
    shape = nn.shape_of(without)
    return len(shape) == 2 and nn.shape_of(batched) == (1, *shape)


def _without_batch(
    op: Operation, batched: list[bool], dropped: dict[SSAValue, SSAValue]
) -> Operation:
    (result,) = op.results
    shape = nn.shape_of(result)
    operands = [dropped.get(operand, operand) for operand in op.operands]
    if shape[0] != 1 or any(
        not has and len(nn.shape_of(operand)) >= len(shape)
        for has, operand in zip(batched, operands, strict=True)
    ):
        raise _mixed(op)
    new = op.without_first_axis(operands) if isinstance(op, LeadingAxes) else None
    if new is None:
        raise _mixed(op)
    return new


def _mixed(op: Operation) -> UserError:
    return UserError(
        f"{nn.module_path(op) or 'the model'}: {op.name} mixes the batch axis with others"
    )
