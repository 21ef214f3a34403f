"""Products of integers with a matrix of 16-bit integers, and of wider ones."""

from typing import Any

import numpy as np
import pytest
from zklemma.runtime.kernels.dots import MANY, PANEL, TERMS, dots

LEAST, MOST = -(1 << 15), (1 << 15) - 1


def matrix(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(LEAST, MOST, shape, np.int16, endpoint=True)


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 16])
@pytest.mark.parametrize("outputs", [0, 1, 3, 4, PANEL + 1, 700])
@pytest.mark.parametrize("terms", [0, 1, 32, 33, TERMS, TERMS + 5])
def test_agrees_with_numpy(rows: int, outputs: int, terms: int) -> None:
    """Over several panels, with and without whole vectors and tiles."""
    x = np.random.default_rng(1).integers(-(1 << 16), 1 << 16, (rows, terms))
    w = matrix(outputs, terms)
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


@pytest.mark.parametrize("terms", [TERMS, 3 * TERMS + 1])
def test_sums_of_extreme_terms(terms: int) -> None:
    """Digits and weights of the largest magnitude, all of one sign: sums stay within 32 and then 64 bits."""
    numbers = [-128, 127, 128, LEAST, MOST, 1 << 15, 0x7F7F, 0x8080, -0x8080, 1 << 22, -(1 << 31)]
    x = np.array([[value] * terms for value in numbers])
    w = np.array([[value] * terms for value in (LEAST, MOST, -1)], np.int16)
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


@pytest.mark.parametrize("bits", [7, 8, 15, 16, 23, 24, 31, 40, 47])
def test_every_width(bits: int) -> None:
    """Around the largest number of each count of digits."""
    edges = [sign * (1 << bits) + off for sign in (-1, 1) for off in (-129, -128, -1, 0, 1, 127)]
    edges += [sum(128 << 8 * d for d in range(bits // 8 + 1)) + off for off in (-1, 0, 1)]
    x, w = np.array(edges)[:, None], matrix(9, 1)
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


def test_wider_matrices() -> None:
    x = np.random.default_rng(1).integers(-(1 << 17), 1 << 17, (5, TERMS + 3))
    w = np.random.default_rng(2).integers(-(1 << 23), 1 << 23, (PANEL + 3, TERMS + 3), np.int32)
    w[0], w[1] = (1 << 23) - 1, -(1 << 23)
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


@pytest.mark.parametrize("bits", [17, 18, 26, 40])
@pytest.mark.parametrize("width", [15, 17, 23])
@pytest.mark.parametrize("rows", [MANY - 1, MANY, MANY + 7])
def test_wide_numbers_in_many_rows(bits: int, width: int, rows: int) -> None:
    """By digits and by floats, of one digit or more: at random, and where all terms are the largest."""
    x = np.random.default_rng(1).integers(-(1 << bits), 1 << bits, (rows, 700))
    x[0], x[1] = (1 << bits) - 1, -(1 << bits)
    kind = np.int16 if width <= 15 else np.int32
    w = np.random.default_rng(2).integers(-(1 << width), 1 << width, (PANEL + 3, 700), kind)
    w[0], w[1] = (1 << width) - 1, -(1 << width)
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


def test_only_results_count() -> None:
    """Terms may exceed 63 bits while their sum does not."""
    x = np.array([[1 << 61, 1 << 61, 5], [-(1 << 62), 1 << 62, 7]])
    assert dots(x[:1], np.array([[MOST, -MOST, 3]], np.int16)).tolist() == [[15]]
    assert dots(x[1:], np.array([[LEAST] * 3], np.int16)).tolist() == [[7 * LEAST]]


def test_other_layouts() -> None:
    x, w = matrix(40, 12).astype(np.int64).T, matrix(80, 50).T[:, ::2]
    assert np.array_equal(dots(x, w), x @ w.T.astype(np.int64))


def test_refuses_what_does_not_fit() -> None:
    x: Any = np.zeros((2, 3), np.int64)
    w: Any = np.zeros((4, 3), np.int16)
    for a, b in ((x.astype(np.int32), w), (x, w.astype(np.int64)), (x[:, 1:], w)):
        with pytest.raises(ValueError, match="cannot multiply"):
            dots(a, b)
