"""The formats of a calibrated function of tensors.

A value has as many fraction bits as its calibrated range, times the headroom, leaves of 16 bits, but for this:

* what is handed on has the format that it had (`KeepsScale`), rows of a table that of the table;
* ids are whole numbers;
* a sum has the fraction bits of both of its operands, and as many bits as their ranges make, at most 17, or what a
  norm squares if nothing else reads it. So operands that are sums leave a bit less to their own. The operands'
  types are as narrow as they can be;
* a rounded result has no more fraction bits than its accumulator, and an activation few more than its argument; a
  positive part has those of its argument, so that one table serves all of them;
* probabilities that are results have 14 fraction bits, whatever was seen;
* scores have 17 bits, of whose differences there is a table, which their scale is in;
* a norm has three exponents more than its calibrated sums of squares, and a reciprocal root of as many bits as they
  and the gain leave;
* weights have 16 bits, biases up to 18, but no more fraction bits than what they are added to, and these no more
  than what leaves accumulators and remainders below 2^62;
* cosines and sines of one rotation have up to 18 bits, and as many fraction bits as each other.

All these bounds follow from other fraction bits and only shrink with them: what is above one is lowered until
nothing is.

Errors: `UserError` for operations of other functions, and for missing ranges, with the module path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn, quant
from ...dialects.interfaces import KeepsScale, Normalises, Quantised, Rounded, Sum
from ...dialects.quant import FormatAttr
from ...errors import UserError, expect
from .calibrate import range_of, squares_of
from .limits import LEAST_ROOT, MOST_RECIPROCAL, NORM_BITS, RECIPROCAL_BITS
from .scale import LIMB, WIDE_LIMB, most_frac
from .scales import MAX_EXPONENT, exponent_of, integer_eps, where

SUM_BITS = SCORE_BITS = 17
MOST_ROOT = 23
SPARE_EXPONENTS = 3
WIDE_BITS = WIDE_LIMB
CUT_BITS = 44
"""The most fraction bits that a rounding cuts: with 16 bits of the result they are 60."""
SHIFTED_BIAS_BITS = 60
"""The most bits of a bias that is shifted to the fraction bits of the accumulator."""

Layer = nn.LinearOp | nn.Conv2dOp
Biased = Layer | nn.RMSNormOp


@dataclass(frozen=True)
class NormPlan:
    """What a norm is planned with (`analysis.plan`)."""

    eps: int
    exponents: tuple[int, int]
    root: int


class TensorScales:
    """What each value of a function gets; `bits` and `frac` are of results."""

    def __init__(self, block: Block, headroom: float):
        self.headroom = headroom
        self.ops = [op for op in block.ops if not isinstance(op, ReturnOp)]
        self._group: dict[SSAValue, list[SSAValue]] = {}
        """The values of one number of fraction bits."""
        self.frac: dict[SSAValue, int] = {}
        self.magnitude_of: dict[SSAValue, float] = {}
        self._narrow: set[SSAValue] = set()
        """What is summed, through views: of as few bits as it takes."""
        for op in self.ops:
            self._visit(op)
        while self._lowered():
            pass

    def format(self, op: Operation) -> FormatAttr:
        """That of an operation's result."""
        value = op.results[0]
        return FormatAttr.of(self.bits(value), self.frac[value])

    def _visit(self, op: Operation) -> None:
        value = op.results[0]
        self._group[value] = [value]
        scaled = isinstance(op, nn.LinearOp) and op.scale is not None
        named = isinstance(op, nn.ScoresOp | nn.EmbeddingOp) and op.scale.value.data != 1
        if scaled or named:
            raise UserError(f"{where(op)}: {op.name} of a function of tensors has no scale")
        if parts := _parts(op):
            for operand in parts:
                self._join(operand, value)
                if isinstance(op, Sum):
                    self._narrow.add(_viewed(operand))
            self.magnitude_of[value] = sum(self.magnitude_of[each] for each in parts)
        elif isinstance(op, nn.InputOp) and op.below is not None:
            self.magnitude_of[value] = op.below.value.data
            self.frac[value] = 0
        elif isinstance(op, nn.SoftmaxOp | nn.MaskedSoftmaxOp):
            self.magnitude_of[value] = 1.0  # Exponentials have a format of their own.
            self.frac[value] = quant.EXP_FRAC
        elif isinstance(op, nn.ProbabilitiesOp):
            self.magnitude_of[value] = 1.0
            self.frac[value] = most_frac(1.0, LIMB)
        elif isinstance(op, nn.InputOp | nn.ParamOp | Rounded):
            magnitude = self._seen(op)
            if isinstance(op, Rounded):
                magnitude = min(magnitude, op.largest(self))
            self.magnitude_of[value] = magnitude
            self.frac[value] = most_frac(magnitude, self._own_bits(value))
            if isinstance(op, nn.ReluOp):
                self._join(op.x, value)
            if isinstance(op, nn.RotateOp):
                self._join(op.cos, op.sin)
                self._set(op.cos, min(self.frac[op.cos], self.frac[op.sin]))
        else:
            raise UserError(f"{where(op)}: {op.name} can not be part of a function of tensors")
        self._set(value, min(self.frac[each] for each in self._group[value] if each in self.frac))

    def _seen(self, op: Operation) -> float:
        """The calibrated range, with headroom where inputs decide it, and in the units of its integers. It may be
        zero."""
        if isinstance(op, nn.ParamOp):
            return range_of(op) * factor_of(op)
        return range_of(op) * self.headroom

    def _join(self, one: SSAValue, other: SSAValue) -> None:
        if self._group[one] is not self._group[other]:
            joined = [*self._group[one], *self._group[other]]
            self._group |= dict.fromkeys(joined, joined)

    def _set(self, value: SSAValue, frac: int) -> None:
        self.frac |= dict.fromkeys(self._group[value], frac)

    # Bounds on each other

    def _lowered(self) -> bool:
        """Lowers what is above its bound; whether anything was."""
        before = dict(self.frac)
        for op in self.ops:
            for value, most in self._bounds(op):
                if self.frac[value] > most:
                    self._set(value, most)
        return self.frac != before

    def _bounds(self, op: Operation) -> list[tuple[SSAValue, int]]:
        """Values with the most fraction bits that an operation leaves them."""
        value = op.results[0]
        if isinstance(op, Sum):
            return [(value, self.frac[value] - max(0, self.bits(value) - self._most_bits(value)))]
        if not isinstance(op, Rounded):
            return []
        accumulator = self._accumulator(op)
        found: list[tuple[SSAValue, int]] = [(value, accumulator)]
        if isinstance(op, nn.RMSNormOp) and op.bias is not None:
            found.append((op.bias, accumulator))
        if isinstance(op, Layer):
            most = self.frac[value] + CUT_BITS
            if op.bias is not None:
                most = min(most, most_frac(self.magnitude_of[op.bias], SHIFTED_BIAS_BITS))
                found.append((op.bias, accumulator))
            if accumulator > most:
                found.append((op.w, self.frac[op.w] - (accumulator - most)))
        return found

    def _accumulator(self, op: Rounded) -> int:
        """The fraction bits that there are before rounding, or that are worth having."""
        read = sum(self.frac[op.operands[index]] for index in op.FACTORS)
        if isinstance(op, nn.ActivationOp):
            return read + op.SPARE_FRAC
        if isinstance(op, nn.AvgPool2dOp):
            return read + math.prod(op.kernel.get_values()).bit_length() - 1
        if isinstance(op, nn.MeanPositionsOp):
            return read + (nn.shape_of(op.x)[1] - op.first.value.data).bit_length() - 1
        if isinstance(op, nn.AttendOp):
            return read + self.reciprocal(op)
        if isinstance(op, nn.RMSNormOp):
            norm = self.norm(op)
            return read + norm.root + norm.exponents[1]
        return read

    # What norms and attention are planned with

    def norm(self, op: nn.RMSNormOp) -> NormPlan:
        """By its calibrated sums of squares, and by what its input's integers can be at most."""
        x, channels = op.x, nn.shape_of(op.x)[-1]
        frac, bound = self.frac[x], 1 << self.bits(x)
        eps = integer_eps(op.constant, channels, frac)
        largest = squares_of(op)[1] * 4.0**frac
        most = min(exponent_of(channels * bound**2 + eps), MAX_EXPONENT)
        emax = min(exponent_of(largest) + SPARE_EXPONENTS, most)
        root = min(MOST_ROOT, NORM_BITS - emax - self.bits(op.w))
        gain_frac = self.frac[op.w] + emax
        root = min(root, CUT_BITS + self.frac[op.result] - gain_frac)
        if op.bias is not None:
            root = min(root, most_frac(self.magnitude_of[op.bias], SHIFTED_BIAS_BITS) - gain_frac)
        if root < LEAST_ROOT:
            raise UserError(f"{where(op)}: sums of squares up to {largest:.3g} are too large")
        return NormPlan(eps, (0, emax), root)

    def reciprocal(self, op: nn.AttendOp) -> int:
        """k of `quant.softmax`: as large as the mixed values leave it, if reciprocals of 9 bits stay even over a
        row of equal scores."""
        terms = (nn.shape_of(op.p)[-1] - 1).bit_length()
        wanted = CUT_BITS + self.frac[op.result] - self.frac[op.v]
        return max(quant.EXP_FRAC + terms + RECIPROCAL_BITS, min(wanted, MOST_RECIPROCAL))

    def bits(self, value: SSAValue) -> int:
        """The bits of a value's type."""
        op = expect(value.owner, Operation)
        if isinstance(op, Sum):
            return quant.signed_bits(self._bound(value) - 1)
        if parts := _parts(op):
            return self.bits(parts[0])
        if isinstance(op, nn.InputOp) and op.below is not None:
            return quant.signed_bits(op.below.value.data - 1)
        if value not in self._narrow and not _is_wide(value):
            return self._own_bits(value)
        return next(b for b in range(2, LIMB + WIDE_BITS) if self._fits(value, b))

    def _bound(self, value: SSAValue) -> int:
        """The magnitude of the least integer that a value may be."""
        value = _viewed(value)
        if isinstance(op := value.owner, nn.AddPositionsOp):  # Which adds what x has room for.
            return (1 << self.bits(op.x) - 1) + self._bound(op.table)
        if isinstance(op, Sum):
            return sum(map(self._bound, op.operands))
        return 1 << self.bits(value) - 1

    def _own_bits(self, value: SSAValue) -> int:
        """Those of a rounded value or a weight that nobody makes narrower."""
        if _is_wide(value):
            return WIDE_BITS
        return SCORE_BITS if isinstance(value.owner, nn.ScoresOp) else LIMB

    def _most_bits(self, value: SSAValue) -> int:
        """The widest type of a sum that all who read it take: norms square more than others multiply or look up,
        and of another sum its own readers say."""
        most = 0
        for use in value.uses:
            reader = use.operation
            if isinstance(reader, KeepsScale | Sum):
                found = self._most_bits(reader.results[0])
            elif isinstance(reader, Normalises) and isinstance(reader, Quantised):
                found = reader.operand_bits(use.index)
            else:
                found = SUM_BITS
            most = min(most or found, found)
        return most

    def _fits(self, value: SSAValue, bits: int) -> bool:
        return most_frac(self.magnitude_of[value], bits) >= self.frac[value]

    # What is known of values (`interfaces.Bounds`)

    def magnitude(self, value: SSAValue) -> float:
        """The largest magnitude that a value's format has room for."""
        return self.magnitude_of[value]

    def row_norm(self, value: SSAValue) -> float:
        """No bound is known."""
        return math.inf

    def gain(self, op: Normalises) -> float:
        """The largest gain of a norm: its weight, which is all there is to it in a function of tensors."""
        if op.gains(np.zeros(1)).any():
            raise UserError(f"{where(op)}: a norm of a function of tensors has no offset")
        return range_of(expect(op.operands[1].owner, nn.ParamOp))

    def bias(self, op: Normalises) -> float:
        """The largest bias of a norm."""
        return range_of(expect(op.operands[2].owner, nn.ParamOp)) if len(op.operands) > 2 else 0.0


def factor_of(op: nn.ParamOp) -> float:
    """What a weight is multiplied by before it is rounded: the gain of a norm over n channels by sqrt(n)."""
    widths = {
        nn.shape_of(use.operation.operands[0])[-1]
        for use in op.result.uses
        if isinstance(use.operation, Normalises) and use.index == 1
    }
    return math.sqrt(widths.pop()) if widths else 1.0


def _viewed(value: SSAValue) -> SSAValue:
    """What a value is a view of, or rows of, or itself."""
    while isinstance(value.owner, KeepsScale | nn.EmbeddingOp):
        value = _parts(value.owner)[0]
    return value


def _is_wide(value: SSAValue) -> bool:
    """Whether it is a bias, or a table of cosines or sines."""
    return any(
        use.index == 2 if isinstance(use.operation, Biased) else use.index > 0
        for use in value.uses
        if isinstance(use.operation, Biased | nn.RotateOp)
    )


def _parts(op: Operation) -> Sequence[SSAValue]:
    """What an operation hands on or sums up: operands whose format is the result's, if it has none of its own."""
    if isinstance(op, nn.EmbeddingOp):
        return [op.table]
    return op.operands if isinstance(op, KeepsScale | Sum) else []
