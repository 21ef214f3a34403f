"""What operations of `quant` say of the axes of their values, for analyses to ask.

Dimensions of `quant` have positions; relations need named axes (`compiler.analysis.head_axes`). What an
operation knows of them it says as rules: values that are over the same axes, or over axes that are
given. An analysis solves all rules of a function together, in both directions, so that an operation
needs to know neither where its operands come from nor where its results go.

An operation with none of its own has the same axes for all its operands and results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation

from ...runtime.circuit.function import EXAMPLE

Axes: TypeAlias = tuple[str, ...]

POSITION = "position"
ROWS = ("token", "generated", EXAMPLE)
CHANNELS: Axes = ("token", "channel")
GENERATED: Axes = ("generated", "channel")
EMBEDDING: Axes = ("vocabulary", "channel")
POSITIONS: Axes = ("place", "channel")
QUERY: Axes = ("kv", "group", "token", "dim")
KEY: Axes = ("kv", "token", "dim")
SCORES: Axes = ("kv", "group", "token", "source")


def examples(shape: Sequence[int]) -> Axes:
    """The axes of examples of this shape, in front their number: those of an image, of positions, or of one row. An
    axis is named by its size, as what channels, rows and columns mean follows from nothing else."""
    if len(shape) == 2:
        return EXAMPLE, feature(shape[1])
    if len(shape) == 3:
        return EXAMPLE, position(shape[1]), feature(shape[2])
    _, channels, rows, columns = shape
    return EXAMPLE, f"channel{channels}", f"row{rows}", f"column{columns}"


def ids(shape: Sequence[int]) -> Axes:
    """The axes of ids [N, T] of examples."""
    return EXAMPLE, position(shape[1])


def heads(shape: Sequence[int]) -> Axes:
    """The axes of heads [N, H, T, D] of examples."""
    _, count, positions, width = shape
    return EXAMPLE, f"head{count}", position(positions), f"dim{width}"


def of_scores(shape: Sequence[int]) -> Axes:
    """The axes of scores [N, H, T, S] of examples."""
    _, count, positions, sources = shape
    return EXAMPLE, f"head{count}", position(positions), f"source{sources}"


def position(size: int) -> str:
    """The axis of so many positions."""
    return f"{POSITION}{size}"


def is_row(axis: str) -> bool:
    """Whether rows are along the axis, and not the columns that a linear layer sums over."""
    return axis in ROWS or (axis.startswith(POSITION) and axis[len(POSITION) :].isdigit())


def feature(size: int) -> str:
    """The axis of a row of this size."""
    return f"feature{size}"


def rows(shape: Sequence[int]) -> Axes:
    """The axes of a table [V, n] whose rows ids name. It may be the weight of a linear layer too, which gives V; no
    layer can have the same name twice."""
    count, width = shape
    return (feature(count) if count != width else f"id{count}"), feature(width)


def taps(shape: Sequence[int]) -> Axes:
    """The axes of a convolution's weights [out, in, rows, columns] but for the first: a sum over channels has an
    index of its own."""
    _, channels, rows, columns = shape
    return f"channel{channels}_in", f"tap_row{rows}", f"tap_column{columns}"


@dataclass(frozen=True)
class Same:
    """The values are over the same axes."""

    values: tuple[SSAValue, ...]


@dataclass(frozen=True)
class Over:
    """The value is over just these axes."""

    value: SSAValue
    axes: Axes


@dataclass(frozen=True)
class LastOf:
    """The value is over the last axis of another."""

    value: SSAValue
    of: SSAValue


@dataclass(frozen=True)
class OfRows:
    """The value is over the axes of another, but for its rows."""

    value: SSAValue
    of: SSAValue


@dataclass(frozen=True)
class Contraction:
    """y sums x w over an axis of x, which y does not have: y[row, out] and w[out, contracted], where
    each of out and contracted may stand for several. Where nothing says what out is, it is a width of its own."""

    x: SSAValue
    w: SSAValue
    y: SSAValue


Rule: TypeAlias = Same | Over | LastOf | OfRows | Contraction


class NamedAxes(IRDLOperation):
    """An operation that says what it knows of axes."""

    def axes_rules(self) -> Iterator[Rule]:
        yield Same((*self.operands, *self.results))
