"""What fraction bits the values and weights of a raised `nn` function may have, and what they cost.

A *scale* is a number of fraction bits that one or several operations share: one for each role (see
`roles`), one for all deltas of the residual stream, one for a weight and its peers. A value of
magnitude m (the largest calibrated, times the headroom) can have the most fraction bits f for which
m 2^f fits its widest type:

* 17 bits for scores, of whose differences there is a table;
* 18 bits, the widest limb, for queries, keys and values, or where one limb is all that it is worth;
* 19 bits where it is looked up in a table, which holds its range: it has one cell and no limbs;
* two limbs, 32 bits, for other values;
* where a product is not rounded (`delay-requantize`), its factors and the weights that it meets have as
  many bits together as their sums leave below 2^63;
* what only a norm reads, and the deltas: as many as sums of squares below the prime leave.

Rounding to f fraction bits adds noise of variance 4^-f / 12, and so 1/2 sensitivity 4^-f / 12 nats of
divergence (`sensitivity`). An operation that rounds an accumulator of fraction a commits, for each
element, the limbs of its result and those of the remainder of a - f bits; `Scales.cells` counts them.
A limb of more than 16 bits counts a little more, for wider columns and a larger table.

Errors: `UserError` for operations other than Gemma-3's raised ones, missing ranges, or numbers that
can not be represented, with the module path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import FloatAttr
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn, quant
from ...errors import UserError, expect
from ...runtime.circuit.program import LAST_LIMB_BITS, LIMB_BITS, limb_widths
from .calibrate import GAIN, RANGE, ROW_NORM, range_of, squares_of
from .roles import Roles, path_of
from .sensitivity import RADIAL, sensitivity_of

UNROUNDED = "quant.unrounded"
"""On an `nn.mul` whose integers are kept as they are."""

LIMB, WIDE_LIMB = LIMB_BITS, LAST_LIMB_BITS
SCORE_BITS = 17
TABLE_BITS = 19
TWO_LIMBS = 32
MAX_SCORE_FRAC = 12
MAX_EXPONENT = 22
SQUARES_BITS = 62
"""Sums of squares are below 2^62, with the residual stream's below 2^63."""
GAIN_BITS = 22
OUTPUT_BITS = 20
"""The widest final norm's output."""
NORM_BITS = 61
"""The bits of exponent, reciprocal root and gain of a norm together: their products stay below 2^61."""
ROUNDED_BITS = 63
"""Bits of a result and its remainder together: the number that they make is below 2^62."""
MOST_RECIPROCAL, LEAST_ROOT = 46, 8
RECIPROCAL_BITS = 9
"""The fewest bits of a reciprocal of `quant.softmax`, that of a row of equal scores."""
WIDE_CELL = 1.05
"""What a cell of more than 16 bits costs beside one of at most 16: lookups of it take 4 % longer."""
GELU_BITS = 4
"""Fraction bits that a table's result may have beyond its argument's: they cost nothing."""
SPREAD = 4
"""How much further logits may lie apart than calibrated."""

VIEW = nn.SplitHeadsOp | nn.MergeHeadsOp
ROUNDING = (
    nn.RMSNormOp,
    nn.LinearOp,
    nn.RopeOp,
    nn.ScoresOp,
    nn.AttendOp,
    nn.GeluTanhOp,
    nn.MulOp,
)


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


def integer_eps(eps: float, channels: int, frac: int) -> int:
    """eps of a norm in units of its input's squared integers; at least 2^14, so that every row has a mantissa."""
    return max(1 << quant.MANTISSA_BITS, round(eps * channels * 4.0**frac))


def delta_bits(channels: int) -> int:
    """The widest deltas of a residual stream that its norms can square.

    A norm proves that the square of its input's norm is below 4^22 2^16 (`stream_bounds`); one delta
    more keeps it below 2^63.
    """
    proved = 1 << MAX_EXPONENT + 8
    bits = TWO_LIMBS
    while (proved + math.isqrt(channels * 4 ** (bits - 1)) + 1) ** 2 + proved**2 >= 1 << 63:
        bits -= 1
    return bits


