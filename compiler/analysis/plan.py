"""The plan: what the operations of `nn` are to become in integers, as typed attributes on them.

    quant.format        the bits and fraction bits of a value or a weight
    quant.unrounded     of a product: its integers are kept as they are, and it has no format
    quant.factor        of a weight: what it is multiplied by before it is rounded (`weight_factor`)
    quant.eps, quant.exponents, quant.root     of a norm
    quant.k             of attention: the precision of reciprocals
    quant.width         of the output layer: the bits of a difference of logits
    quant.headroom, quant.spare_exponents      of the function: with what it was planned

`plan-scales`, `delay-requantize` and `choose-bits` write them, `convert-nn-to-quant` reads them and decides
nothing.

Errors: `UserError` for an attribute that is missing or of another type, with the module path.
"""

from __future__ import annotations

import math
from typing import TypeVar

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import nn
from ...dialects.interfaces import KeepsScale, Normalises
from ...errors import UserError
from .roles import path_of

FORMAT, UNROUNDED, FACTOR = "quant.format", "quant.unrounded", "quant.factor"
EPS, EXPONENTS, ROOT = "quant.eps", "quant.exponents", "quant.root"
K, WIDTH = "quant.k", "quant.width"
HEADROOM, SPARE = "quant.headroom", "quant.spare_exponents"

AttributeT = TypeVar("AttributeT", bound=Attribute)


def planned(op: Operation, name: str, kind: type[AttributeT]) -> AttributeT:
    """An attribute of the plan."""
    found = op.attributes.get(name)
    if not isinstance(found, kind):
        raise UserError(f"{path_of(op) or op.name}: {op.name} has no {name}; run plan-scales first")
    return found


def value_factor(value: SSAValue) -> float:
    """What integers stand for more than the value that they are of: for queries, from what makes them to their
    scores, the attention scale, for what the output layer reads the scale of its logits; for other values 1.

    No integers are multiplied by it: a weight has it, a norm's gain or that of a linear layer.
    """
    for use in value.uses:
        user = use.operation
        if isinstance(user, nn.ScoresOp) and use.index == 0:
            return user.scale.value.data
        if isinstance(user, nn.RopeOp | KeepsScale):
            return value_factor(user.results[0])
        if isinstance(user, nn.LinearOp) and use.index == 0 and is_output(user):
            return user.factor
    return 1.0


def is_output(op: nn.LinearOp) -> bool:
    """Whether its results are the logits."""
    return any(isinstance(use.operation, ReturnOp) for use in op.result.uses)


def weight_factor(op: nn.ParamOp) -> float:
    """What a weight is multiplied by before it is rounded.

    The gain of a norm over n channels has sqrt(n), a linear layer its scale, and what makes a value that has a
    factor has that (`value_factor`), as its bias has. The table has the embedding's constant; a tied output layer
    uses the same integers, and its logits are larger by that factor, which the maximum ignores.

    `UserError` where operations that read it would need different ones.
    """
    factors = {_reader_factor(use.operation, use.index) for use in op.result.uses} - {None}
    if len(factors) > 1:
        raise UserError(f"{path_of(op)}: one weight is used with different factors")
    return next(iter(factors), None) or 1.0


def _reader_factor(op: Operation, index: int) -> float | None:
    """The factor of what an operation reads as its weight or bias; the output layer takes whatever it has."""
    if isinstance(op, nn.EmbeddingOp):
        return op.scale.value.data
    if isinstance(op, Normalises):
        root = math.sqrt(nn.shape_of(op.operands[0])[-1]) if index == 1 else 1.0
        return root * value_factor(op.results[0])
    if isinstance(op, nn.LinearOp) and not is_output(op):
        return op.factor * value_factor(op.result)
    return None
