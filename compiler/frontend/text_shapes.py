"""Values of texts of MLIR in other shapes: reshapes, transposes, repetitions, slices and concatenations.

Nothing moves in a transpose, nor where axes of size 1 come and go: axes are called otherwise. All else is what
`views` follows to positions, channels and heads of each example.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from ...dialects import nn
from .graph import only
from .text_ops import Operand, Value, arranged, param
from .views import MOVES

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer


def reshaped(importer: Importer, x: Value, after: tuple[int, ...]) -> Value:
    """The same elements, examples staying apart. An image as one row is told by its columns."""
    before, examples = importer.shape(x), x.axes[0]
    if after == before:
        return x
    only(math.prod(after) == math.prod(before), f"{before} as {after}")
    image = len(x.axes) == 4 and examples == 0 and not isinstance(x.ssa.owner, MOVES)
    if image and after == (before[0], math.prod(before[1:])):
        return _flattened(importer, x, before)
    place = _place(importer, before, after, examples)
    old = [axis for axis, size in enumerate(before) if axis != examples and size != 1]
    new = [axis for axis, size in enumerate(after) if axis != place and size != 1]
    if new and [before[axis] for axis in old] == [after[axis] for axis in new]:
        names = dict(zip((examples, *old), (place, *new), strict=True))
        axes = tuple(names[axis] for axis in x.axes if axis in names)
        ssa = arranged(importer, x, *([axis] for axis in x.axes if axis in names))
    else:
        new = new or [max(axis for axis in range(len(after)) if axis != place)]
        axes = (place, *new)
        others = [[axis] for axis in range(len(before)) if axis != examples]
        ssa = arranged(importer, x, [examples], *others)
        ssa = importer.view(ssa, (nn.shape_of(ssa)[0], *(after[axis] for axis in new)))
    ones = tuple(axis for axis in range(len(after)) if axis not in axes)
    return Value(ssa, axes, ones=ones)


def _place(
    importer: Importer, before: tuple[int, ...], after: tuple[int, ...], examples: int
) -> int:
    """Which axis is that of the examples after a reshape. With one example any axis of size 1 may be, or none."""
    count = importer.rows
    one = count == 1
    places = [
        axis
        for axis, size in enumerate(after)
        if size == count and (one or math.prod(after[:axis]) == math.prod(before[:examples]))
    ]
    only(one or bool(places), f"{before} as {after}, which mixes examples")
    return examples if examples in places else next(iter(places), -1)


def _flattened(importer: Importer, x: Value, before: tuple[int, ...]) -> Value:
    """Each image as one row."""
    size = math.prod(before[1:])
    columns = np.arange(size).reshape(before[1:]).transpose([axis - 1 for axis in x.axes[1:]])
    found = columns.reshape(-1)
    same = bool((found == np.arange(size)).all())
    return Value(importer.add(nn.FlattenOp(x.ssa)), (0, 1), None if same else found)


def transposed(x: Value, order: Sequence[int]) -> Value:
    """Axis i is axis order[i] of the value: the axes are called otherwise."""
    names = {axis: place for place, axis in enumerate(order)} | {-1: -1}
    axes, ones = (tuple(names[axis] for axis in axes) for axes in (x.axes, x.ones))
    return replace(x, axes=axes, ones=ones)


def repeated(importer: Importer, x: Value, places: Sequence[int], after: tuple[int, ...]) -> Value:
    """Axis i becomes axis places[i]; along others, and where it has size 1, a value is repeated."""
    before, examples = importer.shape(x), x.axes[0]
    if before == after and (*places,) == (*range(len(before)),):
        return x
    fits = len({*places}) == len(places) == len(before)
    fits = fits and all(n in (1, after[axis]) for n, axis in zip(before, places, strict=True))
    only(fits, f"{before} as {after}")
    only(examples < 0 or after[places[examples]] == importer.rows, "that repeats examples")
    only(x.columns is None, "of a row that was an image")
    kept = [axis for axis in x.axes if axis == examples or before[axis] == after[places[axis]]]
    added = (axis for axis, size in enumerate(after) if size == 1 and axis not in places)
    place = next(added, -1) if examples < 0 else places[examples]
    axes = [place, *(places[axis] for axis in kept[1:])]
    grown = [axis for axis, size in enumerate(after) if axis not in axes and size != 1]
    ssa = arranged(importer, x, *([axis] for axis in kept))
    if grown:
        shape = nn.shape_of(ssa)
        ssa = importer.view(ssa, (*shape, *(1 for _ in grown)))
        ssa = importer.add(nn.ExpandOp(ssa, (*shape, *(after[axis] for axis in grown))))
    axes += grown
    ones = tuple(axis for axis in range(len(after)) if axis not in axes)
    return Value(ssa, (*axes,), ones=ones)


def sliced(importer: Importer, x: Value, starts: Sequence[int], limits: Sequence[int]) -> Value:
    """The indices from start to below limit of each axis."""
    before, ssa = importer.shape(x), x.ssa
    for axis, bounds in enumerate(zip(starts, limits, strict=True)):
        if bounds != (0, before[axis]):
            only(axis != x.axes[0] and axis in x.axes, "of the examples")
            only(x.columns is None, "of a row that was an image")
            ssa = importer.slice(ssa, x.axes.index(axis), *bounds)
    return replace(x, ssa=ssa)


def concatenated(importer: Importer, parts: Sequence[Operand], axis: int) -> Value:
    """Values and constants behind one another along an axis."""
    first = next(part for part in parts if isinstance(part, Value))
    examples, rank = first.axes[0], len(importer.shape(first))
    order = (examples, *(axis for axis in range(rank) if axis != examples))

    def made(part: Operand) -> SSAValue:
        if isinstance(part, Value):
            return arranged(importer, part, *([axis] for axis in order))
        only(isinstance(part, np.ndarray), "of what is padded")
        ordered = np.asarray(part).transpose(order)
        only(bool((ordered == ordered[:1]).all()), "a constant that differs between examples")
        return param(importer, "constant", ordered[:1])

    only(axis != examples and examples >= 0, "of the examples")
    ssa = importer.concat([made(part) for part in parts], order.index(axis))
    return Value(ssa, order)
