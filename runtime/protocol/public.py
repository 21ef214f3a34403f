"""Claims on public columns and tables, which the verifier evaluates by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from .. import field
from ..circuit.generation import BELOW_NEXT, below_next
from ..field import Ext
from .axis_weights import (
    Expander,
    Scalar,
    Sparse,
    Tensor,
    Weight,
    dense,
    dense_steps,
    eq,
    length,
    prefix,
)

# Pairs of a tensor whose products are made one by one: beyond them calls of numpy cost less.
SHORT = 5
# Elements of K, and integers, that numpy works on at a time.
TOGETHER = 1 << 14
MOST_TOGETHER = 1 << 20


def as_ext(value: Scalar) -> Ext:
    return value if isinstance(value, Ext) else Ext(value)


def vector(weight: Weight, size: int) -> np.ndarray:
    """The weights of an axis as a (2, size) array: the outer product of two halves where there are many."""
    if isinstance(weight, Tensor) and len(weight.pairs) > SHORT:
        half = len(weight.pairs) // 2
        high, low = weight.pairs[:half], weight.pairs[half:]
        rows, columns = (vector(Tensor(part), 1 << len(part)) for part in (high, low))
        return field.kmul(rows[:, :, None], columns[:, None]).reshape(2, -1)[:, :size]
    return np.array([(x.a, x.b) for x in map(as_ext, dense(weight, size))], np.uint64).T


def contract(array: np.ndarray, weights: Sequence[Weight]) -> Ext:
    """sum_cells prod_axis w[i] * array[cell], for an integer array.

    The last axis is contracted over the integers, by products of doubles with 16-bit limbs of the
    weights; the others, over what is left, in K.
    """
    vectors: list[np.ndarray] = []
    for axis, (weight, size) in enumerate(zip(weights, array.shape, strict=True)):
        if isinstance(weight, Sparse):
            array = array.take(np.array([i for i, _ in weight.entries], np.int64), axis)
            flat = [(x.a, x.b) for x in (as_ext(w) for _, w in weight.entries)]
            vectors.append(np.array(flat, np.uint64).reshape(-1, 2).T)
        else:
            vectors.append(vector(weight, size))
    if not array.size:
        return Ext.ZERO
    values = _contract_last(array, vectors.pop())
    while vectors:
        values = _contract_elements(values, vectors.pop())
    return Ext.of(values)


def _contract_elements(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Elements of K (2, ..., n) contracted with (2, n) weights: (2, ...)."""
    flat = values.reshape(2, -1, values.shape[-1])
    step = max(1, TOGETHER // flat.shape[2])
    parts = [
        field.total(field.kmul(flat[:, at : at + step], weights[:, None]))
        for at in range(0, flat.shape[1], step)
    ]
    return np.concatenate(parts, axis=1).reshape(values.shape[:-1])


_LIMB = np.uint64(0xFFFF)
_HALF = np.uint64(0xFFFFFFFF)
# The weight of each limb, beside (4, 2) limbs of an element.
_PLACES = np.array([[1], [1 << 16], [1 << 32], [1 << 48]], np.uint64)


def _contract_last(array: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """An integer array contracted with (2, n) weights along its last axis: (2, ...)."""
    largest = max(int(array.max()), -int(array.min()), 1)
    if largest >> 32:
        high = field.mul(_contract_last(array >> 32, weights), np.uint64(1 << 32))
        return field.add(_contract_last(array & 0xFFFFFFFF, weights), high)
    limbs = [weights >> np.uint64(16 * k) & _LIMB for k in range(4)]
    columns = np.concatenate(limbs).astype(np.float64).T
    flat = array.reshape(-1, array.shape[-1])
    rows = max(1, min(TOGETHER, MOST_TOGETHER // flat.shape[1]))
    parts = [
        _contract_rows(flat[at : at + rows], columns, (1 << 53) // (largest << 16))
        for at in range(0, len(flat), rows)
    ]
    return np.concatenate(parts, axis=1).reshape(2, *array.shape[:-1])


def _contract_rows(rows: np.ndarray, columns: np.ndarray, step: int) -> np.ndarray:
    """Rows (m, n) times the limbs of n weights, of which products of ``step`` are exact: (2, m)."""
    total = np.zeros((2, len(rows)), np.uint64)
    for at in range(0, rows.shape[1], step):
        part = rows[:, at : at + step].astype(np.float64) @ columns[at : at + step]
        digits = field.to_field(part.astype(np.int64)).reshape(-1, 4, 2)
        terms = np.moveaxis(field.mul(digits, _PLACES), (-1, -2), (0, -1))
        total = field.add(total, field.total(terms))
    return total


def table_values(rows: np.ndarray, point: Sequence[Ext]) -> list[Ext]:
    """The multilinear extension of each column of rows (2^m, arity), at a point of m elements."""
    half = len(point) // 2
    high, low = (vector(eq(part), 1 << len(part)) for part in (point[:half], point[half:]))
    sums = _contract_last(rows.T.reshape(rows.shape[1], 1 << half, -1), low)
    return [Ext.of(value) for value in field.total(field.kmul(sums, high[:, None])).T]


def _running_sums(values: np.ndarray) -> np.ndarray:
    """Along the last axis, from 0 terms to all, of fewer than 2^31 field elements."""
    padded = np.concatenate([np.zeros_like(values[..., :1]), values], axis=-1)
    low, high = padded & _HALF, padded >> np.uint64(32)
    return field.join(low.cumsum(axis=-1), high.cumsum(axis=-1))


def evaluate(expander: Expander, name: str, weights: tuple[Weight, ...]) -> Ext:
    """The claim on a public column. Claims recur, so what takes long is done once for each expander."""
    column = expander.circuit.column[name]
    sizes = [expander.size[axis] for axis in column.axes]
    expander.spend(sum(map(length, weights)))
    if column.kind == "data":
        array = expander.circuit.data[name][tuple(slice(size) for size in sizes)]
        # A contracted row is worth so many cells.
        steps = array.size // 32 + 2 * (array.size // array.shape[-1])
        return _once(expander, (name, *weights), lambda: contract(array, weights), steps)
    expander.spend(dense_steps(weights[0], sizes[0]))
    if column.kind == BELOW_NEXT:
        rows, ends = dense(weights[0], sizes[0]), below_next(expander.inputs).tolist()
        total: Scalar = 0
        for g, w in enumerate(rows):
            if w:
                expander.spend(4 * expander.bits[column.axes[1]])
                total = total + prefix(weights[1], ends[g]) * w
        return as_ext(total)
    of_window: dict[int, Scalar] = {}
    for layer, w in enumerate(dense(weights[0], sizes[0])):
        if w:
            window = column.windows[layer]
            of_window[window] = of_window.get(window, 0) + w
    tokens, sources = weights[1:]

    @cache
    def axes() -> tuple[np.ndarray, np.ndarray]:
        expander.spend(sum(sizes[1:]))
        return vector(tokens, sizes[1]), _running_sums(vector(sources, sizes[2]))

    total: Scalar = 0
    for window, factor in of_window.items():
        key = name, window, tokens, sources
        # Calls of numpy, and the cells they work on.
        steps = 128 + sizes[1] // 2
        seen = _once(expander, key, lambda w=window: _mask(w, *axes()), steps)
        total = total + factor * seen
    return as_ext(total)


def _once(expander: Expander, key: tuple, compute: Callable[[], Ext], steps: int) -> Ext:
    if key not in expander.evaluated:
        expander.spend(steps)
        expander.evaluated[key] = compute()
    return expander.evaluated[key]


def _mask(window: int, tokens: np.ndarray, running: np.ndarray) -> Ext:
    """Causal attention within a window, from the weights of tokens and running sums of those of sources."""
    last = np.arange(1, tokens.shape[1] + 1)
    first = np.maximum(0, last - window) if window else np.zeros_like(last)
    seen = field.sub(running[:, last], running[:, first])
    return Ext(*field.kdot(tokens, seen))
