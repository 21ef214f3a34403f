"""What fraction bits scales leave to each other: the accumulators between them, and what has to fit.

A result can have no more fraction bits than its accumulator. The exponents of a norm follow from its
input's scale, its reciprocal root and its gain have the bits that these leave; attention's reciprocals
follow from the scales of values and results; factors and weights share the bits of an accumulator in which
nothing was rounded.

Errors: `UserError` for sums that do not fit, with the module path.
"""

from __future__ import annotations

import math

from xdsl.ir import Operation

from ...dialects import nn, quant
from ...dialects.interfaces import Normalises, Rounded
from ...errors import UserError, expect
from .calibrate import RANGE, ROW_NORM, range_of, squares_of
from .plan import weight_factor
from .scale import LIMB, WIDE_LIMB, Fracs, Scale, most_frac
from .scales import MAX_EXPONENT, Scales, exponent_of, integer_eps, where

NORM_BITS = 61
"""The bits of exponent, reciprocal root and gain of a norm together: their products stay below 2^61."""
ROUNDED_BITS = 63
"""Bits of a result and its remainder together: the number that they make is below 2^62."""
MOST_RECIPROCAL, LEAST_ROOT = 46, 8
RECIPROCAL_BITS = 9
"""The fewest bits of a reciprocal of `quant.softmax`, that of a row of equal scores."""
FEWEST = -64
"""The fewest fraction bits of any scale."""
SMALL_BITS = 6
"""A norm's constant that was rounded up is at most 2^-6 of the least sum of squares that was calibrated: its row
is then off by a part in 128, of which few rows come near."""
MOST_CUT = LIMB // 2
"""The most fraction bits that rows of the embedding lose as they enter the residual stream. They lose none where it
could have more itself."""
SPREAD = 4
"""How much further logits may lie apart than calibrated."""


