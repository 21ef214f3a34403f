"""The transforms against Horner evaluation in Python integers and galois' transform."""

from __future__ import annotations

import galois
import numpy as np
import pytest
from zklemma.runtime import field
from zklemma.runtime.field import P
from zklemma.runtime.kernels import ntt


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, P, shape, np.uint64)


@pytest.mark.parametrize("log_n", range(14))
def test_encode_evaluates(log_n: int) -> None:
    n = 1 << log_n
    w = field.root_of_unity(log_n)
    for size in {1, n // 4 + 1, n // 2, n - 1, n} - {0}:
        messages = random((3, size), size)
        messages[0] = P - 1
        out = np.full((3, n), 5, np.uint64)
        ntt.encode(messages, out)
        for j in range(n) if n <= 64 else (0, 1, n // 3, n - 1):
            x = 7 * pow(w, j, P) % P
            for r in range(3):
                value = 0
                for c in reversed(messages[r].tolist()):
                    value = (value * x + c) % P
                assert int(out[r, j]) == value


@pytest.mark.parametrize("log_n", [5, 13])
def test_cosets_of_a_shorter_length(log_n: int) -> None:
    """Every fourth position is a value on a coset."""
    messages = random((2, 1 << log_n))
    whole, part = np.empty((2, 4 << log_n), np.uint64), np.empty((2, 1 << log_n), np.uint64)
    ntt.encode(messages, whole)
    for c, shift in enumerate(field.domain_points(range(4), log_n + 2)):
        ntt.encode(messages, part, shift)
        assert (part == whole[:, c::4]).all()


def test_against_galois() -> None:
    n = 64
    message = random((1, n))
    out = np.empty((1, n), np.uint64)
    ntt.encode(message, out)
    scaled = [int(c) * pow(7, i, P) % P for i, c in enumerate(message[0])]
    # galois picks its own root of order n, an odd power of ours: compare as sets of evaluations.
    assert sorted(galois.ntt(scaled, modulus=P).tolist()) == sorted(out[0].tolist())


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_large_rows_agree_with_linearity(rows: int) -> None:
    """Any number of rows splits over the cores alike; rows that are multiples stay multiples."""
    n = 1 << 16
    messages = np.repeat(random((1, n // 4 + 77)), rows, axis=0)
    messages = field.mul(messages, np.arange(1, rows + 1, dtype=np.uint64)[:, None])
    out = np.empty((rows, n), np.uint64)
    ntt.encode(messages, out)
    for r in range(rows):
        assert (out[r] == field.mul(out[0], np.uint64(r + 1))).all()
    x = 7 * pow(field.root_of_unity(16), 12345, P) % P
    value = 0
    for c in reversed(messages[0].tolist()):
        value = (value * x + c) % P
    assert int(out[0, 12345]) == value


def test_wrong_shapes() -> None:
    for shape, out in (((2, 4), (1, 4)), ((1, 9), (1, 8)), ((1, 3), (1, 6))):
        with pytest.raises(ValueError):
            ntt.encode(np.zeros(shape, np.uint64), np.zeros(out, np.uint64))
