"""Contractions against exact Python integers, at the extremes of every input type."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels.contract import contract, fold_rows

# The package has a function of the same name.
contraction = import_module("zklemma.runtime.kernels.contract")

EDGES = [0, 1, P - 1, (P - 1) // 2, (P + 1) // 2, (P - 3) // 2, 2**32 - 1, 2**32, 2**63, 2**31]
DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32]


def weights(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    w = rng.integers(0, P, (2, n), np.uint64)
    edges = np.array(EDGES, np.uint64)[:n]
    w[0, : edges.size] = edges
    w[1, n - edges.size :] = edges
    return w


def integers(dtype: type, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    low, high = max(int(info.min), 1 - 2**60), min(int(info.max), 2**60 - 1)
    x = rng.integers(low, high, shape, dtype, endpoint=True)
    extreme = rng.integers(0, 3, shape)
    return np.where(extreme == 0, np.array(low, dtype), np.where(extreme == 1, high, x)).astype(
        dtype
    )


def reference(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    exact = np.tensordot(w.astype(object), x.astype(object), axes=(1, 1))
    return (exact % P).astype(np.uint64)


@pytest.fixture(autouse=True, params=[0, contraction.FEW], ids=["own types", "few as 64 bits"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0, few integers too are contracted in their own type."""
    monkeypatch.setattr(contraction, "FEW", request.param)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (5, 33, 1), (1, 7, 600), (3, 6, 17), (2, 9, 5), (2, 5, 256), (0, 3, 2)]
)
def test_contract(dtype: type, shape: tuple[int, int, int]) -> None:
    x, w = integers(dtype, shape, 1), weights(shape[1], 2)
    assert (contract(x, w) == reference(x, w)).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_no_overflow_between_reductions(dtype: type) -> None:
    """All terms extreme and of one sign, more of them than one accumulation may hold."""
    size = 40_000
    for extreme in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        value = max(min(int(extreme), 2**60 - 1), 1 - 2**60)
        for edge in ((P - 1) // 2, (P + 1) // 2, (P - 3) // 2, P - 1):
            w = np.full((2, size), edge, np.uint64)
            expected = size * value * edge % P
            assert (contract(np.full((1, size, 1), value, dtype), w) == expected).all()
            assert (contract(np.full((1, size, 16), value, dtype), w) == expected).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 33, 1), (600, 32, 1), (6, 7, 300), (6, 9, 5)])
@pytest.mark.parametrize("sets", [1, 2, 6])
def test_weights_of_slices(dtype: type, shape: tuple[int, int, int], sets: int) -> None:
    x, w = integers(dtype, shape, 1), weights(sets * shape[1], 2).reshape(2, sets, -1)
    each = shape[0] // sets
    found = contract(x, w)
    for i in range(sets):
        own = slice(i * each, i * each + each)
        assert (found[:, own] == reference(x[own], w[:, i])).all()


def test_weights_of_another_shape() -> None:
    x = integers(np.int16, (6, 5, 3), 1)
    for shape in ((2, 6), (1, 5), (2, 4, 5), (2, 0, 5), (2, 6, 4)):
        with pytest.raises(ValueError, match="cannot contract"):
            contract(x, np.zeros(shape, np.uint64))


def test_many_tasks_and_views() -> None:
    x = integers(np.int16, (40, 2 * 300, 300), 3)[:, ::2]
    w = weights(300, 4)
    out = contract(x, w)
    for a in (0, 17, 39):
        assert (out[:, a] == reference(x[a : a + 1], w)[:, 0]).all()
    swapped = contract(x.reshape(1, 40 * 300, 300).transpose(0, 2, 1), w)
    assert (swapped[:, 0, 5] == reference(x[0, 5][None, :, None], w)[:, 0, 0]).all()


@pytest.mark.parametrize(("rows", "n"), [(1, 1), (3, 300), (128, 65), (1100, 9), (7, 20_001)])
def test_fold_rows(rows: int, n: int) -> None:
    matrix = np.random.default_rng(5).integers(0, P, (rows, n), np.uint64)
    matrix[:, 0] = P - 1
    w = weights(rows, 6)
    out = fold_rows(matrix, w)
    for j in {0, n // 2, n - 1}:
        exact = [sum(int(a) * int(b) for a, b in zip(matrix[:, j], c, strict=True)) for c in w]
        assert out[:, j].tolist() == [e % P for e in exact]
    top = np.full((2, rows), P - 1, np.uint64)
    expected = rows * (P - 1) ** 2 % P
    assert (fold_rows(np.full((rows, 2), P - 1, np.uint64), top) == expected).all()
    assert (field.add(out, 0) == out).all()


def test_wrong_arguments() -> None:
    for x, w in (
        (np.zeros((1, 3, 1), np.int16), (2, 4)),
        (np.zeros((1, 3, 1), np.uint64), (2, 3)),
        (np.zeros((1, 3, 1), np.float32), (2, 3)),
    ):
        with pytest.raises(ValueError):
            contract(x, np.zeros(w, np.uint64))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError):
        fold_rows(np.zeros((3, 1), np.uint64), np.zeros((2, 4), np.uint64))
