"""round: a sum of products, divided by 2^s and rounded half up, to a signed number of b bits.

    2^s y + rem - half(s) - plus = products        half(s) = 2^(s-1), and 0 for s = 0
    y = sum_i 2^16i limb_i - 2^(b-1)        each limb in the range of its width
    rem = sum_i 2^16i rem_i                 likewise, s bits in all

``plus`` is an affine form that is added to the products, if there is one: a bias. It may be all that is rounded.

An unsigned number of w bits has limbs of 16 bits and a last one of what is left, at most 18, each in
a table of exactly its width. A value that is looked up in a table of its whole range is a column of
its own instead of limbs, as the table says that it is in range.

One witness: the ranges make limbs of exact widths unique digits, so that y and rem are determined
by y and rem as numbers. With 0 <= rem < 2^s, 2^s y + rem = products + plus + half(s) has one solution over
the integers, the floor of the division and its remainder. A larger rem, which would let y be smaller
by one, has no digits; a y out of its b bits neither, and then there is no witness at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...dialects.affine_expr import added, affine, scaled
from ...dialects.quant.axes import Axes
from ...runtime.circuit.program import LIMB_BITS, limb_widths
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from . import affine as affine_
from .builder import Builder, Roles, constant
from .contract import Factors, contract


@dataclass(frozen=True)
class Rounded:
    """A rounded value, its interval, and the columns that hold it."""

    value: Expr
    interval: Interval
    roles: Roles


def limbs(b: Builder, name: str, axes: Axes, bits: int) -> tuple[Expr, list[str]]:
    """Ranged columns for an unsigned number of ``bits`` bits, and the number."""
    names, number = [], affine(b.over(axes), ())
    for i, width in enumerate(limb_widths(bits)):
        limb = b.witness(f"{name}{i}", axes, 0, (1 << width) - 1)
        b.range(f"{name}{i}.range", width, limb)
        number = added(number.axes, number, scaled(1 << LIMB_BITS * i, limb))
        names.append(f"{name}{i}")
    return number, names


def rounded(
    b: Builder,
    name: str,
    axes: Axes,
    products: Sequence[Factors],
    shift: int,
    bits: int,
    limit: int | None = None,
    looked_up: bool = False,
    plus: Expr | None = None,
) -> Rounded:
    """The sum of products and ``plus`` over 2^shift, rounded; ``looked_up``: a table of all its values follows."""
    interval = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if looked_up:
        y, roles = b.witness(name, axes, *interval), Roles(y=name)
    else:
        joined, names = limbs(b, f"{name}.limb", axes, bits)
        y = affine_.value(b, name, axes, scaled(1, joined, interval[0]), interval)
        roles = Roles(limbs=names)
    rest, rem = limbs(b, f"{name}.rem", axes, shift)
    half = 1 << shift >> 1
    total = added(b.over(axes), scaled(1 << shift, y), rest, constant(-half))
    if plus is not None:
        total = added(b.over(axes), total, scaled(-1, plus))
    if products:
        contract(b, f"{name}.requantize", total, products, limit)
    else:
        b.zero(f"{name}.requantize", total)
    return Rounded(y, interval, roles | Roles(rem=rem))
