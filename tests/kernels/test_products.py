"""The rounds of sums of products against the definitions, at sizes that are no powers of two."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels import products

EDGES = np.array([0, 1, P - 1, 2**32 - 1, 2**32], np.uint64)


def table(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, P, shape, np.uint64)
    return np.where(rng.integers(0, 3, shape) == 0, rng.choice(EDGES, shape), t)


def at(t: np.ndarray, x: np.ndarray | int) -> np.ndarray:
    """A table (2, rows, n, q), zero beyond n, with its variable set to an element of K or an integer."""
    half = products.half_of(t.shape[2])
    padding = [(0, 0), (0, 0), (0, 2 * half - t.shape[2]), (0, 0)]
    low, high = np.split(np.pad(t, padding), 2, axis=2)
    x = np.array([x, 0], np.uint64) if isinstance(x, int) else x
    return field.kadd(low, field.kmul(field.ksub(high, low), x))


def total(k: np.ndarray) -> tuple[int, ...]:
    return tuple(sum(row.ravel().tolist()) % P for row in k)


def lifted(x: np.ndarray) -> np.ndarray:
    base = field.to_field(x)
    return np.stack([base, np.zeros_like(base)])[..., None]


def expected(
    tables: list[np.ndarray], maps: list[np.ndarray], w: np.ndarray, e: np.ndarray, x: int
) -> tuple[int, ...]:
    values = [at(t, x)[:, m] for t, m in zip(tables, maps, strict=True)]
    weights = field.kmul(w[:, :, None], e[:, None]) if e.size else w[:, :, None]
    product = reduce(lambda a, b: field.kmul(*np.broadcast_arrays(a, b)), values)
    return total(field.kmul(*np.broadcast_arrays(product, weights[..., None])))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 18, 700])
@pytest.mark.parametrize("across", [1, 3, 300])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_round(n: int, across: int, k: int, weighted: bool) -> None:
    rows = 6 if n * across < 1 << 14 else 1
    # The first table has all rows and q; the others lack some, or q.
    shapes = [(2, rows, n, across), (2, 1, n, across), (2, max(1, rows // 2), n, 1)][:k]
    tables = [table(shape, i) for i, shape in enumerate(shapes)]
    maps = [np.arange(rows) * t.shape[1] // rows for t in tables]
    w = table((2, rows), 7)
    e = table((2, products.half_of(n) if weighted else 0), 8)
    got = products.round_values(tables, maps, w, e, skip=False)
    assert got == [expected(tables, maps, w, e, x) for x in range(k + 1)]
    assert products.round_values(tables, maps, w, e, skip=True) == got[:1] + got[2:]


@pytest.mark.parametrize("n", [2, 3, 5, 8, 18, 700])
@pytest.mark.parametrize("weighted", [False, True])
def test_integer_round(n: int, weighted: bool) -> None:
    limit = (1 << 30) - 1
    f, g = np.random.default_rng(n).integers(-limit, limit, (2, 9, n), np.int32)
    f[:, ::2], g[:, 1::2] = limit, -limit
    w, e = table((2, 9), 1), table((2, products.half_of(n) if weighted else 0), 2)
    maps = [np.arange(9)] * 2
    for pair in ((f, g), (f, f)):
        *ends, lead = products.integer_round_values(*pair, w, e)
        values = [expected([lifted(t) for t in pair], maps, w, e, x) for x in range(3)]
        assert ends == values[:2]
        for a, b, c, d in zip(lead, *values, strict=True):
            assert 2 * a % P == (b - 2 * c + d) % P


@pytest.mark.parametrize("n", [2, 3, 5, 8, 18, 700])
@pytest.mark.parametrize("across", [1, 3])
def test_folds(n: int, across: int) -> None:
    t, r = table((2, 5, n, across), n), table((2,), 1)
    assert (products.fold_axis(t, r) == at(t, r)).all()
    limits = np.iinfo(np.int32)
    x = np.random.default_rng(n).integers(limits.min, limits.max, (5, n), np.int32, endpoint=True)
    x[0, ::2], x[1] = limits.min, limits.max
    assert (products.fold_integers(x, r) == at(lifted(x), r)).all()
