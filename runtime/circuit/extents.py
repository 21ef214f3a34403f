"""Named axes, and extents: the sizes that a circuit leaves to each proof.

A circuit declares its extents by name, each with the greatest size that it serves (`Circuit.extents`). An axis is
as long as a number or an extent. A `Shape` gives the extents of one proof their sizes; a circuit of weights alone
has none. What an extent means, and how a statement tells its size, only the kind of statement knows (`generation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class CircuitError(ValueError):
    """The circuit is malformed; the text names the part."""


@dataclass(frozen=True)
class Axis:
    """A named axis; ``size`` is a number or the name of an extent."""

    name: str
    size: int | str


@dataclass(frozen=True)
class Shape:
    """The size of each extent, by name, in one proof."""

    extents: Mapping[str, int] = field(default_factory=dict)

    def size(self, axis: Axis) -> int:
        """How long an axis is; `CircuitError` if that is an extent without a size."""
        if isinstance(axis.size, int):
            return axis.size
        if axis.size not in self.extents:
            raise CircuitError(f"axis {axis.name}: size {axis.size}")
        return self.extents[axis.size]
