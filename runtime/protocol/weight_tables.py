"""Weights of an axis as tables, by the prover's kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..kernels.tensor import tensor
from .axis_weights import Scalar, Tensor, Weight, dense
from .public import as_ext


def table(pairs: Sequence[tuple[Scalar, Scalar]]) -> np.ndarray:
    """The tensor product of pairs, (2, 2^m)."""
    flat = [(x.a, x.b) for pair in pairs for x in map(as_ext, pair)]
    return tensor(np.array(flat, np.uint64).reshape(-1, 2, 2))


def vector(weight: Weight, size: int) -> np.ndarray:
    """The weights of an axis as a (2, size) array."""
    if isinstance(weight, Tensor):
        return table(weight.pairs)[:, :size]
    return np.array([(x.a, x.b) for x in map(as_ext, dense(weight, size))], np.uint64).T
