"""A committed matrix, the prover's side: rows encoded, columns hashed into a tree, columns opened.

A large matrix is encoded a few rows at a time, and its codeword is not kept: the columns that are opened
are few, and evaluating the messages at them again is cheaper than a codeword on a disk. Its positions c, c + b,
c + 2b, .., with b how many times longer than a message it is, are values on a coset of as many points as a
message has cells, so that each coset is a transform of that length, and all of them take turns in one buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from ....errors import UserError
from ...field import domain_points
from ...kernels.blake2b import ColumnHash, hash_columns, hash_pairs
from ...kernels.ntt import encode
from ...kernels.positions import at_positions
from .merkle import LEAF, NODE, SALT_WORDS, leaf_digest, open_tree

# Words of a block of the hash, and so the rows that are encoded at a time.
BLOCK = 16
# Codewords up to that size are kept: making opened columns again would take longer.
KEPT_BYTES = 1 << 30


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

    dimension: int

    @property
    def rows(self) -> int: ...

    def fill(self, first: int, out: np.ndarray) -> None:
        """Write the rows from number ``first`` on, as many as ``out`` has."""
        ...


class LeanCodeword(Committed):
    """`Codeword` of ``messages`` of which only the tree is kept, or known beforehand as ``layers``."""

    def __init__(
        self,
        messages: Messages,
        log_code: int,
        salts: np.ndarray,
        layers: Sequence[np.ndarray] | None = None,
    ):
        self.messages, self.salts, self.log_code = messages, salts, log_code
        self.words = messages.rows + SALT_WORDS
        self.layers = layers or _tree(self._leaves())

    def _leaves(self) -> np.ndarray:
        words, rows, dimension = self.words, self.messages.rows, self.messages.dimension
        blowup = (1 << self.log_code) // dimension
        shifts = domain_points(range(blowup), self.log_code)
        cosets = [ColumnHash(dimension, LEAF) for _ in shifts]
        block = np.empty((BLOCK, dimension), np.uint64)
        bands = self._bands()
        for first in range(0, words, BLOCK):
            count = max(0, min(BLOCK, rows - first))
            band = next(bands) if count else None
            end = min(BLOCK, words - first)
            for c, shift in enumerate(shifts):
                if band is not None:
                    encode(band, block[:count], shift)
                salts = self.salts[first + count - rows : first + end - rows, c::blowup]
                block[count:end] = salts
                cosets[c].absorb(block[:end], first + BLOCK >= words)
        return np.stack([digest.digests() for digest in cosets], axis=2).reshape(4, -1)

    def _bands(self) -> Iterator[np.ndarray]:
        """The messages, `BLOCK` rows at a time, each in the place of the one before."""
        band = np.empty((BLOCK, self.messages.dimension), np.uint64)
        for first in range(0, self.messages.rows, BLOCK):
            part = band[: self.messages.rows - first]
            self.messages.fill(first, part)
            yield part

    def columns(self, positions: list[int]) -> np.ndarray:
        parts = [at_positions(band, positions, self.log_code) for band in self._bands()]
        found = np.concatenate([*parts, self.salts[:, positions]])
        for i, column in zip(positions, found.T, strict=True):
            if leaf_digest(column.astype("<u8").tobytes()) != self.layers[0][:, i].tobytes():
                raise UserError("the weights and masks are not those that the key commits to")
        return found


def is_kept(rows: int, log_code: int) -> bool:
    """Whether a codeword of that many rows stays in memory."""
    return 8 * rows << log_code <= KEPT_BYTES


def commit(messages: Messages, log_code: int, salts: np.ndarray) -> Committed:
    """The messages' codeword, in memory if it is not large."""
    if not is_kept(messages.rows, log_code):
        return LeanCodeword(messages, log_code, salts)
    matrix = np.empty((messages.rows, messages.dimension), np.uint64)
    messages.fill(0, matrix)
    return Codeword(matrix, log_code, salts)


def _tree(leaves: np.ndarray) -> list[np.ndarray]:
    layers = [leaves]
    while layers[-1].shape[1] > 1:
        layers.append(hash_pairs(layers[-1], NODE))
    return layers
