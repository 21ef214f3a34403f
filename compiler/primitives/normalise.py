"""normalise: a positive number as mantissa and exponent, and the reciprocal of its root.

    p4 m + rem = S, 0 <= rem < p4           S = 4^e m + rem, a division by a power of four
    (m, r) in the table of roots            2^14 <= m < 2^16, r = round(2^root / sqrt(m))
    (p2, p4) in the table of exponents      p4 = 4^e and p2 = 2^(emax - e), emin <= e <= emax
    pm = p4 m,  u = r p2                    products of two columns, so that they can be read

u is 2^(root + emax) / sqrt(S), as exact as a table of mantissas of 15 bits or more makes it.

One witness: S = 4^e m + rem is in [4^e 2^14, 4^e 2^16), and these intervals follow one another, as
4^e 2^16 = 4^(e+1) 2^14. So S is in the interval of one e, which fixes p4 and p2; then m and rem are
quotient and remainder (`divmod`), and r, pm and u follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...dialects import zk
from ...dialects.affine_expr import added, scaled
from ...dialects.quant.axes import Axes
from ...dialects.table_expr import evaluate
from ...runtime.circuit.relations import Expr
from ..analysis.ranges import rms_norm_limit
from .builder import Builder, Roles
from .contract import Factors, contract
from .divmod import Remainder
from .table import look_up


@dataclass(frozen=True)
class Normalised:
    """u, a bound on |x u| for every x with x^2 <= S, and the columns and the table of roots."""

    scale: Expr
    limit: int
    roles: Roles
    table: str


def normalise(
    b: Builder,
    name: str,
    axes: Axes,
    products: list[Factors],
    offsets: Sequence[int],
    roots: zk.RowsAttr,
    exponents: tuple[int, int],
    limit: int | None = None,
) -> Normalised:
    """u for S = the sum of products + an offset, over ``axes``; ``offsets`` are one, or one for each layer,
    ``exponents`` (emin, emax), and ``limit`` bounds the products."""
    (emin, emax), domain = exponents, range(roots.low.data, roots.high.data)
    contents = evaluate(roots.texts[1], domain.start, domain.stop)
    least, top, most = int(contents.min()), int(contents.max()), 1 << (emax - emin)
    rsqrt = b.table(f"{name}.rsqrt", [roots])
    powers = b.table(
        f"{name}.exponents", [zk.RowsAttr.of([f"2^({emax} - x)", "4^x"], emin, emax + 1)]
    )
    scalars = {
        "m": (domain[0], domain[-1]),
        "r": (least, top),
        "p2": (1, most),
        "p4": (4**emin, 4**emax),
        "pm": (4**emin * domain[0], 4**emax * domain[-1]),
        "u": (least, top * most),
    }
    columns = {role: b.witness(f"{name}.{role}", axes, *r) for role, r in scalars.items()}
    m, r, p2, p4, pm, u = columns.values()
    remainder = Remainder.of(b, name, axes, 2 * emax)
    offset = b.per_layer(f"{name}.eps", offsets)
    square = added(b.over(axes), pm, remainder.rest, scaled(-1, offset))
    contract(b, f"{name}.square_sum", square, products, limit)
    contract(b, f"{name}.mantissa", pm, [(p4, m)])
    contract(b, f"{name}.scale", u, [(r, p2)])
    look_up(b, f"{name}.reciprocal", rsqrt, m, r)
    look_up(b, f"{name}.exponent", powers, p2, p4)
    remainder.below(b, p4)
    bound = rms_norm_limit(list(zip(domain, contents.tolist(), strict=True)), emax)
    roles = Roles({role: f"{name}.{role}" for role in scalars})
    return Normalised(u, bound, roles | remainder.roles, rsqrt)
