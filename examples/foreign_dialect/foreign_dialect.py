"""A dialect of another package: decisions on integers of `quant`, and the pass that lowers them to tables.

    decide.above    1 where a number is at least a limit, else 0

The universe at the end is this package's entry point, by which `zk-opt`, `zklemma compile --from-ir` and plain
`xdsl-opt` find both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import Float64Type, FloatAttr, ModuleOp
from xdsl.ir import Dialect
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.traits import Pure
from xdsl.universe import Universe
from xdsl.utils.exceptions import VerifyException
from zklemma.dialects import quant
from zklemma.dialects.nn import inherit_path


@irdl_op_definition
class AboveOp(IRDLOperation):
    """1 where x, as a real number, is at least the limit, else 0.

    ```mlir
    %y = decide.above %x limit 0.5 : (!quant.tensor<[4, 3], bits = 16, frac = 9>)
         -> !quant.tensor<[4, 3], bits = 2, frac = 0>
    ```
    """

    name = "decide.above"
    x = operand_def(quant.QuantTensorType)
    limit = prop_def(FloatAttr[Float64Type])
    result = result_def(quant.QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `limit` $limit attr-dict `:` functional-type(operands, results)"

    @property
    def integer(self) -> int:
        """The least integer that is at least the limit."""
        return math.ceil(self.limit.value.data * 2.0 ** quant.type_of(self.x).fraction)

    def verify_(self) -> None:
        x, made = quant.type_of(self.x), quant.type_of(self.result)
        if made.shape != x.shape or made.fraction != 0 or made.width < 2:
            raise VerifyException(
                f"the result must be integers of 2 bits in the shape {[*x.shape]}"
            )
        if not -x.bound <= self.integer < x.bound:
            raise VerifyException(f"no number of x is at the limit {self.limit.value.data}")


class LowerAbove(RewritePattern):
    """A decision is a function of one integer: a table."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AboveOp, rewriter: PatternRewriter) -> None:
        bound = quant.type_of(op.x).bound
        text = f"min(1, max(0, x - ({op.integer - 1})))"
        table = quant.TableAttr.of(text, -bound, bound)
        made = quant.TableOp(op.x, table=table, results=[quant.type_of(op.result)])
        rewriter.replace(op, inherit_path(made, op))


@dataclass(frozen=True)
class LowerDecide(ModulePass):
    """Replaces `decide` by `quant`."""

    name = "lower-decide"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(LowerAbove()).rewrite_module(op)


DECIDE = Dialect("decide", [AboveOp])
UNIVERSE = Universe(
    all_dialects={"decide": lambda: DECIDE}, all_passes={"lower-decide": lambda: LowerDecide}
)
