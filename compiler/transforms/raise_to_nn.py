"""Pass `raise-to-nn`: from the imported to the raised stratum of `nn`, or a clear stop.

Runs drop-batch and all raising passes in order, then checks that only raised operations remain and
that their shapes are those of one sequence.

Errors: `UserError` naming the operation and module path that no pattern recognised.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms.canonicalize import CanonicalizePass

from ...dialects import nn
from ...dialects.interfaces import Quantised
from ...errors import UserError
from ..modules import takes_tensors
from .align_rope import AlignRope
from .center_layer_norm import CenterLayerNorm
from .drop_batch import DropBatch
from .raise_attention import RaiseAttention
from .raise_embedding_scale import RaiseEmbeddingScale
from .raise_gelu import RaiseGelu
from .raise_heads import RaiseHeads
from .raise_linear_scale import RaiseLinearScale
from .raise_logits import RaiseLogits
from .raise_positions import RaisePositions
from .raise_residual import RaiseResidual
from .raise_rms_norm import RaiseRMSNorm
from .raise_rope import RaiseRope

PASSES: tuple[ModulePass, ...] = (
    DropBatch(),
    CanonicalizePass(),
    RaiseLogits(),
    RaisePositions(),
    RaiseEmbeddingScale(),
    RaiseGelu(),
    RaiseLinearScale(),
    RaiseRMSNorm(),
    CenterLayerNorm(),
    RaiseHeads(),
    RaiseRope(),
    RaiseAttention(),
    AlignRope(),
    RaiseResidual(),
)


NO_PATTERN = "belongs to no pattern that the compiler recognises"


def check_raised(module: ModuleOp) -> None:
    """Stops at the first operation that is not in the raised stratum."""
    of_tensors = takes_tensors(module)
    for op in module.walk():
        if isinstance(op, ModuleOp | FuncOp | ReturnOp):
            continue
        reason = _illegal(op) or (None if of_tensors else _of_no_sequence(op))
        if reason:
            where = nn.module_path(op) or "the model"
            raise UserError(f"{where}: {op.name} {reason}")


def _illegal(op: Operation) -> str | None:
    if not isinstance(op, Quantised):
        return NO_PATTERN
    if isinstance(op, nn.BinaryOp) and op.lhs.type != op.rhs.type:
        return "broadcasts, but no pattern recognises it"
    return None


def _of_no_sequence(op: Operation) -> str | None:
    """What is illegal where there are no examples."""
    if isinstance(op, nn.TokensOp) and len(nn.shape_of(op.result)) != 1:
        return "has a batch axis"
    if isinstance(op, nn.LinearOp) and len(nn.shape_of(op.x)) != 2:
        return "takes one sequence (T, k)"
    if isinstance(op, nn.SoftmaxOp):
        return NO_PATTERN
    return None


@dataclass(frozen=True)
class RaiseToNN(ModulePass):
    """Raises an imported model completely."""

    name = "raise-to-nn"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PassPipeline(PASSES).apply(ctx, op)
        check_raised(op)
