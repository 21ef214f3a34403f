"""The kinds of index that every circuit has, and a table of all kinds.

The evaluations that check circuits independently, `compiler/interpret_circuit.py` and the tests, have their own.
"""

from __future__ import annotations

import numpy as np

from . import generation
from .index import Index, IndexKind, IndexMap


class _Same(IndexMap):
    def text(self, index):
        return index.axis

    def sources(self, index, span, inputs):
        return np.arange(span.start, span.stop)

    def read(self, array, position, index, span, inputs, dtype):
        return array[(*(slice(None),) * position, slice(span.start, span.stop))]

    def transpose_pairs(self, pairs, size):
        return pairs


class _Sum(IndexMap):
    picks = False

    def text(self, index):
        return "*"

    def read(self, array, position, index, span, inputs, dtype):
        """With size 1 along the axis."""
        return array.sum(axis=position, dtype=dtype, keepdims=True)

    def interval(self, low, high, size):
        return min(low, size * low), max(high, size * high)

    def transpose_pairs(self, pairs, size):
        return ((1, 1),) * (size - 1).bit_length()


class _Before(IndexMap):
    picks = False
    ones = "index", "{axis}"

    def text(self, index):
        return f"<{index.axis}"

    def fits(self, index, target, size, axes):
        return target == size and isinstance(size, int)

    def read(self, array, position, index, span, inputs, dtype):
        # Exclusive running sums of [0, stop), of which the span is kept. Numpy's own take ten times as long along
        # an axis that is not the last.
        sums = np.zeros((*array.shape[:position], span.stop, *array.shape[position + 1 :]), dtype)
        cells, found = (np.moveaxis(x, position, 0) for x in (array, sums))
        for i in range(span.stop - 1):
            at = slice(i, i + 1)
            np.add(found[at], cells[at], out=found[i + 1 : i + 2], dtype=dtype, casting="unsafe")
        return sums[(*(slice(None),) * position, slice(span.start, span.stop))]

    def interval(self, low, high, size):
        return min(0, (size - 1) * low), max(0, (size - 1) * high)

    def transpose(self, index, weights, size, inputs):
        found, tail = {}, 0
        for i in range(size - 1, 0, -1):
            tail = tail + weights[i]
            if tail:
                found[i - 1] = tail
        return dict(reversed(found.items()))


class _Rotate(IndexMap):
    function = "rot"
    picks = False
    ones = "sign", "2 * floor({axis} / {half}) - 1"

    def fits(self, index, target, size, axes):
        return target == size and isinstance(size, int) and size % 2 == 0

    def read(self, array, position, index, span, inputs, dtype):
        half = array.shape[position] // 2
        i = np.arange(span.start, span.stop)
        sign = np.where(i < half, -1, 1).astype(dtype)
        sign = sign.reshape(-1, *(1,) * (array.ndim - position - 1))
        taken = np.take(array, (i + half) % (2 * half), axis=position)
        return np.multiply(taken, sign, dtype=dtype, casting="unsafe")

    def interval(self, low, high, size):
        return min(low, -high), max(high, -low)

    def transpose(self, index, weights, size, inputs):
        half = size // 2
        turned = [*weights[half:], *(-weight for weight in weights[:half])]
        return {j: weight for j, weight in enumerate(turned) if weight}

    def transpose_pairs(self, pairs, size):
        if size != 1 << len(pairs):
            return None
        (a, b), *rest = pairs
        return ((b, -a), *rest)


class _Pick(IndexMap):
    function = "pick"

    def text(self, index):
        return f"pick({index.axis}; {' '.join(map(str, index.table))})"

    def fits(self, index, target, size, axes):
        inside = isinstance(size, int) and all(0 <= j < size for j in index.table)
        return inside and len(index.table) == target

    def sources(self, index, span, inputs):
        return np.array(index.table[span.start : span.stop], np.int64)


MAPS: dict[IndexKind, IndexMap] = {
    "same": _Same(),
    "sum": _Sum(),
    "before": _Before(),
    "rotate": _Rotate(),
    "pick": _Pick(),
    **generation.MAPS,
}


def composed(inner: Index, outer: Index) -> Index | None:
    """The index that reads by ``inner``, along its axis, what is read by ``outer``; None where there is none."""
    if inner.kind == "same":
        return outer
    if outer.kind == "same":
        return Index(inner.kind, outer.axis, inner.table)
    if (inner.kind, outer.kind) == ("token", "window"):
        return Index("previous", outer.axis)
    return None
