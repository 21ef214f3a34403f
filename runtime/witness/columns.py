"""Columns and expressions of a circuit as arrays, at a given shape and for given inputs.

The prover reads whatever it needs through `Columns`: a column is stored (witness, parameters) or
made here (public ones); an expression is evaluated on its whole domain or on a sub-box, so that
large domains can be walked in pieces. Everything is exact.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import ZklemmaError
from ..circuit.extents import Shape
from ..circuit.generation import BELOW_NEXT, below_next
from ..circuit.index import Inputs
from ..circuit.index_maps import MAPS
from ..circuit.relations import Circuit, Column, Expr, Term

Box = Mapping[str, slice]

INT64 = 1 << 63


class Columns:
    """The columns of one proof.

    ``values`` holds the witness and ``param`` columns in any integer dtype; ``inputs`` are what the circuit
    reads of the statement.
    """

    def __init__(
        self,
        circuit: Circuit,
        shape: Shape,
        values: Mapping[str, np.ndarray],
        inputs: Inputs,
    ) -> None:
        self.circuit = circuit
        self.shape = shape
        self.values = values
        self.inputs = inputs
        self._publics: dict[str, np.ndarray] = {}
        self._fitting: dict[int, Expr] = {}

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
            rows = self.size(column.axes[1])
            back = np.subtract.outer(np.arange(rows), np.arange(rows))
            masks = [(back >= 0) & (back < (w or rows)) for w in column.windows]
            return np.stack(masks).view(np.uint8)
        if column.kind == BELOW_NEXT:
            vocabulary = self.size(column.axes[1])
            return (np.arange(vocabulary) < below_next(self.inputs)[:, None]).view(np.uint8)
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
            ends = self._interval(term, *self._limits(column))
            low, high = low + ends[0], high + ends[1]
        fitting = (np.dtype(t) for t in (np.int16, np.int32) if _holds(t, low, high))
        return next(fitting, np.dtype(np.int64))

    def _interval(self, term: Term, low: int, high: int) -> tuple[int, int]:
        """Of a term, if its column's cells are in [low, high]."""
        for index, axis in zip(term.indices, self.circuit.column[term.column].axes, strict=True):
            low, high = MAPS[index.kind].interval(low, high, self.size(axis))
        ends = term.coefficient * low, term.coefficient * high
        return min(ends), max(ends)

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
        readers: dict[str, list[int]] = {}
        for position, axis in enumerate(names):
            if axis:
                readers.setdefault(axis, []).append(position)
        # Narrow first, then sum over what is left.
        for axis, positions in readers.items():
            if len(positions) == 1:
                index = term.indices[positions[0]]
                kind, place = MAPS[index.kind], positions[0]
                array = kind.read(array, place, index, spans[axis], self.inputs, dtype)
        for axis, positions in readers.items():
            if len(positions) > 1:
                # One gather along all of them at once; the first keeps the result.
                indices = (term.indices[i] for i in positions)
                sources = tuple(MAPS[i.kind].sources(i, spans[axis], self.inputs) for i in indices)
                taken = np.moveaxis(array, positions, range(len(positions)))[sources]
                array = np.moveaxis(taken, 0, positions[0])
                array = np.expand_dims(array, positions[1:])
                for i in positions[1:]:
                    names[i] = ""
        for position, index in enumerate(term.indices):
            if not index.axis:
                kind = MAPS[index.kind]
                array = kind.read(array, position, index, range(1), self.inputs, dtype)
        kept = [i for i, name in enumerate(names) if name]
        array = array.reshape([array.shape[i] for i in kept])
        read = [names[i] for i in kept]
        array = array.transpose([read.index(axis) for axis in axes if axis in read])
        shape = iter(array.shape)
        return array.reshape([next(shape) if axis in read else 1 for axis in axes])

    def _check_fits(self, expr: Expr) -> None:
        """All partial sums fit int64, by the ranges of the columns."""
        if id(expr) in self._fitting:
            return
        total = abs(expr.constant)
        for term in expr.terms:
            column = self.circuit.column[term.column]
            total += max(map(abs, self._interval(term, column.low, column.high)))
        if total >= INT64:
            raise ZklemmaError(f"an expression in {expr.terms[0].column} may leave 64 bits")
        self._fitting[id(expr)] = expr


def _holds(dtype: type, low: int, high: int) -> bool:
    limits = np.iinfo(dtype)
    return int(limits.min) <= low and high <= int(limits.max)


def _wrapped(value: int, dtype: np.dtype) -> np.ndarray:
    """The integer modulo the type's size."""
    return np.array(value % (1 << 64), np.uint64).astype(dtype)
