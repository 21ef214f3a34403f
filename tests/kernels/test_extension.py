"""Products and contractions over K against numpy field arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels import extension

SIZES = [1, 2, 300, 20_000]


def table(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, P, shape, np.uint64)
    return np.where(rng.integers(0, 4, shape) == 0, np.uint64(P - 1), t)


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 7, 1), (4, 7, 30), (2, 300, 1), (6, 3, 2000)])
@pytest.mark.parametrize("sets", [0, 1, 2])
def test_contract_extension(shape: tuple[int, int, int], sets: int) -> None:
    a, b, c = shape
    x = table((2, *shape), 1)
    if sets > a:
        return
    w = table((2, sets, b) if sets else (2, b), 2)
    each = np.repeat(w.reshape(2, -1, b), a // max(sets, 1), axis=1)
    terms = field.kmul(*np.broadcast_arrays(x, each[..., None]))
    out = np.zeros((2, a, c), np.uint64)
    for i in range(b):
        out = field.add(out, terms[:, :, i])
    assert (extension.contract_extension(x, w) == out).all()


def test_contract_extension_refuses_other_shapes() -> None:
    for w in ((2, 4), (2, 3, 5), (3, 5)):
        with pytest.raises(ValueError, match="cannot contract"):
            extension.contract_extension(table((2, 4, 5, 6), 1), table(w, 2))


def test_multiply_broadcasts() -> None:
    x, y = table((2, 5, 1, 3), 1), table((2, 1, 4, 3), 2)
    assert (extension.multiply(x, y) == field.kmul(*np.broadcast_arrays(x, y))).all()


@pytest.mark.parametrize("n", SIZES)
def test_inner_products_and_folds(n: int) -> None:
    f, f_next, g, g_next = (table((2, n), i) for i in range(4))
    assert extension.inner(f, g) == field.kdot(f, g)
    ends = [field.ksub(field.kadd(b, b), a) for a, b in ((f, f_next), (g, g_next))]
    assert extension.inner_beyond(f, f_next, g, g_next) == field.kdot(*ends)
    r, own = table((2,), 9), f.copy()
    extension.fold_into(own, f_next, r)
    assert (own == field.kadd(f, field.kmul(field.ksub(f_next, f), r))).all()
    extension.scale(g, r)
    assert (g == field.kmul(table((2, n), 2), r)).all()
