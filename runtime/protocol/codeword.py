"""A committed matrix, the prover's side: rows encoded, columns hashed into a tree, columns opened.

A large matrix is encoded a few rows at a time, and its codeword is not kept: the columns that are opened
are few, and evaluating the messages at them again is cheaper than a codeword on a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ...errors import UserError
from ..kernels.blake2b import ColumnHash, hash_columns, hash_pairs
from ..kernels.ntt import encode
from .merkle import LEAF, NODE, SALT_WORDS, leaf_digest, open_tree
from .opening_verifier import domain_points

# Words of a block of the hash, and so the rows that are encoded at a time.
BLOCK = 16


class Committed:
    """A codeword's Merkle tree: ``layers`` (4, n) from the leaves to the root; ``words`` in a leaf."""

    layers: Sequence[np.ndarray]
    words: int

    @property
    def root(self) -> bytes:
        return self.layers[-1][:, 0].astype("<u8").tobytes()

    def open(self, positions: Sequence[int]) -> bytes:
        """The distinct columns in order, salts included, and the siblings."""
        distinct = sorted(set(positions))
        columns = np.ascontiguousarray(self.columns(distinct).T).astype("<u8").tobytes()
        return columns + open_tree(self.layers, distinct)

    def columns(self, positions: list[int]) -> np.ndarray:
        """The codeword's columns at distinct positions, side by side, salts below."""
        raise NotImplementedError


class Codeword(Committed):
    """``messages`` (rows, dimension) over F, one Reed-Solomon codeword a row; ``salts`` (2, 2^log_code)."""

    def __init__(self, messages: np.ndarray, log_code: int, salts: np.ndarray):
        rows = messages.shape[0]
        self.words = rows + SALT_WORDS
        self.matrix = np.empty((self.words, 1 << log_code), np.uint64)
        encode(messages, self.matrix[:rows])
        self.matrix[rows:] = salts
        self.layers = _tree(hash_columns(self.matrix, LEAF))

    def columns(self, positions: list[int]) -> np.ndarray:
        return self.matrix[:, positions]


class Messages(Protocol):
    """Rows of messages that are made when they are needed."""

    @property
    def rows(self) -> int: ...

    def fill(self, first: int, out: np.ndarray) -> None:
        """Write the rows from number ``first`` on, as many as ``out`` has."""
        ...

    def at(self, points: np.ndarray) -> np.ndarray:
        """The value (rows, points) of each row's polynomial at points of F."""
        ...


class LeanCodeword(Committed):
    """`Codeword` of ``messages`` of which only the tree is kept, or known beforehand as ``layers``."""

    def __init__(
        self,
        messages: Messages,
        dimension: int,
        log_code: int,
        salts: np.ndarray,
        layers: Sequence[np.ndarray] | None = None,
    ):
        self.messages, self.salts, self.log_code = messages, salts, log_code
        self.words = messages.rows + SALT_WORDS
        self.layers = layers or _tree(self._leaves(dimension))

    def _leaves(self, dimension: int) -> np.ndarray:
        words, rows = self.words, self.messages.rows
        digest = ColumnHash(1 << self.log_code, LEAF)
        band = np.empty((BLOCK, dimension), np.uint64)
        block = np.empty((BLOCK, 1 << self.log_code), np.uint64)
        for first in range(0, words, BLOCK):
            count = max(0, min(BLOCK, rows - first))
            if count:
                self.messages.fill(first, band[:count])
                encode(band[:count], block[:count])
            end = min(BLOCK, words - first)
            block[count:end] = self.salts[first + count - rows : first + end - rows]
            digest.absorb(block[:end], first + BLOCK >= words)
        return digest.digests()

    def columns(self, positions: list[int]) -> np.ndarray:
        points = np.array(domain_points(positions, self.log_code), np.uint64)
        found = np.concatenate([self.messages.at(points), self.salts[:, positions]])
        for i, column in zip(positions, found.T, strict=True):
            if leaf_digest(column.astype("<u8").tobytes()) != self.layers[0][:, i].tobytes():
                raise UserError("the tree of hashes does not belong to these weights and masks")
        return found


def _tree(leaves: np.ndarray) -> list[np.ndarray]:
    layers = [leaves]
    while layers[-1].shape[1] > 1:
        layers.append(hash_pairs(layers[-1], NODE))
    return layers
