"""`convert-nn-to-quant`: static power-of-two scales from calibrated ranges (`analysis.calibrate`).

The same place in every decoder layer is one *role* and gets one scale, from the largest range of
all layers, so that layers can be stacked. Everything but the residual stream has 16 bits.

* A value of range m gets the most fraction bits f for which headroom * m * 2^f fits its type.
* Residual stream: the embedding, table << shift, plus deltas of `delta_bits` bits at one scale.
  With X the largest magnitude of the stream over all layers, n * X^2 < 2^62, so that no norm's sum
  of squares wraps: `delta_bits` is lowered where it must be.
* The table is scaled by the embedding's constant before rounding. A tied output layer uses the same
  integers: its logits are larger by that factor, which the maximum ignores.
* Weights: as many fraction bits as 16 bits hold, but fewer, down to `weight_bits` significant bits,
  where that makes the rounding shift 16 or less: one remainder limb.
* What only a norm reads needs no common scale, and a few rows can be far larger than the rest: it
  gets 24 bits where 16 would leave the smallest rows imprecise.
* Norms: gain (1 + w) * sqrt(n), for queries times the attention scale; fewer significant bits,
  down to `gain_bits`, where that makes the shift 32 or less. Exponents reach `spare_exponents`
  beyond the calibrated sums of squares.
* Softmax: 2^k is large enough for reciprocals of 9 bits even over a row of equal scores.

Errors: `UserError` for operations other than Gemma-3's raised ones, missing ranges, or numbers that
can not be represented, with the module path.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, ModuleOp, StringAttr, f64, i64
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import nn, quant
from ...dialects.quant import QuantTensorType, TableAttr
from ...errors import UserError
from ..analysis.calibrate import (
    COLUMNS,
    GAIN,
    RANGE,
    ROW_NORM,
    ROWS,
    main_function,
    range_of,
    squares_of,
)

BITS = 16
WIDE = 24
MAX_SCORE_FRAC = 12
MAX_EXPONENT = 22
LOGITS_WIDTH = "quant.width"
"""Attribute of the logits' `quant.matmul`: the bits that hold any best - logit."""
LAYER = re.compile(r"\blayers\.(\d+)\b")

RSQRT = TableAttr.of("round(2^23 / sqrt(x))", 1 << 14, 1 << 16)


def role_path(path: str) -> str:
    """A module path with the layer number written "{layer}"."""
    return LAYER.sub("layers.{layer}", path)


def most_frac(magnitude: float, bits: int) -> int:
    """The most fraction bits with which `magnitude` fits a signed number of `bits` bits."""
    if magnitude <= 0:
        return bits - 1
    limit = (1 << (bits - 1)) - 1
    frac = math.floor(math.log2(limit / magnitude))
    while math.floor(magnitude * 2.0**frac + 0.5) > limit:
        frac -= 1
    return frac


