"""Rotary position embeddings of functions (Su et al. 2021), however they are written.

Frameworks write x cos + turn(x) sin, where turn(x) joins the negated second half of the channels and the first, or
join halves, or channels one by one, that are turned already, or leave some channels as they are. What is at each
place of such a value is found by moving places, as `views` does, and factors with them: it is a sum of elements of
one value times constants. Where that is

    y[n, h, t, d] = cos[t, d] x[n, h, t, d] + sin[t, d] x[n, h, t, partners[d]]

of a value x of its own shape, it is `nn.rotate`. All rotations of the same angles share their tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import torch
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import nn
from ...errors import expect
from .fold_norms import Weights
from .views import MOVES, POSITIONS_FIRST, moved

LINEAR = (nn.AddOp, nn.MulOp, nn.ConcatOp)
Terms = list[tuple[np.ndarray, np.ndarray]]
"""Of each element of a value the places of elements of another, and what these are multiplied by."""


class Turned(NamedTuple):
    """A rotation of x: tables (T, D), and whether positions are before heads."""

    x: SSAValue
    cos: np.ndarray
    sin: np.ndarray
    partners: tuple[int, ...]
    positions_first: bool


class Rotations:
    """Those of a block."""

    def __init__(self, block: Block, weights: Weights):
        self.block, self.weights = block, weights
        self._roots: dict[SSAValue, SSAValue] = {}
        """Of which value alone each is a sum of elements, times constants; itself, where of none."""
        self._terms: dict[SSAValue, Terms] = {}
        self._tables: dict[bytes, SSAValue] = {}

    def settle(self) -> None:
        """Writes the last operation of each rotation as one, and takes away those before it that nothing reads."""
        ops = [op for op in self.block.ops if op.results]
        for op in ops:
            self._roots[op.results[0]] = self._root(op)
        for op in reversed(ops):
            if not isinstance(op, (*MOVES, *LINEAR)):
                continue
            if not op.result.uses:
                Rewriter.erase_op(op)
            elif isinstance(op, LINEAR) and self._adds(op):
                self._rotate(op)
                self._terms.clear()  # As large as all values of an attention together.

    def _rotate(self, op: Operation) -> None:
        """Writes a sum, or the first view of it that is a rotation, as one."""
        passed = [op]
        while not (found := self._turned(passed[-1])):
            readers = [use.operation for use in passed[-1].results[0].uses]
            if len(readers) != 1 or not isinstance(readers[0], MOVES):
                return
            passed += readers
        last = passed.pop()
        Rewriter.replace_op(last, [nn.inherit_path(each, last) for each in self._made(found)])
        for each in reversed(passed):
            Rewriter.erase_op(each)

    def _root(self, op: Operation) -> SSAValue:
        """One of what no constant is added to, and to nothing that has another root."""
        own, (value, *_) = op.results[0], (*op.operands, op.results[0])
        if isinstance(op, MOVES):
            return self._roots[value]
        if isinstance(op, nn.MulOp):
            values = [x for x in op.operands if not _is_constant(x)]
            return self._roots[values[0]] if len(values) == 1 else own
        if isinstance(op, nn.AddOp | nn.ConcatOp):
            one, other = (self._roots[x] for x in op.operands)
            return one if one is other and not _is_constant(one) else own
        return own

    def _turned(self, op: Operation) -> Turned | None:
        """The rotation that an operation is the last one of, if it is one of something of its own shape."""
        (result,) = op.results
        shape = nn.shape_of(result)
        alike = [x for x in self._within(result) if nn.shape_of(x) == shape and x is not result]
        for x in alike if len(shape) in (3, 4) else ():
            (places, factors), *others = self._of(x)
            if others or not (factors == 1).all():
                continue
            found = _pairs(places, self._of(result))
            tables = found and _by_positions(*found[:2])
            if found and tables:
                return Turned(x, *tables[:2], found[2], tables[2])
        return None

    def _adds(self, op: Operation) -> bool:
        """Whether there is a sum in what an operation makes of its root."""
        root = self._roots[op.results[0]]
        within = self._within(op.results[0])
        return any(isinstance(x.owner, nn.AddOp) for x in within if x is not root)

    def _within(self, value: SSAValue) -> Iterator[SSAValue]:
        """All that a value is made of, up to its root."""
        root, left, seen = self._roots[value], [value], {value}
        while left:
            one = left.pop()
            yield one
            if one is not root:
                made = one.owner.operands  # type: ignore[union-attr]
                new = [x for x in made if not _is_constant(x) and x not in seen]
                seen |= {*new}
                left += new

    def _of(self, value: SSAValue) -> Terms:
        """What a value is of its root."""
        if value not in self._terms:
            self._terms[value] = self._made_of(value)
        return self._terms[value]

    def _made_of(self, value: SSAValue) -> Terms:
        op, shape = value.owner, nn.shape_of(value)
        if value is self._roots[value]:
            return [(np.arange(np.prod(shape)).reshape(shape), np.ones(shape))]
        if isinstance(op, MOVES):
            return [(moved(op, p), moved(op, c)) for p, c in self._of(op.x)]
        if isinstance(op, nn.MulOp):
            (x,) = (x for x in op.operands if not _is_constant(x))
            (constant,) = (x for x in op.operands if _is_constant(x))
            numbers = self._numbers(constant)
            return [(np.broadcast_to(p, shape), c * numbers) for p, c in self._of(x)]
        both = expect(op, nn.AddOp, nn.ConcatOp)
        lhs, rhs = map(self._of, both.operands)
        if isinstance(both, nn.AddOp):
            return [(np.broadcast_to(p, shape), np.broadcast_to(c, shape)) for p, c in lhs + rhs]
        absent = [(terms[0][0], np.zeros_like(terms[0][1])) for terms in (lhs, rhs)]
        joined = []
        for one, other in zip_longest(lhs, rhs):
            parts = zip(one or absent[0], other or absent[1], strict=True)
            joined.append(tuple(np.concatenate(part, axis=-1) for part in parts))
        return joined

    def _numbers(self, value: SSAValue) -> np.ndarray:
        number = nn.constant(value)
        if number is not None:
            return np.array(number)
        name = expect(value.owner, nn.ParamOp).param_name
        return self.weights.recipes[name]().detach().cpu().double().numpy()

    def _made(self, found: Turned) -> list[Operation]:
        """The rotation of heads, and what views x as these before and back again."""
        shape, before, after = nn.shape_of(found.x), [], []
        if len(shape) == 3:
            before.append(nn.ViewOp(found.x, (shape[0], 1, *shape[1:])))
        elif found.positions_first:
            before.append(nn.PermuteOp(found.x, axes=POSITIONS_FIRST))
        x = before[0].result if before else found.x
        sin, cos = self._table("sin", found.sin), self._table("cos", found.cos)
        turned = nn.RotateOp(x, cos, sin, partners=found.partners)
        if len(shape) == 3:
            after.append(nn.ViewOp(turned.result, shape))
        elif found.positions_first:
            after.append(nn.PermuteOp(turned.result, axes=POSITIONS_FIRST))
        return [*before, turned, *after]

    def _table(self, what: str, numbers: np.ndarray) -> SSAValue:
        key = what.encode() + numbers.tobytes()
        if key not in self._tables:
            made = self.weights.param(
                f"rotary.{what}", numbers.shape, lambda: torch.from_numpy(numbers)
            )
            Rewriter.insert_op(made, InsertPoint.at_start(self.block))
            self._tables[key] = made.result
        return self._tables[key]


def _is_constant(value: SSAValue) -> bool:
    return isinstance(value.owner, nn.ParamOp | nn.ConstantOp)


def _pairs(own: np.ndarray, terms: Terms) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]] | None:
    """By what each element is multiplied, and its partner, and which channel that is; None if it is none of the
    same row, or there are several."""
    cos, sin, partner = np.zeros(own.shape), np.zeros(own.shape), own.copy()
    for places, factors in terms:
        same, other = places == own, (places != own) & (factors != 0)
        if (other & (sin != 0) & (partner != places)).any():
            return None
        cos += np.where(same, factors, 0)
        sin += np.where(other, factors, 0)
        partner = np.where(other, places, partner)
    rows, wanted = (each.reshape(-1, own.shape[-1]) for each in (own, partner))
    # A row in which a channel has its partner, which is then the same channel in all of them.
    first = (rows != wanted).argmax(axis=0)
    found = rows[first] == wanted[first, np.arange(len(first))][:, None]
    partners = found.argmax(axis=1)
    turns = wanted != rows
    if not turns.any() or not found.any(axis=1).all():
        return None
    if not (rows[:, partners] == wanted)[turns].all():
        return None
    return cos, sin, tuple(partners.tolist())


def _by_positions(cos: np.ndarray, sin: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Tables (T, D), and whether positions are before heads, where examples and heads differ in nothing else."""
    axes = {1: False, 2: True} if cos.ndim == 4 else {0: False}
    for heads, first in axes.items():
        found = [table.take([0], heads).take([0], 0) for table in (cos, sin)]
        if all((one == table).all() for one, table in zip(found, (cos, sin), strict=True)):
            tables = [one.reshape(-1, one.shape[-1]) for one in found]
            return tables[0], tables[1], first
    return None
