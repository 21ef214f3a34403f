"""Which values and weights of a raised `nn` function share a scale, and how large they get.

There is one scale for each role (see `roles`), one for all deltas of the residual stream, one for a
weight and its peers, and one for the reciprocal roots of a norm's role. How many bits a value's integers
may have is what its operation and all its readers say (`interfaces.Quantised`, `interfaces.Rounded`):

* 17 bits for scores, of whose differences there is a table;
* 18 bits, the widest limb, for queries, keys and values, or where one limb is all that it is worth;
* 19 bits where it is looked up in a table, which holds its range: it has one cell and no limbs;
* two limbs, 32 bits, for other values;
* where a product is not rounded (`delay-requantize`), its factors and the weights that it meets have as
  many bits together as their sums leave below 2^63 (`limits`);
* what only a norm reads, and the deltas: as many as sums of squares below the prime leave.

What a choice of fraction bits makes of each other is in `limits`, what it costs in `costs`.

Errors: `UserError` for functions of another form, missing ranges, or numbers that
can not be represented, with the module path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn, quant
from ...dialects.interfaces import TWO_LIMBS, KeepsScale, Normalises, Quantised, Rounded, Sum
from ...errors import UserError, expect
from ...runtime.circuit.relations import PRIME
from .calibrate import BIAS, GAIN, range_of, squares_of
from .plan import UNROUNDED, value_factor, weight_factor
from .roles import Roles, path_of
from .scale import LIMB, WIDE_LIMB, Scale, most_frac
from .sensitivity import RADIAL, sensitivity_of
from .stream_bounds import MEAN_EXPONENT

MAX_EXPONENT = 22
GAIN_BITS = 22
OUTPUT_BITS = 20
"""The widest final norm's output."""
TABLE_BITS = 22
"""The widest embedding that is not the head's too: a norm reads its rows, which may be of very different sizes.
The proof that weights are in their ranges (`weight_ranges`) has a table of all these values."""


