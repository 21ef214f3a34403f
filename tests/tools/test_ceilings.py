"""The measured ceilings: a positive rate for every unit that operations are counted in."""

import numpy as np
from zklemma.runtime import field
from zklemma.tools.ceilings import _multiply, butterflies, cases, ceilings, fastest


def test_every_unit_has_a_rate():
    rates = ceilings(seconds=0.01)
    assert len(rates) == len(list(cases()))
    assert all(np.isfinite(rate) and rate > 0 for rate in rates.values())


def test_the_fastest_run_counts():
    calls = []
    first, best = fastest(lambda: calls.append(1), 0.0)
    assert len(calls) == 2 and first > 0 and best > 0


def test_butterflies():
    assert butterflies(3, 4) == 3 * 4 * 8
    assert butterflies(3, 4, 2) == 2 * butterflies(3, 3)


def test_products_are_all_done():
    x = np.array([[[[3, 5], [1, 2]], [[7, 1], [4, 0]]]], np.uint64)
    want = x[0, 0]
    for _ in range(3):
        want = field.kmul(want, x[0, 1])
    _multiply(x, 3, 0, 1)
    assert (x[0, 0] == want).all()
