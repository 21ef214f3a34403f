"""How large the residual stream gets: bounds that its norms prove for each other.

The stream is an embedding plus deltas, two in a layer; bounds on each element added up over all layers
are far too large to square below the prime. But every norm of the stream proves, over the integers,

    |x|^2 + eps = S < C = 4^emax 2^16,

x being its whole input row, if |x|^2 does not wrap. What follows it adds deltas of n elements below D,
so that the next norm's input has |x'| < sqrt(C) + sqrt(n) D, and |x'|^2 does not wrap either if the
square of that stays below the prime. By induction from the embedding on, whose elements are bounded, no
norm of the stream wraps: the first one's input is small, and each shows that the next one's is.

A norm may read the stream less a mean m, of b bits (`quant.center`). Both differ by no more than sqrt(n) 2^(b-1),
whatever m is, so that one bounds the other before the norm and after it. Means of few bits cost little of what is
left to deltas.

Only deltas that are rounded count: their limbs are ranged. A stream with others has no such bound.

`square_limits` gives the bound on |x|^2 for each norm of the stream.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from math import isqrt

from xdsl.ir import Block, Operation, SSAValue

from ...dialects import quant
from ...errors import expect

MEAN_EXPONENT = 28


def mean_bits(channels: int) -> int:
    """The most bits of a mean that is taken from rows of so many elements: a row of means is at most 2^28 long, a
    quarter of what a norm of the stream proves of its input."""
    return MEAN_EXPONENT + 1 - math.ceil(math.log2(channels) / 2)


def square_limits(block: Block) -> dict[quant.RmsNormOp, int]:
    """A bound on the sum of squares of every norm that reads the residual stream of a function."""
    limits: dict[quant.RmsNormOp, int] = {}
    norms: dict[SSAValue, int] = {}
    """Bounds on the Euclidean norm of a row, of values that are the stream."""
    _walk(block.ops, norms, limits)
    return limits


def _walk(
    ops: Iterable[Operation], norms: dict[SSAValue, int], limits: dict[quant.RmsNormOp, int]
) -> None:
    for op in ops:
        if isinstance(op, quant.EmbedOp):
            norms[op.result] = _euclidean(op.result, 1 << op.bits - 1)
        elif isinstance(op, quant.EmbedPositionsOp):
            largest = quant.type_of(op.table).bound << op.shift.value.data
            norms[op.result] = _euclidean(op.result, largest)
        elif isinstance(op, quant.AddOp) and op.lhs in norms and op.rhs in norms:
            norms[op.result] = norms[op.lhs] + norms[op.rhs]
        elif isinstance(op, quant.AddOp) and op.lhs in norms and _limbed(op.rhs):
            delta = _euclidean(op.rhs, quant.type_of(op.rhs).bound)
            norms[op.result] = norms[op.lhs] + delta
        elif isinstance(op, quant.SelectOp) and op.x in norms:
            norms[op.result] = norms[op.x]
        elif isinstance(op, quant.RmsNormOp) and op.x in norms:
            limits[op] = max(limits.get(op, 0), norms[op.x] ** 2)
            norms[op.x] = min(norms[op.x], 1 << op.emax + 8)
            if isinstance(source := op.x.owner, quant.CenterOp):
                means = _euclidean(op.x, source.mean_bound)
                norms[source.x] = min(norms[source.x], norms[op.x] + means)
        elif isinstance(op, quant.CenterOp) and op.x in norms:
            norms[op.result] = norms[op.x] + _euclidean(op.x, op.mean_bound)
        elif isinstance(op, quant.LayersOp) and op.residual in norms:
            _layers(op, norms, limits)


def _layers(
    op: quant.LayersOp, norms: dict[SSAValue, int], limits: dict[quant.RmsNormOp, int]
) -> None:
    end = expect(op.body.block.last_op, quant.YieldOp)
    enters = norms[op.residual]
    for _ in range(op.layers):
        norms[op.stream] = enters
        _walk(op.body.block.ops, norms, limits)
        if end.value not in norms:
            return
        enters = norms[end.value]
    norms[op.result] = enters


def _limbed(value: SSAValue) -> bool:
    """Whether a value's limbs hold it in the range of its type; other types say what they like."""
    return isinstance(value.owner, quant.RequantizeOp)


def _euclidean(value: SSAValue, largest: int) -> int:
    """The norm of a row of elements up to ``largest``, rounded up."""
    return isqrt(quant.type_of(value).shape[-1] * largest**2) + 1
