"""Every relation of a circuit, evaluated in its field by the package `galois`.

Cells are read as integers where an index says, and then are elements: sums, products and contractions are `galois`'
own. What runs, proves and verifies computes otherwise.

Errors: `MissingPackage` without `galois`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...compiler.interpret_circuit import Evaluator
from ...errors import InvalidProof, MissingPackage
from ...runtime.circuit.extents import Shape
from ...runtime.circuit.generation import vocabulary
from ...runtime.circuit.index import Index
from ...runtime.circuit.relations import PRIME, Circuit, Expr, Gather

GENERATOR = 7
"""A primitive element: to look for one takes `galois` long."""


def violated(
    circuit: Circuit,
    shape: Shape,
    columns: Mapping[str, np.ndarray],
    tokens: Sequence[int] = (),
) -> list[str]:
    """The names of the relations that do not hold; `InvalidProof` where columns or tokens do not fit the shape."""
    ids = np.asarray(tokens, np.int64)
    if ids.size and not 0 <= ids.min() <= ids.max() < vocabulary(circuit.axis):
        raise InvalidProof("a token is not in the vocabulary")
    try:
        return FieldEvaluator(circuit, shape, columns, ids).violated()
    except ValueError as error:
        raise InvalidProof(str(error)) from None


@cache
def field() -> Any:
    """The class of arrays over the field."""
    try:
        import galois
    except ModuleNotFoundError:
        raise MissingPackage("galois", "reference") from None
    return galois.GF(PRIME, primitive_element=GENERATOR, verify=False)


class FieldEvaluator(Evaluator):
    """The same, over the field."""

    def number(self, value: int) -> np.ndarray:
        return field()(value % PRIME)

    def plus(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a + b

    def minus(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a - b

    def times(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * b

    def read(
        self, array: np.ndarray, indices: tuple[Index, ...], axes: tuple[str, ...]
    ) -> np.ndarray:
        return (super().read(array, indices, axes).astype(object) % PRIME).view(field())

    def contract(
        self, factors: list[Expr], axes: tuple[str, ...]
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Sums of products, one axis of the rows of a matrix, one of its columns, the others side by side."""
        have = dict.fromkeys(axis for factor in factors for axis in factor.axes)
        kept = tuple(axis for axis in axes if axis in have)
        product, order = self.expr(factors[0]), factors[0].axes
        for factor in factors[1:-1]:
            both = (*order, *(axis for axis in factor.axes if axis not in order))
            product = self.aligned(product, order, both) * self.aligned(
                self.expr(factor), factor.axes, both
            )
            order = both
        other = factors[-1].axes if len(factors) > 1 else ()
        second = self.expr(factors[-1]) if len(factors) > 1 else field()(1)
        # What one side alone has is summed there.
        product, order = _summed(product, order, {*order} - {*other} - {*axes})
        second, other = _summed(second, other, {*other} - {*order} - {*axes})
        shared = [axis for axis in order if axis in other and axis in axes]
        inner = [axis for axis in order if axis in other and axis not in axes]
        rows = [axis for axis in order if axis not in other]
        columns = [axis for axis in other if axis not in order]
        left = self._matrices(product, order, shared, rows, inner)
        right = self._matrices(second, other, shared, inner, columns)
        made = left @ right
        found = (*shared, *rows, *columns)
        sizes = [self.shape.size(self.circuit.axis[axis]) for axis in found]
        return self.aligned(made.reshape(sizes), found, kept), kept

    def _matrices(
        self,
        array: np.ndarray,
        have: tuple[str, ...],
        side: list[str],
        rows: list[str],
        columns: list[str],
    ) -> np.ndarray:
        """An array as one matrix for each place along some axes."""
        sizes = [
            int(np.prod([self.shape.size(self.circuit.axis[axis]) for axis in axes]))
            for axes in (side, rows, columns)
        ]
        places = [have.index(axis) for axis in (*side, *rows, *columns)]
        return array.transpose(places).reshape(sizes)

    def rows_known(self, table: str, cells: np.ndarray) -> bool:
        """Of elements as the integers nearest to zero."""
        found = cells.view(np.ndarray)
        signed = np.where(found > PRIME // 2, found - PRIME, found)
        return super().rows_known(table, signed.astype(np.int64))

    def gather(self, gather: Gather) -> bool:
        index, value, source = map(self.expr, (gather.index, gather.value, gather.source))
        places = np.asarray(index).astype(object)
        if np.any(places >= len(source)):
            return False
        return bool(np.all(source[places.astype(np.int64)] == value))


def _summed(
    array: np.ndarray, have: tuple[str, ...], away: set[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    for axis in away:
        array = np.add.reduce(array, axis=have.index(axis))
        have = tuple(each for each in have if each != axis)
    return array, have
