"""Where weights are stored, and as what the compiler sees them there.

`PartTensors`: some models make several values by one linear layer, queries, keys and values, or gate and product.
Their weights are rows of one tensor, of which each is seen as a tensor of its own (`Family.parts`).

`TransposedTensors`: some models multiply by their weights as they are stored, (inputs, outputs), and not by the
transposes of these (`Family.transposed`).

`InnerTensors`: some checkpoints are of several models, of which a family is one (`families.base.Wrapper`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

Shapes = dict[str, tuple[int, ...]]
Parts = Mapping[str, Mapping[str, Sequence[int]]]
"""Of tensors that have several parts: the parts' names and their rows, in rising order."""


class Tensors(Protocol):
    """Where weights are stored, under the names that PyTorch has for them."""

    shapes: Shapes

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        """The tensor as fp32, about `count` rows at a time."""
        ...


def split_shapes(shapes: Shapes, parts: Parts) -> Shapes:
    """The shapes with each part in the place of what it is a part of."""
    found: Shapes = {}
    for name, shape in shapes.items():
        if name in parts:
            found |= {part: (len(rows), *shape[1:]) for part, rows in parts[name].items()}
        else:
            found[name] = shape
    return found


class InnerTensors:
    """The tensors of one of several models, under the names that it has for them."""

    def __init__(self, tensors: Tensors, prefixes: Mapping[str, str], others: tuple[str, ...]):
        self.tensors = tensors
        self.shapes: Shapes = {}
        self._stored: dict[str, str] = {}
        for stored, shape in tensors.shapes.items():
            if not stored.startswith(others):
                found = next((prefix for prefix in prefixes if stored.startswith(prefix)), "")
                name = prefixes.get(found, "") + stored.removeprefix(found)
                self.shapes[name], self._stored[name] = shape, stored

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        return self.tensors.rows(self._stored[name], count)


class TransposedTensors:
    """Tensors of which some are seen transposed."""

    def __init__(self, tensors: Tensors, transposed: Collection[str]):
        self.tensors, self.transposed = tensors, transposed
        self.shapes = transposed_shapes(tensors.shapes, transposed)

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        """Of what is transposed all rows are read before the first is handed out."""
        if name not in self.transposed:
            yield from self.tensors.rows(name, count)
            return
        whole = np.concatenate(list(self.tensors.rows(name, count)))
        for start in range(0, whole.shape[1], count):
            yield np.ascontiguousarray(whole[:, start : start + count].T)


def transposed_shapes(shapes: Shapes, transposed: Collection[str]) -> Shapes:
    """The shapes with those of matrices that are transposed the other way round."""
    return {name: shape[::-1] if name in transposed else shape for name, shape in shapes.items()}


class PartTensors:
    """Tensors of which some are parts."""

    def __init__(self, tensors: Tensors, parts: Parts):
        self.tensors = tensors
        self.shapes = split_shapes(tensors.shapes, parts)
        self._place = {
            part: (whole, np.array(rows))
            for whole, found in parts.items()
            for part, rows in found.items()
        }

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        if name not in self._place:
            yield from self.tensors.rows(name, count)
            return
        whole, wanted = self._place[name]
        start = 0
        for chunk in self.tensors.rows(whole, count):
            first, last = np.searchsorted(wanted, (start, start + len(chunk)))
            if first < last:
                yield chunk[wanted[first:last] - start]
            start += len(chunk)
