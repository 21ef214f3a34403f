"""The statistical tests of `distinguisher`: silent about honest provers, and each planted leak is found.

`benchmarks/hiding.py` runs them with more proofs. The alarm is so far out that an honest prover raises it in less
than one run of a million, even where the few proofs make the tails of a test heavier than they are in theory.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

distinguisher: Any = import_module("distinguisher")

PROOFS = 32
ALARM = 1e-9


@pytest.fixture(scope="module")
def model() -> Any:
    return distinguisher.draw(distinguisher.models(), PROOFS)


@pytest.mark.parametrize("secrets", distinguisher.SECRETS)
def test_honest_provers_are_not_told_apart(model: Any, secrets: str) -> None:
    pair = model
    if secrets != "models":
        pair = distinguisher.draw(getattr(distinguisher, secrets)(), PROOFS)
    found = {name: test(*pair) for name, test in distinguisher.TESTS.items()}
    assert min(found.values()) > ALARM, found


LEAKS = distinguisher.leaks(strong=True)


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.name for leak in LEAKS])
def test_a_planted_leak_is_found(model: Any, leak: Any) -> None:
    _, prove = distinguisher.leaking(leak)
    leaking = distinguisher.Sample([prove() for _ in range(PROOFS)])
    assert distinguisher.TESTS[leak.test](model[0], leaking) < ALARM


def test_each_test_has_a_leak() -> None:
    for strong in (False, True):
        assert {leak.test for leak in distinguisher.leaks(strong)} == set(distinguisher.TESTS)


def uniform(seed: int, words: int) -> Any:
    random = np.random.default_rng(seed)
    found = [random.integers(0, distinguisher.P, words, np.uint64) for _ in range(PROOFS)]
    numbers = [{"length": n, "compressed": n, "time": n} for n in random.normal(size=PROOFS)]
    views = zip(found, numbers, strict=True)
    return distinguisher.Sample([distinguisher.View({"": w}, w, n) for w, n in views])


@pytest.mark.parametrize("name", distinguisher.TESTS)
def test_p_values_of_fair_draws_are_fair(name: str) -> None:
    """Of 200 pairs of samples, p is below a tenth in about as many as should be at most."""
    test = distinguisher.TESTS[name]
    found = [test(uniform(2 * i, 30), uniform(2 * i + 1, 30)) for i in range(200)]
    # Corrections by Bonferroni only lower the number; 45 are five standard deviations too many.
    assert sum(p < 0.1 for p in found) < 45
    assert min(found) > 1e-5


def test_holms_correction() -> None:
    found = distinguisher.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.9})
