"""Columns and expressions of a circuit as arrays, at a given shape and given tokens.

The prover reads whatever it needs through `Columns`: a column is stored (witness, parameters) or
made here (public ones); an expression is evaluated on its whole domain or on a sub-box, so that
large domains can be walked in pieces. Everything is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from ...errors import ZklemmaError
from ..circuit.relations import Circuit, Column, Expr, Index, Shape, Term

Box = Mapping[str, slice]

INT64 = 1 << 63


def position_ids(shape: Shape, tokens: np.ndarray) -> np.ndarray:
    """The token id at each of ``shape.rows`` positions: the sequence, then the padding token 0.

    Position prompt + generated - 1, where padding makes room for it, holds the last generated
    token.
    """
    ids = np.zeros(shape.rows, np.int64)
    kept = min(shape.rows, len(tokens))
    ids[:kept] = tokens[:kept]
    return ids


class Columns:
    """The columns of one proof.

    ``values`` holds the witness and ``param`` columns in any integer dtype, ``tokens`` the ids of
    the prompt and of the generated tokens; a circuit that holds them in columns reads none.
    """

    def __init__(
        self,
        circuit: Circuit,
        shape: Shape,
        values: Mapping[str, np.ndarray],
        tokens: np.ndarray,
    ) -> None:
        if not circuit.reveals and len(tokens) != shape.prompt + shape.generated:
            raise ZklemmaError(f"{len(tokens)} tokens for a proof of another number")
        self.circuit = circuit
        self.shape = shape
        self.values = values
        self.tokens = np.asarray(tokens, np.int64)
        self._publics: dict[str, np.ndarray] = {}
        self._fitting: dict[int, Expr] = {}

    @cached_property
    def ids(self) -> np.ndarray:
        return position_ids(self.shape, self.tokens)

    @property
    def next(self) -> np.ndarray:
        return self.tokens[self.shape.prompt :]

    def size(self, axis: str) -> int:
        return self.shape.size(self.circuit.axis[axis])

    def column(self, name: str) -> np.ndarray:
        """A column's array over its axes, in its own dtype."""
        if self.circuit.column[name].home == "public":
            return self.public(name)
        return self.values[name]

    def public(self, name: str) -> np.ndarray:
        if name not in self._publics:
            self._publics[name] = self._make(self.circuit.column[name])
        return self._publics[name]

    def _make(self, column: Column) -> np.ndarray:
        if column.kind == "mask":
            back = np.subtract.outer(np.arange(self.shape.rows), np.arange(self.shape.rows))
            masks = [(back >= 0) & (back < (w or self.shape.rows)) for w in column.windows]
            return np.stack(masks).view(np.uint8)
        if column.kind == "below-next":
            vocabulary = self.size(column.axes[1])
            return (np.arange(vocabulary) < self.next[:, None]).view(np.uint8)
        cut = tuple(slice(self.size(axis)) for axis in column.axes)
        return self.circuit.data[column.name][cut]

    def expr(self, expr: Expr, box: Box | None = None) -> np.ndarray:
        """The expression over its axes (or, along those in ``box``, over a range of them).

        A read-only view of a column, in the column's dtype, where it is no more than that; else in
        the narrowest signed type that holds it whatever the columns hold.
        """
        box = box or {}
        spans = {axis: range(self.size(axis))[box.get(axis, slice(None))] for axis in expr.axes}
        if any(span.step != 1 for span in spans.values()):
            raise ZklemmaError("a box skips cells")
        sizes = tuple(len(spans[axis]) for axis in expr.axes)
        # Parts may wrap around in that type; their sum is right all the same.
        dtype = self._type(expr)
        if len(expr.terms) == 1 and expr.constant == 0 and expr.terms[0].coefficient == 1:
            return np.broadcast_to(self._term(expr.terms[0], expr.axes, spans, dtype), sizes)
        self._check_fits(expr)
        total: np.ndarray = np.full((1,) * len(sizes), _wrapped(expr.constant, dtype))
        for term in expr.terms:
            part = self._term(term, expr.axes, spans, dtype)
            if term.coefficient != 1:
                scale = _wrapped(term.coefficient, dtype)
                part = np.multiply(part, scale, dtype=dtype, casting="unsafe")
            if total.shape == np.broadcast_shapes(total.shape, part.shape):
                np.add(total, part, out=total, dtype=dtype, casting="unsafe")
            else:
                total = np.add(total, part, dtype=dtype, casting="unsafe")
        return np.broadcast_to(total, sizes)

    def _type(self, expr: Expr) -> np.dtype:
        """The narrowest signed type of at least 16 bits for the expression, by what its columns can hold."""
        low = high = expr.constant
        for term in expr.terms:
            column = self.circuit.column[term.column]
            limits = self._limits(column)
            ends = [term.coefficient * limit for limit in limits]
            for index, axis in zip(term.indices, column.axes, strict=True):
                if index.kind in ("sum", "before"):
                    ends = [x * self.size(axis) for x in ends]
                if index.kind == "before":
                    ends.append(0)
                if index.kind == "rotate":
                    ends += [-x for x in ends]
            low, high = low + min(ends), high + max(ends)
        fitting = (np.dtype(t) for t in (np.int16, np.int32) if _holds(t, low, high))
        return next(fitting, np.dtype(np.int64))

    def _limits(self, column: Column) -> tuple[int, int]:
        """Of a public column its range; of another, whose cells may lie, its type's."""
        if column.home == "public":
            return column.low, column.high
        limits = np.iinfo(self.values[column.name].dtype)
        return int(limits.min), int(limits.max)

    def _term(
        self, term: Term, axes: tuple[str, ...], spans: Mapping[str, range], dtype: np.dtype
    ) -> np.ndarray:
        """The column of a term as it is read, with size 1 along the axes that it does not read; sums of
        cells are in ``dtype``."""
        array = self.column(term.column)
        names = [index.axis for index in term.indices]
        summed = tuple(i for i, index in enumerate(term.indices) if index.kind == "sum")
        readers: dict[str, list[int]] = {}
        for position, axis in enumerate(names):
            if axis:
                readers.setdefault(axis, []).append(position)
        # Narrow first, then sum over what is left.
        for axis, positions in readers.items():
            if len(positions) == 1:
                index = term.indices[positions[0]]
                array = self._read(array, positions[0], index, spans[axis], dtype)
        for axis, positions in readers.items():
            if len(positions) > 1:
                # One gather along all of them at once; the first keeps the result.
                sources = tuple(self._source(term.indices[i], spans[axis]) for i in positions)
                taken = np.moveaxis(array, positions, range(len(positions)))[sources]
                array = np.moveaxis(taken, 0, positions[0])
                array = np.expand_dims(array, positions[1:])
                for i in positions[1:]:
                    names[i] = ""
        if summed:
            array = array.sum(axis=summed, dtype=dtype, keepdims=True)
        kept = [i for i, name in enumerate(names) if name]
        array = array.reshape([array.shape[i] for i in kept])
        read = [names[i] for i in kept]
        array = array.transpose([read.index(axis) for axis in axes if axis in read])
        shape = iter(array.shape)
        return array.reshape([next(shape) if axis in read else 1 for axis in axes])

    def _read(
        self, array: np.ndarray, position: int, index: Index, span: range, dtype: np.dtype
    ) -> np.ndarray:
        """``array`` with one axis read by an index over a range of its target axis."""
        before = (slice(None),) * position
        if index.kind == "same":
            return array[(*before, slice(span.start, span.stop))]
        if index.kind == "window":
            shift = self.shape.prompt - 1
            return array[(*before, slice(span.start + shift, span.stop + shift))]
        if index.kind == "before":
            # Exclusive cumulative sums of [0, stop), of which the span is kept.
            sums = np.zeros(
                (*array.shape[:position], span.stop, *array.shape[position + 1 :]), dtype
            )
            if span.stop > 1:
                used = array[(*before, slice(span.stop - 1))]
                np.cumsum(used, axis=position, dtype=dtype, out=sums[(*before, slice(1, None))])
            return sums[(*before, slice(span.start, span.stop))]
        if index.kind == "rotate":
            half = array.shape[position] // 2
            i = np.arange(span.start, span.stop)
            sign = np.where(i < half, -1, 1).astype(dtype)
            sign = sign.reshape(-1, *(1,) * (array.ndim - position - 1))
            taken = np.take(array, (i + half) % (2 * half), axis=position)
            return np.multiply(taken, sign, dtype=dtype, casting="unsafe")
        return np.take(array, self._source(index, span), axis=position)

    def _source(self, index: Index, span: range) -> np.ndarray:
        """Which entries of its axis an index reads."""
        cut = slice(span.start, span.stop)
        match index.kind:
            case "same":
                return np.arange(span.start, span.stop)
            case "window":
                return np.arange(span.start, span.stop) + self.shape.prompt - 1
            case "token":
                return self.ids[cut]
            case "previous":
                return self.tokens[self.shape.prompt - 1 : -1][cut]
            case "next":
                return self.next[cut]
            case "pick":
                return np.asarray(index.table, np.int64)[cut]
        raise ZklemmaError(f"an index of kind {index.kind} has no single source")

    def _check_fits(self, expr: Expr) -> None:
        """All partial sums fit int64, by the ranges of the columns."""
        if id(expr) in self._fitting:
            return
        total = abs(expr.constant)
        for term in expr.terms:
            column = self.circuit.column[term.column]
            size = abs(term.coefficient) * max(abs(column.low), abs(column.high))
            for index, axis in zip(term.indices, column.axes, strict=True):
                size *= self.size(axis) if index.kind in ("sum", "before") else 1
            total += size
        if total >= INT64:
            raise ZklemmaError(f"an expression in {expr.terms[0].column} may leave 64 bits")
        self._fitting[id(expr)] = expr


def _holds(dtype: type, low: int, high: int) -> bool:
    limits = np.iinfo(dtype)
    return int(limits.min) <= low and high <= int(limits.max)


def _wrapped(value: int, dtype: np.dtype) -> np.ndarray:
    """The integer modulo the type's size."""
    return np.array(value % (1 << 64), np.uint64).astype(dtype)
