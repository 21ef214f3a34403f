"""`batch-decode`: T steps of greedy decoding become one causal pass with an argmax per step.

A function that returns the logits of all T positions becomes one that returns the tokens of the
last `generated` of them: since attention is causal, the logits that a decode step would see are
those of its position in one pass over prompt and output. Only these rows go through the final norm,
and the logits are not computed as values: `quant.argmax` relates rows to tokens.

Errors: `UserError` where the function does not end in logits.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import nn, quant
from ...dialects.interfaces import RowWise
from ...dialects.quant import QuantTensorType
from ...errors import UserError
from ...runtime.circuit.relations import LONGEST_EXTENT
from ..analysis.plan import WIDTH
from ..modules import main_function, takes_tensors
from .options import check_options


@dataclass(frozen=True)
class BatchDecode(ModulePass):
    """Replaces the logits by the greedy tokens of the last `generated` rows (default: half)."""

    name = "batch-decode"
    generated: int | None = None

    def __post_init__(self) -> None:
        check_options(self, generated=(1, LONGEST_EXTENT))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not takes_tensors(op):
            self.rewrite(main_function(op))

    def rewrite(self, function: FuncOp) -> None:
        end = function.body.block.last_op
        if not isinstance(end, ReturnOp) or len(end.operands) != 1:
            raise UserError("the function must return the logits alone")
        logits = end.operands[0].owner
        width = logits.attributes.get(WIDTH) if isinstance(logits, Operation) else None
        if not isinstance(logits, quant.MatmulOp) or not isinstance(width, IntegerAttr):
            raise UserError("the function must return logits with a known width")
        if logits.bias is not None:
            raise UserError("an output layer with a bias is not supported")

        chain: list[Operation] = []
        source: SSAValue = logits.x
        while isinstance(source.owner, RowWise):
            chain.append(source.owner)
            source = source.owner.operands[0]
        tokens = quant.type_of(source).shape[0]
        rows = max(1, tokens // 2) if self.generated is None else self.generated
        if not 1 <= rows <= tokens:
            raise UserError(f"generated must be 1 to {tokens}, got {rows}")

        select = quant.SelectOp(source, rows=rows)
        nn.inherit_path(select, chain[-1] if chain else logits)
        new: list[Operation] = [select]
        for op in reversed(chain):
            new.append(_with_rows(op, new[-1].results[0], rows))
        argmax = quant.ArgmaxOp(new[-1].results[0], logits.w, width=width.value.data)
        new.append(nn.inherit_path(argmax, logits))
        function.body.block.insert_ops_before(new, logits)
        function.body.block.insert_op_before(ReturnOp(argmax.result), end)
        for op in (end, logits, *chain):
            op.detach()
            op.erase()
        function.update_function_type()


def _with_rows(op: Operation, x: SSAValue, rows: int) -> Operation:
    """The operation on `rows` rows of `x`, its other operands as they are."""
    type = quant.type_of(op.results[0])
    return op.create(
        operands=[x, *op.operands[1:]],
        result_types=[QuantTensorType.of((rows, *type.shape[1:]), type.width, type.fraction)],
        properties=op.properties.copy(),
        attributes=op.attributes.copy(),
    )
