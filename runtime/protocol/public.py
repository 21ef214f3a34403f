"""Claims on public columns and tables, which the verifier evaluates by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import field
from ..field import Ext
from .weights import Expander, Scalar, Sparse, Tensor, Weight, dense, prefix


def as_ext(value: Scalar) -> Ext:
    return value if isinstance(value, Ext) else Ext(value)


def vector(weight: Weight, size: int) -> np.ndarray:
    """The weights of an axis as a (2, size) array."""
    if isinstance(weight, Tensor):
        table = np.array([[1], [0]], np.uint64)
        for pair in weight.pairs:
            ends = [field.kmul(table, np.asarray(as_ext(w))) for w in pair]
            table = np.stack(ends, axis=2).reshape(2, -1)
        return table[:, :size]
    return np.stack([np.asarray(as_ext(w)) for w in dense(weight, size)], axis=1)


def contract(array: np.ndarray, weights: Sequence[Weight]) -> Ext:
    """sum_cells prod_axis w[i] * array[cell], for an integer array."""
    picks: list[np.ndarray] = []
    vectors: list[np.ndarray] = []
    for weight, size in zip(weights, array.shape, strict=True):
        if isinstance(weight, Sparse):
            picks.append(np.array([i for i, _ in weight.entries], np.int64))
            vectors.append(
                np.array([[as_ext(w).a for _, w in weight.entries],
                          [as_ext(w).b for _, w in weight.entries]], np.uint64)
            )  # fmt: skip
        else:
            picks.append(np.arange(size))
            vectors.append(vector(weight, size))
    if not all(len(pick) for pick in picks):
        return Ext.ZERO
    base = field.to_field(array[np.ix_(*picks)])
    values = np.stack([base, np.zeros_like(base)])
    for weights_of_axis in reversed(vectors):
        values = _sum_last(field.kmul(values, _spread(weights_of_axis, values.ndim)))
    return Ext(int(values[0]), int(values[1]))


def _spread(vector_of_axis: np.ndarray, rank: int) -> np.ndarray:
    return vector_of_axis.reshape(2, *(1,) * (rank - 2), -1)


def _sum_last(values: np.ndarray) -> np.ndarray:
    low = (values & np.uint64(0xFFFFFFFF)).sum(axis=-1)
    high = (values >> np.uint64(32)).sum(axis=-1) % np.uint64(field.P)
    return field.add(
        low % np.uint64(field.P), field.mul(high, np.full_like(high, np.uint64(1 << 32)))
    )


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
    running: list[Scalar] = [0]
    for w in dense(weights[2], sizes[2]):
        running.append(running[-1] + w if w else running[-1])
    tokens = [(t, w) for t, w in enumerate(dense(weights[1], sizes[1])) if w]
    total: Scalar = 0
    for window, factor in of_window.items():
        part: Scalar = 0
        for t, w in tokens:
            first = max(0, t + 1 - window) if window else 0
            part = part + w * (running[t + 1] - running[first])
        total = total + factor * part
    return as_ext(total)
