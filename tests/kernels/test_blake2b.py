"""The vector hash against hashlib, bit for bit."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from zklemma.runtime.kernels.blake2b import grind, hash_columns, hash_pairs


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64 - 1, shape, np.uint64, endpoint=True)


def digest(words: np.ndarray, person: bytes) -> bytes:
    return blake2b(words.astype("<u8").tobytes(), digest_size=32, person=person).digest()


@pytest.mark.parametrize("rows", [*range(41), 128, 145])
def test_columns(rows: int) -> None:
    for n in (1, 7, 65, 131):
        matrix = random((rows, n), rows)
        out = hash_columns(matrix, b"zklemma.leaf")
        assert out.shape == (4, n)
        for j in range(n):
            assert out[:, j].tobytes() == digest(matrix[:, j], b"zklemma.leaf")


def test_columns_over_several_chunks_and_views() -> None:
    matrix = random((5, 2 * 9001))[:, ::2]
    out = hash_columns(matrix, b"0123456789abcdef")
    for j in [*range(0, 9001, 501), 9000]:
        assert out[:, j].tobytes() == digest(matrix[:, j], b"0123456789abcdef")


@pytest.mark.parametrize("m", [1, 2, 63, 64, 65, 9001])
def test_pairs(m: int) -> None:
    nodes = random((4, 2 * m), m)
    out = hash_pairs(nodes, b"zklemma.node")
    for i in {0, m // 2, m - 1}:
        data = np.concatenate([nodes[:, 2 * i], nodes[:, 2 * i + 1]])
        assert out[:, i].tobytes() == digest(data, b"zklemma.node")


@pytest.mark.parametrize("bits", [0, 1, 5, 12, 16])
def test_grind_finds_the_least_nonce(bits: int) -> None:
    seed = bytes(range(bits, bits + 32))

    def good(nonce: int) -> bool:
        data = seed + nonce.to_bytes(8, "little")
        h = blake2b(data, digest_size=8, person=b"zklemma.grind").digest()
        return int.from_bytes(h, "little") % 2**bits == 0

    nonce = grind(seed, bits)
    assert good(nonce) and not any(good(i) for i in range(min(nonce, 20000)))


def test_bad_arguments() -> None:
    with pytest.raises(ValueError):
        hash_columns(random((2, 2)), b"x" * 17)
    with pytest.raises(ValueError):
        hash_pairs(random((4, 3)), b"")
    with pytest.raises(ValueError):
        grind(b"short", 3)