@dataclass(eq=False)
class Scale:
    """Fraction bits to be chosen; ``cells`` are the elements rounded to them, a token."""

    path: str
    magnitude: float
    most_bits: int
    ops: list[Operation] = field(default_factory=list)
    sensitivity: float = 0.0
    weights: int = 0
    """How many weights it is of."""
    exact: bool = False
    """Whether its type has the bits that it needs and no more, as a table has all its values: a gain,
    or what is looked up."""
    shared: bool = False
    """Whether others have what bits it leaves, so that none are headroom."""

    @property
    def most(self) -> int:
        return most_frac(self.magnitude, self.most_bits)

    def error(self, frac: int) -> float:
        """Nats a position that rounding to ``frac`` bits costs."""
        return self.sensitivity * 4.0**-frac / 24

    def bits(self, frac: int) -> int:
        """The bits of its type: whole limbs, as what they do not need is headroom, or as few as it takes."""
        every = self.exact or self.shared
        widths = range(LIMB, self.most_bits) if every else (LIMB, WIDE_LIMB)
        fitting = (b for b in widths if most_frac(self.magnitude, b) >= frac)
        return min(next(fitting, self.most_bits), self.most_bits)


Fracs = Mapping[Scale, int]
Rounded = tuple[Operation, Scale, float]


