"""The bound on a normalised value, from the form of a norm's relations alone.

    sum_i x_i^2 = pm + R - eps      pm = p4 m      p4 - 1 - R - N = 0, N >= 0      u = r p2
    (p2, p4) and (m, r) are rows of tables, p2^2 p4 is the same in all rows of the first, eps >= 0

Then |x|^2 < p4 (m + 1), and (x_i u)^2 < p4 (m + 1) r^2 p2^2 <= p2^2 p4 max (m + 1) r^2. It is for whoever has no
solver; `bounds` claims the same of norms of any form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from math import isqrt

import numpy as np

from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import Circuit, Einsum, Expr, Term


def norm_limit(circuit: Circuit, square: Einsum, scale: Expr) -> int | None:
    """A bound on |x u| where ``square`` is about the sum of x^2 and ``scale`` is u at its place; None where
    relations do not have that form."""
    u = _cell(circuit, scale)
    if not u or circuit.column[u].axes != square.lhs.axes:
        return None
    pairs = list(_pairs(circuit))
    for r, p2 in (ways for factors in _products(circuit, u) for ways in permutations(factors)):
        for p4, exponents in ((second, table) for first, second, table in pairs if first == p2):
            for m, reciprocals in ((first, table) for first, second, table in pairs if second == r):
                units = {int(a) ** 2 * int(b) for a, b in exponents}
                if len(units) == 1 and _is_mantissa(circuit, square, p4, m):
                    wide = reciprocals.astype(object)  # Of whatever size numbers are.
                    most = max((wide[:, 0] + 1) * wide[:, 1] ** 2)
                    return isqrt(most * units.pop()) + 1
    return None


def _pairs(circuit: Circuit) -> Iterator[tuple[str, str, np.ndarray]]:
    """The pairs of columns that are looked up together, and the tables."""
    for lookup in circuit.lookups:
        if len(lookup.exprs) == 2:
            first, second = (_cell(circuit, expr) for expr in lookup.exprs)
            if first and second:
                yield first, second, circuit.data[lookup.table]


def _products(circuit: Circuit, left: str) -> Iterator[tuple[str, str]]:
    """The pairs of columns that a relation says a column is the product of."""
    for einsum in circuit.einsums:
        if left != _cell(circuit, einsum.lhs) or len(einsum.products) != 1:
            continue
        (product,) = einsum.products
        names = [_cell(circuit, factor) for factor in product.factors]
        # A sum over an axis that the left side lacks is no product.
        axes = {axis for factor in product.factors for axis in factor.axes}
        if (
            product.coefficient == 1
            and len(names) == 2
            and all(names)
            and axes == {*einsum.lhs.axes}
        ):
            yield names[0], names[1]


def _is_mantissa(circuit: Circuit, square: Einsum, p4: str, m: str) -> bool:
    """Whether sum x^2 < p4 (m + 1) by the relations of the module's docstring."""
    if square.products[0].coefficient != 1 or square.lhs.constant > 0:
        return False
    found = [
        term
        for term in square.lhs.terms
        if term.coefficient == 1
        and any({*factors} == {p4, m} for factors in _products(circuit, term.column))
    ]
    rest = Counter(square.lhs.terms) - Counter(found)
    return len(found) == 1 and any(
        _is_below(circuit, linear.expr, p4, rest) for linear in circuit.linears
    )


def _is_below(circuit: Circuit, expr: Expr, p4: str, rest: Counter[Term]) -> bool:
    """Whether an expression that is zero says that p4 - 1 is the sum of some terms and of more that are not
    negative."""
    left = [t for t in expr.terms if t.column == p4 and t.coefficient == 1]
    taken = Counter(_negated(t) for t in expr.terms if t not in left)
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
