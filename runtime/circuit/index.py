"""What a kind of index is: how one axis of a column is read, given an axis of an expression.

For each i of an axis of an expression, an index reads entries j of a column's axis. That is a linear map,
out[i] = sum_j M[i, j] column[j] with coefficients 0, 1 and -1; most pick one entry for each i. What others ask
of a kind is a method of it: its text, the axes that it fits, the entries that it reads, an array read by it,
an interval of what is read, and its transpose, by which a claim on an expression becomes one on the column. The
kinds are in `index_maps`, those that read a statement beside its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .extents import Axis, CircuitError

IndexKind = Literal[
    "same",
    "sum",
    "at",
    "before",
    "rotate",
    "stride",
    "pick",
    "position",
    "window",
    "token",
    "previous",
    "next",
    "generating",
]
Interval = tuple[int, int]
Pairs = tuple[tuple[Any, Any], ...]
"""What a bit's 0 and 1 are multiplied by, top bit first: weights of all indices as products over their bits."""
Size = int | str


class Inputs:
    """What a circuit reads of a statement besides its sizes; each kind of statement has its own, and this one is
    nothing at all."""


@dataclass(frozen=True)
class Index:
    """How one axis of a column is read, given the index i of the expression along ``axis``.

    ``same``    j = i
    ``sum``     every j, summed (``axis`` is empty)
    ``at``      j = table[0] (``axis`` is empty)
    ``before``  every j < i, summed (the residual stream over layers)
    ``rotate``  the half-split rotation: -column[i + n/2] if i < n/2 else column[i - n/2]
    ``stride``  j = table[0] i + table[1], and nothing, which is zero, where the column has no such entry: a
                window that moves over an axis with padding at its ends
    ``pick``    j = table[i], a fixed table
    ``position`` j = i + table[0], where i is of an extent and j of a number of entries

    and of a prompt and its continuation (`generation`)

    ``window``  j = i + prompt - 1 (generated index to position)
    ``token``   j = the token id at position i
    ``previous`` j = the id of the token before the i-th generated one, at position i + prompt - 1
    ``next``    j = the id of the i-th generated token
    ``generating`` j = i + prompt - 1 + table[0] (`position` of what ``window`` reads)
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
    # Whether it is along no axis of an expression.
    alone = False
    # How many numbers an index has, None for as many as an axis.
    numbers: int | None = 0

    def text(self, index: Index) -> str:
        """How the index is written."""
        return f"{self.function}({index.axis})"

    def ones(self, index: Index, target: int, size: int) -> tuple[str, str] | None:
        """What a column of ones is read as, if not as ones: a word for it, and a function of the index's axis, in
        the language of tables."""
        return None

    def fits(
        self,
        index: Index,
        target: Size,
        size: Size,
        axes: Mapping[str, Axis],
        extents: Mapping[str, int],
    ) -> bool:
        """Whether an axis of ``size`` can be read along one of size ``target``, which is 1 for an index along none;
        ``axes`` are the circuit's, and ``extents`` the greatest sizes of its extents."""
        return target == size

    def sources(self, index: Index, span: range, inputs: Inputs) -> np.ndarray:
        """The entry that each i of ``span`` picks, int64; `CircuitError` for kinds that pick none."""
        raise CircuitError(f"an index of kind {index.kind} has no single source")

    def read(
        self,
        array: np.ndarray,
        position: int,
        index: Index,
        span: range,
        inputs: Inputs,
        dtype: np.dtype,
    ) -> np.ndarray:
        """``array`` read along its axis ``position``, for i in ``span``. A view where it can be one; what is
        computed is in ``dtype`` and may wrap around."""
        return np.take(array, self.sources(index, span, inputs), axis=position)

    def interval(self, low: int, high: int, size: int) -> Interval:
        """What is read lies in it, if the entries lie in [low, high] and are ``size`` at most."""
        return low, high

    def transpose(
        self, index: Index, weights: Sequence[Any], size: int, inputs: Inputs
    ) -> dict[int, Any]:
        """v with sum_i weights[i] out[i] = sum_j v[j] column[j], in rising order and without zeros that are known;
        the weights are numbers of any kind."""
        found: dict[int, Any] = {}
        sources = self.sources(index, range(len(weights)), inputs).tolist()
        for j, weight in zip(sources, weights, strict=True):
            if weight:
                found[j] = found.get(j, 0) + weight
        return dict(sorted(found.items()))

    def transpose_pairs(
        self, index: Index, pairs: Pairs, target: int, size: int
    ) -> list[tuple[Any, Pairs]] | None:
        """The same for weights that are a product over the bits of i < ``target``, if v is a sum of such products:
        each of them with a factor."""
        return None


def rows_within(table: Sequence[int], count: int, size: int) -> bool:
    """Whether so many entries, the first of which is the only number of a table, are among those of an axis."""
    return len(table) == 1 and 0 <= table[0] <= size - count
