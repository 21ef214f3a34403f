"""The kinds of index that every circuit has, and a table of all kinds.

The evaluations that check circuits independently, `compiler/interpret_circuit.py` and the tests, have their own.
"""

from __future__ import annotations

import numpy as np

from . import generation
from .index import Index, IndexKind, IndexMap, rows_within


class _Same(IndexMap):
    def text(self, index):
        return index.axis

    def sources(self, index, span, inputs):
        return np.arange(span.start, span.stop)

    def read(self, array, position, index, span, inputs, dtype):
        return array[(*(slice(None),) * position, slice(span.start, span.stop))]

    def transpose_pairs(self, index, pairs, target, size):
        return [(1, pairs)]


class _Sum(IndexMap):
    picks = False
    alone = True

    def text(self, index):
        return "*"

    def fits(self, index, target, size, axes, extents):
        return True

    def read(self, array, position, index, span, inputs, dtype):
        """With size 1 along the axis."""
        return array.sum(axis=position, dtype=dtype, keepdims=True)

    def interval(self, low, high, size):
        return min(low, size * low), max(high, size * high)

    def transpose_pairs(self, index, pairs, target, size):
        return [(1, ((1, 1),) * (size - 1).bit_length())]


class _At(IndexMap):
    picks = False
    alone = True
    numbers = 1

    def text(self, index):
        return str(index.table[0])

    def fits(self, index, target, size, axes, extents):
        return isinstance(size, int) and 0 <= index.table[0] < size

    def read(self, array, position, index, span, inputs, dtype):
        """With size 1 along the axis."""
        (j,) = index.table
        return array[(*(slice(None),) * position, slice(j, j + 1))]

    def transpose(self, index, weights, size, inputs):
        return {index.table[0]: weights[0]}


class _Before(IndexMap):
    picks = False

    def text(self, index):
        return f"<{index.axis}"

    def ones(self, index, target, size):
        return "index", index.axis

    def fits(self, index, target, size, axes, extents):
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

    def ones(self, index, target, size):
        return "sign", f"2 * floor({index.axis} / {size // 2}) - 1"

    def fits(self, index, target, size, axes, extents):
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

    def transpose_pairs(self, index, pairs, target, size):
        if size != 1 << len(pairs):
            return None
        (a, b), *rest = pairs
        return [(1, ((b, -a), *rest))]


class _Stride(IndexMap):
    function = "stride"
    picks = False
    numbers = 2

    def text(self, index):
        step, start = index.table
        return f"stride({index.axis}; {step} {start})"

    def fits(self, index, target, size, axes, extents):
        step, start = index.table
        if not isinstance(size, int) or not isinstance(target, int) or step <= 0:
            return False
        # The first i reads no entry behind the axis, the last one none before it.
        return step * (1 - target) <= start < size

    def ones(self, index, target, size):
        inside = self._inside(index, target, size)
        if len(inside) == target:
            return None
        begun = f"max(0, {index.axis} - {inside.start} + 1)"
        return "inside", f"min(1, min({begun}, max(0, {inside.stop} - {index.axis})))"

    def _inside(self, index, count, size):
        """The i below ``count`` that read an entry, as a range."""
        step, start = index.table
        return range(min(count, max(0, -(start // step))), min(count, -((start - size) // step)))

    def read(self, array, position, index, span, inputs, dtype):
        step, start = index.table
        whole = self._inside(index, span.stop, array.shape[position])
        inside = range(max(span.start, whole.start), whole.stop)
        sizes = [*array.shape[:position], len(span), *array.shape[position + 1 :]]
        found, before = np.zeros(sizes, array.dtype), (slice(None),) * position
        if inside:
            first, last = (step * i + start for i in (inside.start, inside[-1]))
            to = slice(inside.start - span.start, inside.stop - span.start)
            found[(*before, to)] = array[(*before, slice(first, last + 1, step))]
        return found

    def interval(self, low, high, size):
        return min(low, 0), max(high, 0)

    def transpose(self, index, weights, size, inputs):
        step, start = index.table
        inside = self._inside(index, len(weights), size)
        return {step * i + start: weights[i] for i in inside if weights[i]}

    def transpose_pairs(self, index, pairs, target, size):
        """Where the start is less than a step that is a power of two the bits of i move up, and those of the start
        are below them, unless an i beyond ``target`` would read an entry."""
        step, start = index.table
        if step & (step - 1) or not 0 <= start < step:
            return None
        if target < 1 << len(pairs) and step * target + start < size:
            return None
        moved, factor = step.bit_length() - 1, 1
        excess = len(pairs) + moved - (size - 1).bit_length()
        if excess > len(pairs):
            return None
        # Bits above the column's are zero; it may have more than i has.
        for zero, _ in pairs[: max(0, excess)]:
            factor = factor * zero
        low = tuple(_BITS[start >> k & 1] for k in reversed(range(moved)))
        return [(factor, (_BITS[0],) * -excess + pairs[max(0, excess) :] + low)]


_BITS = (1, 0), (0, 1)


class _Position(IndexMap):
    function = "position"
    numbers = 1

    def text(self, index):
        return f"{self.function}({index.axis}; {index.table[0]})"

    def fits(self, index, target, size, axes, extents):
        if not isinstance(size, int) or not isinstance(target, str):
            return False
        return rows_within(index.table, extents[target], size)

    def sources(self, index, span, inputs):
        return np.arange(span.start, span.stop) + index.table[0]


class _Pick(IndexMap):
    function = "pick"
    numbers = None

    def text(self, index):
        return f"pick({index.axis}; {' '.join(map(str, index.table))})"

    def fits(self, index, target, size, axes, extents):
        inside = isinstance(size, int) and all(0 <= j < size for j in index.table)
        return inside and len(index.table) == target

    def sources(self, index, span, inputs):
        return np.array(index.table[span.start : span.stop], np.int64)


MAPS: dict[IndexKind, IndexMap] = {
    "same": _Same(),
    "sum": _Sum(),
    "at": _At(),
    "before": _Before(),
    "rotate": _Rotate(),
    "stride": _Stride(),
    "position": _Position(),
    "pick": _Pick(),
    **generation.MAPS,
}


def composed(inner: Index, outer: Index) -> Index | None:
    """The index that reads by ``inner``, along its axis, what is read by ``outer``; None where there is none."""
    if inner.kind == "same":
        return outer
    if outer.kind == "same":
        return Index(inner.kind, outer.axis, inner.table)
    if outer.kind == "at" and inner.kind == "pick":
        return Index("at", "", (inner.table[outer.table[0]],))
    if (inner.kind, outer.kind) == ("token", "window"):
        return Index("previous", outer.axis)
    if (inner.kind, outer.kind) == ("position", "window"):
        return Index("generating", outer.axis, inner.table)
    return None