def exponent_of(square: float) -> int:
    """The e for which square >> 2e is in [2^14, 2^16), at least 0."""
    return max(0, (int(square).bit_length() - quant.MANTISSA_BITS - 1) // 2)


def integer_eps(eps: float, channels: int, frac: int) -> int:
    """eps of a norm in units of its input's squared integers; at least 2^14, so that every row has a mantissa."""
    return max(1 << quant.MANTISSA_BITS, round(eps * channels * 4.0**frac))


def delta_bits(channels: int, count: int, centred: bool) -> int:
    """The widest deltas of a residual stream that its norms can square.

    Whatever the exponents of norms are, squares stay below 2^63. ``centred``: whether norms read the stream less a
    mean.
    """
    bits = TWO_LIMBS
    while _largest_square(channels, count, bits, MAX_EXPONENT, centred) >= 1 << 63:
        bits -= 1
    return bits


def _largest_square(channels: int, count: int, bits: int, exponent: int, centred: bool) -> int:
    """A bound on both sides of a norm's relation for the square of its input.

    The norm before it proves that the square of its own input's norm is below 4^exponent 2^16 (`stream_bounds`);
    then come ``count`` deltas of so many bits, of which no other norm reads the sum. Where norms read the stream
    less a mean, rows of means stand between it and what either norm reads.
    """
    proved = (1 << exponent + 8) + (2 << MEAN_EXPONENT if centred else 0)
    return (proved + count * (math.isqrt(channels * 4 ** (bits - 1)) + 1)) ** 2 + proved**2


class Scales:
    """The scales of a calibrated, raised function and the operations that round to them."""

    def __init__(self, block: Block, headroom: float, spare_exponents: int):
        self.headroom, self.spare = headroom, spare_exponents
        self.block = block
        self.ops = [op for op in block.ops if not isinstance(op, ReturnOp)]
        self.roles = Roles(self.ops)
        self.scale: dict[SSAValue, Scale] = {}
        self.rounded: list[tuple[Rounded, Scale, float]] = []
        """An operation of each role, its result's scale, and how many elements a token it rounds."""
        self._stream()
        self._require_scaled_queries()
        self._output()
        self.root: dict[Operation, Scale] = {}
        """Of norms: the fraction bits of their reciprocal roots."""
        self.norm: dict[Scale, Normalises] = {}
        self.squares: dict[Operation, float] = {}
        self.largest_eps: dict[Operation, Normalises] = {}
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

    # What the function is

    def _stream(self) -> None:
        """The residual stream: the embedding, of tokens and positions, and sums of it with deltas."""
        self.stream: set[SSAValue] = set()
        self.deltas: dict[Operation, None] = {}
        embeddings = [op for op in self.ops if isinstance(op, nn.EmbeddingOp)]
        if len(embeddings) != 1:
            raise UserError(f"the model has {len(embeddings)} token embeddings, not one")
        (self.embedding,) = embeddings
        self.tokens = nn.shape_of(self.embedding.result)[0]
        self.stream.add(self.embedding.result)
        positions = [op for op in self.ops if isinstance(op, nn.PositionEmbeddingOp)]
        self.tables = [op.table for op in (self.embedding, *positions)]
        """Those of embeddings."""
        for op in self.ops:
            if isinstance(op, Sum):
                entering = [value for value in op.operands if value in self.stream]
                if len(op.operands) != 2 or len(entering) != 1:
                    raise UserError(f"{where(op)}: this sum is not residual stream plus delta")
                self.stream.add(op.results[0])
                (delta,) = (value for value in op.operands if value is not entering[0])
                if not isinstance(delta.owner, nn.PositionEmbeddingOp):
                    self.deltas[expect(delta.owner, Operation)] = None

    def in_stream(self, value: SSAValue) -> bool:
        """Whether a value is the residual stream, or the stream less its mean."""
        while value not in self.stream and isinstance(value.owner, KeepsScale):
            value = value.owner.operands[0]
        return value in self.stream

    def _require_scaled_queries(self) -> None:
        """What makes queries absorbs the attention scale (`value_factor`): a weight that nothing else reads, and
        from there to the scores nothing but rotations and views."""
        for op in self.ops:
            if not isinstance(op, nn.ScoresOp):
                continue
            values: list[SSAValue] = [op.q]
            while isinstance(maker := values[-1].owner, nn.RopeOp | KeepsScale):
                values.append(maker.operands[0])
            if not isinstance(maker, nn.LinearOp | Normalises):
                raise UserError(f"{where(op)}: queries must come from a norm or a linear layer")
            values += maker.operands[1:]
            if any(len({*value.uses}) != 1 for value in values):
                raise UserError(f"{where(op)}: something else reads its queries, or their weight")

    def _output(self) -> None:
        end = self.block.last_op
        output = end.operands[0].owner if isinstance(end, ReturnOp) else None
        if not isinstance(output, nn.LinearOp) or not isinstance(output.x.owner, Normalises):
            raise UserError("the function must return the logits: a norm and a linear layer")
        values = [output.x, *output.x.owner.operands[1:]]
        if output.scale is not None and any(len({*value.uses}) != 1 for value in values):
            raise UserError(f"{where(output)}: something else reads the final norm, or its weight")
        self.output = output

    # Scales

    def _visit(self, peers: list[Operation]) -> None:
        op = peers[0]
        if isinstance(op, nn.ParamOp):
            return self._weights([peer for peer in peers if isinstance(peer, nn.ParamOp)])
        if op is self.output or UNROUNDED in op.attributes:
            return
        if isinstance(op, KeepsScale):
            for peer in peers:  # Of later layers the stream is not there yet.
                x = peer.operands[0]
                self.scale[peer.results[0]] = (
                    self._residual() if self.in_stream(x) else self.scale[x]
                )
        elif isinstance(op, nn.EmbeddingOp | nn.PositionEmbeddingOp | Sum):
            self.scale |= dict.fromkeys((peer.results[0] for peer in peers), self._residual())
        elif isinstance(op, Rounded):
            self._rounded(op, peers)
        elif not isinstance(op, Quantised):
            raise UserError(f"{where(op)}: {op.name} can not be quantised; raise it first")

    def _rounded(self, op: Rounded, peers: list[Operation]) -> None:
        if op in self.deltas:
            scale = self._residual()
        else:
            magnitude = min(self.range(peers) * self.headroom, op.largest(self))
            scale = Scale(where(op), magnitude, self._most_bits(op))
            readers = [reader for reader, _ in _readers(op.results[0])]
            scale.exact = any(isinstance(reader, nn.ActivationOp) for reader in readers)
            scale.squared = any(isinstance(reader, Normalises) for reader in readers)
        self.scale |= dict.fromkeys((peer.results[0] for peer in peers), scale)
        factor = value_factor(op.results[0])
        scale.sensitivity += sum(map(sensitivity_of, peers)) / factor**2
        scale.ops += peers
        elements = math.prod(nn.shape_of(op.results[0])) / self.tokens * len(peers)
        if isinstance(op, Normalises):
            self._root([peer for peer in peers if isinstance(peer, Normalises)])
        # The final norm runs at the generated positions only.
        self.rounded.append((op, scale, 0.0 if op is self.output.x.owner else elements))

    def _root(self, peers: list[Normalises]) -> None:
        """r = 2^root / sqrt(m) is rounded: noise of variance m 4^-root / 12 on a row's scale, with m
        about 2^15. It is of at most 16 bits, so that root is at most 23."""
        scale = Scale(f"{where(peers[0])} root", 0.9 * 2.0**-8, LIMB)
        scale.sensitivity = 2.0**15 * sum(sensitivity_of(peer, RADIAL) for peer in peers)
        self.root |= dict.fromkeys(peers, scale)
        self.norm[scale] = peers[0]
        self.squares[peers[0]] = max(squares_of(peer)[1] for peer in peers)
        self.largest_eps |= dict.fromkeys(peers, max(peers, key=lambda norm: norm.constant))

    def range(self, peers: list[Operation]) -> float:
        """The largest recorded value of a role, in the units of its integers."""
        return max(map(range_of, peers)) * value_factor(peers[0].results[0])

    def _most_bits(self, op: Rounded) -> int:
        """The widest type of a result that all its readers take."""
        if op is self.output.x.owner:
            return OUTPUT_BITS
        read = (
            reader.operand_bits(index)
            for reader, index in _readers(op.results[0])
            if isinstance(reader, Quantised)
        )
        return min(op.RESULT_BITS, *read, TWO_LIMBS)

    def _residual(self) -> Scale:
        """The deltas' scale: one, as they are summed.

        The square of the stream's norm stays below 2^63 (`stream_bounds`), and its calibrated
        exponents, with one to spare, within reach. Where that leaves fewer fraction bits than the rows of an
        embedding have that is the head's too, and so makes them round, deltas are as wide as the exponents that
        this model's norms have keep squares below the prime.
        """
        if self.embedding.result in self.scale:
            return self.scale[self.embedding.result]
        largest = max((max(map(range_of, self.roles.peers(op))) for op in self.deltas), default=1.0)
        channels, count = nn.shape_of(self.embedding.result)[-1], self._between_norms()
        magnitude, centred = largest * self.headroom, self._centred()
        scale = Scale("the residual stream", magnitude, delta_bits(channels, count, centred))
        norms = [r for x in self.stream for r, _ in _readers(x) if isinstance(r, Normalises)]
        squares = max((squares_of(norm)[1] for norm in norms), default=1.0)
        while exponent_of(squares * 4.0**scale.most) >= MAX_EXPONENT:
            scale.most_bits -= 1
        tied = self.embedding.table is self.output.w
        while tied and scale.most < self.scale[self.embedding.table].most:
            wider = scale.most_bits + 1
            exponent = exponent_of(squares * 4.0 ** most_frac(magnitude, wider)) + self.spare
            if (
                exponent > MAX_EXPONENT
                or _largest_square(channels, count, wider, exponent, centred) >= PRIME
            ):
                break
            scale.most_bits = wider
        return scale

    def _between_norms(self) -> int:
        """The most deltas that the residual stream takes up from one norm that reads it to the next."""
        most = count = 0
        for op in self.ops:
            if isinstance(op, Sum):
                count += 1
                most = max(most, count)
            elif isinstance(op, Normalises) and self.in_stream(op.operands[0]):
                count = 0
        return most

    def _centred(self) -> bool:
        """Whether norms read the stream less its mean."""
        return any(isinstance(op, nn.CenterOp) and op.x in self.stream for op in self.ops)

    def _weights(self, peers: list[nn.ParamOp]) -> None:
        op, factor = peers[0], weight_factor(peers[0])
        users = [(use.operation, use.index) for peer in peers for use in peer.result.uses]
        scale = Scale(path_of(op), max(map(range_of, peers)) * abs(factor), WIDE_LIMB)
        if op.result is self.output.w:
            scale.most_bits = LIMB
        elif op.result in self.tables:
            scale.most_bits = TABLE_BITS
        if users and isinstance(users[0][0], Normalises):
            name = GAIN if users[0][1] == 1 else BIAS
            scale.magnitude = max(range_of(user, name) for user, _ in users) * factor
            scale.most_bits, scale.exact = GAIN_BITS, True
        scale.sensitivity = sum(map(sensitivity_of, peers)) / factor**2
        scale.weights = sum(math.prod(nn.shape_of(peer.result)) for peer in peers)
        scale.ops += peers
        self.scale |= dict.fromkeys((peer.result for peer in peers), scale)

    # What is known of values (`interfaces.Bounds`)

    def magnitude(self, value: SSAValue) -> float:
        """The largest magnitude that a value's scale has room for."""
        return self.scale[value].magnitude

    def row_norm(self, value: SSAValue) -> float:
        """The largest Euclidean norm of a row of a value, in the units of its integers; infinite where
        nothing bounds it."""
        op = value.owner
        return op.row_norm(self) if isinstance(op, Rounded) else math.inf

    def gain(self, op: Normalises) -> float:
        """The largest gain of a norm's role, with the attention scale that it absorbs."""
        return self._largest(op, GAIN)

    def bias(self, op: Normalises) -> float:
        """The largest bias of a norm's role, likewise."""
        return self._largest(op, BIAS) if len(op.operands) > 2 else 0.0

    def _largest(self, op: Normalises, name: str) -> float:
        largest = max(range_of(peer, name) for peer in self.roles.peers(op))
        return largest * value_factor(op.results[0])

    def factors(self, value: SSAValue) -> list[Scale]:
        """The scales whose fraction bits a value has: its own, or those of a product's factors."""
        op = expect(value.owner, Operation)
        if UNROUNDED in op.attributes:
            return [scale for each in op.operands for scale in self.factors(each)]
        return [self.scale[value]] if value in self.scale else []


def _readers(value: SSAValue) -> Iterator[tuple[Operation, int]]:
    """The operations that read a value, through views, and as which operand."""
    for use in value.uses:
        if isinstance(use.operation, KeepsScale):
            yield from _readers(use.operation.results[0])
        else:
            yield use.operation, use.index


def where(op: Operation) -> str:
    """Where an operation stands, for messages."""
    return path_of(op) or "the model"
