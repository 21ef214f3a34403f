"""Pass `drop-batch`: removes the leading batch axis of size 1 from an imported `nn` function.

A model traced for one sequence carries the axis (1, T, ...) through every tensor that depends on
the token ids, positions or masks. Dropping it there changes no element; weights and scalars never
had it. Values are rewritten in program order; the axis of the function's result goes with them.

Errors: `UserError` where an operation mixes the batch axis with others.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...errors import UserError, expect
from ..modules import main_function

SOURCES = (nn.TokensOp, nn.PositionsOp, nn.CausalMaskOp)
ROW_WISE = (
    nn.EmbeddingOp,
    nn.LinearOp,
    nn.MatmulOp,
    nn.BinaryOp,
    nn.UnaryOp,
    nn.GeluTanhOp,
    nn.PowOp,
    nn.MeanOp,
    nn.SliceOp,
    nn.ConcatOp,
)
"""Operations that treat leading axes alike: their shapes follow from their operands' shapes."""


@dataclass(frozen=True)
class DropBatch(ModulePass):
    """Removes the leading axis of size 1."""

    name = "drop-batch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        _drop(main_function(op, arguments=True))


def _drop(function: FuncOp) -> None:
    block = function.body.block
    dropped: dict[SSAValue, SSAValue] = {}
    for op in list(block.ops):
        batched = [operand in dropped for operand in op.operands]
        if isinstance(op, SOURCES):
            if len(nn.shape_of(op.result)) == 1:
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
        if op.results and op.results[0] in dropped:
            Rewriter.erase_op(op)
    function.update_function_type()


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
    match op:
        case nn.PermuteOp() if op.axes.get_values()[0] == 0:
            axes = [axis - 1 for axis in op.axes.get_values()[1:]]
            return nn.PermuteOp(*operands, axes=axes)
        case nn.ViewOp() | nn.ExpandOp():
            return type(op)(operands[0], shape[1:])
        case _ if isinstance(op, SOURCES + ROW_WISE):
            element = expect(result.type, TensorType).element_type
            return type(op).create(
                operands=operands,
                properties=op.properties,
                result_types=[TensorType(element, shape[1:])],
            )
    raise _mixed(op)


def _mixed(op: Operation) -> UserError:
    return UserError(
        f"{nn.module_path(op) or 'the model'}: {op.name} mixes the batch axis with others"
    )
