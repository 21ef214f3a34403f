"""`equalize-layers`: powers of two move between weights so that a role has one scale in all layers.

The same value may be seventy times larger in one decoder layer than in another; layers share their
formats, so the small ones would lose as many bits. Some values may be multiplied by any power of two
without a change of the function, as everything that reads them can take it back:

* a linear layer, in the columns of its weight;
* a norm, whose result does not depend on the size of its input but for eps, which is multiplied by
  the square;
* a product, attention over values and views of heads, which are as much larger.

The sides of a product of queries and keys may have inverse factors, which leave the scores as they are.

Such a value is the output of a norm (the factor goes into its exponents) or of a linear layer (into
the rows of its weight). Producers are taken in order. Each tensor t that the exponents c_l of a role
rescale, values and weights that no later exponent takes care of, is rounded in steps that the largest
layer sets, and costs

    step(max_l m_tl 2^(c_l - b_tl))^2 sum_l s_tl 4^(b_tl - c_l)

with m the largest magnitudes, s the sensitivities (`analysis.sensitivity`; without them 1 / m^2), and b
the exponents that are there before. The step of a weight is the power of two with which it fills 18
bits; that of a value, some of whose 18 bits are headroom, about 2^-16 of it. Their sum is minimised
by coordinate descent, from what brings the output to one size and from what fills the range of each
layer's weight. Products, and what only norms read, have bits to spare and do not count.

Recorded ranges, sums of squares, gains and sensitivities are rescaled with the values. The function
stays exactly the same, as multiplying by a power of two rounds nothing. It corresponds to the
cross-layer equalisation of Nagel et al. (2019, section 4.1), for layers that share a scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, ModuleOp, f64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ...dialects import nn
from ...dialects.interfaces import Home, Normalises, Rescales, Scaling, TakesFactor
from ...errors import expect
from ..analysis.calibrate import BIAS, GAIN, RANGE, ROW_NORM, SQUARES, range_of
from ..analysis.equalize import COLUMNS, LARGEST, rescale
from ..analysis.roles import Roles
from ..analysis.scale import LIMB, WIDE_LIMB, most_frac
from ..analysis.sensitivity import SENSITIVITY, sensitivity_of
from ..modules import main_function, takes_tensors

# Sweeps over the layers at most, and how far an exponent moves in one.
SWEEPS, REACH = 8, 3


@dataclass(frozen=True)
class EqualizeLayers(ModulePass):
    """Rescales a calibrated, raised `nn` function."""

    name = "equalize-layers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if takes_tensors(op):
            return
        entering: dict[SSAValue, int] = {}
        """Exponents of values so far."""
        for peers in Roles(main_function(op).body.block.ops):
            first = peers[0]
            if len(peers) > 1 and isinstance(first, nn.ScoresOp):
                _balance_scores(peers)
            if len(peers) < 2 or not isinstance(first, TakesFactor) or _carries(first):
                continue
            readers = [Readers.of(peer.results[0]) for peer in peers]
            before = [entering.get(peer.operands[0], 0) for peer in peers]
            chosen = [0 for _ in peers]
            if all(map(_home, peers)) and all(reader.free for reader in readers):
                chosen = _exponents(peers, before, readers)
            for peer, reader, old, new in zip(peers, readers, before, chosen, strict=True):
                _apply(peer, reader, old, new)
                entering |= dict.fromkeys(reader.values, new)


@dataclass
class Readers:
    """What reads a value, through operations that hand a factor on: ``values`` are it and theirs."""

    values: list[SSAValue]
    params: list[nn.ParamOp]
    norms: list[Operation]
    free: bool = True

    @staticmethod
    def of(value: SSAValue) -> Readers:
        found = Readers([], [], [])
        found.follow(value)
        return found

    def follow(self, value: SSAValue) -> None:
        if value in self.values:  # A value times itself grows by the square.
            self.free = False
            return
        self.values.append(value)
        for use in value.uses:
            user = use.operation
            match _scaling(user, use.index):
                case Scaling.FORGOTTEN:
                    self.norms.append(user)
                case Scaling.RETURNED:
                    self.params.append(expect(user.operands[1].owner, nn.ParamOp))
                case Scaling.CARRIED:
                    self.follow(user.results[0])
                case Scaling.OTHER:
                    self.free = False


@dataclass(frozen=True)
class Tensor:
    """Of each layer: the largest magnitude, the sensitivity, and the exponent that is there before; and
    whether the exponents multiply (1) or divide (-1)."""

    magnitudes: list[float]
    sensitivities: list[float]
    before: list[int]
    sign: int
    weight: bool

    @staticmethod
    def of(ops: Sequence[Operation], before: Sequence[int] = (), sign: int = 1) -> Tensor:
        magnitudes = [range_of(op) for op in ops]
        found = [sensitivity_of(op) for op in ops]
        if not any(found):
            found = [1 / m**2 if m else 0.0 for m in magnitudes]
        old = list(before) or [0 for _ in ops]
        return Tensor(magnitudes, found, old, sign, isinstance(ops[0], nn.ParamOp))

    def cost(self, exponents: list[int]) -> float:
        moved = [2.0 ** (self.sign * c - b) for c, b in zip(exponents, self.before, strict=True)]
        largest = max(m * f for m, f in zip(self.magnitudes, moved, strict=True))
        step = 2.0 ** -most_frac(largest, WIDE_LIMB) if self.weight else largest * 2.0**-LIMB
        return step**2 * sum(s / f**2 for s, f in zip(self.sensitivities, moved, strict=True))

    def filling(self) -> list[int]:
        """The exponents with which every layer's weight fills the bits of the largest; 0 for zeros."""
        fracs = [most_frac(m, WIDE_LIMB) if m else None for m in self.magnitudes]
        least = min((frac for frac in fracs if frac is not None), default=0)
        found = zip(fracs, self.before, strict=True)
        return [0 if frac is None else b + frac - least for frac, b in found]


