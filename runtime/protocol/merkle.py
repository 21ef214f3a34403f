"""Merkle trees over columns of field elements: opening many leaves at once, and checking that.

A leaf is BLAKE2b-256 of a column's words (its salt among them), a node of its two children, each under its
own personalisation, so a leaf can not be read as a node. An opening of a set of leaves carries the
siblings that the set does not determine, level by level from the leaves, left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from ...errors import InvalidProof
from .channel import Reader

LEAF = b"zklemma.leaf"
NODE = b"zklemma.node"
DIGEST = 32
SALT_WORDS = 2


def leaf_digest(words: bytes) -> bytes:
    return blake2b(words, digest_size=DIGEST, person=LEAF).digest()


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
) -> tuple[dict[int, np.ndarray], bytes]:
    """Read and check an opening of distinct ``positions``: a column of ``words`` words each, then the
    siblings. Returns the columns by position, and all bytes read.

    Raises `InvalidProof` when the path does not lead to the root.
    """
    wanted = sorted(set(positions))
    read = [reader.take(8 * words) for _ in wanted]
    columns = {i: np.frombuffer(data, "<u8") for i, data in zip(wanted, read, strict=True)}
    known = {i: leaf_digest(data) for i, data in zip(wanted, read, strict=True)}
    for level in siblings(wanted, depth):
        for i in level:
            digest = reader.take(DIGEST)
            read.append(digest)
            known[i] = digest
        known = {
            i >> 1: blake2b(known[i] + known[i + 1], digest_size=DIGEST, person=NODE).digest()
            for i in known
            if not i & 1
        }
    if known[0] != root:
        raise InvalidProof("an opened column is not the committed one")
    return columns, b"".join(read)
