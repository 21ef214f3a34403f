"""Attention over heads: views of the channels as heads, rotary embedding, scores, softmax, and the mix of values.

H query heads share KV key/value heads, H / KV of them each, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ..interfaces import KeepsScale, Named
from ..nn import ROPE_FRAC, require, require_rotated
from ..rotation import Rotation
from . import axes as named
from .attributes import MAX_BITS, QuantTensorType, TableAttr
from .base import (
    FUNCTIONAL,
    Floats,
    Inferred,
    Int,
    Ints,
    QuantOp,
    numbers,
    signed_bits,
    type_of,
)

EVERY = -1
"""The window of attention to every key, which only examples have."""
EXP_FRAC = 15
"""e = table[d] of `quant.softmax` is 2^15 * exp(-d * 2^-frac)."""


@irdl_op_definition
class SplitHeadsOp(QuantOp, KeepsScale, Named):
    """Cuts the channels into heads: [T, H*D] -> [H, T, D], y[h, t, d] = x[t, h*D + d]; a view. Examples may stand
    in front.

    ```mlir
    %y = quant.split_heads %x heads 4 : (!quant.tensor<[64, 128], bits = 16, frac = 11>)
         -> !quant.tensor<[4, 64, 32], bits = 16, frac = 11>
    ```
    """

    name = "quant.split_heads"
    KIND: ClassVar[str] = "split into heads"
    x = operand_def(QuantTensorType)
    heads = prop_def(Int)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x `heads` $heads" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType, heads: int) -> Sequence[Inferred]:
        require(len(x.shape) in (2, 3), f"x must be [T, H*D], got {list(x.shape)}")
        *examples, tokens, channels = x.shape
        require(heads > 0 and channels % heads == 0, f"{channels} channels, {heads} heads")
        shape = (*examples, heads, tokens, channels // heads)
        return [Inferred(shape, x.width, x.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        if len(type_of(self.result).shape) == 4:
            yield named.Over(self.result, named.heads(type_of(self.result).shape))
        yield from super().axes_rules()


@irdl_op_definition
class MergeHeadsOp(QuantOp, KeepsScale, Named):
    """The inverse of `quant.split_heads`: [H, T, D] -> [T, H*D]; a view. Examples may stand in front.

    ```mlir
    %y = quant.merge_heads %x : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>)
         -> !quant.tensor<[64, 128], bits = 16, frac = 11>
    ```
    """

    name = "quant.merge_heads"
    KIND: ClassVar[str] = "merge of heads"
    x = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: QuantTensorType) -> Sequence[Inferred]:
        require(len(x.shape) in (3, 4), f"x must be [H, T, D], got {list(x.shape)}")
        *examples, heads, tokens, width = x.shape
        return [Inferred((*examples, tokens, heads * width), x.width, x.fraction)]


NO_RAMP = (0.0, 0.0, 0.0)


def _rotations(
    thetas: tuple[float, ...], factors: tuple[float, ...], ramps: tuple[float, ...]
) -> tuple[Rotation, ...]:
    cut = [ramps[3 * kind : 3 * kind + 3] for kind in range(len(thetas))]
    return tuple(
        Rotation(theta, factor, (ramp[0], ramp[1], ramp[2]) if any(ramp) else None)
        for theta, factor, ramp in zip(thetas, factors, cut, strict=True)
    )


@irdl_op_definition
class RopeOp(QuantOp, Named):
    """Rotary position embedding of [H, T, D], as an accumulator: x * cos + rotate(x) * sin.

    rotate(x)[i] = -x[i + D/2] for i < D/2, else x[i - D/2]. With `rotated` R this is of the first R channels, and
    cos is 1 and sin 0 for others. cos and sin are the integers of
    `rope_table.rope_table`, with 14 fraction bits, for theta = thetas[kind], factor = factors[kind]
    and the ramp that the three numbers of ramps[kind] are, if there are ramps (`dialects.rotation`);
    a length of 0 says that a kind has none. kind = kinds[0], in the body of `quant.layers`
    kinds[layer].

    ```mlir
    %acc = quant.rope %q thetas [1.0e+04, 1.0e+06] factors [1.0, 1.0] kinds [0]
           : (!quant.tensor<[4, 64, 32], bits = 16, frac = 11>)
           -> !quant.tensor<[4, 64, 32], bits = 34, frac = 27>
    ```
    """

    name = "quant.rope"
    KIND: ClassVar[str] = "rotation"
    PER_LAYER: ClassVar[str | None] = "kinds"
    x = operand_def(QuantTensorType)
    thetas = prop_def(Floats)
    factors = prop_def(Floats)
    ramps = opt_prop_def(Floats)
    rotated = opt_prop_def(Int)
    kinds = prop_def(Ints)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `thetas` $thetas `factors` $factors (`ramps` $ramps^)? (`rotated` $rotated^)? `kinds` $kinds"
        + FUNCTIONAL
    )

    @classmethod
    def of(
        cls, x: SSAValue, rotations: Sequence[Rotation], kind: int, rotated: int | None = None
    ) -> RopeOp:
        """By one of some rotations."""
        ramps = [number for each in rotations for number in each.ramp or NO_RAMP]
        return cls(
            x,
            thetas=tuple(each.theta for each in rotations),
            factors=tuple(each.factor for each in rotations),
            ramps=tuple(ramps) if any(each.ramp for each in rotations) else None,
            rotated=rotated,
            kinds=(kind,),
        )

    @property
    def rotations(self) -> tuple[Rotation, ...]:
        """Those of the kinds, in order."""
        return _rotations(*map(numbers, (self.thetas, self.factors, self.ramps)))

    @property
    def width(self) -> int:
        """How many channels are rotated."""
        return type_of(self.result).shape[2] if self.rotated is None else self.rotated.value.data

    @staticmethod
    def infer(
        x: QuantTensorType,
        thetas: tuple[float, ...],
        factors: tuple[float, ...],
        kinds: tuple[int, ...],
        ramps: tuple[float, ...] = (),
        rotated: int | None = None,
    ) -> Sequence[Inferred]:
        require(
            len(x.shape) == 3 and x.shape[2] % 2 == 0,
            f"x must be [H, T, even D], got {list(x.shape)}",
        )
        require_rotated(rotated, x.shape[2])
        require(len(thetas) == len(factors), f"{len(thetas)} thetas, {len(factors)} factors")
        require(
            len(ramps) in (0, 3 * len(thetas)), f"{len(thetas)} thetas, {len(ramps)} ramps' numbers"
        )
        for rotation in _rotations(thetas, factors, ramps):
            rotation.verify()
        for kind in kinds:
            require(0 <= kind < len(thetas), f"kind {kind} of {len(thetas)}")
        return [Inferred(x.shape, signed_bits(2 * x.bound << ROPE_FRAC), x.fraction + ROPE_FRAC)]


@irdl_op_definition
class ScoresOp(QuantOp, Named):
    """Attention scores, as an accumulator: q [H, T, D], k [KV, T, D] -> [H, T, T].

    acc[h, i, j] = sum_d q[h, i, d] k[h', j, d], h' = h // (H / KV). With examples in front each of them has keys of
    its own: q [N, H, T, D], k [N, KV, S, D] -> [N, H, T, S].

    ```mlir
    %acc = quant.scores %q, %k : (!quant.tensor<[4, 64, 32], bits = 16, frac = 13>,
           !quant.tensor<[1, 64, 32], bits = 16, frac = 12>)
           -> !quant.tensor<[4, 64, 64], bits = 37, frac = 25>
    ```
    """

    name = "quant.scores"
    KIND: ClassVar[str] = "scores"
    q = operand_def(QuantTensorType)
    k = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$q `,` $k" + FUNCTIONAL

    @staticmethod
    def infer(q: QuantTensorType, k: QuantTensorType) -> Sequence[Inferred]:
        _grouped(q, k)
        alike = q.shape[1:] == k.shape[1:] if len(q.shape) == 3 else q.shape[-1] == k.shape[-1]
        require(alike, f"q is {list(q.shape)}, k is {list(k.shape)}")
        bits = signed_bits(q.shape[-1] * q.bound * k.bound)
        return [Inferred((*q.shape[:-1], k.shape[-2]), bits, q.fraction + k.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.q, _query(self.q))
        yield named.Over(self.k, _key(self.k))
        yield named.Over(self.result, _scores(self.result))


@irdl_op_definition
class SoftmaxOp(QuantOp, Named):
    """Causal softmax of scores [H, T, T] as exponentials e [H, T, T] and reciprocals inv [H, T]. Examples may stand
    in front.

    Query i sees key j if 0 <= i - j and (window = 0 or i - j < window); window = windows[0], in the body of
    `quant.layers` windows[layer]. With a window of -1 each query sees every key, and there may be other than T of
    them. e = table[max - s] where seen, else 0, with the maximum over the seen keys; inv = floor(2^k / sum_j e).
    The probability is e * inv * 2^-k. `width` is the number of bits that hold sum_j e - 1.

    ```mlir
    %e, %inv = quant.softmax %s windows [24] k 32 width 21
               table <"round(2^15 * exp(-x / 2^11))", 0 to 65536>
               : (!quant.tensor<[4, 64, 64], bits = 16, frac = 11>)
               -> (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>,
               !quant.tensor<[4, 64], bits = 19, frac = 17>)
    ```
    """

    name = "quant.softmax"
    KIND: ClassVar[str] = "softmax"
    PER_LAYER: ClassVar[str | None] = "windows"
    scores = operand_def(QuantTensorType)
    windows = prop_def(Ints)
    k = prop_def(Int)
    width = prop_def(Int)
    table = prop_def(TableAttr)
    e = result_def(QuantTensorType)
    inv = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$scores `windows` $windows `k` $k `width` $width `table` $table" + FUNCTIONAL

    @staticmethod
    def infer(
        scores: QuantTensorType,
        windows: tuple[int, ...],
        k: int,
        width: int,
        table: TableAttr,
    ) -> Sequence[Inferred]:
        shape = scores.shape
        require(
            len(shape) in (3, 4) and (shape[-2] == shape[-1] or {*windows} == {EVERY}),
            f"scores must be [H, T, T], got {list(shape)}",
        )
        need = ((shape[-1] << EXP_FRAC) - 1).bit_length()
        require(width >= need, f"width is {width}, sums of {shape[-1]} exponentials need {need}")
        require(width < MAX_BITS, f"width is {width}, at most {MAX_BITS - 1} bits are held")
        require(need <= k <= 47, f"k is {k}, not in {need} .. 47")
        require(
            table.domain == (0, 1 << scores.width),
            f"the table's domain must be 0 to 2^{scores.width}",
        )
        for window in windows:
            least = EVERY if len(shape) == 4 else 0
            require(window >= least, f"window {window} is negative")
        return [
            Inferred(shape, EXP_FRAC + 2, EXP_FRAC),
            Inferred(shape[:-1], k - EXP_FRAC + 2, k - EXP_FRAC),
        ]

    def axes_rules(self) -> Iterator[named.Rule]:
        axes = _scores(self.scores)
        yield named.Over(self.scores, axes)
        yield named.Over(self.e, axes)
        yield named.Over(self.inv, axes[:-1])


@irdl_op_definition
class AttendOp(QuantOp, Named):
    """Mixes values, as an accumulator: e [H, T, T], inv [H, T], v [KV, T, D] -> [H, T, D].

    acc[h, i, d] = sum_j e[h, i, j] inv[h, i] v[h', j, d], h' = h // (H / KV). As
    sum_j e * inv <= 2^k, |acc| <= 2^k * max |v|. Examples may stand in front.

    ```mlir
    %acc = quant.attend %e, %inv, %v : (!quant.tensor<[4, 64, 64], bits = 17, frac = 15>,
           !quant.tensor<[4, 64], bits = 19, frac = 17>,
           !quant.tensor<[1, 64, 32], bits = 16, frac = 11>)
           -> !quant.tensor<[4, 64, 32], bits = 49, frac = 43>
    ```
    """

    name = "quant.attend"
    KIND: ClassVar[str] = "attention"
    e = operand_def(QuantTensorType)
    inv = operand_def(QuantTensorType)
    v = operand_def(QuantTensorType)
    result = result_def(QuantTensorType)
    traits = traits_def(Pure())
    assembly_format = "$e `,` $inv `,` $v" + FUNCTIONAL

    @staticmethod
    def infer(e: QuantTensorType, inv: QuantTensorType, v: QuantTensorType) -> Sequence[Inferred]:
        _grouped(e, v)
        require(
            e.shape[:-1] == inv.shape and e.shape[-1] == v.shape[-2],
            f"e is {list(e.shape)}, inv is {list(inv.shape)}, v is {list(v.shape)}",
        )
        k = e.fraction + inv.fraction
        require(0 <= k < MAX_BITS, f"the fractions of e and inv sum to {k}, which is no k")
        shape = (*e.shape[:-1], v.shape[-1])
        return [Inferred(shape, signed_bits(v.bound << k), k + v.fraction)]

    def axes_rules(self) -> Iterator[named.Rule]:
        yield named.Over(self.v, _key(self.v))
        yield named.Over(self.result, _query(self.result))


def _query(value: SSAValue) -> named.Axes:
    """The axes of queries [H, T, D], or [N, H, T, D] of examples."""
    shape = type_of(value).shape
    return named.heads(shape) if len(shape) == 4 else named.QUERY


def _key(value: SSAValue) -> named.Axes:
    """Of keys and values."""
    shape = type_of(value).shape
    return named.heads(shape) if len(shape) == 4 else named.KEY


def _scores(value: SSAValue) -> named.Axes:
    """Of scores and exponentials."""
    shape = type_of(value).shape
    return named.of_scores(shape) if len(shape) == 4 else named.SCORES


def _grouped(heads: QuantTensorType, kv: QuantTensorType) -> None:
    many, few = heads.shape, kv.shape
    require(
        len(many) == len(few) and len(few) in (3, 4),
        "both operands must have rank 3, or 4 with examples in front",
    )
    require(many[:-3] == few[:-3], f"the operands are of {many[0]} and {few[0]} examples")
    require(many[-3] % few[-3] == 0, f"{many[-3]} heads can not share {few[-3]} key/value heads")
