"""Named axes and their sizes, of which some depend on the proof."""

from __future__ import annotations

from dataclasses import dataclass

TOKENS = "tokens"
GENERATED = "generated"


class CircuitError(ValueError):
    """The circuit is malformed; the text names the part."""


@dataclass(frozen=True)
class Axis:
    """A named axis; ``size`` is a number, `TOKENS` or `GENERATED`."""

    name: str
    size: int | str


@dataclass(frozen=True)
class Shape:
    """What a proof's sizes depend on: ``prompt`` >= 1 tokens given, ``generated`` >= 1 tokens produced.

    ``rows`` is the number of positions that the causal pass computes: the prompt and all generated
    tokens but the last, rounded up (with padding tokens at the end, which cannot influence what comes
    before them) so that its binary expansion has at most three ones and blocks stay few.
    """

    prompt: int
    generated: int

    @property
    def rows(self) -> int:
        exact = self.prompt + self.generated - 1
        unit = 1 << max(0, exact.bit_length() - 3)
        return -(-exact // unit) * unit

    def size(self, axis: Axis) -> int:
        if axis.size == TOKENS:
            return self.rows
        if axis.size == GENERATED:
            return self.generated
        if isinstance(axis.size, str):
            raise CircuitError(f"axis {axis.name}: size {axis.size}")
        return axis.size
