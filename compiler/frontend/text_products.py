"""Products of texts of MLIR, sums over contracted axes: linear layers, and what attention multiplies.

An axis that both operands have is one of examples or heads; contracted ones go, and all others stay, those of the
left operand first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from ...dialects import nn
from ...errors import expect
from .graph import only
from .text_ops import Operand, Value, arranged, array_of, columns_of, param, value_of
from .views import MOVES

if TYPE_CHECKING:
    from .text_importer import TextImporter as Importer


@dataclass(frozen=True)
class Side:
    """An operand, and the axes of it that both have and that are contracted, in the order of the other side's."""

    operand: Operand
    shared: tuple[int, ...]
    contracted: tuple[int, ...]

    def kept(self, rank: int) -> list[int]:
        return [axis for axis in range(rank) if axis not in (*self.shared, *self.contracted)]


def product(importer: Importer, lhs: Side, rhs: Side) -> Value:
    if isinstance(lhs.operand, Value) and isinstance(rhs.operand, Value):
        return _of_values(importer, lhs, rhs)
    only(not lhs.shared, "batching dimensions")
    if isinstance(lhs.operand, Value):
        return _layer(importer, lhs, rhs, True)
    return _layer(importer, rhs, lhs, False)


def _layer(importer: Importer, side: Side, weights: Side, first: bool) -> Value:
    """A linear layer, of a value that is the left operand or not."""
    x, w = value_of(side.operand), array_of(weights.operand)
    kept, made = side.kept(len(importer.shape(x))), weights.kept(w.ndim)
    only(x.axes[0] not in side.contracted, "over the examples")
    only(bool(made), "of a vector")
    sizes = [w.shape[axis] for axis in made]
    rows = w.transpose([*made, *weights.contracted]).reshape(int(np.prod(sizes)), -1)
    if x.columns is not None:
        only(x.axes == (0, 1), "of rows that are in another order")
        rows, ssa, own = rows[:, columns_of(x)], x.ssa, [0]
    else:
        own = [axis for axis in x.axes if axis not in side.contracted]
        ssa = arranged(importer, x, *([axis] for axis in own), side.contracted)
    ssa = importer.add(nn.LinearOp(ssa, param(importer, "linear.weight", rows)))
    ssa = importer.view(ssa, (*nn.shape_of(ssa)[:-1], *sizes))
    before, behind = (0, len(kept)) if first else (len(made), 0)
    axes = [before + kept.index(axis) if axis >= 0 else axis for axis in own]
    axes += [behind + place for place in range(len(made))]
    rank = len(kept) + len(made)
    return Value(ssa, (*axes,), ones=tuple(axis for axis in range(rank) if axis not in axes))


def _of_values(importer: Importer, lhs: Side, rhs: Side) -> Value:
    """A product of each example, and of each head; with the weights of a softmax on the left."""
    sides = [lhs, rhs]
    values = [expect(side.operand, Value) for side in sides]
    shapes = [importer.shape(x) for x in values]
    kept = [side.kept(len(shape)) for side, shape in zip(sides, shapes, strict=True)]
    alike = [[shape[a] for a in side.shared] for side, shape in zip(sides, shapes, strict=True)]
    only(alike[0] == alike[1], "whose batching dimensions differ")
    examples = [x.axes[0] for x in values]
    at = [
        side.shared.index(axis) if axis in side.shared else axis
        for side, axis in zip(sides, examples, strict=True)
    ]
    fits = all(axis < 0 or axis in side.shared for side, axis in zip(sides, examples, strict=True))
    only(fits and at[0] == at[1], "that mixes examples")
    left = 1 if _is_softmax(values[1].ssa) else 0
    parts = []
    for number in (left, 1 - left):
        side = sides[number]
        heads = [axis for axis in side.shared if axis != examples[number]]
        own = [kept[number], [*side.contracted]]
        groups = [
            [examples[number]],
            *([heads] if heads else []),
            *(own if not parts else own[::-1]),
        ]
        parts.append(arranged(importer, values[number], *groups))
    ssa = importer.matmul(*parts)

    def named(number: int) -> list[tuple[int, int]]:
        """Axes of the result, and their sizes, that one operand keeps."""
        start = len(lhs.shared) + (len(kept[0]) if number else 0)
        return [(start + i, shapes[number][axis]) for i, axis in enumerate(kept[number])]

    place = at[0]
    heads = [(i, shapes[0][axis]) for i, axis in enumerate(lhs.shared) if i != place]
    axes = [(axis, size) for axis, size in (*heads, *named(left), *named(1 - left)) if size != 1]
    if not axes:
        axes = named(1 - left)[-1:]
    ssa = importer.view(ssa, (nn.shape_of(ssa)[0], *(size for _, size in axes)))
    names = (place, *(axis for axis, _ in axes))
    rank = len(lhs.shared) + len(kept[0]) + len(kept[1])
    return Value(ssa, names, ones=tuple(axis for axis in range(rank) if axis not in names))


def _is_softmax(value: SSAValue) -> bool:
    """Whether a value is something divided by a sum of exponentials."""
    while isinstance(value.owner, MOVES):
        value = value.owner.x
    op = value.owner
    return isinstance(op, nn.MulOp) and any(isinstance(x.owner, nn.ExpOp) for x in op.operands)
