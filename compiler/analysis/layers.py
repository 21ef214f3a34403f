"""Layers: the part that a function repeats, found by its form.

A layer takes one value, the residual stream, and leaves one, which is what it took and what it added. The next
layer does the same operations with it, and parameters of its own. Operations are of the same form where
the caller says so; that operands are the same ones is always asked. Names say nothing of layers.

The layers of a function are the run of at least two that covers most of its operations; of two such runs the one
of smaller layers, and then the one that begins first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from xdsl.ir import Operation, SSAValue

from ...dialects.interfaces import Parameter, Sum

Form = Callable[[Operation], Hashable]


@dataclass(frozen=True)
class Layer:
    """Its operations but for parameters, in order; parameters in the order of their first use."""

    ops: Sequence[Operation]
    entering: SSAValue
    params: Sequence[SSAValue]
    leaving: SSAValue

    @property
    def parts(self) -> Iterator[Operation]:
        """What has a counterpart in each layer."""
        yield from self.ops
        for param in self.params:
            if isinstance(param.owner, Operation):
                yield param.owner


def find_layers(ops: Iterable[Operation], form: Form) -> list[Layer]:
    """The layers of a function's operations; none where nothing repeats."""
    inner = [op for op in ops if op.results and not isinstance(op, Parameter)]
    numbers: dict[Hashable, int] = {}
    forms = np.array([numbers.setdefault(form(op), len(numbers)) for op in inner], np.int64)
    ends = {place for place, op in enumerate(inner) if isinstance(op, Sum)}
    for count, size, start in _runs(forms, ends):
        parts = (inner[start + i * size :][:size] for i in range(count))
        layers = [layer for part in parts if (layer := _layer(part)) is not None]
        if len(layers) == count and _alike(layers, form):
            return layers
    return []


def _runs(forms: np.ndarray, ends: set[int]) -> list[tuple[int, int, int]]:
    """(count, size, start) of all runs of parts that have the same forms and end with a sum, those that are tried
    first in front."""
    found: list[tuple[int, int, int]] = []
    for size in range(1, len(forms) // 2 + 1):
        same = np.concatenate([[False], forms[:-size] == forms[size:], [False]])
        first, end = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2).T
        for begin, length in zip(first.tolist(), (end - first).tolist(), strict=True):
            for start in range(begin, begin + min(size, length)):
                count = (begin + length - start) // size + 1
                if count > 1 and start + size - 1 in ends:
                    found.append((count, size, start))
    return sorted(found, key=lambda run: (-run[0] * run[1], run[1], run[2]))


def _layer(ops: Sequence[Operation]) -> Layer | None:
    """Operations as a layer, if they take and leave one value and nothing else reads their parameters."""
    inside = {*ops}
    read = dict.fromkeys(operand for op in ops for operand in op.operands)
    params = [value for value in read if isinstance(value.owner, Parameter)]
    entering = [value for value in read if value.owner not in inside and value not in params]
    leaving = [value for op in ops for value in op.results if not _readers(value) <= inside]
    own = all(_readers(param) <= inside for param in params)
    if len(entering) != 1 or len(leaving) != 1 or not own:
        return None
    stream = {*entering}
    for op in ops:
        if isinstance(op, Sum) and not stream.isdisjoint(op.operands):
            stream.add(op.results[0])
    return Layer(ops, entering[0], params, leaving[0]) if leaving[0] in stream else None


def _readers(value: SSAValue) -> set[Operation]:
    return {use.operation for use in value.uses}


def _alike(layers: Sequence[Layer], form: Form) -> bool:
    """Whether each layer takes what the one before leaves, and nothing else does, and reads the same operands."""
    first = layers[0]
    for before, after in pairwise(layers):
        if after.entering is not before.leaving or not _readers(before.leaving) <= {*after.ops}:
            return False
    for layer in layers[1:]:
        same = {first.entering: layer.entering} | dict(
            zip(first.params, layer.params, strict=False)
        )
        for one, other in zip(first.ops, layer.ops, strict=True):
            if [same.get(operand) for operand in one.operands] != list(other.operands):
                return False
            same |= zip(one.results, other.results, strict=True)
        pairs = zip(first.parts, layer.parts, strict=True)
        if any(form(one) != form(other) for one, other in pairs):
            return False
    return True
