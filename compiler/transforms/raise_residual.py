"""Pass `raise-residual`: what a layer adds to the residual stream at once, it adds one after the other.

    x + (a + b)   ->   (x + a) + b

where x is the embedding or such a sum, and a and b are not. So it is where attention and feed-forward network read
the stream side by side, as in GPT-NeoX and in GPT-J (Wang and Komatsuzaki 2021). Over the integers nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.transforms.dead_code_elimination import region_dce

from ...dialects import nn
from ..modules import main_function
from .matching import defined_by, either_order


@dataclass(frozen=True)
class RaiseResidual(ModulePass):
    """Takes sums with the residual stream apart."""

    name = "raise-residual"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        body = main_function(op, arguments=True).body
        stream: set[SSAValue] = set()
        for each in list(body.block.ops):
            if isinstance(each, nn.EmbeddingOp):
                stream.add(each.result)
            elif isinstance(each, nn.AddOp):
                stream.update(_taken_apart(each, stream))
        region_dce(body)


def _taken_apart(op: nn.AddOp, stream: set[SSAValue]) -> list[SSAValue]:
    """What stands in the place of a sum, if that is the stream: the sums with each summand."""
    for x, delta in either_order(op):
        inner = defined_by(delta, nn.AddOp)
        if x not in stream:
            continue
        if delta in stream or inner is None or not stream.isdisjoint(inner.operands):
            return [op.result]
        first = nn.inherit_path(nn.AddOp(x, inner.lhs), inner)
        second = nn.inherit_path(nn.AddOp(first.results[0], inner.rhs), op)
        Rewriter.replace_op(op, [first, second])
        return [first.results[0], second.results[0]]
    return []
