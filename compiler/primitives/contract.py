"""contract: an expression is a sum of products, contracted over the axes that it lacks.

    lhs[cell] = sum_k factor * sum_(axes that lhs lacks) f_k1 f_k2 f_k3

The factors are affine forms whose indices map the axes: a key is read at `source` where a query is at
`token`; a query head (kv, group) reads the key of its kv by having no `group` in the key's form; a
rotated half is the same column through a rotation. This is every matrix product, every product
element by element (nothing is contracted then), and every check of one.

``limit`` bounds the sum of products where an argument beyond intervals is needed (`ranges`).

One witness: an affine left side has a value for each choice of the factors, so that a column that
stands in it with coefficient 1 and in no factor is determined by them. What else stands there (a
remainder, a rounded value) has to be told apart by ranges: `round`, `divmod`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...dialects import zk
from ...runtime.circuit.relations import Expr, Product
from .builder import Builder

Factors = tuple[Expr, ...]


def contract(
    b: Builder,
    name: str,
    lhs: Expr,
    products: Sequence[Factors],
    limit: int | None = None,
    factor: int = 1,
) -> None:
    """States lhs = factor times the sum of products."""
    contents = [Product(factor, factors) for factors in products]
    b.state(zk.EinsumOp(name, lhs, contents, limit, module=b.module))
