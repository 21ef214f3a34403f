"""Openings of sets of leaves: only the committed columns lead to the root."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.protocol.channel import Reader
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.commitment.merkle import (
    LEAF,
    NODE,
    leaf_digest,
    open_tree,
    read_opening,
    siblings,
)

WORDS = 5


def tree(depth: int, seed: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Random columns (n, WORDS), and the layers of their tree, by hashlib."""
    columns = np.random.default_rng(seed).integers(0, 2**64, (1 << depth, WORDS), np.uint64)
    digests = [leaf_digest(column.tobytes()) for column in columns]
    layers = [digests]
    while len(digests) > 1:
        digests = [
            blake2b(a + b, digest_size=32, person=NODE).digest()
            for a, b in zip(digests[::2], digests[1::2], strict=True)
        ]
        layers.append(digests)
    return columns, [np.frombuffer(b"".join(d), "<u8").reshape(-1, 4).T for d in layers]


def opening(columns: np.ndarray, layers: list[np.ndarray], positions: list[int]) -> bytes:
    return columns[sorted(set(positions))].tobytes() + open_tree(layers, positions)


def read(data: bytes, layers: list[np.ndarray], positions: list[int], words: int = WORDS):
    reader = Reader(data)
    found = read_opening(reader, layers[-1].tobytes(), positions, len(layers) - 1, words)
    reader.finish()
    return found


@pytest.mark.parametrize("depth", [0, 1, 2, 5, 8])
def test_any_set_of_leaves_opens(depth: int) -> None:
    rng, (columns, layers) = np.random.default_rng(depth), tree(depth)
    for count in (1, 2, 7, 1 << depth):
        positions = rng.integers(0, 1 << depth, count).tolist()
        data = opening(columns, layers, positions)
        found, heard = read(data, layers, positions)
        assert heard == data
        assert (found == columns[sorted(set(positions))]).all()
    everything, _ = read(columns.tobytes(), layers, list(range(1 << depth)))
    assert len(everything) == 1 << depth


def test_siblings_are_the_fewest() -> None:
    assert siblings([0], 3) == [[1], [1], [1]]
    assert siblings([1, 0, 1], 3) == [[], [1], [1]]
    assert siblings([2, 5], 3) == [[3, 4], [0, 3], []]
    assert siblings(range(8), 3) == [[], [], []]


def test_any_changed_bit_is_noticed() -> None:
    columns, layers = tree(5)
    positions = [3, 4, 17]
    honest = opening(columns, layers, positions)
    for at in range(len(honest)):
        data = bytearray(honest)
        data[at] ^= 1 << at % 8
        with pytest.raises(InvalidProof, match="not the committed one"):
            read(bytes(data), layers, positions)


def test_leaves_do_not_move() -> None:
    columns, layers = tree(4)
    data = opening(columns, layers, [2, 9])
    for positions in ([2, 8], [3, 9], [9], [1, 2]):
        with pytest.raises(InvalidProof):
            read(data, layers, positions)
    swapped = columns[[9, 2]].tobytes() + open_tree(layers, [2, 9])
    with pytest.raises(InvalidProof, match="not the committed one"):
        read(swapped, layers, [2, 9])


def test_too_short_and_too_long() -> None:
    columns, layers = tree(4)
    data = opening(columns, layers, [2, 9])
    with pytest.raises(InvalidProof, match="too early"):
        read(data[:-1], layers, [2, 9])
    with pytest.raises(InvalidProof, match="after its end"):
        read(data + b"\0", layers, [2, 9])


def test_a_node_is_no_leaf() -> None:
    """Two digests side by side are as long as a column of eight words."""
    _, layers = tree(3)
    shallow = layers[1:]
    pairs = layers[0].T.reshape(4, 8)
    assert leaf_digest(pairs[1].tobytes()) != shallow[0][:, 1].tobytes()
    forged = pairs[[1]].tobytes() + open_tree(shallow, [1])
    with pytest.raises(InvalidProof, match="not the committed one"):
        read(forged, shallow, [1], words=8)
    assert LEAF != NODE


def test_the_provers_tree_is_this_one() -> None:
    rng = np.random.default_rng(1)
    code = Codeword(
        rng.integers(0, 2**63, (3, 8), np.uint64), 5, rng.integers(0, 2**63, (2, 32), np.uint64)
    )
    positions = [30, 4, 4, 11]
    reader = Reader(code.open(positions))
    found, _ = read_opening(reader, code.root, positions, 5, 5)
    reader.finish()
    assert (found == code.matrix[:, [4, 11, 30]].T).all()
