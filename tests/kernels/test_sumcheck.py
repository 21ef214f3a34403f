"""The sumcheck and LogUp passes against the definitions in `Ext` arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels import sumcheck

SIZES = [2, 4, 32, 1024, 1 << 15]


def table(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, P, shape, np.uint64)
    edges = np.array([0, 1, P - 1, 2**32 - 1, 2**32], np.uint64)
    return np.where(rng.integers(0, 3, shape) == 0, rng.choice(edges, shape), t)


def at(t: np.ndarray, x: int) -> np.ndarray:
    """The table with its first variable set to a small integer, by field operations."""
    half = t.shape[1] // 2
    step = field.ksub(t[:, half:], t[:, :half])
    return field.kadd(t[:, :half], field.kmul_base(step, np.uint64(x)))


def total(k: np.ndarray) -> list[int]:
    return [sum(row.tolist()) % P for row in k]


@pytest.mark.parametrize("n", SIZES)
def test_folds(n: int) -> None:
    tables, r = table((3, 2, n), n), table((2,), 1)
    folded = sumcheck.fold_many(tables, r)
    for t, got in zip(tables, folded, strict=True):
        half = n // 2
        step = field.kmul(field.ksub(t[:, half:], t[:, :half]), r)
        assert (got == field.kadd(t[:, :half], step)).all()
        assert (got == sumcheck.fold(t, r)).all()


@pytest.mark.parametrize("n", SIZES)
def test_inner_round(n: int) -> None:
    f, g = table((2, n), 1), table((2, n), 2)
    got = sumcheck.inner_round(f, g)
    assert got.tolist() == [total(field.kmul(at(f, x), at(g, x))) for x in (0, 2)]


@pytest.mark.parametrize("m", [0, 1, 2, 9, 15])
def test_eq_table(m: int) -> None:
    point = table((2, m), m)
    assert (sumcheck.eq_table(point) == field.eq_table(point)).all()


@pytest.mark.parametrize("n", SIZES)
def test_logup_round(n: int) -> None:
    eq, lam = table((2, n // 2), 0), table((2,), 9)
    p0, p1, q0, q1 = (table((2, n), i) for i in range(1, 5))
    got = sumcheck.logup_round(eq, p0, p1, q0, q1, lam)
    for x in range(3):
        a, b, c, d = (at(t, x) for t in (p0, p1, q0, q1))
        value = field.kadd(field.kmul(a, d), field.kmul(b, c))
        value = field.kadd(value, field.kmul(field.kmul(c, d), lam))
        assert got[x].tolist() == total(field.kmul(value, eq))


def test_mismatched_tables() -> None:
    t = np.zeros((2, 8), np.uint64)
    for call in (
        lambda: sumcheck.fold(t[:, :7], t[:, 0]),
        lambda: sumcheck.inner_round(t, t[:, :4]),
        lambda: sumcheck.logup_round(t, t, t, t, t, t[:, 0]),
    ):
        with pytest.raises(ValueError):
            call()


def test_halves_of_tables_are_taken_as_they_are() -> None:
    """Views whose rows are contiguous give what their copies give."""
    p, q, lam = table((2, 64), 1), table((2, 64), 2), table((2,), 3)
    eq = table((2, 16), 4)
    views = (p[:, :32], p[:, 32:], q[:, :32], q[:, 32:])
    copies = [v.copy() for v in views]
    a, b, c, d = copies
    assert (
        sumcheck.logup_round(eq, *views, lam) == sumcheck.logup_round(eq, a, b, c, d, lam)
    ).all()
    assert (sumcheck.fold_many(views, lam) == sumcheck.fold_many(np.stack(copies), lam)).all()
    strided = table((2, 128), 5)[:, ::2]
    assert (sumcheck.fold(strided, lam) == sumcheck.fold(strided.copy(), lam)).all()
