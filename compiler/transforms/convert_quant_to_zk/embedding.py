"""Rows of the embedding as the residual stream takes them: with zeros behind their fraction bits, which is an
affine value, or rounded to fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....dialects import quant, zk
from ....dialects.affine_expr import scaled
from ....dialects.quant.axes import Axes
from ....runtime.circuit.relations import Expr
from ...analysis.ranges import Interval
from ...primitives import affine
from ...primitives.builder import Builder
from ...primitives.round import rounded


def entering(
    b: Builder, name: str, op: quant.EmbedOp, axes: Axes, row: Expr, interval: Interval
) -> tuple[Expr, zk.ValueType, Mapping[str, int | str | Sequence[str]]]:
    """What a row in an interval becomes, its type, and the options of the step that computes it."""
    shift, (low, high) = op.shift.value.data, interval
    if shift < 0:
        bits = quant.signed_bits(-low >> -shift)
        y = rounded(b, name, axes, [], -shift, bits, plus=row)
        options = {"shift": shift, "bits": bits, **y.roles}
        return y.value, zk.ValueType.of(axes, *y.interval), options
    made = zk.ValueType.of(axes, low << shift, high << shift)
    value = affine.value(b, name, axes, scaled(1 << shift, row), made.range)
    return value, made, {"shift": shift}
