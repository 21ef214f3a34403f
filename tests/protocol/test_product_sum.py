"""Sums of products against the sumcheck over whole tables, each factor spread over all variables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol.einsum import product_sum
from zklemma.runtime.protocol.einsum.contraction import Table, bind, product
from zklemma.runtime.protocol.einsum.product_sum import ProductSum, extended
from zklemma.runtime.protocol.prover_channel import as_array, as_pair

Sizes = Mapping[str, int]

CASES = {
    "a square": ({"c": 5, "l": 3, "t": 4}, ["ltc", "ltc"], "lt"),
    "two factors alike": ({"i": 11, "l": 3, "t": 6}, ["lti", "lti"], "lti"),
    "scaled by rows and columns": ({"c": 10, "l": 3, "t": 5}, ["ltc", "lt", "lc"], "clt"),
    "a matrix product": ({"c": 9, "l": 3}, ["lc", "lc"], "l"),
    "attention": ({"g": 3, "l": 5, "t": 6, "s": 6}, ["lgts", "lgt", "ls"], "glt"),
    "an axis of size 1": ({"k": 1, "g": 2, "l": 3, "s": 4}, ["lkgs", "lkg", "lks"], "kgl"),
    "heads of their own": ({"k": 3, "l": 3, "t": 4, "s": 5}, ["lkts", "lkt", "lks"], "klt"),
    "nothing in common": ({"a": 3, "b": 4}, ["a", "b"], ""),
    "a factor of two others": ({"a": 3, "b": 4, "c": 5}, ["ab", "bc", "ac"], ""),
    "axes in another order": ({"a": 3, "b": 4, "c": 6}, ["bca", "cba"], "b"),
    "one factor": ({"a": 6}, ["a"], "a"),
    "one cell": ({"a": 1}, ["a", "a"], "a"),
}


def draw(sizes: Sizes, factors: Sequence[str], rng: np.random.Generator, kind: str) -> list[Table]:
    tables = {}
    for axes in factors:
        shape = [sizes[a] for a in axes]
        if kind == "extension" or (kind == "mixed" and len(tables) == 1):
            values = rng.integers(0, P, (2, *shape), np.uint64)
        elif kind == "large":
            values = rng.integers(-(1 << 40), 1 << 40, shape)
        else:
            values = rng.integers(-(1 << 15), 1 << 15, shape, np.int16)
        tables.setdefault(axes, Table(tuple(axes), values))
    return [tables[axes] for axes in factors]


def spread(table: Table, sizes: Sizes) -> np.ndarray:
    """Over all variables, (2, 2^m): zero beyond the sizes, constant along the axes that it lacks."""
    own = [a for a in sizes if a in table.axes]
    values = table.ordered(own).elements()
    padded = {a: 1 << (n - 1).bit_length() for a, n in sizes.items()}
    values = np.pad(values, [(0, 0), *((0, padded[a] - sizes[a]) for a in own)])
    values = values.reshape(2, *(padded[a] if a in own else 1 for a in sizes))
    return np.broadcast_to(values, (2, *padded.values())).reshape(2, -1)


def lagrange(values: Sequence[Ext], x: Ext) -> Ext:
    total = Ext.ZERO
    for i, value in enumerate(values):
        for j in range(len(values)):
            if j != i:
                value = value * (x - j) / (i - j)
        total = total + value
    return total


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["small", "large", "extension", "mixed"])
def test_against_whole_tables(case: str, kind: str) -> None:
    sizes, factors, shared = CASES[case]
    rng = np.random.default_rng(len(case))
    used = draw(sizes, factors, rng, kind)
    distinct = list({id(t): t for t in used}.values())
    uses = [next(i for i, t in enumerate(distinct) if t is one) for one in used]
    point = {
        a: [Ext(int(x)) for x in rng.integers(0, P, (sizes[a] - 1).bit_length(), np.uint64)]
        for a in shared
    }
    padded = {a: 1 << (n - 1).bit_length() for a, n in sizes.items()}
    eqs = [Table((a,), field.eq_table(as_array(point[a]))) for a in shared]
    whole = [spread(t, sizes) for t in used] + [spread(t, padded) for t in eqs]

    found = ProductSum(sizes, distinct, uses, point)
    claim = found.total
    for _ in range(sum((n - 1).bit_length() for n in sizes.values())):
        values = found.round()
        assert values[0] + values[1] == claim
        for x, value in enumerate(extended(values, 5)):
            terms = np.array([[1], [0]], np.uint64)
            for t in whole:
                low, high = np.split(t, 2, axis=1)
                step = field.kmul_base(field.ksub(high, low), np.uint64(x))
                terms = field.kmul(terms, field.kadd(low, step))
            assert value == Ext(*(sum(row.tolist()) for row in terms))
        r = Ext(*(int(x) for x in rng.integers(0, P, 2, np.uint64)))
        claim = lagrange(values, r)
        found.fold(r)
        halves = [np.split(t, 2, axis=1) for t in whole]
        whole = [field.kadd(a, field.kmul(field.ksub(b, a), as_pair(r))) for a, b in halves]
    ends = [Ext.of(t[:, 0]) for t in whole]
    assert [found.finals()[i] for i in uses] == ends[: len(used)]
    assert claim == math.prod(ends, start=Ext.ONE)


def test_a_point_at_zero_needs_no_quotient() -> None:
    rng = np.random.default_rng(0)
    sizes = {"a": 16}
    tables = draw(sizes, ["a", "a"], rng, "extension")
    found = ProductSum(sizes, tables[:1], [0, 0], {"a": [Ext.ZERO] * 4})
    claim = found.total
    for _ in range(4):
        values = found.round()
        assert values[0] + values[1] == claim
        claim = lagrange(values, Ext(5))
        found.fold(Ext(5))
    assert claim == found.finals()[0] * found.finals()[0] * (1 - Ext(5)) ** 4


@pytest.mark.parametrize("largest", [product_sum.LIMIT - 1, product_sum.LIMIT, 1 << 31, 1 << 59])
def test_integers_at_the_limits(largest: int) -> None:
    values = np.array([[largest, -largest, -largest], [largest, largest, -largest]])
    sizes, table = {"a": 3, "b": 2}, Table(("b", "a"), values)
    found = ProductSum(sizes, [table], [0, 0], {})
    # The axis has 3 cells: the fourth, opposite the second, is zero.
    squares = [sum(int(x) ** 2 for x in values[:, i]) for i in range(3)]
    assert found.total == sum(squares)
    beyond = sum((2 * b - a) ** 2 for a, b in values[:, [0, 2]].tolist()) + squares[1]
    assert found.round() == [squares[0] + squares[1], squares[2], beyond]


def test_bind_and_product() -> None:
    rng = np.random.default_rng(3)
    sizes = {"a": 70, "b": 80, "c": 3, "d": 2}
    table = Table(tuple(sizes), rng.integers(-100, 100, tuple(sizes.values()), np.int16))
    vectors = {a: rng.integers(0, P, (2, sizes[a]), np.uint64) for a in "abd"}
    weights = product([Table((a,), v) for a, v in vectors.items()], {a: sizes[a] for a in "abd"})
    assert weights.axes == ("a", "b", "d")
    expected = [
        sum(
            (Ext.of(weights.values[:, a, b, d]) * int(table.values[a, b, c, d]))
            for a in range(70)
            for b in range(80)
            for d in range(2)
        )
        for c in range(3)
    ]
    found = bind(table, vectors)
    assert found.axes == ("c",)
    assert [Ext.of(x) for x in found.values.T] == expected
    assert bind(table, {}) is table
