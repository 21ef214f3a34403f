"""The formats of a calibrated function of tensors.

A value has as many fraction bits as its calibrated range, times the headroom, leaves of 16 bits, but for this:

* what is handed on has the format that it had (`KeepsScale`);
* a sum has the fraction bits of both of its operands, and is a bit wider than the wider one, at most 17 bits. So
  operands that are sums leave a bit less to their own. The operands' types are as narrow as they can be;
* a rounded result has no more fraction bits than its accumulator, and an activation few more than its argument; a
  positive part has those of its argument, so that one table serves all of them;
* weights have 16 bits, biases up to 18, but no more fraction bits than what they are added to, and these no more
  than what leaves accumulators and remainders below 2^62.

All these bounds follow from other fraction bits and only shrink with them: what is above one is lowered until
nothing is.

Errors: `UserError` for operations of other functions, and for missing ranges, with the module path.
"""

from __future__ import annotations

import math

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn
from ...dialects.interfaces import KeepsScale, Normalises, Rounded, Sum
from ...dialects.quant import FormatAttr
from ...errors import UserError, expect
from .calibrate import range_of
from .scale import LIMB, WIDE_LIMB, most_frac
from .scales import where

SUM_BITS = 17
BIAS_BITS = WIDE_LIMB
CUT_BITS = 44
"""The most fraction bits that a rounding cuts: with 16 bits of the result they are 60."""
SHIFTED_BIAS_BITS = 60
"""The most bits of a bias that is shifted to the fraction bits of the accumulator."""

Layer = nn.LinearOp | nn.Conv2dOp


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
        if isinstance(op, nn.LinearOp) and op.scale is not None:
            raise UserError(f"{where(op)}: a linear layer of a function of tensors has no scale")
        if isinstance(op, KeepsScale | Sum):
            for operand in op.operands:
                self._join(operand, value)
                if isinstance(op, Sum):
                    self._narrow.add(_viewed(operand))
            self.magnitude_of[value] = sum(self.magnitude_of[each] for each in op.operands)
        elif isinstance(op, nn.InputOp | nn.ParamOp | Rounded) and not isinstance(op, Normalises):
            magnitude = self._seen(op)
            if isinstance(op, Rounded):
                magnitude = min(magnitude, op.largest(self))
            self.magnitude_of[value] = magnitude
            bits = BIAS_BITS if _is_bias(value) else LIMB
            self.frac[value] = most_frac(magnitude, bits)
            if isinstance(op, nn.ReluOp):
                self._join(op.x, value)
        else:
            raise UserError(f"{where(op)}: {op.name} can not be part of a function of tensors")
        self._set(value, min(self.frac[each] for each in self._group[value] if each in self.frac))

    def _seen(self, op: Operation) -> float:
        """The calibrated range, with headroom where inputs decide it. It may be zero."""
        return range_of(op) * (1.0 if isinstance(op, nn.ParamOp) else self.headroom)

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
            return [(value, self.frac[value] - max(0, self.bits(value) - SUM_BITS))]
        if not isinstance(op, Rounded):
            return []
        accumulator = self._accumulator(op)
        found: list[tuple[SSAValue, int]] = [(value, accumulator)]
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
        return read

    def bits(self, value: SSAValue) -> int:
        """The bits of a value's type."""
        op = expect(value.owner, Operation)
        if isinstance(op, KeepsScale):
            return self.bits(op.operands[0])
        if isinstance(op, Sum):
            return max(map(self.bits, op.operands)) + 1
        if value not in self._narrow and not _is_bias(value):
            return LIMB
        return next(b for b in range(2, LIMB + BIAS_BITS) if self._fits(value, b))

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
        """A function of tensors has no norms."""
        raise UserError(f"{where(op)}: {op.name} can not be part of a function of tensors")

    def bias(self, op: Normalises) -> float:
        """A function of tensors has no norms."""
        raise UserError(f"{where(op)}: {op.name} can not be part of a function of tensors")


def _viewed(value: SSAValue) -> SSAValue:
    """What a value is a view of, or itself."""
    while isinstance(value.owner, KeepsScale):
        value = value.owner.operands[0]
    return value


def _is_bias(value: SSAValue) -> bool:
    return any(isinstance(use.operation, Layer) and use.index == 2 for use in value.uses)
