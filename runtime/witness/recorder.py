"""The witness columns of one proof, as the steps of a program make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from ...errors import RangeError, ZklemmaError
from ..circuit.band import Band
from ..circuit.extents import Shape
from ..circuit.index import Index, Inputs
from ..circuit.program import Step
from ..circuit.relations import Circuit, Expr, Term
from .columns import Columns
from .steps import Axes


class Recorder:
    """Takes each column once, in its narrowest integer dtype at a shape."""

    def __init__(self, circuit: Circuit, shape: Shape) -> None:
        self.circuit, self.shape = circuit, shape
        self._columns = {
            column.name: np.empty(circuit.sizes(column, shape), column.storage)
            for column in circuit.home("witness")
        }
        self._missing = set(self._columns)

    def record(self, name: str, layer: int | None, axes: Axes, array: np.ndarray) -> None:
        """A column, or one layer of it, over ``axes``; `RangeError` names its module if it is out of range."""
        column = self.circuit.column[name]
        low, high = int(array.min()), int(array.max())
        if low < column.low or high > column.high:
            where = column.origin.replace("{layer}", str(layer))
            seen = high if high > column.high else low
            raise RangeError(
                f"{where}: the committed value {name} is {seen}, outside its range "
                f"[{column.low}, {column.high}]; compile with more headroom"
            )
        own = [axis for axis in column.axes if layer is None or axis != "layer"]
        target = self._columns[name] if layer is None else self._columns[name][layer]
        target[...] = array.transpose([axes.index(axis) for axis in own])
        if band := self.circuit.band(column.axes):
            _clear(target, band, own.index(band.rows), own.index(band.columns))
        self._missing.discard(name)

    def define(
        self, steps: Iterable[Step], params: Mapping[str, np.ndarray], inputs: Inputs
    ) -> None:
        """The columns that steps ``define`` by what is there."""
        made = Columns(self.circuit, self.shape, {**params, **self._columns}, inputs)
        for step in steps:
            (name,) = step.witness["x"]
            self.record(name, None, step.axes, made.expr(self._definition(step, name)))

    def complete(self) -> dict[str, np.ndarray]:
        """All columns; `ZklemmaError` names one that nobody made."""
        if self._missing:
            raise ZklemmaError(f"no step of the witness program makes {min(self._missing)}")
        return self._columns

    def _definition(self, step: Step, name: str) -> Expr:
        """What a linear relation says that a column is."""
        relations = {linear.name: linear.expr for linear in self.circuit.linears}
        expr = relations.get(str(step.attributes["relation"]))
        own = Term(-1, name, tuple(Index("same", axis) for axis in step.axes))
        if expr is None or own not in expr.terms:
            raise ZklemmaError(f"{step.origin}: no relation says what {name} is")
        return replace(expr, terms=tuple(term for term in expr.terms if term != own))


def check_params(circuit: Circuit, params: Mapping[str, np.ndarray]) -> None:
    """`ZklemmaError` unless these are integers for the circuit's ``param`` columns."""
    for column in circuit.home("param"):
        array = params.get(column.name)
        sizes = tuple(circuit.axis[axis].size for axis in column.axes)
        if array is None or array.shape != sizes or array.dtype.kind not in "iu":
            raise ZklemmaError(f"weight {column.name}: missing, or not integers of {sizes}")
        limits = np.iinfo(array.dtype)
        if (limits.min < column.low or limits.max > column.high) and (
            array.min() < column.low or array.max() > column.high
        ):
            raise ZklemmaError(
                f"weight {column.name}: values outside [{column.low}, {column.high}]"
            )


def _clear(array: np.ndarray, band: Band, rows: int, columns: int) -> None:
    """Zeros outside a band of two axes."""
    square = np.moveaxis(array, (rows, columns), (0, 1))
    side = 1 << band.block
    starts = range(0, len(square), side)
    for i in starts:
        for j in starts:
            if not band.holds((i, i + side), (j, j + side)):
                square[i : i + side, j : j + side] = 0
