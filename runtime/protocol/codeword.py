"""A committed matrix, the prover's side: rows encoded, columns hashed into a tree, columns opened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..kernels.blake2b import hash_columns, hash_pairs
from ..kernels.ntt import encode
from .merkle import LEAF, NODE, SALT_WORDS, open_tree


class Codeword:
    """``messages`` (rows, dimension) over F, one Reed-Solomon codeword a row; ``salts`` (2, 2^log_code)."""

    def __init__(self, messages: np.ndarray, log_code: int, salts: np.ndarray):
        rows = messages.shape[0]
        self.matrix = np.empty((rows + SALT_WORDS, 1 << log_code), np.uint64)
        encode(messages, self.matrix[:rows])
        self.matrix[rows:] = salts
        self.layers = [hash_columns(self.matrix, LEAF)]
        while self.layers[-1].shape[1] > 1:
            self.layers.append(hash_pairs(self.layers[-1], NODE))

    @property
    def root(self) -> bytes:
        return self.layers[-1][:, 0].astype("<u8").tobytes()

    def open(self, positions: Sequence[int]) -> bytes:
        """The distinct columns in order, salts included, and the siblings."""
        distinct = sorted(set(positions))
        columns = np.ascontiguousarray(self.matrix[:, distinct].T).astype("<u8").tobytes()
        return columns + open_tree(self.layers, distinct)