def _exponents(peers: list[Operation], before: list[int], readers: list[Readers]) -> list[int]:
    """For each layer the exponent of the output, whose input has the one of ``before``."""
    tensors: list[Tensor] = []
    starts = [_missing(range_of(peer) for peer in peers)]
    if not isinstance(peers[0], Normalises):
        weight = Tensor.of([_weight(peer) for peer in peers], before)
        tensors.append(weight)
        starts.append(weight.filling())
    if readers[0].params:
        owners = zip(*([v.owner for v in reader.values] for reader in readers), strict=True)
        for ops in owners:
            ranged = [op for op in ops if isinstance(op, Operation) and RANGE in op.attributes]
            if len(ranged) == len(peers) and not _carries(ranged[0]):
                tensors.append(Tensor.of(ranged))
    for params in zip(*(reader.params for reader in readers), strict=True):
        if not all(map(_free, params)):
            tensors.append(Tensor.of(params, sign=-1))
    found = [_descend([max(-LARGEST, min(LARGEST, c)) for c in start], tensors) for start in starts]
    return min(found, key=lambda exponents: _cost(exponents, tensors))


def _scaling(op: Operation, index: int) -> Scaling:
    return op.scaling(index) if isinstance(op, Rescales) else Scaling.OTHER


def _carries(op: Operation) -> bool:
    """Whether a factor on any operand is one on the result: views and products."""
    return all(_scaling(op, index) is Scaling.CARRIED for index in range(len(op.operands)))


def _home(op: Operation) -> Home | None:
    return op.factor_home() if isinstance(op, TakesFactor) else None


def _weight(op: Operation) -> Operation:
    return expect(op.operands[1].owner, Operation)


def _free(param: nn.ParamOp) -> bool:
    """Whether the one linear layer that reads a weight has exponents of its own."""
    (use,) = param.result.uses
    return Readers.of(use.operation.results[0]).free


