"""What the inputs and outputs of a function are: names, shapes, and which real number an integer stands for.

A cell of a tensor is an integer of ``bits`` bits, with a sign, and stands for integer / 2^frac; the integer of a
real number is the nearest one, the larger of two that are as near. Doubles hold either exactly. A cell of an input
of ids is the id, at least 0 and below their number, and stands for itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import UserError
from ..circuit import function
from ..circuit.extents import Shape
from ..circuit.function import INPUT, MOST_TENSORS, OUTPUT
from ..circuit.relations import MOST_DIMENSIONS, Circuit
from ..visible import require_name

MOST_BITS = 53
LARGEST_FRAC = 64
# Names of classes, of all outputs together.
MOST_LABELS = 1 << 14


@dataclass(frozen=True)
class Tensor:
    """``shape`` is that of one example; ``labels`` may name what stands along the last axis of an output. ``ids``
    is how many there are of an input of ids, whose bits follow from that, and 0 of a tensor of real numbers."""

    name: str
    shape: tuple[int, ...]
    bits: int
    frac: int
    labels: tuple[str, ...] = ()
    ids: int = 0

    @staticmethod
    def of_ids(name: str, shape: tuple[int, ...], ids: int) -> Tensor:
        """An input of ids 0 .. ids - 1."""
        return Tensor(name, shape, 1 + (ids - 1).bit_length(), 0, ids=ids)

    @property
    def low(self) -> int:
        return 0 if self.ids else -(1 << self.bits - 1)

    @property
    def high(self) -> int:
        return self.ids - 1 if self.ids else (1 << self.bits - 1) - 1

    def quantize(self, values: ArrayLike) -> np.ndarray:
        """The integers of real numbers or ids (examples, \\*shape), int64; `UserError` names what has none."""
        try:
            reals = np.asarray(values)
        except ValueError as error:
            raise UserError(f"tensor {self.name}: its examples are of different shapes") from error
        if reals.dtype.kind not in ("iu" if self.ids else "biuf"):
            what = "ids are integers" if self.ids else "numbers are needed"
            raise UserError(f"tensor {self.name}: {what}, not {reals.dtype}")
        if reals.shape[1:] != self.shape or reals.ndim != 1 + len(self.shape) or not len(reals):
            wanted = ", ".join(("examples", *map(str, self.shape)))
            raise UserError(f"tensor {self.name}: its shape is {reals.shape}, not ({wanted})")
        if self.ids:
            return self._ids(reals)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = reals.astype(np.float64) * 2.0**self.frac
            low = np.floor(scaled)
            # What is left is exact, so that no half is made by rounding.
            cells = low + (scaled - low >= 0.5)
        # Written so that no comparison with what is no number holds.
        wrong = ~((self.low <= cells) & (cells <= self.high))
        if wrong.any():
            at, value = _first(reals, wrong)
            step = 2.0**-self.frac
            raise UserError(
                f"tensor {self.name}: {value:g} {at} is outside its range "
                f"[{self.low * step:g}, {self.high * step:g}]; compile with more headroom (--headroom 4), or "
                "calibrate on examples like this"
            )
        return cells.astype(np.int64)

    def _ids(self, given: np.ndarray) -> np.ndarray:
        # Compared as they are: numbers beyond int64 would wrap.
        wrong = (given < 0) | (given >= self.ids)
        if wrong.any():
            at, value = _first(given, wrong)
            raise UserError(
                f"tensor {self.name}: {value} {at} is no id, which are 0 to {self.high}"
            )
        return given.astype(np.int64)

    def real(self, cells: np.ndarray) -> np.ndarray:
        """The real numbers that integers stand for, float64; of ids the integers, int64."""
        return cells.astype(np.int64) if self.ids else cells.astype(np.float64) / 2.0**self.frac


def _first(values: np.ndarray, wrong: np.ndarray) -> tuple[str, Any]:
    """Where the first of the values is that are wrong, in words, and which it is."""
    place = np.unravel_index(int(wrong.argmax()), wrong.shape)
    where = [int(i) for i in place[1:]]
    at = f" at {where}" if where else ""
    return f"in example {int(place[0])}{at}", values[place].item()


@dataclass(frozen=True)
class Signature:
    """The tensors of a function, each in the order of the module's own."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise UserError("two tensors of a function share a name")
        if not self.inputs or not self.outputs or len(names) > MOST_TENSORS:
            raise UserError(
                f"a function has an input and an output, and {MOST_TENSORS} tensors at most"
            )
        for what, tensor in self.tensors.items():
            _check(what, tensor)
        if sum(len(tensor.labels) for tensor in self.outputs) > MOST_LABELS:
            raise UserError(f"a function has more than {MOST_LABELS} labels")

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All of them by what circuits and statements call them, inputs first."""
        found = {f"{INPUT} {tensor.name}": tensor for tensor in self.inputs}
        return found | {f"{OUTPUT} {tensor.name}": tensor for tensor in self.outputs}

    def quantize(self, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """The integers of all inputs by name; `UserError` if some are missing, or are not of one batch."""
        known = {tensor.name for tensor in self.inputs}
        if unknown := [name for name in inputs if name not in known]:
            raise UserError(
                f"the function has no input {unknown[0]}, only {', '.join(sorted(known))}"
            )
        if missing := [tensor.name for tensor in self.inputs if tensor.name not in inputs]:
            raise UserError(f"the input {missing[0]} is missing")
        found = {tensor.name: tensor.quantize(inputs[tensor.name]) for tensor in self.inputs}
        if len({len(array) for array in found.values()}) > 1:
            counts = ", ".join(f"{name} {len(array)}" for name, array in found.items())
            raise UserError(f"inputs are of different numbers of examples: {counts}")
        return found

    def fits(self, circuit: Circuit) -> bool:
        """Whether these are the tensors that a circuit of a function reveals."""
        if set(self.tensors) != set(circuit.reveals):
            return False
        for what, tensor in self.tensors.items():
            (name,) = circuit.reveals[what]
            column = circuit.column[name]
            if function.sizes(circuit, what, Shape(circuit.extents))[1:] != tensor.shape:
                return False
            if not tensor.low <= column.low <= column.high <= tensor.high:
                return False
        return True

    def to_list(self) -> list[Any]:
        """Plain data, as keys have it."""
        return [[_to_list(tensor) for tensor in tensors] for tensors in (self.inputs, self.outputs)]

    @staticmethod
    def from_list(data: Any) -> Signature:
        """What `to_list` gave; `ValueError`, `TypeError` or `UserError` if it can not have."""
        inputs, outputs = (tuple(_from_list(each) for each in tensors) for tensors in data)
        return Signature(inputs, outputs)


def _to_list(tensor: Tensor) -> list[Any]:
    if tensor.ids:
        return [tensor.name, list(tensor.shape), tensor.ids]
    return [tensor.name, list(tensor.shape), tensor.bits, tensor.frac, list(tensor.labels)]


def _from_list(data: Any) -> Tensor:
    name, shape, number, *others = data
    if not others:
        if type(number) is not int or number < 1:
            raise ValueError("there is at least one id")
        return Tensor.of_ids(name, tuple(shape), number)
    frac, labels = others
    return Tensor(name, tuple(shape), number, frac, tuple(labels))


def _check(what: str, tensor: Tensor) -> None:
    numbers = (*tensor.shape, tensor.bits, tensor.frac, tensor.ids)
    if type(tensor.name) is not str or not function.is_name(what):
        raise UserError(f"{tensor.name!r}: a tensor's name is a letter, then letters, digits and _")
    fits = all(type(number) is int for number in numbers) and len(tensor.shape) < MOST_DIMENSIONS
    fits = fits and all(size > 0 for size in tensor.shape) and tensor.ids >= 0
    if not fits or not 1 <= tensor.bits <= MOST_BITS or abs(tensor.frac) > LARGEST_FRAC:
        raise UserError(f"tensor {tensor.name}: shape, bits or fraction bits can not be")
    if tensor.labels and what.startswith(f"{INPUT} "):
        raise UserError(f"tensor {tensor.name}: only outputs have labels")
    if tensor.ids and tensor != Tensor.of_ids(tensor.name, tensor.shape, tensor.ids):
        raise UserError(f"tensor {tensor.name}: ids are of other bits, and have no labels")
    if tensor.ids and what.startswith(f"{OUTPUT} "):
        raise UserError(f"tensor {tensor.name}: only inputs are ids")
    if tensor.labels and len(tensor.labels) != math.prod(tensor.shape[-1:]):
        raise UserError(f"tensor {tensor.name}: {len(tensor.labels)} labels do not fit its shape")
    for label in tensor.labels:
        require_name(label, f"tensor {tensor.name}", "label")
