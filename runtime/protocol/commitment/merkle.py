"""Merkle trees over columns of field elements: opening many leaves at once, and checking that.

A leaf is BLAKE2b-256 of a column's words (its salt among them), a node of its two children, each under its
own personalisation, so a leaf can not be read as a node. An opening of a set of leaves carries the
siblings that the set does not determine, level by level from the leaves, left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from ....errors import InvalidProof
from ..channel import Reader

LEAF = b"zklemma.leaf"
NODE = b"zklemma.node"
DIGEST = 32
SALT_WORDS = 2


def leaf_digest(words: bytes) -> bytes:
    return blake2b(words, digest_size=DIGEST, person=LEAF).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    return blake2b(left + right, digest_size=DIGEST, person=NODE).digest()


def siblings(positions: Sequence[int], depth: int) -> list[list[int]]:
    """For each level from the leaves, the indices of the nodes an opening must carry."""
    known, out = sorted(set(positions)), []
    for _ in range(depth):
        have = set(known)
        out.append([i ^ 1 for i in known if i ^ 1 not in have])
        known = sorted({i >> 1 for i in known})
    return out


def open_tree(layers: Sequence[np.ndarray], positions: Sequence[int]) -> bytes:
    """The siblings' digests; ``layers`` are (4, n) word arrays from the leaves to the root."""
    parts = []
    for layer, wanted in zip(layers, siblings(positions, len(layers) - 1), strict=False):
        parts.append(np.ascontiguousarray(layer[:, wanted].T).astype("<u8").tobytes())
    return b"".join(parts)


def read_opening(
    reader: Reader, root: bytes, positions: Sequence[int], depth: int, words: int
) -> tuple[np.ndarray, bytes]:
    """Read and check an opening of ``positions``: a column of ``words`` words for each that is distinct, in
    rising order, then the siblings. Returns the columns, (positions, words), and all bytes read.

    Raises `InvalidProof` when the path does not lead to the root.
    """
    wanted = sorted(set(positions))
    columns = reader.take(8 * words * len(wanted))
    levels = siblings(wanted, depth)
    path = reader.take(DIGEST * sum(map(len, levels)))
    known = dict(zip(wanted, map(leaf_digest, _parts(columns, 8 * words)), strict=True))
    beside = iter(_parts(path, DIGEST))
    for level in levels:
        known.update((i, next(beside)) for i in level)
        known = {i >> 1: node_digest(known[i], known[i + 1]) for i in known if not i & 1}
    if known[0] != root:
        raise InvalidProof("an opened column is not the committed one")
    return np.frombuffer(columns, "<u8").reshape(len(wanted), words), columns + path


def _parts(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
