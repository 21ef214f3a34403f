"""The bound on a normalised value, from the form of a norm's relations alone.

    sum_i x_i^2 = pm + R - eps      pm = p4 m      p4 - 1 - R - N = 0, N >= 0      u = r p2
    (p2, p4) and (m, r) are rows of tables, p2^2 p4 is the same in all rows of the first, eps >= 0

Then |x|^2 < p4 (m + 1), and (x_i u)^2 < p4 (m + 1) r^2 p2^2 <= p2^2 p4 max (m + 1) r^2. It is for whoever has no
solver; `bounds` claims the same of norms of any form.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np

from ...schema.circuit import Circuit, Einsum, Expr, Index, Term


def norm_limit(circuit: Circuit, square: Einsum, scale: Expr) -> int | None:
    """A bound on |x u| where ``square`` is about the sum of x^2 and ``scale`` is u at its place; None where
    relations do not have that form."""
    u = _cell(circuit, scale)
    if not u or circuit.column[u].axes != square.lhs.axes:
        return None
    for (p2, p4), exponents in _pairs(circuit):
        for (m, r), reciprocals in _pairs(circuit):
            scaled = _product(circuit, u, {p2, r})
            if not scaled or not _is_mantissa(circuit, square, p4, m):
                continue
            units = {int(a) ** 2 * int(b) for a, b in exponents.tolist()}
            if len(units) == 1 and reciprocals.min() >= 0:
                most = max((int(a) + 1) * int(b) ** 2 for a, b in reciprocals.tolist())
                return isqrt(most * units.pop()) + 1
    return None


def _pairs(circuit: Circuit) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """The pairs of columns that are looked up together, and the tables."""
    for lookup in circuit.lookups:
        names = [_cell(circuit, expr) for expr in lookup.exprs]
        if len(names) == 2 and all(names):
            yield (names[0], names[1]), circuit.data[lookup.table]


def _product(circuit: Circuit, left: str, factors: set[str]) -> bool:
    """Whether a relation says that a column is the product of two."""
    return any(
        _cell(circuit, einsum.lhs) == left
        and len(einsum.products) == 1
        and einsum.products[0].coefficient == 1
        and len(einsum.products[0].factors) == 2
        and {_cell(circuit, factor) for factor in einsum.products[0].factors} == factors
        for einsum in circuit.einsums
    )


def _is_mantissa(circuit: Circuit, square: Einsum, p4: str, m: str) -> bool:
    """Whether sum x^2 < p4 (m + 1) by the relations of the module's docstring."""
    if square.products[0].coefficient != 1 or square.lhs.constant > 0:
        return False
    found = [
        t for t in square.lhs.terms if t.coefficient == 1 and _product(circuit, t.column, {p4, m})
    ]
    rest = set(square.lhs.terms) - set(found)
    return len(found) == 1 and any(
        _is_below(circuit, linear.expr, p4, rest) for linear in circuit.linears
    )


def _is_below(circuit: Circuit, expr: Expr, p4: str, rest: set[Term]) -> bool:
    """Whether an expression that is zero says that p4 - 1 is the sum of some terms and of more that are not
    negative."""
    left = [t for t in expr.terms if t.column == p4 and t.coefficient == 1]
    taken = {_negated(t) for t in expr.terms if t not in left}
    more = taken - rest
    return (
        len(left) == 1
        and expr.constant <= -1
        and rest <= taken
        and all(t.coefficient > 0 and circuit.column[t.column].low >= 0 for t in more)
    )


def _cell(circuit: Circuit, expr: Expr) -> str:
    """The column whose own cell at its own place an expression is; "" if it is another one."""
    if len(expr.terms) != 1 or expr.constant or expr.terms[0].coefficient != 1:
        return ""
    (term,) = expr.terms
    axes = circuit.column[term.column].axes
    return term.column if term.indices == tuple(Index("same", axis) for axis in axes) else ""


def _negated(term: Term) -> Term:
    return Term(-term.coefficient, term.column, term.indices)
