"""How one axis of a column is read: each kind of index, in one place.

For each i of an axis of an expression, an index reads entries j of a column's axis. That is a linear map,
out[i] = sum_j M[i, j] column[j] with coefficients 0, 1 and -1; most pick one entry for each i. What others ask
of a kind is here and nowhere else: its text, the axes that it fits, the entries that it reads, an array read by it,
an interval of what is read, and its transpose, by which a claim on an expression becomes one on the column. The
evaluations that check circuits independently, `compiler/interpret_circuit.py` and the tests, have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .extents import GENERATED, TOKENS, CircuitError
from .tokens import Tokens

IndexKind = Literal[
    "same", "sum", "before", "rotate", "window", "token", "previous", "next", "pick"
]
Interval = tuple[int, int]
Size = int | str


@dataclass(frozen=True)
class Index:
    """How one axis of a column is read, given the index i of the expression along ``axis``.

    ``same``    j = i
    ``sum``     every j, summed (``axis`` is empty)
    ``before``  every j < i, summed (the residual stream over layers)
    ``rotate``  the half-split rotation: -column[i + n/2] if i < n/2 else column[i - n/2]
    ``window``  j = i + prompt - 1 (generated index to position)
    ``token``   j = the token id at position i
    ``previous`` j = the id of the token before the i-th generated one, at position i + prompt - 1
    ``next``    j = the id of the i-th generated token
    ``pick``    j = table[i], a fixed table
    """

    kind: IndexKind
    axis: str = ""
    table: tuple[int, ...] = ()


class IndexMap:
    """A kind of index; here, one that picks an entry for each i."""

    # The name in ``name(axis)``, if that is how the index is written.
    function = ""
    # Whether each i reads one entry as it is, so that several axes can be read together, entry by entry.
    picks = True
    # Whether it reads the tokens of a proof, which are inputs of the circuit then.
    of_tokens = False
    # What a column of ones is read as, if not as ones: its name, and a function of the axis and half its size.
    ones: tuple[str, str] | None = None

    def text(self, index: Index) -> str:
        """How the index is written."""
        return f"{self.function}({index.axis})"

    def fits(self, index: Index, target: Size, size: Size, vocabulary: int) -> bool:
        """Whether an axis of ``size`` can be read along one of size ``target``."""
        return target == size

    def sources(self, index: Index, span: range, tokens: Tokens) -> np.ndarray:
        """The entry that each i of ``span`` picks, int64; `CircuitError` for kinds that pick none."""
        raise CircuitError(f"an index of kind {index.kind} has no single source")

    def read(
        self,
        array: np.ndarray,
        position: int,
        index: Index,
        span: range,
        tokens: Tokens,
        dtype: np.dtype,
    ) -> np.ndarray:
        """``array`` read along its axis ``position``, for i in ``span``. A view where it can be one; what is
        computed is in ``dtype`` and may wrap around."""
        return np.take(array, self.sources(index, span, tokens), axis=position)

    def interval(self, low: int, high: int, size: int) -> Interval:
        """What is read lies in it, if the entries lie in [low, high] and are ``size`` at most."""
        return low, high

    def transpose(
        self, index: Index, weights: Sequence[Any], size: int, tokens: Tokens
    ) -> dict[int, Any]:
        """v with sum_i weights[i] out[i] = sum_j v[j] column[j], in rising order and without zeros that are known;
        the weights are numbers of any kind."""
        found: dict[int, Any] = {}
        sources = self.sources(index, range(len(weights)), tokens).tolist()
        for j, weight in zip(sources, weights, strict=True):
            if weight:
                found[j] = found.get(j, 0) + weight
        return dict(sorted(found.items()))

    def transpose_pairs(
        self, pairs: tuple[tuple[Any, Any], ...], size: int
    ) -> tuple[tuple[Any, Any], ...] | None:
        """The same for weights that are a product over the bits of i, top bit first, if v is one too."""
        return None


class _Same(IndexMap):
    def text(self, index):
        return index.axis

    def sources(self, index, span, tokens):
        return np.arange(span.start, span.stop)

    def read(self, array, position, index, span, tokens, dtype):
        return array[(*(slice(None),) * position, slice(span.start, span.stop))]

    def transpose_pairs(self, pairs, size):
        return pairs


class _Sum(IndexMap):
    picks = False

    def text(self, index):
        return "*"

    def read(self, array, position, index, span, tokens, dtype):
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

    def fits(self, index, target, size, vocabulary):
        return target == size and isinstance(size, int)

    def read(self, array, position, index, span, tokens, dtype):
        before = (slice(None),) * position
        # Exclusive running sums of [0, stop), of which the span is kept.
        sums = np.zeros((*array.shape[:position], span.stop, *array.shape[position + 1 :]), dtype)
        if span.stop > 1:
            used = array[(*before, slice(span.stop - 1))]
            np.cumsum(used, axis=position, dtype=dtype, out=sums[(*before, slice(1, None))])
        return sums[(*before, slice(span.start, span.stop))]

    def interval(self, low, high, size):
        return min(0, (size - 1) * low), max(0, (size - 1) * high)

    def transpose(self, index, weights, size, tokens):
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

    def fits(self, index, target, size, vocabulary):
        return target == size and isinstance(size, int) and size % 2 == 0

    def read(self, array, position, index, span, tokens, dtype):
        half = array.shape[position] // 2
        i = np.arange(span.start, span.stop)
        sign = np.where(i < half, -1, 1).astype(dtype)
        sign = sign.reshape(-1, *(1,) * (array.ndim - position - 1))
        taken = np.take(array, (i + half) % (2 * half), axis=position)
        return np.multiply(taken, sign, dtype=dtype, casting="unsafe")

    def interval(self, low, high, size):
        return min(low, -high), max(high, -low)

    def transpose(self, index, weights, size, tokens):
        half = size // 2
        turned = [*weights[half:], *(-weight for weight in weights[:half])]
        return {j: weight for j, weight in enumerate(turned) if weight}

    def transpose_pairs(self, pairs, size):
        if size != 1 << len(pairs):
            return None
        (a, b), *rest = pairs
        return ((b, -a), *rest)


class _Window(IndexMap):
    function = "window"
    of_tokens = True

    def fits(self, index, target, size, vocabulary):
        return target == GENERATED and size == TOKENS

    def sources(self, index, span, tokens):
        return np.arange(span.start, span.stop) + tokens.shape.prompt - 1

    def read(self, array, position, index, span, tokens, dtype):
        shift = tokens.shape.prompt - 1
        return array[(*(slice(None),) * position, slice(span.start + shift, span.stop + shift))]


class _Token(IndexMap):
    function = "token"
    of_tokens = True

    def fits(self, index, target, size, vocabulary):
        return target == TOKENS and size == vocabulary

    def sources(self, index, span, tokens):
        return tokens.at[span.start : span.stop]


class _Previous(IndexMap):
    function = "previous"
    of_tokens = True

    def fits(self, index, target, size, vocabulary):
        return target == GENERATED and size == vocabulary

    def sources(self, index, span, tokens):
        return tokens.previous[span.start : span.stop]


class _Next(_Previous):
    function = "next"

    def sources(self, index, span, tokens):
        return tokens.next[span.start : span.stop]


class _Pick(IndexMap):
    function = "pick"

    def text(self, index):
        return f"pick({index.axis}; {' '.join(map(str, index.table))})"

    def fits(self, index, target, size, vocabulary):
        inside = isinstance(size, int) and all(0 <= j < size for j in index.table)
        return inside and len(index.table) == target

    def sources(self, index, span, tokens):
        return np.array(index.table[span.start : span.stop], np.int64)


MAPS: dict[IndexKind, IndexMap] = {
    "same": _Same(),
    "sum": _Sum(),
    "before": _Before(),
    "rotate": _Rotate(),
    "window": _Window(),
    "token": _Token(),
    "previous": _Previous(),
    "next": _Next(),
    "pick": _Pick(),
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
