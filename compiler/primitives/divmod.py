"""divmod: quotient and remainder of a division by a value.

    quotient divisor + rem = dividend       rem and divisor - 1 - rem in ranges: 0 <= rem < divisor

The divisor is positive, as 0 <= rem <= divisor - 1 says. `reciprocal` is the division of a power of
two by a value; `normalise` divides by a power of four that it finds.

One witness: over the integers there is one quotient with 0 <= rem < divisor. Quotient, remainder
and divisor - 1 - rem are numbers in limbs, whose digits are unique (`round`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects.affine_expr import added, scaled
from ...dialects.quant.axes import Axes
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import Interval
from . import affine
from .builder import Builder, Roles, constant
from .contract import contract
from .round import limbs


@dataclass(frozen=True)
class Remainder:
    """The columns of a remainder of an operation named ``name``, and of what it lacks to its divisor."""

    name: str
    axes: Axes
    rest: Expr
    gap: Expr
    roles: Roles

    @staticmethod
    def of(b: Builder, name: str, axes: Axes, bits: int) -> Remainder:
        """Declares both numbers, of ``bits`` bits."""
        rest, remainder = limbs(b, f"{name}.remainder", axes, bits)
        gap, slack = limbs(b, f"{name}.slack", axes, bits)
        return Remainder(name, axes, rest, gap, Roles(remainder=remainder, slack=slack))

    def below(self, b: Builder, divisor: Expr) -> None:
        """States rem < divisor."""
        minus_one = added(b.over(self.axes), divisor, constant(-1))
        less = added(minus_one.axes, minus_one, scaled(-1, self.rest), scaled(-1, self.gap))
        b.zero(f"{self.name}.remainder_below", less)


@dataclass(frozen=True)
class Reciprocal:
    """The columns of floor(2^k / divisor), a number of ``bits`` bits, and of its remainder."""

    k: int
    bits: int
    digits: Expr
    remainder: Remainder
    roles: Roles

    @staticmethod
    def of(b: Builder, name: str, axes: Axes, k: int, bits: int, width: int) -> Reciprocal:
        """Declares them; the divisor and so the remainder have ``width`` bits."""
        digits, inv = limbs(b, f"{name}.inv", axes, bits)
        remainder = Remainder.of(b, name, axes, width)
        return Reciprocal(k, bits, digits, remainder, Roles(inv=inv) | remainder.roles)

    @property
    def interval(self) -> Interval:
        return 0, (1 << self.bits) - 1

    def relate(self, b: Builder, divisor: Expr) -> Expr:
        """States what they are, and returns the quotient."""
        name, axes = self.remainder.name, self.remainder.axes
        inverse = affine.value(b, f"{name}.inv", axes, self.digits, self.interval)
        lhs = scaled(-1, self.remainder.rest, 1 << self.k)
        contract(b, f"{name}.reciprocal", lhs, [(inverse, divisor)])
        self.remainder.below(b, divisor)
        return inverse