def exponent_of(square: float) -> int:
    """The e for which square >> 2e is in [2^14, 2^16), at least 0."""
    return max(0, (int(square).bit_length() - quant.MANTISSA_BITS - 1) // 2)


@dataclass(frozen=True)
class ConvertNNToQuant(ModulePass):
    """Replaces a calibrated, raised `nn` function by its integer function in `quant`."""

    name = "convert-nn-to-quant"
    headroom: float = 2.0
    delta_bits: int = 24
    weight_bits: int = 12
    gain_bits: int = 10
    spare_exponents: int = 3

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        block = function.body.block
        converter = _Converter(self, block)
        result = converter.run()
        function.detach_region(function.body)
        function.add_region(Region(converter.block))
        function.update_function_type()
        assert function.function_type.outputs.data == (result.type,)


Role = tuple[str, str, int]


@dataclass
class _Converter:
    options: ConvertNNToQuant
    source: Block
    block: Block = field(default_factory=Block)
    values: dict[SSAValue, SSAValue] = field(default_factory=dict)
    peers: dict[Operation, list[Operation]] = field(default_factory=dict)
    """The operations of an operation's role, itself among them."""

    def run(self) -> SSAValue:
        self.group()
        self.residual = self.find_residual()
        self.kinds = self.find_rope_kinds()
        self.query_norms = self.find_query_norms()
        self.plan_table()
        self.plan_residual()
        for op in self.source.ops:
            if isinstance(op, ReturnOp):
                result = self.values[op.operands[0]]
                self.block.add_op(ReturnOp(result))
                return result
            convert = CONVERTERS.get(type(op))
            if convert is None:
                raise UserError(f"{_where(op)}: {op.name} can not be quantised; raise it first")
            convert(self, op)
        raise UserError("the function does not return its logits")

    # Roles

    def group(self) -> None:
        ordinals: dict[tuple[str, str], int] = defaultdict(int)
        roles: dict[Role, list[Operation]] = defaultdict(list)
        for op in self.source.ops:
            path = nn.module_path(op)
            if isinstance(op, nn.ParamOp):
                path = op.param_name
            ordinal = ordinals[path, op.name]
            ordinals[path, op.name] += 1
            peers = roles[role_path(path), op.name, ordinal]
            peers.append(op)
            self.peers[op] = peers

    def role_range(self, op: Operation, name: str = RANGE) -> float:
        return max(range_of(peer, name) for peer in self.peers[op])

    def role_squares(self, op: Operation) -> tuple[float, float]:
        bounds = [squares_of(peer) for peer in self.peers[op]]
        return min(low for low, _ in bounds), max(high for _, high in bounds)

    def frac(self, op: Operation, factor: float = 1.0, static: float = math.inf) -> int:
        """Fraction bits of a 16-bit result whose range is `factor` times the recorded one.

        `static` is a bound that no input exceeds; no headroom beyond it is needed.
        """
        return most_frac(min(self.role_range(op) * factor * self.options.headroom, static), BITS)

    # The residual stream

    def find_residual(self) -> set[SSAValue]:
        stream: set[SSAValue] = set()
        for op in self.source.ops:
            if isinstance(op, nn.EmbeddingOp):
                stream.add(op.result)
            elif isinstance(op, nn.AddOp):
                if (op.lhs in stream) == (op.rhs in stream):
                    raise UserError(f"{_where(op)}: this sum is not residual stream plus delta")
                stream.add(op.result)
        return stream

    def plan_table(self) -> None:
        """Chooses scales for the output layer and, if it is tied, with it the embedding's.

        Up to two bits are given up where that makes every best - logit fit 32 bits: two limbs.
        """
        embeddings = [op for op in self.source.ops if isinstance(op, nn.EmbeddingOp)]
        if len(embeddings) != 1:
            raise UserError(f"the model has {len(embeddings)} token embeddings, not one")
        (self.lookup,) = embeddings
        end = self.source.last_op
        output = end.operands[0].owner if isinstance(end, ReturnOp) else None
        if not isinstance(output, nn.LinearOp) or not isinstance(output.x.owner, nn.RMSNormOp):
            raise UserError("the function must return the logits: a norm and a linear layer")
        self.output, self.output_norm = output, output.x.owner
        scale = self.lookup.scale.value.data
        table, head = _param(self.lookup.table), _param(output.w)
        self.table_frac = most_frac(range_of(table) * abs(scale), BITS)
        self.output_factor = scale if table is head else 1.0
        self.output_frac = most_frac(range_of(head) * abs(self.output_factor), BITS)
        self.norm_frac = self.frac(self.output_norm, static=self.norm_bound(output.x))
        surplus = self.logits_width() - 32
        if 0 < surplus <= 2:
            self.output_frac -= 1
            self.norm_frac -= surplus - 1
        if table is head:
            self.table_frac = self.output_frac

    def logits_width(self) -> int:
        """Bits of any best - logit: twice a bound on |logit|, by Cauchy-Schwarz.

        Rounding adds at most half a unit to each of n entries, to a norm at most sqrt(n) / 2; the
        norm's own rounding at most a part in 1000.
        """
        channels = nn.shape_of(self.output.x)[1]
        rounding = math.sqrt(channels) / 2
        head_norm = range_of(_param(self.output.w), ROW_NORM) * abs(self.output_factor)
        x = self.norm_bound(self.output.x) * 1.001 * 2.0**self.norm_frac + rounding
        w = head_norm * 2.0**self.output_frac + rounding
        return min(math.ceil(2 * x * w), channels << (2 * BITS - 1)).bit_length()

    def plan_residual(self) -> None:
        """Chooses the stream's scale and width and the deltas' width."""
        self.delta_ops = {
            operand.owner
            for op in self.source.ops
            if isinstance(op, nn.AddOp)
            for operand in op.operands
            if operand not in self.residual
        }
        deltas = [op for op in self.source.ops if op in self.delta_ops]
        largest = max((self.role_range(op) for op in deltas), default=0.0)
        largest *= self.options.headroom
        channels = nn.shape_of(self.lookup.result)[-1]
        for delta_bits in range(self.options.delta_bits, BITS - 1, -1):
            frac = most_frac(largest, delta_bits)
            table_frac = min(frac, self.table_frac)
            entering = (1 << (BITS - 1)) << (frac - table_frac)
            bound = entering + len(deltas) * (1 << (delta_bits - 1))
            if channels * bound * bound < 1 << 62:
                break
        else:
            raise UserError(
                f"the residual stream of {channels} channels and {len(deltas)} deltas does not fit "
                "sums of squares below 2^62"
            )
        self.delta_bits, self.residual_frac = delta_bits, frac
        self.residual_bits = quant.signed_bits(bound)
        self.residual_bound = bound
        self.embedding_shift = frac - table_frac
        self.table_frac = table_frac
        if self.lookup.table is self.output.w:
            self.output_frac = table_frac

    # Attention

    def find_rope_kinds(self) -> list[tuple[float, float]]:
        ropes = [op for op in self.source.ops if isinstance(op, nn.RopeOp)]
        return sorted({(op.theta.value.data, op.factor.value.data) for op in ropes})

    def find_query_norms(self) -> dict[Operation, float]:
        """The norms that absorb the attention scale, with it: norm, rope, scores in a row."""
        norms: dict[Operation, float] = {}
        for op in self.source.ops:
            if not isinstance(op, nn.ScoresOp):
                continue
            rope = op.q.owner
            norm = rope.operands[0].owner if isinstance(rope, nn.RopeOp) else None
            if not isinstance(norm, nn.RMSNormOp) or len({*norm.result.uses}) != 1:
                raise UserError(f"{_where(op)}: only normalised, rotated queries are supported")
            norms[norm] = op.scale.value.data
        return norms

    def norm_bound(self, norm: SSAValue) -> float:
        """The largest Euclidean norm of a row of what `norm` (a norm or its rotation) defines."""
        op = norm.owner
        if isinstance(op, nn.RopeOp):
            return self.norm_bound(op.x)
        if not isinstance(op, nn.RMSNormOp):
            return math.inf
        scale = self.query_norms.get(op, 1.0)
        return math.sqrt(nn.shape_of(norm)[-1]) * self.role_range(op, GAIN) * scale

    # Building

    def add(self, op: Operation, source: Operation) -> Operation:
        self.block.add_op(nn.inherit_path(op, source))
        return op

    def requantize(
        self, acc: Operation, source: Operation, frac: int, bits: int = BITS
    ) -> SSAValue:
        """Rounds to `frac` fraction bits; fewer where the accumulator has no more."""
        type = quant.type_of(acc.results[0])
        shift = max(0, type.fraction - frac)
        result = QuantTensorType.of(type.shape, bits, type.fraction - shift)
        op = quant.RequantizeOp(acc.results[0], results=[result], shift=shift)
        return self.add(op, source).results[0]

    def param(
        self, value: SSAValue, frac: int, offset: float = 0.0, factor: float = 1.0
    ) -> SSAValue:
        if value in self.values:
            return self.values[value]
        source = _param(value)
        op = quant.ParamOp(
            QuantTensorType.of(nn.shape_of(value), BITS, frac),
            names=ArrayAttr([StringAttr(source.param_name)]),
            sha256=ArrayAttr([source.sha256]),
            offset=FloatAttr(offset, f64),
            factor=FloatAttr(factor, f64),
            rows=source.attributes.get(ROWS),
            columns=source.attributes.get(COLUMNS),
        )
        self.values[value] = self.add(op, source).results[0]
        return self.values[value]

    # Operations

    def tokens(self, op: nn.TokensOp) -> None:
        type = QuantTensorType.of(nn.shape_of(op.result), quant.TOKEN_BITS, 0)
        self.values[op.result] = self.add(quant.TokensOp(type), op).results[0]

    def later(self, op: nn.ParamOp | nn.MaskedSoftmaxOp) -> None:
        """Made where they are used, on which their scales depend."""

    def embedding(self, op: nn.EmbeddingOp) -> None:
        table = self.param(op.table, self.table_frac, factor=op.scale.value.data)
        type = QuantTensorType.of(nn.shape_of(op.result), self.residual_bits, self.residual_frac)
        embed = quant.EmbedOp(
            self.values[op.tokens], table, results=[type], shift=self.embedding_shift
        )
        self.values[op.result] = self.add(embed, op).results[0]

    def rms_norm(self, op: nn.RMSNormOp) -> None:
        x = self.values[op.x]
        type = quant.type_of(x)
        channels = type.shape[-1]
        unit = 4.0**type.fraction
        least, largest = (square * unit for square in self.role_squares(op))
        bound = self.residual_bound if op.x in self.residual else type.bound
        eps, emin, emax = self.exponents(op, least, largest, channels * bound * bound)

        scale = self.query_norms.get(op, 1.0)
        if op in self.delta_ops:
            bits, frac = self.delta_bits, self.residual_frac
        elif op is self.output_norm:
            bits, frac = BITS, self.norm_frac
        else:
            bits, frac = BITS, self.frac(op, scale, self.norm_bound(op.result))
        factor = math.sqrt(channels) * scale
        gain = self.role_range(op, GAIN) * factor
        gain_frac = most_frac(gain, BITS)
        surplus = quant.RSQRT_FRAC + emax + gain_frac - frac - 32
        if 0 < surplus <= BITS - self.options.gain_bits:
            gain_frac -= surplus
        acc = quant.RmsNormOp(
            x,
            self.param(op.w, gain_frac, offset=1.0, factor=factor),
            eps=eps,
            exponents=(emin, emax),
            table=RSQRT,
        )
        self.values[op.result] = self.requantize(self.add(acc, op), op, frac, bits)

    def exponents(
        self, op: nn.RMSNormOp, least: float, largest: float, static: int
    ) -> tuple[int, int, int]:
        """eps, emin and emax in units of squared integers. A low emin costs nothing: it is 0.

        Where calibrated sums of squares are far above 2^14 (by 2^10 and more), eps is at least
        2^14: it changes next to nothing and makes every row's mantissa exist, even for zeros.
        """
        lowest = 1 << quant.MANTISSA_BITS
        if least < lowest:
            raise UserError(
                f"{_where(op)}: sums of squares go down to {least:.0f}, below 2^14: the norm's "
                "input has too few fraction bits; lower the headroom"
            )
        unit = 4.0 ** quant.type_of(self.values[op.x]).fraction
        eps = max(1, round(op.eps.value.data * nn.shape_of(op.x)[-1] * unit))
        if least >= lowest << 10:
            eps = max(eps, lowest)
        emax = exponent_of(largest) + self.options.spare_exponents
        emax = min(emax, exponent_of(static + eps), MAX_EXPONENT)
        if emax < exponent_of(largest):
            raise UserError(f"{_where(op)}: sums of squares up to {largest:.3g} are too large")
        return eps, 0, emax

    def linear(self, op: nn.LinearOp) -> None:
        x = self.values[op.x]
        if op is self.output:
            acc = quant.MatmulOp(x, self.param(op.w, self.output_frac, factor=self.output_factor))
            acc.attributes[LOGITS_WIDTH] = IntegerAttr(self.logits_width(), i64)
            self.values[op.result] = self.add(acc, op).results[0]
            return
        magnitude = self.role_range(_param(op.w))
        weight_frac = most_frac(magnitude, BITS)
        if op in self.delta_ops:
            bits, frac = self.delta_bits, self.residual_frac
        else:
            bits, frac = BITS, self.frac(op)
        surplus = quant.type_of(x).fraction + weight_frac - frac - 16
        if self.needs_wide_rows(op, frac):
            bits, frac = WIDE, frac + WIDE - BITS
        elif 0 < surplus <= BITS - self.options.weight_bits:
            weight_frac -= surplus
        acc = quant.MatmulOp(x, self.param(op.w, weight_frac))
        self.values[op.result] = self.requantize(self.add(acc, op), op, frac, bits)

    def needs_wide_rows(self, op: nn.LinearOp, frac: int) -> bool:
        """Whether only a norm reads the result and its smallest rows would be below 2^7 in size.

        Rounding would then change their direction by more than two parts in a thousand.
        """
        norm = _only_user(op)
        if not isinstance(norm, nn.RMSNormOp):
            return False
        least, _ = self.role_squares(norm)
        return math.sqrt(least / nn.shape_of(op.result)[-1]) * 2.0**frac < 1 << 7

    def split_heads(self, op: nn.SplitHeadsOp) -> None:
        split = quant.SplitHeadsOp(self.values[op.x], heads=op.heads.value.data)
        self.values[op.result] = self.add(split, op).results[0]

    def merge_heads(self, op: nn.MergeHeadsOp) -> None:
        self.values[op.result] = self.add(quant.MergeHeadsOp(self.values[op.x]), op).results[0]

    def rope(self, op: nn.RopeOp) -> None:
        kind = self.kinds.index((op.theta.value.data, op.factor.value.data))
        acc = quant.RopeOp(
            self.values[op.x],
            thetas=tuple(theta for theta, _ in self.kinds),
            factors=tuple(factor for _, factor in self.kinds),
            kinds=(kind,),
        )
        norm = op.x.owner
        scale = self.query_norms.get(norm, 1.0) if isinstance(norm, Operation) else 1.0
        frac = self.frac(op, scale, self.norm_bound(op.x))
        self.values[op.result] = self.requantize(self.add(acc, op), op, frac)

    def scores(self, op: nn.ScoresOp) -> None:
        acc = quant.ScoresOp(self.values[op.q], self.values[op.k])
        static = self.norm_bound(op.q) * self.norm_bound(op.k)
        frac = min(MAX_SCORE_FRAC, self.frac(op, static=static))
        self.values[op.result] = self.requantize(self.add(acc, op), op, frac)

    def attend(self, op: nn.AttendOp) -> None:
        """Attention from the scores on: reciprocals fit the scale of the mixed values."""
        source = op.p.owner
        if not isinstance(source, nn.MaskedSoftmaxOp) or len({*op.p.uses}) != 1:
            raise UserError(f"{_where(op)}: only probabilities of one softmax can mix values")
        scores, v = self.values[source.scores], self.values[op.v]
        type, v_type = quant.type_of(scores), quant.type_of(v)
        # Mixed values are no larger than the values.
        static = (v_type.bound - 1) * 2.0**-v_type.fraction
        frac = self.frac(op, static=static)
        # The rounding shift is k + frac(v) - frac: 32 is two whole limbs.
        terms = (type.shape[2] - 1).bit_length()
        k = max(quant.EXP_FRAC + terms + 9, min(32 + frac - v_type.fraction, 46))
        softmax = quant.SoftmaxOp(
            scores,
            windows=(0 if source.window is None else source.window.value.data,),
            k=k,
            width=quant.EXP_FRAC + terms,
            table=TableAttr.of(f"round(2^15 * exp(-x / 2^{type.fraction}))", 0, 1 << type.width),
        )
        self.add(softmax, source)
        acc = quant.AttendOp(softmax.e, softmax.inv, v)
        self.values[op.result] = self.requantize(self.add(acc, op), op, frac)

    def gelu(self, op: nn.GeluTanhOp) -> None:
        """By table, at the scale of the input: |gelu(z)| <= |z|, so that no entry leaves 16 bits.

        The scale is coarser, by two bits at most, where that makes the shift of the product that
        uses the result 16.
        """
        x = self.values[op.x]
        type = quant.type_of(x)
        frac = type.fraction
        user = _only_user(op)
        if isinstance(user, nn.MulOp):
            other = self.values.get(user.rhs if user.lhs is op.result else user.lhs)
            if other is not None:
                surplus = frac + quant.type_of(other).fraction - self.frac(user) - 16
                frac -= surplus if 0 < surplus <= 2 else 0
        z = f"(x / 2^{type.fraction})" if type.fraction >= 0 else f"(x * 2^{-type.fraction})"
        tanh = f"tanh(sqrt(2 / pi) * ({z} + 0.044715 * {z}^3))"
        expression = f"round(2^{frac} * {z} * (1 + {tanh}) / 2)"
        table = TableAttr.of(expression, -type.bound, type.bound)
        result = QuantTensorType.of(type.shape, BITS, frac)
        gelu = quant.TableOp(x, results=[result], table=table)
        self.values[op.result] = self.add(gelu, op).results[0]

    def mul(self, op: nn.MulOp) -> None:
        acc = quant.MulOp(self.values[op.lhs], self.values[op.rhs])
        self.values[op.result] = self.requantize(self.add(acc, op), op, self.frac(op))

    def residual_add(self, op: nn.AddOp) -> None:
        stream, delta = (op.lhs, op.rhs) if op.lhs in self.residual else (op.rhs, op.lhs)
        type = quant.type_of(self.values[stream])
        add = quant.AddOp(self.values[stream], self.values[delta], results=[type])
        self.values[op.result] = self.add(add, op).results[0]


def _where(op: Operation) -> str:
    return nn.module_path(op) or "the model"


def _only_user(op: Operation) -> Operation | None:
    users = {use.operation for use in op.results[0].uses}
    return users.pop() if len(users) == 1 else None


def _param(value: SSAValue) -> nn.ParamOp:
    if not isinstance(value.owner, nn.ParamOp):
        raise UserError("a weight is not a parameter of the checkpoint")
    return value.owner


CONVERTERS: dict[type[Operation], Callable[..., None]] = {
    nn.TokensOp: _Converter.tokens,
    nn.ParamOp: _Converter.later,
    nn.EmbeddingOp: _Converter.embedding,
    nn.RMSNormOp: _Converter.rms_norm,
    nn.LinearOp: _Converter.linear,
    nn.SplitHeadsOp: _Converter.split_heads,
    nn.MergeHeadsOp: _Converter.merge_heads,
    nn.RopeOp: _Converter.rope,
    nn.ScoresOp: _Converter.scores,
    nn.MaskedSoftmaxOp: _Converter.later,
    nn.AttendOp: _Converter.attend,
    nn.GeluTanhOp: _Converter.gelu,
    nn.MulOp: _Converter.mul,
    nn.AddOp: _Converter.residual_add,
}
