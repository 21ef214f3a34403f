"""Weights on an axis, and how a claim on an expression becomes claims on columns.

A linear claim on an expression is sum_cells (prod_axis w_axis[i]) * expr[cell]. Each axis carries a weight
vector, either a `Tensor` (a product over the index bits, as eq(z, .) is) or a `Sparse` list. The index maps
(`circuit.index_maps`) act on weight vectors by their transposes, so the claim becomes a sum of claims of
the same kind on the columns that the expression reads: virtual columns cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..circuit.extents import Shape
from ..circuit.index import Index, Inputs
from ..circuit.index_maps import MAPS
from ..circuit.relations import Circuit, Expr, Term
from ..field import Ext
from .work_limits import STEPS, require_few

Scalar = Ext | int


@dataclass(frozen=True)
class Tensor:
    """weight[i] = product over the bits of i, top bit first, of pairs[k][bit]."""

    pairs: tuple[tuple[Scalar, Scalar], ...]


@dataclass(frozen=True)
class Sparse:
    """weight[i] = w for each (i, w); zero elsewhere; no index twice."""

    entries: tuple[tuple[int, Scalar], ...]


Weight = Tensor | Sparse
Weights = dict[str, Weight]
"""By axis."""


def bits_of(size: int) -> int:
    """Variables of the multilinear extension of an axis of that size."""
    return (size - 1).bit_length()


def eq(point: Sequence[Ext]) -> Tensor:
    return Tensor(tuple((1 - z, z) for z in point))


def one_hot(index: int, bits: int) -> Tensor:
    return Tensor(tuple(((1, 0), (0, 1))[index >> k & 1] for k in reversed(range(bits))))


def within(offset: int, low: Tensor, bits: int) -> Tensor:
    """``low`` on the aligned block at ``offset`` of an axis, zero outside."""
    high = one_hot(offset >> len(low.pairs), bits - len(low.pairs))
    return Tensor(high.pairs + low.pairs)


def dense(weight: Weight, size: int) -> list[Scalar]:
    if isinstance(weight, Sparse):
        out: list[Scalar] = [0] * size
        for i, w in weight.entries:
            out[i] = w
        return out
    table: list[Scalar] = [1]
    for a, b in weight.pairs:
        table = [w * c if w else 0 for w in table for c in (a, b)]
    return table[:size]


def inner(weight: Weight, other: Tensor) -> Scalar:
    """The sum of weight[i] * other[i], over all i of the tensor."""
    if isinstance(weight, Tensor):
        return _total(
            [(a * c, b * d) for (a, b), (c, d) in zip(weight.pairs, other.pairs, strict=True)]
        )
    values = dense(other, 1 << len(other.pairs))
    return sum((w * values[i] for i, w in weight.entries), 0)


def prefix(weight: Weight, end: int) -> Scalar:
    """The sum of weight[i] for i < end, in as many steps as there are bits."""
    if isinstance(weight, Sparse):
        return sum((w for i, w in weight.entries if i < end), 0)
    if end >> len(weight.pairs):
        return _total(weight.pairs)
    # By Horner's rule from the lowest bit: of the indices that agree with ``end`` above a bit, those below it.
    total: Scalar = 0
    whole: Scalar = 1
    for k, (a, b) in enumerate(reversed(weight.pairs)):
        total = a * whole + b * total if end >> k & 1 else a * total
        whole = whole * (a + b)
    return total


def _total(pairs: Sequence[tuple[Scalar, Scalar]]) -> Scalar:
    total: Scalar = 1
    for a, b in pairs:
        total = total * (a + b)
    return total


@dataclass(frozen=True)
class Read:
    """coefficient * the claim on ``column`` with one weight for each of its axes."""

    coefficient: Scalar
    column: str
    weights: tuple[Weight, ...]


def length(weight: Weight) -> int:
    """How many numbers it is made of, about."""
    return len(weight.entries if isinstance(weight, Sparse) else weight.pairs)


def dense_steps(weight: Weight, size: int) -> int:
    """The products that `dense` takes, about; a zero takes much less."""
    if isinstance(weight, Sparse):
        return len(weight.entries) + size // 16
    return size // 16 + 2 * math.prod(bool(a) + bool(b) for a, b in weight.pairs)


class Expander:
    """Turns claims on expressions into claims on columns, for one circuit, its shape and its inputs."""

    def __init__(self, circuit: Circuit, shape: Shape, inputs: Inputs):
        self.circuit = circuit
        self.shape = shape
        self.inputs = inputs
        self.size = {axis.name: shape.size(axis) for axis in circuit.axes}
        self.bits = {name: bits_of(size) for name, size in self.size.items()}
        # Claims recur: what `public.evaluate` has found, by column and weights, and weights that were mapped.
        self.evaluated: dict[tuple, Ext] = {}
        self._mapped: dict[tuple[Index, Weight, str], Sparse] = {}
        self._steps = 0

    def spend(self, steps: int) -> None:
        """Count work that is about to be done, in products of single elements."""
        self._steps += steps
        require_few(self._steps, STEPS, "steps of work")

    def expand(self, expr: Expr, weights: Mapping[str, Weight]) -> tuple[Scalar, list[Read]]:
        """The constant part of the claim, and the reads of columns."""
        self.spend(sum(self.bits[axis] for axis in expr.axes))
        constant: Scalar = 0
        if expr.constant:
            constant = expr.constant
            for axis in expr.axes:
                constant = constant * prefix(weights[axis], self.size[axis])
        reads = []
        for term in expr.terms:
            coefficient: Scalar = term.coefficient
            used = {index.axis for index in term.indices}
            self.spend(8 + 4 * sum(self.bits[axis] for axis in expr.axes if axis not in used))
            for axis in expr.axes:
                if axis not in used:
                    coefficient = coefficient * prefix(weights[axis], self.size[axis])
            if coefficient:
                reads.extend(self._read(coefficient, term, weights))
        return constant, reads

    def _read(self, coefficient: Scalar, term: Term, weights: Mapping[str, Weight]) -> list[Read]:
        """Axes read through one index are mapped; an axis read by several is enumerated."""
        sources = self.circuit.column[term.column].axes
        readers: dict[str, list[int]] = {}
        for k, index in enumerate(term.indices):
            if index.axis:
                readers.setdefault(index.axis, []).append(k)
        mapped: dict[int, list[tuple[Scalar, Weight]]] = {
            k: self._map(index, Tensor(()), "", sources[k])
            for k, index in enumerate(term.indices)
            if not index.axis
        }
        joint = []
        for axis, places in readers.items():
            if len(places) == 1:
                k = places[0]
                mapped[k] = self._map(term.indices[k], weights[axis], axis, sources[k])
            else:
                joint.append((axis, places))
        reads = []
        ways = math.prod(map(len, mapped.values()))
        self.spend(sum(length(weight) for terms in mapped.values() for _, weight in terms))
        self.spend(8 * len(sources) * (ways - 1))
        for axis, _ in joint:
            self.spend(dense_steps(weights[axis], self.size[axis]))
        choices = [
            [(i, w) for i, w in enumerate(dense(weights[axis], self.size[axis])) if w]
            for axis, _ in joint
        ]
        if joint:
            self.spend(math.prod(map(len, choices)) * 8 * len(sources))
        picked = {
            k: MAPS[index.kind].sources(index, range(self.size[axis]), self.inputs).tolist()
            for axis, places in joint
            for k, index in ((k, term.indices[k]) for k in places)
        }
        for choice in product(*choices):
            whole, chosen = coefficient, dict(mapped)
            for (_, places), (i, w) in zip(joint, choice, strict=True):
                whole = whole * w
                for k in places:
                    chosen[k] = [(1, Sparse(((picked[k][i], 1),)))]
            for terms in product(*(chosen[k] for k in range(len(sources)))):
                total = whole
                for factor, _ in terms:
                    total = total * factor
                reads.append(Read(total, term.column, tuple(weight for _, weight in terms)))
        return reads

    def _map(
        self, index: Index, weight: Weight, axis: str, source: str
    ) -> list[tuple[Scalar, Weight]]:
        """The weights on a column's axis, as a sum of weights times factors."""
        kind, size = MAPS[index.kind], self.size[source]
        count = self.size[axis] if axis else 1
        if isinstance(weight, Tensor):
            terms = kind.transpose_pairs(index, weight.pairs, count, size)
            if terms is not None:
                return [(factor, Tensor(pairs)) for factor, pairs in terms]
        elif index.kind == "same":
            return [(1, weight)]
        self.spend(length(weight) + len(index.table) // 16)
        key = index, weight, source
        if key not in self._mapped:
            self.spend(dense_steps(weight, count))
            values = dense(weight, count)
            found = kind.transpose(index, values, size, self.inputs)
            self._mapped[key] = Sparse(tuple(found.items()))
        return [(1, self._mapped[key])]
