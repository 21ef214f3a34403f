"""Layers of the LogUp trees, in memory or made a piece at a time.

A layer has a fraction p/q for each node of each group's tree; entry ``node * groups + group``. Its two halves
are the children of the layer above. The lowest layers have as many fractions as there are lookups, 32 bytes each:
too many to keep, but quickly made again from the small integers that are looked up. `settled` keeps a layer
that is small enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from .. import field
from ..kernels.logup import denominators
from ..kernels.sumcheck import fold_into, fractions_into

# Fractions of a layer that is kept: a gigabyte and a bit.
KEPT = 9 << 22
# Fractions that are made at a time.
CHUNK = 1 << 19


class Layer(ABC):
    """``nodes`` (a power of two) for each of ``groups``."""

    nodes: int
    groups: int

    @property
    def size(self) -> int:
        return self.nodes * self.groups

    @property
    def step(self) -> int:
        """Nodes that are made at a time."""
        return min(self.nodes, 1 << max(0, (CHUNK // self.groups).bit_length() - 1))

    @abstractmethod
    def fill(self, first: int, p: np.ndarray, q: np.ndarray) -> None:
        """Write the fractions from node ``first`` on into p and q (2, entries), rows contiguous."""


class Kept(Layer):
    """A layer in memory: p and q (2, entries)."""

    def __init__(self, p: np.ndarray, q: np.ndarray, groups: int):
        self.p, self.q, self.groups = p, q, groups
        self.nodes = p.shape[1] // groups

    def fill(self, first: int, p: np.ndarray, q: np.ndarray) -> None:
        span = slice(first * self.groups, first * self.groups + p.shape[1])
        p[:], q[:] = self.p[:, span], self.q[:, span]


class Leaf:
    """Leaves ``start`` .. ``stop`` of one group: 1/q or, with ``uses``, -uses/q, for
    q = base - sum_i beta_i values_i - more."""

    def __init__(
        self,
        start: int,
        values: list[np.ndarray],
        base: np.ndarray,
        uses: np.ndarray | None = None,
        more: np.ndarray | None = None,
    ):
        self.start, self.stop = start, start + len(values[0])
        self.values, self.base, self.uses, self.more = values, base, uses, more


class Leaves(Layer):
    """The lowest layer: for each group its `Leaf` list by start. Elsewhere the fraction is 0/1.

    ``uses`` of a leaf are field elements, ``more`` is (2, n) over K.
    """

    def __init__(self, nodes: int, groups: list[list[Leaf]], betas: list[np.ndarray]):
        self.nodes, self.groups = nodes, max(1, len(groups))
        self._leaves, self._betas = groups, betas

    def fill(self, first: int, p: np.ndarray, q: np.ndarray) -> None:
        p[:], q[0], q[1] = 0, 1, 0
        last = first + p.shape[1] // self.groups
        for group, leaves in enumerate(self._leaves):
            for leaf in leaves:
                start, stop = max(first, leaf.start), min(last, leaf.stop)
                if start >= stop:
                    continue
                own = slice(start - leaf.start, stop - leaf.start)
                place = (start - first) * self.groups + group
                at = slice(place, (stop - first) * self.groups, self.groups)
                values = [v[own] for v in leaf.values]
                denominators(values, self._betas[: len(values)], leaf.base, q, place, self.groups)
                if leaf.more is not None:
                    q[:, at] = field.ksub(q[:, at], leaf.more[:, own])
                p[0, at] = 1 if leaf.uses is None else leaf.uses[own]


class Sums(Layer):
    """The sums p0/q0 + p1/q1 of the halves of a layer."""

    def __init__(self, below: Layer):
        self._below = below
        self.nodes, self.groups = below.nodes // 2, below.groups
        self._buffer = _Buffer()

    def fill(self, first: int, p: np.ndarray, q: np.ndarray) -> None:
        n = p.shape[1]
        both = self._buffer.tables(2 * n)
        for half in range(2):
            span = slice(half * n, (half + 1) * n)
            self._below.fill(half * self.nodes + first, both[0][:, span], both[1][:, span])
        fractions_into(*both, p, q)


class Folded(Layer):
    """A layer with the first variable of each half fixed to r."""

    def __init__(self, below: Layer, r: np.ndarray):
        self._below, self._r = below, r
        self.nodes, self.groups = below.nodes // 2, below.groups
        self._buffer = _Buffer()

    def fill(self, first: int, p: np.ndarray, q: np.ndarray) -> None:
        n, quarter = p.shape[1], self.nodes // 2
        if self.nodes > 1 and first < quarter < first + n // self.groups:
            raise ValueError("a piece of a folded layer lies in one of its halves")
        child, at = divmod(first, quarter)
        both = self._buffer.tables(2 * n)
        for half in range(2):
            span = slice(half * n, (half + 1) * n)
            source = (2 * child + half) * quarter + at
            self._below.fill(source, both[0][:, span], both[1][:, span])
        fold_into(both, self._r, (p, q))


class _Buffer:
    """Memory for a pair of tables that is used again."""

    def __init__(self) -> None:
        self._memory = np.empty((2, 2, 0), np.uint64)

    def tables(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        if self._memory.shape[2] < n:
            self._memory = np.empty((2, 2, n), np.uint64)
        return self._memory[0, :, :n], self._memory[1, :, :n]


def fold(layer: Layer, r: np.ndarray) -> Layer:
    """`Folded`, in memory where it fits."""
    if not isinstance(layer, Kept):
        return settled(Folded(layer, r))
    quarter = layer.size // 4
    p, q = np.empty((2, 2, 2 * quarter), np.uint64)
    for source, out in ((layer.p, p), (layer.q, q)):
        halves = source[:, : 2 * quarter], source[:, 2 * quarter :]
        fold_into(halves, r, (out[:, :quarter], out[:, quarter:]))
    return Kept(p, q, layer.groups)


def settled(layer: Layer) -> Layer:
    """The layer, in memory where it fits."""
    if isinstance(layer, Kept) or layer.size > KEPT:
        return layer
    p, q = np.empty((2, 2, layer.size), np.uint64)
    step = max(1, min(layer.step, layer.nodes // 2))
    for node in range(0, layer.nodes, step):
        span = slice(node * layer.groups, (node + step) * layer.groups)
        layer.fill(node, p[:, span], q[:, span])
    return Kept(p, q, layer.groups)
