"""Weights on an axis, and how a claim on an expression becomes claims on columns.

A linear claim on an expression is sum_cells (prod_axis w_axis[i]) * expr[cell]. Each axis carries a weight
vector, either a `Tensor` (a product over the index bits, as eq(z, .) is) or a `Sparse` list. The index maps
of `circuit.relations.Index` act on weight vectors by their transposes, so the claim becomes a sum of claims of
the same kind on the columns that the expression reads: virtual columns cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..circuit.relations import Circuit, CircuitError, Expr, Index, Shape, Term
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


class Tokens:
    """The public token ids of a proof: ``at`` a position (padding is id 0), ``next`` generated."""

    def __init__(self, ids: Sequence[int], shape: Shape):
        self.ids = list(ids)
        self.shape = shape

    def at(self, position: int) -> int:
        return self.ids[position] if position < len(self.ids) else 0

    def next(self, generated: int) -> int:
        return self.ids[self.shape.prompt + generated]


class Expander:
    """Turns claims on expressions into claims on columns, for one circuit, shape and token sequence."""

    def __init__(self, circuit: Circuit, shape: Shape, tokens: Tokens):
        self.circuit = circuit
        self.shape = shape
        self.tokens = tokens
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
        mapped: dict[int, Weight] = {
            k: Tensor(((1, 1),) * self.bits[sources[k]])
            for k, index in enumerate(term.indices)
            if index.kind == "sum"
        }
        joint = []
        for axis, places in readers.items():
            if len(places) == 1:
                k = places[0]
                mapped[k] = self._map(term.indices[k], weights[axis], axis, sources[k])
            else:
                joint.append((axis, places))
        reads = []
        self.spend(sum(map(length, mapped.values())))
        for axis, _ in joint:
            self.spend(dense_steps(weights[axis], self.size[axis]))
        choices = [
            [(i, w) for i, w in enumerate(dense(weights[axis], self.size[axis])) if w]
            for axis, _ in joint
        ]
        if joint:
            self.spend(math.prod(map(len, choices)) * 8 * len(sources))
        for choice in product(*choices):
            total, chosen = coefficient, dict(mapped)
            for (_, places), (i, w) in zip(joint, choice, strict=True):
                total = total * w
                for k in places:
                    j, sign = self._source(term.indices[k], i, self.size[sources[k]])
                    total = total * sign
                    chosen[k] = Sparse(((j, 1),))
            reads.append(Read(total, term.column, tuple(chosen[k] for k in range(len(sources)))))
        return reads

    def _map(self, index: Index, weight: Weight, axis: str, source: str) -> Weight:
        if index.kind == "same":
            return weight
        size = self.size[source]
        if index.kind == "rotate" and isinstance(weight, Tensor) and size == 1 << self.bits[source]:
            (a, b), *rest = weight.pairs
            return Tensor(((b, -a), *rest))
        self.spend(length(weight) + len(index.table) // 16)
        key = index, weight, source
        if key not in self._mapped:
            self._mapped[key] = self._gather(index, weight, axis, size)
        return self._mapped[key]

    def _gather(self, index: Index, weight: Weight, axis: str, size: int) -> Sparse:
        """The mapped weights of a source of that size, from those of all of the axis."""
        self.spend(dense_steps(weight, self.size[axis]))
        values = dense(weight, self.size[axis])
        if index.kind == "before":
            entries, tail = [], 0
            for j in range(size - 1, 0, -1):
                tail = tail + values[j]
                if tail:
                    entries.append((j - 1, tail))
            return Sparse(tuple(reversed(entries)))
        gathered: dict[int, Scalar] = {}
        for i, w in enumerate(values):
            if w:
                j, sign = self._source(index, i, size)
                gathered[j] = gathered.get(j, 0) + w * sign
        return Sparse(tuple(sorted(gathered.items())))

    def _source(self, index: Index, i: int, size: int) -> tuple[int, int]:
        """Which source index, with which sign, the index map reads at i."""
        match index.kind:
            case "same":
                return i, 1
            case "window":
                return i + self.shape.prompt - 1, 1
            case "token":
                return self.tokens.at(i), 1
            case "previous":
                return self.tokens.at(i + self.shape.prompt - 1), 1
            case "next":
                return self.tokens.next(i), 1
            case "pick":
                return index.table[i], 1
            case "rotate":
                return (i + size // 2, -1) if i < size // 2 else (i - size // 2, 1)
        raise CircuitError(f"an index of kind {index.kind} has no single source")
