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

from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import nn
from ...dialects.interfaces import Normalises, View
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


def query_scale(value: SSAValue) -> float:
    """The attention scale, for queries from what makes them to their scores; 1 for other values.

    No integers are multiplied by it: a weight has it, the gain of the queries' norm or that of their linear
    layer.
    """
    for use in value.uses:
        user = use.operation
        if isinstance(user, nn.ScoresOp) and use.index == 0:
            return user.scale.value.data
        if isinstance(user, nn.RopeOp | View):
            return query_scale(user.results[0])
    return 1.0


def weight_factor(op: nn.ParamOp) -> float:
    """What a weight is multiplied by before it is rounded.

    The gain of a norm over n channels has sqrt(n). A gain or a linear layer that makes queries has the
    attention scale. The table has the embedding's constant; a tied output layer uses the same integers, and its
    logits are larger by that factor, which the maximum ignores.
    """
    for use in op.result.uses:
        user = use.operation
        if isinstance(user, nn.EmbeddingOp):
            return user.scale.value.data
        if isinstance(user, Normalises):
            return math.sqrt(nn.shape_of(op.result)[0]) * query_scale(user.results[0])
        if isinstance(user, nn.LinearOp) and (scale := query_scale(user.result)) != 1:
            return scale
    return 1.0
