"""`verify-legality{stage=...}`: stops unless the module is entirely at one level.

The levels are `nn` (operations that have an integer form, of whichever dialect), `quant`, `zk` and
`circuit`; a module or function around them is legal at any. At `circuit` the witness program stays in `zk.compute`.

Errors: `UserError` naming the first operation that is out of place and its module path.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...dialects import circuit, nn, quant, zk
from ...dialects.interfaces import Quantised
from ...errors import UserError

PROGRAM = (zk.ComputeOp, *zk.COMPUTE)
STAGES: dict[str, tuple[type[Operation], ...]] = {
    "nn": (FuncOp, ReturnOp, Quantised),
    "quant": (FuncOp, ReturnOp, *quant.QUANT.operations),
    "zk": tuple(zk.ZK.operations),
    "circuit": (*PROGRAM, *circuit.CIRCUIT.operations),
}


@dataclass(frozen=True)
class VerifyLegality(ModulePass):
    """Checks that every operation belongs to the stage."""

    name = "verify-legality"
    stage: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        legal = STAGES.get(self.stage)
        if legal is None:
            raise UserError(f"no stage {self.stage}; the stages are {', '.join(STAGES)}")
        for inner in op.walk():
            if inner is not op and not isinstance(inner, legal):
                where = nn.module_path(inner) or "the module"
                raise UserError(f"{where}: {inner.name} is not legal at stage {self.stage}")
