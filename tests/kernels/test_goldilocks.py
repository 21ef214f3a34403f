"""The inlined field operations, on all pairs of edge values and in vectorised loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit
from zklemma.runtime.field import Ext, P
from zklemma.runtime.kernels import goldilocks
from zklemma.runtime.kernels.goldilocks import add, kdot, kmul, mul, sub, times_quarter

EDGES = [0, 1, 2, 6, 7, 2**32 - 2, 2**32 - 1, 2**32, 2**32 + 1, 2**61, 2**63, 2**64 - 2**33]
EDGES += [P - 2**32, P - 8, P - 2, P - 1, P // 7, P // 7 + 1, (P - 1) // 2, 0xFFFFFFFEFFFFFFFF]
element = st.one_of(st.sampled_from(EDGES), st.integers(0, P - 1))


@njit
def _binary(a, b, out):
    for i in range(a.size):
        out[0, i] = add(a[i], b[i])
        out[1, i] = sub(a[i], b[i])
        out[2, i] = mul(a[i], b[i])
        out[3, i] = times_quarter(a[i])


@njit
def _products(a, b, out):
    for i in range(a.shape[1]):
        out[0, i], out[1, i] = kmul(a[0, i], a[1, i], b[0, i], b[1, i])


@njit
def _sums_of_products(x, out):
    for i in range(x.shape[1]):
        out[0, i], out[1, i] = kdot(
            x[0, i], x[1, i], x[2, i], x[3, i], x[4, i], x[5, i], x[6, i], x[7, i]
        )


def _check(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(x, np.uint64) for x in zip(*pairs, strict=True))
    out = np.empty((4, len(pairs)), np.uint64)
    _binary(a, b, out)
    for i, (x, y) in enumerate(pairs):
        assert out[:, i].tolist() == [(x + y) % P, (x - y) % P, x * y % P, (x << 48) % P]


def test_all_pairs_of_edges() -> None:
    _check([(x, y) for x in EDGES for y in EDGES])


@given(st.lists(st.tuples(element, element), min_size=1, max_size=20))
def test_any_pairs(pairs: list[tuple[int, int]]) -> None:
    _check(pairs)


def test_extension_products_of_edges() -> None:
    quads = [(a, b, c, d) for a in EDGES for b in EDGES for c in EDGES for d in EDGES]
    words = np.array(quads, np.uint64).T.copy()
    out = np.empty((2, len(quads)), np.uint64)
    _products(words[:2].copy(), words[2:].copy(), out)
    rng = np.random.default_rng(0)
    for i in [*rng.integers(0, len(quads), 5000), len(quads) - 1]:
        a, b, c, d = quads[i]
        assert Ext.of(out[:, i]) == Ext(a, b) * Ext(c, d)


def test_extension_sums_of_two_products() -> None:
    rng = np.random.default_rng(0)
    edges, size = np.array(EDGES, np.uint64), (8, 5000)
    words = np.where(rng.random(size) < 0.8, rng.choice(edges, size), edges.max())
    out = np.empty((2, size[1]), np.uint64)
    _sums_of_products(words, out)
    for column, found in zip(words.T.tolist(), out.T, strict=True):
        a, b, c, d = (Ext(*column[i : i + 2]) for i in range(0, 8, 2))
        assert Ext.of(found) == a * b + c * d


@given(element, element, element, element)
def test_extension_products(a: int, b: int, c: int, d: int) -> None:
    out = np.empty((2, 9), np.uint64)
    left = np.repeat(np.array([[a], [b]], np.uint64), 9, axis=1)
    right = np.repeat(np.array([[c], [d]], np.uint64), 9, axis=1)
    _products(left, right, out)
    assert all(Ext.of(out[:, i]) == Ext(a, b) * Ext(c, d) for i in range(9))


def test_constants_agree() -> None:
    assert int(goldilocks.P) == P and 2**96 % P == P - 1
