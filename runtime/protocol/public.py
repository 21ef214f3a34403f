"""Claims on public columns and tables, which the verifier evaluates by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import field
from ..field import Ext
from .weights import Expander, Scalar, Sparse, Tensor, Weight, dense, eq, prefix


def as_ext(value: Scalar) -> Ext:
    return value if isinstance(value, Ext) else Ext(value)


def vector(weight: Weight, size: int) -> np.ndarray:
    """The weights of an axis as a (2, size) array."""
    if isinstance(weight, Tensor):
        table = np.array([[1], [0]], np.uint64)
        for a, b in weight.pairs:
            high = _times(table, b)
            low = field.sub(table, high) if a + b == 1 else _times(table, a)
            table = np.stack([low, high], axis=2).reshape(2, -1)
        return table[:, :size]
    return np.stack([np.asarray(as_ext(w)) for w in dense(weight, size)], axis=1)


def _times(table: np.ndarray, w: Scalar) -> np.ndarray:
    if w in (0, 1):
        return table if w else np.zeros_like(table)
    return field.kmul(table, np.asarray(as_ext(w)))


def contract(array: np.ndarray, weights: Sequence[Weight]) -> Ext:
    """sum_cells prod_axis w[i] * array[cell], for an integer array.

    The last axis is contracted over the integers, by products of doubles with 16-bit limbs of the
    weights; the others, over what is left, in K.
    """
    picks: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    for weight, size in zip(weights, array.shape, strict=True):
        if isinstance(weight, Sparse):
            picks.append(np.array([i for i, _ in weight.entries], np.int64))
            flat = [(x.a, x.b) for x in (as_ext(w) for _, w in weight.entries)]
            vectors.append(np.array(flat, np.uint64).reshape(-1, 2).T)
        else:
            picks.append(np.arange(size))
            vectors.append(vector(weight, size))
    if not all(len(pick) for pick in picks):
        return Ext.ZERO
    values = _contract_last(array[np.ix_(*picks)], vectors.pop())
    while vectors:
        weights_of_axis = vectors.pop()
        spread = weights_of_axis.reshape(2, *(1,) * (values.ndim - 2), -1)
        values = _sum_last(field.kmul(values, spread))
    return Ext(int(values[0]), int(values[1]))


_LIMB = np.uint64(0xFFFF)
_HALF = np.uint64(0xFFFFFFFF)


def _contract_last(array: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """An integer array contracted with (2, n) weights along its last axis: (2, ...)."""
    largest = max(int(array.max()), -int(array.min()), 1)
    if largest >> 32:
        high = field.mul(_contract_last(array >> 32, weights), np.uint64(1 << 32))
        return field.add(_contract_last(array & 0xFFFFFFFF, weights), high)
    step = (1 << 53) // (largest << 16)
    limbs = [weights >> np.uint64(16 * k) & _LIMB for k in range(4)]
    columns = np.concatenate(limbs).astype(np.float64).T
    total = np.zeros((2, *array.shape[:-1]), np.uint64)
    for at in range(0, array.shape[-1], step):
        part = array[..., at : at + step].astype(np.float64) @ columns[at : at + step]
        digits = np.moveaxis(field.to_field(part.astype(np.int64)), -1, 0)
        for k in range(4):
            pair = field.mul(digits[2 * k : 2 * k + 2], np.uint64(1 << 16 * k))
            total = field.add(total, pair)
    return total


def table_values(rows: np.ndarray, point: Sequence[Ext]) -> list[Ext]:
    """The multilinear extension of each column of rows (2^m, arity), at a point of m elements."""
    half = len(point) // 2
    grid = rows.reshape(1 << half, -1, rows.shape[1])
    weights = (eq(point[:half]), eq(point[half:]))
    return [contract(grid[:, :, i], weights) for i in range(rows.shape[1])]


def _sum_last(values: np.ndarray) -> np.ndarray:
    """Over the last axis, of fewer than 2^31 field elements."""
    low, high = values & _HALF, values >> np.uint64(32)
    return _joined(low.sum(axis=-1), high.sum(axis=-1))


def _running_sums(values: np.ndarray) -> np.ndarray:
    """Along the last axis, from 0 terms to all, of fewer than 2^31 field elements."""
    padded = np.concatenate([np.zeros_like(values[..., :1]), values], axis=-1)
    low, high = padded & _HALF, padded >> np.uint64(32)
    return _joined(low.cumsum(axis=-1), high.cumsum(axis=-1))


def _joined(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return field.add(field.to_field(low), field.mul(field.to_field(high), np.uint64(1 << 32)))


def evaluate(expander: Expander, name: str, weights: tuple[Weight, ...]) -> Ext:
    """The claim on a public column."""
    column = expander.circuit.column[name]
    sizes = [expander.size[axis] for axis in column.axes]
    if column.kind == "data":
        array = expander.circuit.data[name][tuple(slice(size) for size in sizes)]
        return contract(array, weights)
    if column.kind == "below-next":
        rows = dense(weights[0], sizes[0])
        total: Scalar = 0
        for g, w in enumerate(rows):
            if w:
                total = total + prefix(weights[1], expander.tokens.next(g)) * w
        return as_ext(total)
    return _mask(column.windows, weights, sizes)


def _mask(windows: tuple[int, ...], weights: tuple[Weight, ...], sizes: list[int]) -> Ext:
    """Causal attention within a window, by running sums of the source weights."""
    of_window: dict[int, Scalar] = {}
    for layer, w in enumerate(dense(weights[0], sizes[0])):
        if w:
            of_window[windows[layer]] = of_window.get(windows[layer], 0) + w
    tokens = vector(weights[1], sizes[1])
    running = _running_sums(vector(weights[2], sizes[2]))
    last = np.arange(1, sizes[1] + 1)
    total: Scalar = 0
    for window, factor in of_window.items():
        first = np.maximum(0, last - window) if window else np.zeros_like(last)
        seen = field.sub(running[:, last], running[:, first])
        a, b = _sum_last(field.kmul(tokens, seen))
        total = total + factor * Ext(int(a), int(b))
    return as_ext(total)
