"""Operations of ONNX that give elements of a value other places: `views` finds what they are, positions or heads.

Which elements must be a constant. A constant beside a value is a row of a table of positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from ...dialects import nn
from .graph import Unsupported, only
from .onnx_node import (
    Constant,
    Handler,
    Node,
    axis_of,
    constant_of,
    numbers_of,
    operand_of,
    param,
    sizes,
    value_of,
)

if TYPE_CHECKING:
    from .onnx_file import OnnxImporter as Importer


def _shape(importer: Importer, node: Node) -> Constant:
    shape = nn.shape_of(value_of(importer, node))
    chosen = shape[node.get("start", 0) : node.get("end", None)]
    name = node.proto.output[0]
    return Constant(name, name, np.array(chosen, np.int64))


def _flatten(importer: Importer, node: Node) -> SSAValue:
    x = value_of(importer, node)
    shape, axis = nn.shape_of(x), node.get("axis", 1)
    split = axis + len(shape) if axis < 0 else axis
    return importer.view(x, (math.prod(shape[:split]), math.prod(shape[split:])))


def _reshape(importer: Importer, node: Node) -> SSAValue:
    x, numbers = value_of(importer, node), numbers_of(importer, node, 1)
    before, copied = nn.shape_of(x), not node.get("allowzero", 0)
    only(not copied or 0 not in numbers[len(before) :], f"{before} as {numbers}")
    wanted = [before[i] if n == 0 and copied else n for i, n in enumerate(numbers)]
    return importer.view(x, sizes(before, wanted))


def _squeeze(importer: Importer, node: Node) -> SSAValue:
    x, axes = value_of(importer, node), constant_of(importer, node, 1)
    shape = nn.shape_of(x)
    one = [axis for axis, n in enumerate(shape) if n == 1]
    gone = one if axes is None else [axis_of(axis, len(shape)) for axis in axes.numbers]
    return importer.view(x, [n for axis, n in enumerate(shape) if axis not in gone])


def _unsqueeze(importer: Importer, node: Node) -> SSAValue:
    x, axes = value_of(importer, node), numbers_of(importer, node, 1)
    shape = [*nn.shape_of(x)]
    rank = len(shape) + len(axes)
    for axis in sorted(axis_of(axis, rank) for axis in axes):
        shape.insert(axis, 1)
    return importer.view(x, shape)


def _transpose(importer: Importer, node: Node) -> SSAValue:
    x = value_of(importer, node)
    axes = node.get("perm", range(len(nn.shape_of(x)))[::-1])
    return importer.permute(x, axes)


def _slice(importer: Importer, node: Node) -> SSAValue:
    x = value_of(importer, node)
    starts, ends, axes, steps = (numbers_of(importer, node, index) for index in (1, 2, 3, 4))
    only(set(steps) <= {1}, f"steps of {steps}")
    for start, end, axis in zip(starts, ends, axes or range(len(starts)), strict=True):
        shape = nn.shape_of(x)
        axis = axis_of(axis, len(shape))
        x = importer.slice(x, axis, *slice(start, end).indices(shape[axis])[:2])
    return x


def _split(importer: Importer, node: Node) -> Sequence[SSAValue]:
    x, lengths = value_of(importer, node), numbers_of(importer, node, 1)
    shape, count = nn.shape_of(x), len(node.proto.output)
    axis = axis_of(node.get("axis", 0), len(shape))
    if not lengths:
        each = -(-shape[axis] // count)  # The last part may be shorter.
        lengths = (*[each] * (count - 1), shape[axis] - each * (count - 1))
    only(len(lengths) == count and sum(lengths) == shape[axis], f"{shape} in parts of {lengths}")
    ends = np.cumsum(lengths).tolist()
    bounds = zip(ends, lengths, strict=True)
    return [importer.slice(x, axis, end - length, end) for end, length in bounds]


def _gather(importer: Importer, node: Node) -> SSAValue:
    """One index, or some that follow each other."""
    x, indices = value_of(importer, node), constant_of(importer, node, 1)
    if indices is None:
        raise Unsupported("no indices")
    shape = nn.shape_of(x)
    axis = axis_of(node.get("axis", 0), len(shape))
    chosen = [axis_of(at, shape[axis]) for at in indices.numbers]
    rank = indices.array.ndim
    if rank == 0:
        return importer.select(x, axis, *chosen)
    in_order = bool(chosen) and chosen == [*range(chosen[0], chosen[0] + len(chosen))]
    only(rank == 1 and in_order, "indices that do not follow each other")
    return importer.slice(x, axis, chosen[0], chosen[-1] + 1)


def _concat(importer: Importer, node: Node) -> SSAValue:
    found = [operand_of(importer, node, index) for index in range(len(node.proto.input))]
    parts = [
        param(importer, each, each.array, "rows") if isinstance(each, Constant) else each
        for each in found
        if each is not None
    ]
    ranks = {len(nn.shape_of(part)) for part in parts}
    only(ranks == {3}, "of what are no positions (N, T, C)")
    return importer.concat(parts, axis_of(node.get("axis", 0), 3))


def _expand(importer: Importer, node: Node) -> SSAValue:
    x, wanted = value_of(importer, node), numbers_of(importer, node, 1)
    shape = nn.shape_of(x)
    only(np.broadcast_shapes(shape, wanted) == shape, "that repeats a value")
    return x


VIEWS: dict[str, Handler] = {
    "Shape": _shape,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Concat": _concat,
    "Expand": _expand,
}
