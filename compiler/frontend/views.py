"""Views of a function's values: reshapes, permutations and slices, as the operations of examples, positions and
heads that they are.

What a chain of views has at each place is found by moving the places themselves. Each example must be a view of its
own, the same one for all of them, and what an operation reads one of these:

* the value as it is; an image as one row, or as positions;
* one position, or the positions from one to the last as a mean reads them;
* channels that a linear layer makes, times a constant or not, which become a layer of these rows of its weight;
* heads, their keys with the last axes swapped, and heads side by side;
* heads of keys and values that several heads of queries share, each repeated for all of them.

Other views move behind what does not mind them: a layer or a norm does not in which order rows are, and what is
done to each element by itself minds no view at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ...errors import expect
from ..transforms.matching import times_constant
from .fold_norms import Weights

MOVES = (nn.ViewOp, nn.PermuteOp, nn.SliceOp, nn.ExpandOp)
View = nn.ViewOp | nn.PermuteOp | nn.SliceOp | nn.ExpandOp
MIXES = (nn.ScoresOp, nn.AttendOp, nn.MatmulOp)
ROW_WISE = (nn.LinearOp, nn.LayerNormOp, nn.RMSNormOp)
KEYS = (0, 1, 3, 2)
POSITIONS_FIRST = (0, 2, 1, 3)
Places = np.ndarray


class Views:
    """Those of a block, in which examples are the first axis of what is no view."""

    def __init__(self, block: Block, weights: Weights):
        self.block, self.weights = block, weights
        self._rows: dict[tuple[SSAValue, tuple[int, ...]], SSAValue] = {}
        """Layers of some of a layer's rows."""

    def settle(self) -> Iterator[SSAValue]:
        """Writes them out; yields each that is none of the above and that something reads."""
        for op in [*self.block.ops]:
            if isinstance(op, MOVES):
                continue
            for index, value in enumerate(op.operands):
                if isinstance(value.owner, MOVES) and not self._settled(op, index):
                    yield value

    def _settled(self, op: Operation, index: int) -> bool:
        root, places = _traced(op.operands[index])
        if isinstance(op, MIXES) and index == 1 and self._share_heads(op, root, places):
            return True
        if isinstance(op, nn.MeanPositionsOp) and self._from_position(op, root, places):
            return True
        minds_none = _minds_no_view(op, index, root, places)
        if minds_none and _is_range(places):
            return self._move_behind(op, index, root)
        if (found := self._found(root, places, op)) is not None:
            op.operands[index] = found
            return True
        if isinstance(op, ROW_WISE) and index == 0:
            return self._rows_behind(op, root, places)
        return minds_none and self._move_behind(op, index, root)

    def _share_heads(self, op: Operation, root: SSAValue, places: Places) -> bool:
        """Whether heads of keys or values are repeated, and then has the operation read each once; a product gets
        them as `raise-attention` knows them, repeated and, where keys have the last axes swapped, then that."""
        own = _distinct_heads(places)
        found = None if own is places else self._found(root, own, op)
        if found is None:
            return False
        if isinstance(op, nn.MatmulOp):
            keys = found.owner if isinstance(found.owner, nn.PermuteOp) else None
            count, few, *sizes = nn.shape_of(keys.x if keys else found)
            many = places.shape[1]
            one = self._before(op, nn.ViewOp(keys.x if keys else found, (count, few, 1, *sizes)))
            each = self._before(op, nn.ExpandOp(one, (count, few, many // few, *sizes)))
            found = self._before(op, nn.ViewOp(each, (count, many, *sizes)))
            found = self._before(op, nn.PermuteOp(found, axes=KEYS)) if keys else found
        op.operands[1] = found
        return True

    # What views are

    def _found(self, root: SSAValue, places: Places, reader: Operation) -> SSAValue | None:
        """A value with these places of the root's elements, made before what reads it; None for other views."""
        of_root = nn.shape_of(root)
        if not _of_examples(places, of_root):
            return None
        one, shape = places[0], of_root[1:]
        if one.shape == shape and _is_range(one):
            return root
        if len(shape) == 3:
            made = _of_image_or_heads(root, one)
            return None if made is None else self._before(reader, made)
        if len(shape) == 1:
            return self._channels(root, one) if one.ndim == 1 else None
        return self._of_positions(root, one, reader) if len(shape) == 2 else None

    def _of_positions(self, root: SSAValue, one: Places, reader: Operation) -> SSAValue | None:
        tokens, channels = nn.shape_of(root)[1:]
        token, channel = np.divmod(one, channels)
        if one.ndim == 1:
            taken = self._channels(root, channel) if (token == token[0]).all() else None
            if taken is None:
                return None
            return self._before(reader, nn.PositionOp(taken, at=int(token[0])))
        every = np.arange(tokens)
        if one.ndim == 2:
            rows = len(one) == tokens and (token == every[:, None]).all()
            return self._channels(root, channel[0]) if rows and _alike(channel, 0) else None
        if one.ndim != 3:
            return None
        for swapped in (False, True):
            if swapped:
                token, channel = token.swapaxes(1, 2), channel.swapaxes(1, 2)
            fits = token.shape[1] == tokens and (token == every[:, None]).all()
            if fits and _alike(channel, 1):
                taken = self._channels(root, channel[:, 0].reshape(-1))
                if taken is None:
                    return None
                heads = self._before(reader, nn.SplitHeadsOp(taken, heads=len(one)))
                return self._before(reader, nn.PermuteOp(heads, axes=KEYS)) if swapped else heads
        return None

    def _channels(self, root: SSAValue, channels: Places) -> SSAValue | None:
        """A value's channels in this order; where they are others than all, of a layer of these rows."""
        if len(channels) == nn.shape_of(root)[-1] and _is_range(channels):
            return root
        key = root, tuple(channels.tolist())
        if key not in self._rows:
            layer = root.owner
            if isinstance(layer, nn.LinearOp):
                made: list[Operation] = [self._part(w, channels) for w in layer.operands[1:]]
                made.append(nn.LinearOp(layer.x, *(part.results[0] for part in made)))
            elif scaled := times_constant(root):
                part = self._channels(scaled[0], channels)
                if part is None:
                    return None
                factor = nn.ConstantOp(scaled[1])
                made = [factor, nn.MulOp(part, factor.result)]
            else:
                return None
            layer = expect(layer, Operation)
            self.block.insert_ops_after([nn.inherit_path(each, layer) for each in made], layer)
            self._rows[key] = made[-1].results[0]
        return self._rows[key]

    def _part(self, weight: SSAValue, rows: Places) -> nn.ParamOp:
        param = expect(weight.owner, nn.ParamOp)
        recipe, picked = self.weights.recipes[param.param_name], rows.tolist()
        shape = (len(picked), *nn.shape_of(param.result)[1:])
        return self.weights.param(f"{param.param_name}.part", shape, lambda: recipe()[picked])

    def _from_position(self, op: nn.MeanPositionsOp, root: SSAValue, places: Places) -> bool:
        """Whether it is the mean of a value's last positions, and then makes it that."""
        shape = nn.shape_of(root)
        if len(shape) != 3 or places.ndim != 3 or not _of_examples(places, shape):
            return False
        first = shape[1] - places.shape[1]
        if not np.array_equal(
            places[0].reshape(-1), np.arange(first * shape[2], shape[1] * shape[2])
        ):
            return False
        made = nn.MeanPositionsOp(root, first=first + op.first.value.data)
        Rewriter.replace_op(op, nn.inherit_path(made, op))
        return True

    # What moves behind others

    def _rows_behind(self, op: Operation, root: SSAValue, places: Places) -> bool:
        """An operation on rows that are in another order, or not by examples, as a view of that on examples."""
        if isinstance(op, nn.RMSNormOp) and places.ndim == 4:
            return self._heads_behind(op, root, places)
        count, rows = nn.shape_of(root)[0], places.reshape(-1, places.shape[-1])
        if len(rows) % count:
            return False
        for swapped in (False, True):
            sizes = (-1, count) if swapped else (count, -1)
            of_examples = rows.reshape(*sizes, rows.shape[1])
            x = self._found(root, of_examples.swapaxes(0, 1) if swapped else of_examples, op)
            if x is None:
                continue
            shape = (*nn.shape_of(x)[:-1], nn.shape_of(op.results[0])[-1])
            made = op.create(
                operands=[x, *op.operands[1:]],
                properties=op.properties,
                result_types=[TensorType(f32, shape)],
            )
            ops = [nn.inherit_path(made, op)]
            if swapped:
                ops.append(nn.PermuteOp(made.results[0], axes=(1, 0, 2)))
            ops.append(nn.ViewOp(ops[-1].results[0], nn.shape_of(op.results[0])))
            Rewriter.replace_op(op, ops)
            return True
        return False

    def _heads_behind(self, op: nn.RMSNormOp, root: SSAValue, places: Places) -> bool:
        """A norm of heads that are behind positions, as a view of that of heads."""
        x = self._found(root, places.swapaxes(1, 2), op)
        if x is None:
            return False
        made = op.create(
            operands=[x, *op.operands[1:]], properties=op.properties, result_types=[x.type]
        )
        view = nn.PermuteOp(made.results[0], axes=POSITIONS_FIRST)
        Rewriter.replace_op(op, [nn.inherit_path(made, op), view])
        return True

    def _move_behind(self, op: Operation, index: int, root: SSAValue) -> bool:
        """What is done to each element, before it is viewed."""
        chain, value = [], op.operands[index]
        while value is not root:
            chain.append(value.owner)
            value = value.owner.operands[0]  # type: ignore[union-attr]
        operands = [root if place == index else x for place, x in enumerate(op.operands)]
        made = op.create(operands=operands, properties=op.properties, result_types=[root.type])
        ops = [nn.inherit_path(made, op)]
        for each in reversed(chain):
            moved = each.create(
                operands=[ops[-1].results[0]],
                properties=each.properties,
                result_types=[each.results[0].type],
            )
            ops.append(moved)
        Rewriter.replace_op(op, ops)
        return True

    def _before(self, reader: Operation, made: Operation) -> SSAValue:
        self.block.insert_op_before(nn.inherit_path(made, reader), reader)
        return made.results[0]


def _traced(value: SSAValue) -> tuple[SSAValue, Places]:
    """What a value is a view of, and where in it each of its elements is."""
    chain = []
    while isinstance(op := value.owner, MOVES):
        chain.append(op)
        value = op.x
    shape = nn.shape_of(value)
    places = np.arange(np.prod(shape)).reshape(shape)
    for op in reversed(chain):
        places = moved(op, places)
    return value, places


def moved(op: View, array: np.ndarray) -> np.ndarray:
    """An array as a view moves it."""
    if isinstance(op, nn.ViewOp):
        return array.reshape(nn.shape_of(op.result))
    if isinstance(op, nn.PermuteOp):
        return array.transpose(op.axes.get_values())
    if isinstance(op, nn.ExpandOp):
        return np.broadcast_to(array, nn.shape_of(op.result))
    start, stop = op.bounds.get_values()
    return array[..., start:stop]


def _distinct_heads(places: Places) -> Places:
    """Of heads (N, H, ..) that are the same in groups of one size the first ones."""
    heads = places.shape[1] if places.ndim == 4 else 1
    for few in range(1, heads):
        own = places[:, :: heads // few]
        if heads % few == 0 and np.array_equal(np.repeat(own, heads // few, axis=1), places):
            return own
    return places


def _of_examples(places: Places, shape: nn.Shape) -> bool:
    """Whether each example is the same view of its own."""
    if places.ndim < 2 or len(places) != shape[0]:
        return False
    size = int(np.prod(shape[1:]))
    starts = np.arange(len(places)).reshape(-1, *(1,) * (places.ndim - 1)) * size
    first = places[0]
    inside = first.min() >= 0 and first.max() < size
    return bool(inside and (places == first + starts).all())


def _is_range(places: Places) -> bool:
    return np.array_equal(places.reshape(-1), np.arange(places.size))


def _alike(channels: Places, axis: int) -> bool:
    """Whether all rows along an axis are the same."""
    return bool((channels == channels.take([0], axis)).all())


def _minds_no_view(op: Operation, index: int, root: SSAValue, places: Places) -> bool:
    """Whether an operation may be done before the view: to each element by itself, or along rows that it leaves."""
    others = [x for i, x in enumerate(op.operands) if i != index]
    if isinstance(op, nn.UnaryOp) or any(nn.constant(x) is not None for x in others):
        return True
    rows = _is_range(places) and places.shape[-2:] == nn.shape_of(root)[-2:]
    over_rows = all(isinstance(x.owner, nn.ParamOp) and len(nn.shape_of(x)) <= 2 for x in others)
    return rows and over_rows and isinstance(op, nn.SoftmaxOp | nn.BinaryOp)


def _of_image_or_heads(root: SSAValue, one: Places) -> Operation | None:
    """Of (N, C, H, W) or (N, H, T, D)."""
    shape = nn.shape_of(root)[1:]
    if one.ndim == 1 and _is_range(one) and one.size == np.prod(shape):
        return nn.FlattenOp(root)
    every = np.arange(np.prod(shape)).reshape(shape)
    if np.array_equal(one, every.reshape(shape[0], -1).T):
        return nn.ImagePositionsOp(root)
    if np.array_equal(one, every.swapaxes(0, 1).reshape(shape[1], -1)):
        return nn.MergeHeadsOp(root)
    if np.array_equal(one, every.swapaxes(1, 2)):
        return nn.PermuteOp(root, axes=KEYS)
    return None
