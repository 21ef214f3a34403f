"""An independent check of a circuit: every relation evaluated over the integers.

It shares no code with the prover, the verifier or the executor. Arrays are int64 while a bound from
the actual values shows that nothing overflows, else arrays of Python integers.

Shapes: an array for each witness and param column, in the column's axes at the given shape;
``tokens`` are the ids of the prompt and of the generated tokens; positions past them hold token 0. A
circuit that holds them in columns, or is of a function, takes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from ..errors import expect
from ..runtime.circuit.extents import Shape
from ..runtime.circuit.generation import Generation
from ..runtime.circuit.index import Index
from ..runtime.circuit.relations import Circuit, Column, Einsum, Expr, Gather, Product

SAFE = 1 << 62
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def check(
    circuit: Circuit,
    shape: Shape,
    columns: Mapping[str, np.ndarray],
    tokens: Sequence[int] | np.ndarray = (),
) -> list[str]:
    """The names of the violated relations."""
    evaluator = Evaluator(circuit, shape, columns, np.asarray(tokens, dtype=np.int64))
    return evaluator.violated()


class Evaluator:
    """Evaluates expressions and products of one proof's columns."""

    def __init__(
        self,
        circuit: Circuit,
        shape: Shape,
        columns: Mapping[str, np.ndarray],
        tokens: np.ndarray,
    ):
        self.circuit, self.shape, self.given, self.tokens = circuit, shape, columns, tokens
        count = 0 if circuit.reveals else self.generation.prompt + self.generation.generated
        if tokens.shape != (count,):
            raise ValueError(f"{tokens.size} tokens where the circuit takes {count}")
        self.cache: dict[str, np.ndarray] = {}
        self.rows: dict[str, np.ndarray] = {}
        """Of tables that were looked up in, as numbers."""

    def violated(self) -> list[str]:
        """The names of the relations that do not hold."""
        circuit = self.circuit
        violated = [f"band of {c.name}" for c in circuit.home("witness") if not self.in_band(c)]
        violated += [e.name for e in circuit.einsums if not self.einsum(e)]
        for lookup in circuit.lookups:
            outside = self.outside(lookup.exprs[0].axes)
            cells = [self.expr(expr)[~outside] for expr in lookup.exprs]
            if not self.rows_known(lookup.table, np.stack(cells, axis=1)):
                violated.append(lookup.name)
        violated += [r.name for r in circuit.linears if np.any(self.expr(r.expr) != 0)]
        violated += [g.name for g in circuit.gathers if not self.gather(g)]
        return violated

    def outside(self, axes: Sequence[str]) -> np.ndarray:
        """Which cells over some axes are in no band that they should be in."""
        sizes = [self.shape.size(self.circuit.axis[axis]) for axis in axes]
        found = np.zeros(sizes, bool)
        for band in self.circuit.bands:
            if band.rows in axes and band.columns in axes:
                places = axes.index(band.rows), axes.index(band.columns)
                i, j = (_along(np.arange(sizes[p]) >> band.block, p, len(axes)) for p in places)
                # The least distance of two cells, one of each block.
                apart = np.maximum(0, ((i - j) << band.block) - (1 << band.block) + 1)
                found |= (i < j) | (apart >= band.window if band.window else False)
        return found

    def in_band(self, column: Column) -> bool:
        """Whether a column is zero where it has no cells; one that is defined is looked up nowhere else."""
        if column.name in self.circuit.defined:
            return True
        return not np.any(self.column(column)[self.outside(column.axes)])

    def rows_known(self, table: str, cells: np.ndarray) -> bool:
        """Whether each row of ``cells`` is a row of the table, compared as mixed-radix numbers."""
        rows = self.circuit.data[table]
        low, high = rows.min(axis=0), rows.max(axis=0)
        if np.any(cells < low) or np.any(cells > high):
            return False
        spans = [int(span) for span in high - low + 1]
        weights = [prod(spans[i + 1 :]) for i in range(len(spans))]
        kind = np.int64 if prod(spans) < SAFE else object

        def numbers(part: np.ndarray) -> np.ndarray:
            return np.unique(((part - low).astype(kind) * np.array(weights, kind)).sum(axis=1))

        if table not in self.rows:
            self.rows[table] = numbers(rows)
        return bool(np.isin(numbers(cells), self.rows[table]).all())

    def gather(self, gather: Gather) -> bool:
        index, value, source = map(self.expr, (gather.index, gather.value, gather.source))
        if np.any(index < 0) or np.any(index >= len(source)):
            return False
        return bool(np.all(source[index.astype(np.int64)] == value))

    def einsum(self, einsum: Einsum) -> bool:
        axes = einsum.lhs.axes
        total = self.expr(einsum.lhs)
        for product in einsum.products:
            total = self.minus(total, self.product(product, axes))
        wrong = total != 0
        # What is defined is looked up in its band alone.
        return not np.any(wrong & ~self.outside(axes) if einsum.defines else wrong)

    def product(self, product: Product, axes: tuple[str, ...]) -> np.ndarray:
        """The contraction; factors without contracted axes are multiplied after it."""
        inner = [f for f in product.factors if not set(f.axes) <= set(axes)]
        outer = [f for f in product.factors if set(f.axes) <= set(axes)]
        result, have = self.contract(inner, axes) if inner else (self.number(1), ())
        result = self.aligned(result, have, axes)
        for factor in outer:
            result = self.times(result, self.aligned(self.expr(factor), factor.axes, axes))
        return self.times(result, self.number(product.coefficient))

    def number(self, value: int) -> np.ndarray:
        """A number of the ring that relations are evaluated in, here the integers; so are these three."""
        return np.asarray(np.int64(value))

    def plus(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _combine(np.add, a, b, _peak(a) + _peak(b))

    def minus(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _combine(np.subtract, a, b, _peak(a) + _peak(b))

    def times(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _combine(np.multiply, a, b, _peak(a) * _peak(b))

    def contract(
        self, factors: list[Expr], axes: tuple[str, ...]
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        letters: dict[str, str] = {}
        for factor in factors:
            for axis in factor.axes:
                letters.setdefault(axis, LETTERS[len(letters)])
        kept = tuple(axis for axis in axes if axis in letters)
        arrays = [self.expr(factor) for factor in factors]
        bound = prod(map(_peak, arrays))
        bound *= prod(self.shape.size(self.circuit.axis[axis]) for axis in set(letters) - set(axes))
        kind = np.int64 if bound < SAFE else object
        text = ",".join("".join(letters[a] for a in f.axes) for f in factors)
        text += "->" + "".join(letters[a] for a in kept)
        # Without `optimize` so that object arrays work; contractions are pairwise at most.
        return np.einsum(text, *(a.astype(kind) for a in arrays)), kept

    def aligned(
        self, array: np.ndarray, have: tuple[str, ...], axes: tuple[str, ...]
    ) -> np.ndarray:
        """``array`` over axes ``have`` transposed and widened to broadcast over ``axes``."""
        order = [have.index(axis) for axis in axes if axis in have]
        sizes = [array.shape[have.index(axis)] if axis in have else 1 for axis in axes]
        return array.transpose(order).reshape(sizes)

    def expr(self, expr: Expr) -> np.ndarray:
        sizes = tuple(self.shape.size(self.circuit.axis[axis]) for axis in expr.axes)
        total = np.broadcast_to(self.number(expr.constant), sizes, subok=True)
        for term in expr.terms:
            array = self.column(self.circuit.column[term.column])
            read = self.read(array, term.indices, expr.axes)
            total = self.plus(total, self.times(read, self.number(term.coefficient)))
        return np.broadcast_to(total, sizes, subok=True)

    def read(
        self, array: np.ndarray, indices: tuple[Index, ...], axes: tuple[str, ...]
    ) -> np.ndarray:
        """The column through its indices, ready to broadcast over ``axes``."""
        exact = array.astype(np.int64) if array.dtype != object else array
        for position, index in enumerate(indices):
            if index.kind == "sum":
                exact = exact.sum(axis=position, keepdims=True)
            elif index.kind == "before":
                earlier = np.cumsum(exact, axis=position)
                exact = np.roll(earlier, 1, axis=position)
                np.moveaxis(exact, position, 0)[0] = 0
            elif index.kind == "rotate":
                low, high = np.split(exact, 2, axis=position)
                exact = np.concatenate([-high, low], axis=position)
            elif index.kind == "stride":
                step, start = index.table
                count = self.shape.size(self.circuit.axis[index.axis])
                places = step * np.arange(count) + start
                inside = (places >= 0) & (places < exact.shape[position])
                taken = np.take(exact, np.where(inside, places, 0), axis=position)
                exact = taken * _along(inside.astype(np.int64), position, taken.ndim)
        picks = []
        for position, index in enumerate(indices):
            if not index.axis:
                entry = index.table[0] if index.kind == "at" else 0
                picks.append(np.full((1,) * len(axes), entry, np.int64))
                continue
            where = self.positions(index, exact.shape[position])
            sizes = [1] * len(axes)
            sizes[axes.index(index.axis)] = len(where)
            picks.append(where.reshape(sizes))
        return exact[tuple(picks)] if picks else exact.reshape((1,) * len(axes))

    def positions(self, index: Index, size: int) -> np.ndarray:
        if index.kind in ("same", "before", "rotate", "stride"):
            return np.arange(size)
        if index.kind == "pick":
            return np.array(index.table)
        prompt, generated = self.generation.prompt, self.generation.generated
        if index.kind == "window":
            return np.arange(generated) + prompt - 1
        if index.kind == "generating":
            return np.arange(generated) + prompt - 1 + index.table[0]
        if index.kind == "position":
            return np.arange(self.generation.rows) + index.table[0]
        if index.kind == "token":
            return self.ids()
        if index.kind == "previous":
            return self.tokens[prompt - 1 : prompt + generated - 1]
        return self.tokens[prompt:]

    @property
    def generation(self) -> Generation:
        return expect(self.shape, Generation)

    def ids(self) -> np.ndarray:
        ids = np.zeros(self.generation.rows, np.int64)
        known = self.tokens[: self.generation.rows]
        ids[: len(known)] = known
        return ids

    def column(self, column: Column) -> np.ndarray:
        if column.name not in self.cache:
            array = self.public(column) if column.home == "public" else self.given[column.name]
            sizes = self.circuit.sizes(column, self.shape)
            if array.shape != sizes:
                raise ValueError(f"column {column.name} has shape {array.shape}, not {sizes}")
            self.cache[column.name] = array
        return self.cache[column.name]

    def public(self, column: Column) -> np.ndarray:
        sizes = self.circuit.sizes(column, self.shape)
        if column.kind == "data":
            return self.circuit.data[column.name][tuple(slice(size) for size in sizes)]
        if column.kind == "below-next":
            following = self.tokens[self.generation.prompt :]
            return (np.arange(sizes[1])[None, :] < following[:, None]).astype(np.int64)
        back = np.arange(sizes[1])[:, None] - np.arange(sizes[2])[None, :]
        layers = [(back >= 0) & ((back < window) if window else True) for window in column.windows]
        return np.stack(layers).astype(np.int64)


def _along(values: np.ndarray, place: int, axes: int) -> np.ndarray:
    """A vector along one of so many axes."""
    return values.reshape([-1 if axis == place else 1 for axis in range(axes)])


def _peak(array: np.ndarray) -> int:
    if array.size == 0:
        return 0
    return max(abs(int(array.min())), abs(int(array.max())), 1)


def _combine(function, a: np.ndarray, b: np.ndarray, bound: int) -> np.ndarray:
    if bound >= SAFE:
        a, b = a.astype(object), b.astype(object)
    return function(a, b)