def _balance_scores(peers: list[Operation]) -> None:
    """Moves powers of two between the rotated norms of queries and of keys."""
    ways = [[_way(peer.operands[side]) for peer in peers] for side in range(2)]
    if not all(way for side in ways for way in side):
        return
    tensors: list[Tensor] = []
    for side, sign in zip(ways, (1, -1), strict=True):
        last = [way[-1].owner for way in side]
        tensors.append(Tensor.of([op for op in last if isinstance(op, Operation)], sign=sign))
    exponents = _descend([0 for _ in peers], tensors)
    for side, sign in zip(ways, (1, -1), strict=True):
        for way, exponent in zip(side, exponents, strict=True):
            norm = expect(way[0].owner, nn.RMSNormOp)
            _apply(norm, Readers(way, [], []), 0, sign * exponent)


def _way(value: SSAValue) -> list[SSAValue]:
    """A norm's output and its rotation, which is the value, if nothing else reads them."""
    rope = value.owner
    norm = rope.operands[0] if isinstance(rope, nn.RopeOp) else value
    alone = all(len({*each.uses}) == 1 for each in (norm, value))
    if not alone or not isinstance(norm.owner, nn.RMSNormOp):
        return []
    return [norm] if norm is value else [norm, value]


def _cost(exponents: list[int], tensors: list[Tensor]) -> float:
    return sum(tensor.cost(exponents) for tensor in tensors)


def _descend(exponents: list[int], tensors: list[Tensor]) -> list[int]:
    least = _cost(exponents, tensors)
    for _ in range(SWEEPS):
        before = least
        for layer, kept in enumerate(exponents):
            for exponent in range(kept - REACH, kept + REACH + 1):
                exponents[layer] = exponent
                if abs(exponent) <= LARGEST and (found := _cost(exponents, tensors)) < least:
                    least, kept = found, exponent
            exponents[layer] = kept
        if least >= before:
            break
    return exponents


def _missing(magnitudes: Iterable[float]) -> list[int]:
    """The exponents of two that bring each magnitude near the largest; 0 for zeros."""
    found = list(magnitudes)
    largest = max(found)
    return [round(math.log2(largest / each)) if each > 0 else 0 for each in found]


def _apply(op: Operation, readers: Readers, before: int, exponent: int) -> None:
    """Multiplies an operation's result by 2^exponent; its input was multiplied by 2^before."""
    weight = op.operands[1].owner
    home = _home(op)
    if home:
        rescale(home.op, home.property, np.array([exponent]))
    if isinstance(op, Normalises):
        for name in (GAIN, BIAS):
            _scale(op, name, 2.0**exponent)
        moved = exponent
    elif isinstance(weight, nn.ParamOp) and _scaling(op, 0) is Scaling.RETURNED:
        rescale(weight, COLUMNS, np.array([-before]))
        moved = exponent - before
        for name in (RANGE, ROW_NORM):
            _scale(weight, name, 2.0**moved)
    else:
        moved = 0
    for each in op.operands[1:]:
        if isinstance(each.owner, nn.ParamOp):
            _scale(each.owner, SENSITIVITY, 4.0**-moved)
    for value in readers.values:
        owner = expect(value.owner, Operation)
        _scale(owner, RANGE, 2.0**exponent)
        _scale(owner, SENSITIVITY, 4.0**-exponent)
    for norm in readers.norms:
        if isinstance(norm, Normalises):
            norm.constant *= 4.0**exponent
        squares = norm.attributes.get(SQUARES)
        if isinstance(squares, DenseArrayBase):
            scaled = [float(square) * 4.0**exponent for square in squares.get_values()]
            norm.attributes[SQUARES] = DenseArrayBase.from_list(f64, scaled)


def _scale(op: Operation, name: str, factor: float) -> None:
    found = op.attributes.get(name)
    if isinstance(found, FloatAttr):
        op.attributes[name] = FloatAttr(found.value.data * factor, f64)