class Scales:
    """The scales of a calibrated, raised function and the operations that round to them."""

    def __init__(self, block: Block, headroom: float, spare_exponents: int):
        self.headroom, self.spare = headroom, spare_exponents
        self.block = block
        self.ops = [op for op in block.ops if not isinstance(op, ReturnOp)]
        self.roles = Roles(self.ops)
        self.scale: dict[SSAValue, Scale] = {}
        self.rounded: list[Rounded] = []
        """An operation of each role, its result's scale, and how many elements a token it rounds."""
        self._stream()
        self._queries()
        self._output()
        self.root: dict[Operation, Scale] = {}
        """Of norms: the fraction bits of their reciprocal roots."""
        self.norm: dict[Scale, nn.RMSNormOp] = {}
        self.squares: dict[Operation, float] = {}
        self.largest_eps: dict[Operation, nn.RMSNormOp] = {}
        """The norm of a norm's role whose eps is largest."""
        for peers in self.roles:
            self._visit(peers)
        self.together: list[tuple[nn.LinearOp, list[Scale]]] = []
        """Layers that read a product that is not rounded, one of each role; the scales that share its bits."""
        for op, *_ in self.roles:
            if isinstance(op, nn.LinearOp) and len(factors := self.factors(op.x)) > 1:
                self.together.append((op, [*factors, self.scale[op.w]]))
                for scale in self.together[-1][1]:
                    scale.shared = True
        self.all = list(dict.fromkeys([*self.scale.values(), *self.root.values()]))
        cells = self.tokens * sum(count for _, _, count in self.rounded)
        self.wide = WIDE_CELL + 2.0**WIDE_LIMB / max(1.0, cells)
        self._neighbours()

    # What the function is

    def _stream(self) -> None:
        """The residual stream: the embedding, and sums of it with deltas."""
        self.stream: set[SSAValue] = set()
        self.deltas: dict[Operation, None] = {}
        embeddings = [op for op in self.ops if isinstance(op, nn.EmbeddingOp)]
        if len(embeddings) != 1:
            raise UserError(f"the model has {len(embeddings)} token embeddings, not one")
        (self.embedding,) = embeddings
        self.tokens = nn.shape_of(self.embedding.result)[0]
        self.stream.add(self.embedding.result)
        for op in self.ops:
            if isinstance(op, nn.AddOp):
                if (op.lhs in self.stream) == (op.rhs in self.stream):
                    raise UserError(f"{_where(op)}: this sum is not residual stream plus delta")
                self.stream.add(op.result)
                delta = op.rhs if op.lhs in self.stream else op.lhs
                self.deltas[expect(delta.owner, Operation)] = None

    def _queries(self) -> None:
        """The norms that absorb the attention scale, with it: norm, rope, scores in a row."""
        self.query: dict[SSAValue, float] = {}
        for op in self.ops:
            if not isinstance(op, nn.ScoresOp):
                continue
            rope = op.q.owner
            norm = rope.operands[0].owner if isinstance(rope, nn.RopeOp) else None
            if not isinstance(norm, nn.RMSNormOp) or len({*norm.result.uses}) != 1:
                raise UserError(f"{_where(op)}: only normalised, rotated queries are supported")
            self.query[norm.result] = self.query[op.q] = op.scale.value.data

    def _output(self) -> None:
        end = self.block.last_op
        output = end.operands[0].owner if isinstance(end, ReturnOp) else None
        if not isinstance(output, nn.LinearOp) or not isinstance(output.x.owner, nn.RMSNormOp):
            raise UserError("the function must return the logits: a norm and a linear layer")
        self.output = output
        self.tied = output.w is self.embedding.table

    # Scales

    def _visit(self, peers: list[Operation]) -> None:
        op = peers[0]
        if isinstance(op, nn.ParamOp):
            return self._weights(peers)
        if isinstance(op, nn.TokensOp | nn.MaskedSoftmaxOp) or op is self.output:
            return
        if UNROUNDED in op.attributes:
            return
        if isinstance(op, VIEW):
            for peer in peers:
                self.scale[peer.results[0]] = self.scale[peer.operands[0]]
            return
        if isinstance(op, nn.EmbeddingOp | nn.AddOp) or op in self.deltas:
            scale = self._residual()
        elif isinstance(op, ROUNDING):
            magnitude = self._range(peers) * self.headroom
            magnitude = min(magnitude, self._static(op))
            readers = [type(reader) for reader in _readers(op.results[0])]
            scale = Scale(_where(op), magnitude, self._most_bits(op))
            scale.exact = nn.GeluTanhOp in readers
        else:
            raise UserError(f"{_where(op)}: {op.name} can not be quantised; raise it first")
        for peer in peers:
            self.scale[peer.results[0]] = scale
        if not isinstance(op, nn.EmbeddingOp | nn.AddOp):
            factor = self.query.get(op.results[0], 1.0)
            scale.sensitivity += sum(map(sensitivity_of, peers)) / factor**2
            scale.ops += peers
            elements = math.prod(nn.shape_of(op.results[0])) / self.tokens * len(peers)
            if isinstance(op, nn.RMSNormOp):
                self._root(peers)
            # The final norm runs at the generated positions only.
            self.rounded.append((op, scale, 0.0 if op is self.output.x.owner else elements))

    def _root(self, peers: list[Operation]) -> None:
        """r = 2^root / sqrt(m) is rounded: noise of variance m 4^-root / 12 on a row's scale, with m
        about 2^15. It is of at most 16 bits, so that root is at most 23."""
        scale = Scale(f"{_where(peers[0])} root", 0.9 * 2.0**-8, LIMB)
        found = [peer.attributes.get(RADIAL) for peer in peers]
        scale.sensitivity = 2.0**15 * sum(
            each.value.data for each in found if isinstance(each, FloatAttr)
        )
        self.root |= dict.fromkeys(peers, scale)
        norms = [peer for peer in peers if isinstance(peer, nn.RMSNormOp)]
        self.norm[scale] = norms[0]
        self.squares[peers[0]] = max(squares_of(peer)[1] for peer in peers)
        largest = max(norms, key=lambda norm: norm.eps.value.data)
        self.largest_eps |= dict.fromkeys(norms, largest)

    def _range(self, peers: list[Operation]) -> float:
        """The largest recorded value of a role, in the units of its integers."""
        return max(map(range_of, peers)) * self.query.get(peers[0].results[0], 1.0)

    def _most_bits(self, op: Operation) -> int:
        """The widest type of a result that all its readers take."""
        if op is self.output.x.owner:
            return OUTPUT_BITS
        if isinstance(op, nn.GeluTanhOp):
            return LIMB + GELU_BITS
        bits = TWO_LIMBS
        for reader in _readers(op.results[0]):
            if isinstance(reader, nn.RMSNormOp):
                channels = nn.shape_of(reader.x)[-1]
                bits = min(bits, int(SQUARES_BITS - math.log2(channels)) // 2 + 1)
            elif isinstance(reader, nn.GeluTanhOp):
                bits = min(bits, TABLE_BITS)
            elif isinstance(reader, nn.ScoresOp | nn.AttendOp):
                bits = min(bits, WIDE_LIMB)
            elif isinstance(reader, nn.MaskedSoftmaxOp):
                bits = min(bits, SCORE_BITS)
        return bits

    def _residual(self) -> Scale:
        """The deltas' scale: one, as they are summed.

        The square of the stream's norm stays below 2^63 (`stream_bounds`), and its calibrated
        exponents, with one to spare, within reach.
        """
        if self.embedding.result in self.scale:
            return self.scale[self.embedding.result]
        largest = max((max(map(range_of, self.roles.peers(op))) for op in self.deltas), default=1.0)
        channels = nn.shape_of(self.embedding.result)[-1]
        scale = Scale("the residual stream", largest * self.headroom, delta_bits(channels))
        norms = [r for x in self.stream for r in _readers(x) if isinstance(r, nn.RMSNormOp)]
        squares = max((squares_of(norm)[1] for norm in norms), default=1.0)
        while exponent_of(squares * 4.0**scale.most) >= MAX_EXPONENT:
            scale.most_bits -= 1
        return scale

    def _weights(self, peers: list[Operation]) -> None:
        op = peers[0]
        uses = [use for peer in peers for use in peer.results[0].uses]
        users = [use.operation for use in uses]
        scale = Scale(path_of(op), max(map(range_of, peers)) * abs(self.factor(op)), WIDE_LIMB)
        if {op.results[0]} & {self.embedding.table, self.output.w}:
            scale.most_bits = LIMB
        if users and isinstance(users[0], nn.RMSNormOp):
            scale.magnitude = max(range_of(user, GAIN) for user in users) * self.factor(op)
            scale.most_bits, scale.exact = GAIN_BITS, True
        scale.sensitivity = sum(map(sensitivity_of, peers)) / self.factor(op) ** 2
        scale.weights = sum(math.prod(nn.shape_of(peer.results[0])) for peer in peers)
        scale.ops += peers
        for peer in peers:
            self.scale[peer.results[0]] = scale

    def factor(self, op: Operation) -> float:
        """What a weight is multiplied by before it is rounded.

        The gain of a norm over n channels has sqrt(n), and the attention scale where it is a query's.
        The table has the embedding's constant; a tied output layer uses the same integers, and its
        logits are larger by that factor, which the maximum ignores.
        """
        value = op.results[0]
        for use in value.uses:
            user = use.operation
            if isinstance(user, nn.EmbeddingOp):
                return user.scale.value.data
            if isinstance(user, nn.RMSNormOp):
                return math.sqrt(nn.shape_of(value)[0]) * self.query.get(user.result, 1.0)
        return 1.0

    def _static(self, op: Operation) -> float:
        """A bound that no input exceeds; no headroom beyond it is needed."""
        if isinstance(op, nn.RMSNormOp | nn.RopeOp):
            return self.norm_bound(op.results[0])
        if isinstance(op, nn.ScoresOp):
            return self.norm_bound(op.q) * self.norm_bound(op.k)
        if isinstance(op, nn.AttendOp):  # Mixed values are no larger than the values.
            return self.scale[op.v].magnitude
        if isinstance(op, nn.GeluTanhOp):  # |gelu(z)| <= |z|
            return self.scale[op.x].magnitude
        return math.inf

    def norm_bound(self, norm: SSAValue) -> float:
        """The largest Euclidean norm of a row of what a norm (or its rotation) defines, in the units
        of its integers."""
        op = norm.owner
        if isinstance(op, nn.RopeOp):
            return self.norm_bound(op.x)
        if not isinstance(op, nn.RMSNormOp):
            return math.inf
        gain = max(range_of(peer, GAIN) for peer in self.roles.peers(op))
        return math.sqrt(nn.shape_of(norm)[-1]) * gain * self.query.get(norm, 1.0)

    def factors(self, value: SSAValue) -> list[Scale]:
        """The scales whose fraction bits a value has: its own, or those of a product's factors."""
        op = expect(value.owner, Operation)
        if UNROUNDED in op.attributes:
            return [scale for each in op.operands for scale in self.factors(each)]
        return [self.scale[value]] if value in self.scale else []

    # What a choice of fraction bits makes

    def limit(self, scale: Scale, fracs: Fracs) -> int:
        """The most fraction bits of a scale, beside those of others."""
        most = scale.most
        if norm := self.norm.get(scale):
            gain = self.scale[norm.operands[1]]
            gain_bits = gain.bits(fracs[gain])
            most = min(most, NORM_BITS - self.exponents(norm, fracs)[1] - gain_bits)
        for op in scale.ops:
            if isinstance(op, nn.GeluTanhOp):
                most = min(most, fracs[self.scale[op.x]] + GELU_BITS)
            elif isinstance(op, nn.ScoresOp):
                most = min(most, MAX_SCORE_FRAC)
            elif op is self.embedding.table.owner:
                most = min(most, fracs[self.scale[self.embedding.result]])
            if isinstance(op, nn.AttendOp):
                most = min(most, fracs[self.scale[op.v]] + MOST_RECIPROCAL)
            elif isinstance(op, nn.LinearOp | nn.MulOp | nn.RopeOp | nn.ScoresOp | nn.RMSNormOp):
                most = min(most, self.accumulator(op, fracs))
        for op, scales in self.together:
            if scale in scales:
                others = sum(other.bits(fracs[other]) for other in scales if other is not scale)
                most = min(most, most_frac(scale.magnitude, self.room(op) - others))
        return most

    def room(self, op: nn.LinearOp) -> int:
        """How many bits they may have together: the sums of products are numbers of 64 bits."""
        return (((1 << quant.WIDEST - 1) - 1) // nn.shape_of(op.x)[-1]).bit_length() + 1

    def least(self, scale: Scale) -> int:
        """The fewest fraction bits of a scale: a reciprocal root is no number with fewer than 8."""
        return LEAST_ROOT if scale in self.norm else -64

    def accumulator(self, op: Operation, fracs: Fracs) -> int:
        """Fraction bits of the accumulator that an operation rounds."""
        if isinstance(op, nn.RMSNormOp):
            root = fracs[self.root[op]]
            return root + self.exponents(op, fracs)[1] + fracs[self.scale[op.w]]
        if isinstance(op, nn.RopeOp):
            return fracs[self.scale[op.x]] + quant.ROPE_FRAC
        if isinstance(op, nn.LinearOp | nn.ScoresOp | nn.MulOp):
            return sum(fracs[scale] for each in op.operands for scale in self.factors(each))
        attend = expect(op, nn.AttendOp)
        return self.reciprocal(attend, fracs) + fracs[self.scale[attend.v]]

    def bits(self, op: Operation, fracs: Fracs) -> int:
        """The bits of the type of an operation's result: with the remainder's they stay below the
        prime, whatever headroom is left to the result."""
        scale = self.scale[op.results[0]]
        bits = scale.bits(fracs[scale])
        if bits <= WIDE_LIMB or scale.exact or isinstance(op, nn.GeluTanhOp | VIEW):
            return bits
        bits = min(bits, ROUNDED_BITS - (self.accumulator(op, fracs) - fracs[scale]))
        peers = self.roles.peers(op)
        own = min(self._range(peers) * self.headroom, self._static(op))
        if most_frac(own, bits) < fracs[scale]:
            raise UserError(f"{_where(op)}: its accumulator is too wide to be rounded below 2^62")
        return bits

    def reciprocal(self, op: nn.AttendOp, fracs: Fracs) -> int:
        """k of `quant.softmax`: the rounding shift k + frac(v) - frac is 34, two whole limbs, if
        reciprocals of 9 bits stay even over a row of equal scores."""
        terms = (nn.shape_of(op.p)[-1] - 1).bit_length()
        wanted = LIMB + WIDE_LIMB + fracs[self.scale[op.result]] - fracs[self.scale[op.v]]
        return max(quant.EXP_FRAC + terms + RECIPROCAL_BITS, min(wanted, MOST_RECIPROCAL))

    def exponents(self, op: nn.RMSNormOp, fracs: Fracs) -> tuple[int, int]:
        """eps is apart (`eps`); the exponents [emin, emax] of a norm. A low emin costs nothing."""
        unit = 4.0 ** fracs[self.scale[op.x]]
        peers = self.roles.peers(op)
        largest = self.squares[peers[0]] * unit
        emax = exponent_of(largest) + self.spare
        if op.x not in self.stream:
            channels = nn.shape_of(op.x)[-1]
            bound = 1 << self.scale[op.x].bits(fracs[self.scale[op.x]]) - 1
            emax = min(
                emax, exponent_of(channels * bound**2 + self.eps(self.largest_eps[op], fracs))
            )
        emax = min(emax, MAX_EXPONENT)
        if emax < exponent_of(largest):
            raise UserError(f"{_where(op)}: sums of squares up to {largest:.3g} are too large")
        return 0, emax

    def eps(self, op: nn.RMSNormOp, fracs: Fracs) -> int:
        """`integer_eps` of a norm."""
        return integer_eps(op.eps.value.data, nn.shape_of(op.x)[-1], fracs[self.scale[op.x]])

    def logits_width(self, fracs: Fracs) -> int:
        """Bits of any best - logit that is proved: what the calibrated spread asks for, several times,
        and no more than twice a bound on |logit|, by Cauchy-Schwarz.

        Rounding adds at most half a unit to each of n entries, to a norm at most sqrt(n) / 2; the
        norm's own rounding at most a part in 1000.
        """
        x, w = self.output.x, self.output.w
        channels = nn.shape_of(x)[1]
        rounding = math.sqrt(channels) / 2
        weight = expect(w.owner, nn.ParamOp)
        unit = 2.0 ** fracs[self.scale[x]], 2.0 ** fracs[self.scale[w]]
        longest = range_of(weight, ROW_NORM) * abs(self.factor(weight))
        rows = self.norm_bound(x) * 1.001 * unit[0] + rounding
        bound = math.ceil(2 * rows * (longest * unit[1] + rounding))
        spread = self.output.attributes.get(RANGE)
        if isinstance(spread, FloatAttr):
            seen = spread.value.data * abs(self.factor(weight))
            bound = min(bound, math.ceil(SPREAD * seen * unit[0] * unit[1]))
        return min(bound, channels << (2 * LIMB - 1)).bit_length()

    def most_width(self) -> int:
        """Bits of best - logit that cost no limb more, with the vocabulary's or without."""
        vocabulary = (nn.shape_of(self.output.w)[0] - 1).bit_length()
        return LIMB + min(WIDE_LIMB, max(0, LIMB + WIDE_LIMB - vocabulary))

    def cells(self, fracs: Fracs) -> float:
        """Limbs that are committed, a token, of all that is rounded."""
        return sum(self._cells(*each, fracs) for each in self.rounded)

    def cells_of(self, scale: Scale, fracs: Fracs) -> float:
        """Those that depend on a scale, its part of the table of its values, and what wide weights cost more."""
        bits = scale.bits(fracs[scale])
        own = 2.0**bits if scale.exact else scale.weights * (WIDE_CELL - 1) * (bits > LIMB)
        return own / self.tokens + sum(self._cells(*each, fracs) for each in self._touched[scale])

    def bounded_by(self, scale: Scale) -> list[Scale]:
        """The scales whose limits depend on a scale, itself among them."""
        return self._bounded[scale]

    def _neighbours(self) -> None:
        self._touched: dict[Scale, list[Rounded]] = {scale: [] for scale in self.all}
        self._bounded: dict[Scale, list[Scale]] = {scale: [scale] for scale in self.all}
        table = self.scale[self.embedding.table]
        self._bounded[self.scale[self.embedding.result]].append(table)
        for each in self.rounded:
            op, result, _ = each
            read = [scale for operand in op.operands for scale in self.factors(operand)]
            if op in self.root:
                read.append(self.root[op])
                for operand in op.operands:
                    self._bounded[self.scale[operand]].append(self.root[op])
            for scale in {*read, result}:
                self._touched[scale].append(each)
                self._bounded[scale].append(result)
        for _, scales in self.together:
            for scale in scales:
                self._bounded[scale] += scales

    def _cells(self, op: Operation, scale: Scale, count: float, fracs: Fracs) -> float:
        frac = fracs[scale]
        bits = scale.bits(frac)
        if isinstance(op, nn.GeluTanhOp):
            return count * self._limbs([bits])
        kept = [bits] if scale.exact else limb_widths(bits)
        return count * self._limbs([*kept, *limb_widths(self.accumulator(op, fracs) - frac)])

    def _limbs(self, widths: Sequence[int]) -> float:
        """What columns of so many bits cost, in those of at most 16."""
        return sum(1.0 if width <= LIMB else self.wide for width in widths)

    def error(self, fracs: Fracs) -> float:
        """Nats a position that all roundings cost, were they independent."""
        return sum(scale.error(fracs[scale]) for scale in self.all)


def _readers(value: SSAValue):
    """The operations that read a value, through views of heads."""
    for use in value.uses:
        if isinstance(use.operation, VIEW):
            yield from _readers(use.operation.results[0])
        else:
            yield use.operation


def _where(op: Operation) -> str:
    return path_of(op) or "the model"
