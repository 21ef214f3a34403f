"""Layers: the part that a function repeats, found by its form.

A layer takes one value, the residual stream, and leaves one, which is what it took and what it added. The next
layer does the same operations with it, and parameters of its own. Operations are of the same form where
the caller says so; that operands are the same ones is always asked. Names say nothing of layers.

The layers of a function are the run of at least two that covers most of its operations; of two such runs the one
of smaller layers, and then the one that begins first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects.interfaces import Parameter, Sum
from ...errors import expect

Form = Callable[[Operation], Hashable]
# Runs that are looked into: a model's layers are among the first, and a function that anyone wrote has any number.
TRIED = 64


@dataclass(frozen=True)
class Layer:
    """Its operations but for parameters, in order; parameters in the order of their first use."""

    ops: Sequence[Operation]
    entering: SSAValue
    params: Sequence[SSAValue]
    leaving: SSAValue

    @property
    def makers(self) -> list[Operation]:
        """The operations that make its parameters."""
        return [expect(param.owner, Operation) for param in self.params]


def find_layers(ops: Iterable[Operation], form: Form) -> list[Layer]:
    """The layers of a function's operations; none where nothing repeats."""
    inner = [op for op in ops if op.results and not isinstance(op, Parameter)]
    for count, size, start in _runs(inner, form)[:TRIED]:
        layers: list[Layer] = []
        for at in range(start, start + count * size, size):
            if (layer := _layer(inner[at : at + size])) is None:
                break
            layers.append(layer)
        if len(layers) == count and _alike(layers, form):
            return layers
    return []


def _runs(ops: Sequence[Operation], form: Form) -> list[tuple[int, int, int]]:
    """(count, size, start) of runs of parts of the same forms, those that are tried first in front: of parts of one
    size that follow each other, from the first on that begins where one value is handed on and ends with a sum."""
    numbers: dict[Hashable, int] = {}
    forms = np.array([numbers.setdefault(form(op), len(numbers)) for op in ops], np.int64)
    cut, sums = _cuts(ops), np.array([isinstance(op, Sum) for op in ops], bool)
    found: list[tuple[int, int, int]] = []
    for size in range(1, len(ops) // 2 + 1):
        same = np.concatenate([[False], forms[:-size] == forms[size:], [False]])
        first, end = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).T
        for begin, length in zip(first.tolist(), (end - first).tolist(), strict=True):
            spare = length - size + 1  # Places at which two parts can begin.
            if spare > 0:
                last = begin + min(size, spare)
                fits = np.flatnonzero(cut[begin:last] & sums[begin + size - 1 : last + size - 1])
                if fits.size:
                    start = begin + int(fits[0])
                    found.append(((begin + length - start) // size + 1, size, start))
    return sorted(found, key=lambda run: (-run[0] * run[1], run[1], run[2]))


def _cuts(ops: Sequence[Operation]) -> np.ndarray:
    """For each operation whether one value is made before it and read from there on, but for parameters."""
    place = {op: at for at, op in enumerate(ops)}
    live = np.zeros(len(ops) + 2, np.int64)
    for at, op in enumerate(ops):
        for value in op.results:
            ends = [place.get(use.operation, len(ops)) for use in value.uses]
            if ends:
                live[at + 1] += 1
                live[max(ends) + 1] -= 1
    return np.cumsum(live)[: len(ops)] == 1


def _layer(ops: Sequence[Operation]) -> Layer | None:
    """Operations as a layer, if they take and leave one value and nothing else reads their parameters."""
    inside = {*ops}
    read = dict.fromkeys(operand for op in ops for operand in op.operands)
    outer = [value for value in read if value.owner not in inside]
    params = [value for value in outer if isinstance(value.owner, Parameter)]
    entering = [value for value in outer if not isinstance(value.owner, Parameter)]
    leaving = [value for op in ops for value in op.results if not _within(value, inside)]
    own = all(_within(param, inside) for param in params)
    if len(entering) != 1 or len(leaving) != 1 or not own:
        return None
    stream = {*entering}
    for op in ops:
        if isinstance(op, Sum) and not stream.isdisjoint(op.operands):
            stream.add(op.results[0])
    return Layer(ops, entering[0], params, leaving[0]) if leaving[0] in stream else None


def _within(value: SSAValue, ops: set[Operation]) -> bool:
    """Whether nothing but these operations reads a value."""
    return all(use.operation in ops for use in value.uses)


def _alike(layers: Sequence[Layer], form: Form) -> bool:
    """Whether each layer takes what the one before leaves, and nothing else does, and reads the same operands, of
    parameters of the same forms."""
    first = layers[0]
    for before, after in pairwise(layers):
        if after.entering is not before.leaving or not _within(before.leaving, {*after.ops}):
            return False
    for layer in layers[1:]:
        if [form(op) for op in layer.makers] != [form(op) for op in first.makers]:
            return False
        same = {first.entering: layer.entering}
        same |= dict(zip(first.params, layer.params, strict=True))
        for one, other in zip(first.ops, layer.ops, strict=True):
            if [same.get(operand) for operand in one.operands] != list(other.operands):
                return False
            same |= zip(one.results, other.results, strict=True)
    return True