class Limits:
    """Those of a function's scales; each asks for the fraction bits that all of them have."""

    def __init__(self, scales: Scales):
        self.scales = scales
        self._bounded = {scale: [scale] for scale in scales.all}
        for table in scales.tables:
            self._bounded[scales.scale[scales.embedding.result]].append(scales.scale[table])
        for op, result, _ in scales.rounded:
            for scale in {*self.read(op), result}:
                self._bounded[scale].append(result)
            if op in scales.root:
                for operand in op.operands:
                    self._bounded[scales.scale[operand]].append(scales.root[op])
        self._squared = dict.fromkeys(scales.all, FEWEST)
        for op in scales.ops:
            if isinstance(op, Normalises):
                scale, (least, _) = scales.scale[op.operands[0]], squares_of(op)
                squares = SMALL_BITS + quant.MANTISSA_BITS - math.log2(least)
                self._squared[scale] = max(self._squared[scale], math.ceil(squares / 2))
        for _, shared in scales.together:
            for scale in shared:
                self._bounded[scale] += shared
        self._biased: dict[Scale, Rounded] = {}
        """The layers and norms of which scales are the biases'."""
        for op in scales.ops:
            if isinstance(op, nn.LinearOp | nn.RMSNormOp) and op.bias is not None:
                bias = scales.scale[op.bias]
                self._biased[bias] = op
                read = [scale for each in op.operands[:2] for scale in scales.factors(each)]
                for scale in [*read, scales.root[op]] if op in scales.root else read:
                    self._bounded[scale].append(bias)
        self._bounded = {scale: [*dict.fromkeys(those)] for scale, those in self._bounded.items()}
        self._factors: dict[Operation, list[Scale]] = {}
        self._exponents: dict[tuple[Operation, int], tuple[int, int]] = {}
        self._distinct = {scale: self._different(scale.ops) for scale in scales.all}

    def _different(self, ops: list[Operation]) -> list[Operation]:
        """Those of operations that may have other limits than those before: layers are many, and mostly alike."""
        found: dict[tuple[object, ...], Operation] = {}
        for op in ops:
            key: tuple[object, ...] = (op,)
            if isinstance(op, Rounded):
                head, shapes = self.scales.roles.peers(op)[0], map(nn.shape_of, op.operands)
                key = (head, *shapes, *self.factors(op), self.scales.root.get(op))
            found.setdefault(key, op)
        return [*found.values()]

    def factors(self, op: Rounded) -> list[Scale]:
        """The scales whose fraction bits the accumulator of an operation has."""
        if op not in self._factors:
            read = (op.operands[index] for index in op.FACTORS)
            self._factors[op] = [scale for each in read for scale in self.scales.factors(each)]
        return self._factors[op]

    def read(self, op: Rounded) -> list[Scale]:
        """The scales of an operation's operands, and of its own numbers."""
        found = [scale for operand in op.operands for scale in self.scales.factors(operand)]
        return [*found, self.scales.root[op]] if op in self.scales.root else found

    def bounded_by(self, scale: Scale) -> list[Scale]:
        """The scales whose limits depend on a scale, itself among them."""
        return self._bounded[scale]

    def most(self, scale: Scale, fracs: Fracs) -> int:
        """The most fraction bits of a scale, beside those of others."""
        scales, most = self.scales, scale.most
        if norm := scales.norm.get(scale):
            gain = scales.scale[norm.operands[1]]
            gain_bits = gain.bits(fracs[gain])
            most = min(most, NORM_BITS - self.exponents(norm, fracs)[1] - gain_bits)
        for op in self._distinct[scale]:
            if isinstance(op, Rounded):
                most = min(most, self._result(op, fracs))
            elif isinstance(op, nn.ParamOp) and op.result in scales.tables:
                stream = scales.scale[scales.embedding.result]
                tokens = op.result is scales.embedding.table
                cut = MOST_CUT if tokens and fracs[stream] >= stream.most else 0
                most = min(most, fracs[stream] + cut)
        if layer := self._biased.get(scale):  # It is added to the accumulator.
            most = min(most, self.accumulator(layer, fracs))
        for op, shared in scales.together:
            if scale in shared:
                others = sum(other.bits(fracs[other]) for other in shared if other is not scale)
                most = min(most, most_frac(scale.magnitude, self.room(op) - others))
        return most

    def entering_cut(self, fracs: Fracs) -> int:
        """The fraction bits that rows of the embedding lose as they enter the residual stream; negative where it
        has more than they."""
        embedding, scale = self.scales.embedding, self.scales.scale
        return fracs[scale[embedding.table]] - fracs[scale[embedding.result]]

    def least(self, scale: Scale) -> int:
        """The fewest fraction bits of a scale: a reciprocal root is no number with fewer than 8, and beside
        the squares of a norm's input its constant, which is 2^14 at least (`integer_eps`), must be small."""
        return LEAST_ROOT if scale in self.scales.norm else min(self._squared[scale], scale.most)

    def _result(self, op: Rounded, fracs: Fracs) -> int:
        if isinstance(op, nn.ActivationOp):
            return fracs[self.scales.scale[op.x]] + op.SPARE_FRAC
        if isinstance(op, nn.AttendOp):  # Its reciprocals follow from the result.
            return fracs[self.scales.scale[op.v]] + MOST_RECIPROCAL
        most = self.accumulator(op, fracs)
        return most if op.MOST_FRAC is None else min(most, op.MOST_FRAC)

    def room(self, op: nn.LinearOp) -> int:
        """How many bits they may have together: the sums of products are numbers of 64 bits."""
        return (((1 << quant.WIDEST - 1) - 1) // nn.shape_of(op.x)[-1]).bit_length() + 1

    def accumulator(self, op: Rounded, fracs: Fracs) -> int:
        """Fraction bits of the accumulator that an operation rounds."""
        own = op.OWN_FRAC
        if isinstance(op, Normalises):
            own += fracs[self.scales.root[op]] + self.exponents(op, fracs)[1]
        elif isinstance(op, nn.AttendOp):
            own += self.reciprocal(op, fracs)
        return own + sum(fracs[scale] for scale in self.factors(op))

    def bits(self, op: Operation, fracs: Fracs) -> int:
        """The bits of the type of an operation's result: with the remainder's they stay below the
        prime, whatever headroom is left to the result."""
        scale = self.scales.scale[op.results[0]]
        bits = scale.bits(fracs[scale])
        if bits <= WIDE_LIMB or scale.exact:
            return bits
        if not isinstance(op, Rounded) or isinstance(op, nn.ActivationOp):
            return bits  # Nothing is cut.
        bits = min(bits, ROUNDED_BITS - (self.accumulator(op, fracs) - fracs[scale]))
        largest = self.scales.range(self.scales.roles.peers(op)) * self.scales.headroom
        if most_frac(min(largest, op.largest(self.scales)), bits) < fracs[scale]:
            raise UserError(f"{where(op)}: its accumulator is too wide to be rounded below 2^62")
        return bits

    def reciprocal(self, op: nn.AttendOp, fracs: Fracs) -> int:
        """k of `quant.softmax`: the rounding shift k + frac(v) - frac is 34, two whole limbs, if
        reciprocals of 9 bits stay even over a row of equal scores."""
        terms = (nn.shape_of(op.p)[-1] - 1).bit_length()
        result, values = (fracs[self.scales.scale[each]] for each in (op.result, op.v))
        wanted = LIMB + WIDE_LIMB + result - values
        return max(quant.EXP_FRAC + terms + RECIPROCAL_BITS, min(wanted, MOST_RECIPROCAL))

    def exponents(self, op: Normalises, fracs: Fracs) -> tuple[int, int]:
        """The exponents [emin, emax] of a norm. A low emin costs nothing."""
        key = op, fracs[self.scales.scale[op.operands[0]]]
        if key not in self._exponents:
            self._exponents[key] = self._exponents_of(op, fracs)
        return self._exponents[key]

    def _exponents_of(self, op: Normalises, fracs: Fracs) -> tuple[int, int]:
        scales, x = self.scales, op.operands[0]
        largest = scales.squares[scales.roles.peers(op)[0]] * 4.0 ** fracs[scales.scale[x]]
        emax = exponent_of(largest) + scales.spare
        if not scales.in_stream(x):
            channels = nn.shape_of(x)[-1]
            bound = 1 << scales.scale[x].bits(fracs[scales.scale[x]]) - 1
            eps = self.eps(scales.largest_eps[op], fracs)
            emax = min(emax, exponent_of(channels * bound**2 + eps))
        emax = min(emax, MAX_EXPONENT)
        if emax < exponent_of(largest):
            raise UserError(f"{where(op)}: sums of squares up to {largest:.3g} are too large")
        return 0, emax

    def eps(self, op: Normalises, fracs: Fracs) -> int:
        """`integer_eps` of a norm."""
        x = op.operands[0]
        return integer_eps(op.constant, nn.shape_of(x)[-1], fracs[self.scales.scale[x]])

    def logits_width(self, fracs: Fracs) -> int:
        """Bits of any best - logit that is proved: what the calibrated spread asks for, several times,
        and no more than twice a bound on |logit|, by Cauchy-Schwarz.

        Rounding adds at most half a unit to each of n entries, to a norm at most sqrt(n) / 2; the
        norm's own rounding at most a part in 1000.
        """
        scales, output = self.scales, self.scales.output
        x, w = output.x, output.w
        channels = nn.shape_of(x)[1]
        rounding = math.sqrt(channels) / 2
        weight = expect(w.owner, nn.ParamOp)
        unit = 2.0 ** fracs[scales.scale[x]], 2.0 ** fracs[scales.scale[w]]
        longest = range_of(weight, ROW_NORM) * abs(weight_factor(weight))
        rows = scales.row_norm(x) * 1.001 * unit[0] + rounding
        bound = math.ceil(2 * rows * (longest * unit[1] + rounding))
        if RANGE in output.attributes:
            seen = range_of(output) * abs(weight_factor(weight))
            bound = min(bound, math.ceil(SPREAD * seen * unit[0] * unit[1]))
        return min(bound, channels << (2 * LIMB - 1)).bit_length()

    def most_width(self) -> int:
        """Bits of best - logit that cost no limb more, with the vocabulary's or without."""
        vocabulary = (nn.shape_of(self.scales.output.w)[0] - 1).bit_length()
        return LIMB + min(WIDE_LIMB, max(0, LIMB + WIDE_LIMB - vocabulary))
