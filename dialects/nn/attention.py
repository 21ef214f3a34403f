"""Attention: heads, rotary embedding, scores, causal softmax and the mixing of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
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

from ..interfaces import (
    Array,
    Bounds,
    Differentiable,
    KeepsScale,
    LeadingAxes,
    Named,
    Parts,
    Quantised,
    Rescales,
    Rounded,
    Scaling,
    Values,
)
from ..rotation import Rotation
from .base import (
    FUNCTIONAL,
    F32Tensor,
    Float,
    Floats,
    Int,
    NNOp,
    Shape,
    require,
    require_positive,
    rotation_in,
    rotation_of,
    shape_of,
    text,
)

ONE_LIMB = 18
"""The widest limb: queries, keys and values have one."""
SCORE_BITS = 17
"""There is a table of the differences of scores."""
MOST_SCORE_FRAC = 12
ROPE_FRAC = 16
"""Cosines and sines are integers over 2^16."""


@irdl_op_definition
class SplitHeadsOp(NNOp, Quantised, KeepsScale, Rescales, Differentiable, Named):
    """Cuts the channels into heads: (T, H*D) -> (H, T, D), y[h, t, d] = x[t, h*D + d]. Examples may stand in front.

    ```mlir
    %y = nn.split_heads %x heads 4 : (tensor<64x128xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.split_heads"
    KIND: ClassVar[str] = "split into heads"
    x = operand_def(F32Tensor)
    heads = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `heads` $heads" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, heads: int) -> Shape:
        require(len(x) in (2, 3), f"x must be (T, H*D), got {text(x)}")
        *examples, tokens, channels = x
        require(
            heads > 0 and channels % heads == 0, f"{channels} channels do not make {heads} heads"
        )
        return (*examples, heads, tokens, channels // heads)

    def scaling(self, index: int) -> Scaling:
        return Scaling.CARRIED

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return [(self.x, gradient.swapaxes(-3, -2).reshape(values[self.x].shape))]


@irdl_op_definition
class MergeHeadsOp(NNOp, Quantised, KeepsScale, Rescales, Differentiable, Named):
    """The inverse of `nn.split_heads`: (H, T, D) -> (T, H*D). Examples may stand in front.

    ```mlir
    %y = nn.merge_heads %x : (tensor<4x64x32xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.merge_heads"
    KIND: ClassVar[str] = "merge of heads"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(len(x) in (3, 4), f"x must be (H, T, D), got {text(x)}")
        *examples, heads, tokens, width = x
        return (*examples, tokens, heads * width)

    def scaling(self, index: int) -> Scaling:
        return Scaling.CARRIED

    def gradients(self, gradient: Array, values: Values) -> Parts:
        *front, heads, tokens, width = values[self.x].shape
        return [(self.x, gradient.reshape(*front, tokens, heads, width).swapaxes(-3, -2))]


@irdl_op_definition
class RopeOp(NNOp, Rounded, Differentiable, Named):
    """Rotary position embedding (Su et al. 2021) of (H, T, D) at positions t = 0 .. T-1.

    Channel i < D/2 is paired with i + D/2 and the pair is rotated by the angle
    t * theta^(-2i/D) / factor; `factor` above 1 is linear position interpolation, which a `ramp`
    [low, high, length] keeps from channels that turn quickly (`dialects.rotation`). With `rotated` R only the
    first R channels are, as a head of that width; the others stay as they are.

    ```mlir
    %y = nn.rope %x theta 1.0e+04 factor 1.0 : (tensor<4x64x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.rope"
    KIND: ClassVar[str] = "rotation"
    STEP: ClassVar[str | None] = "rope"
    OWN_FRAC: ClassVar[int] = ROPE_FRAC
    x = operand_def(F32Tensor)
    theta = prop_def(Float)
    factor = prop_def(Float)
    ramp = opt_prop_def(Floats)
    rotated = opt_prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = (
        "$x `theta` $theta `factor` $factor (`ramp` $ramp^)? (`rotated` $rotated^)?" + FUNCTIONAL
    )

    @classmethod
    def of(cls, x: SSAValue, rotation: Rotation, rotated: int | None = None) -> RopeOp:
        others: dict[str, int | Sequence[float]] = {}
        if rotation.ramp:
            others["ramp"] = rotation.ramp
        if rotated is not None:
            others["rotated"] = rotated
        return cls(x, theta=rotation.theta, factor=rotation.factor, **others)

    @staticmethod
    def infer(
        x: Shape,
        theta: float,
        factor: float,
        ramp: Sequence[float] | None = None,
        rotated: int | None = None,
    ) -> Shape:
        require(len(x) == 3 and x[2] % 2 == 0, f"x must be (H, T, even D), got {text(x)}")
        require_rotated(rotated, x[2])
        rotation_of(theta, factor, ramp).verify()
        return x

    @property
    def rotation(self) -> Rotation:
        return rotation_in(self.theta, self.factor, self.ramp)

    @property
    def width(self) -> int:
        """How many channels are rotated."""
        return shape_of(self.x)[-1] if self.rotated is None else self.rotated.value.data

    def turned(self, x: Array, sign: int = 1) -> Array:
        """fp32 or wider numbers (.., T, D), rotated; with ``sign`` -1 the other way round."""
        half = self.width // 2
        angles = np.outer(np.arange(x.shape[-2]), self.rotation.frequencies(half))
        cos, sin = (part.astype(x.dtype) for part in (np.cos(angles), sign * np.sin(angles)))
        low, high, others = np.split(x, [half, self.width], axis=-1)
        return np.concatenate([low * cos - high * sin, high * cos + low * sin, others], axis=-1)

    def row_norm(self, bounds: Bounds) -> float:
        """A rotation changes no norm."""
        return bounds.row_norm(self.x)

    def gradients(self, gradient: Array, values: Values) -> Parts:
        """The transpose of a rotation turns back."""
        return [(self.x, self.turned(gradient, -1))]


def require_rotated(rotated: int | None, width: int) -> None:
    """Raises a `VerifyException` unless so many channels of a head, not all of them, make pairs."""
    require(
        rotated is None or (0 < rotated < width and rotated % 2 == 0),
        f"rotated must be even and in 2 .. {width - 2}, got {rotated}",
    )


def _grouped(heads: Shape, kv: Shape, what: str) -> None:
    require(
        len(heads) == len(kv) and len(kv) in (3, 4),
        f"{what} must have rank 3, or 4 with examples in front",
    )
    require(heads[:-3] == kv[:-3], f"{what} are of {heads[0]} and {kv[0]} examples")
    require(heads[-3] % kv[-3] == 0, f"{heads[-3]} heads can not share {kv[-3]} key/value heads")


@irdl_op_definition
class ScoresOp(NNOp, Rounded, Differentiable, Named):
    """Attention scores: q (H, T, D), k (KV, T, D) -> (H, T, T), scale * <q[h, i], k[h', j]>.

    Query head h uses key head h' = h // (H / KV). With examples in front, q (N, H, T, D), k (N, KV, S, D), each of
    them has keys of its own, of S positions.

    ```mlir
    %s = nn.scores %q, %k scale 0.125 : (tensor<4x64x32xf32>, tensor<1x64x32xf32>)
         -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.scores"
    KIND: ClassVar[str] = "scores"
    STEP: ClassVar[str | None] = "scores"
    FACTORS: ClassVar[tuple[int, ...]] = (0, 1)
    MOST_FRAC: ClassVar[int | None] = MOST_SCORE_FRAC
    q = operand_def(F32Tensor)
    k = operand_def(F32Tensor)
    scale = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$q `,` $k `scale` $scale" + FUNCTIONAL

    @staticmethod
    def infer(q: Shape, k: Shape, scale: float) -> Shape:
        _grouped(q, k, "q and k")
        alike = q[1:] == k[1:] if len(q) == 3 else q[-1] == k[-1]
        require(alike, f"q has (T, D) = {text(q[-2:])}, k has {text(k[-2:])}")
        require_positive("scale", scale)
        return (*q[:-1], k[-2])

    def operand_bits(self, index: int) -> int:
        return ONE_LIMB

    def largest(self, bounds: Bounds) -> float:
        return bounds.row_norm(self.q) * bounds.row_norm(self.k)

    def gradients(self, gradient: Array, values: Values) -> Parts:
        q, k = values[self.q], values[self.k]
        gradient = gradient * np.float32(self.scale.value.data)
        keys = np.repeat(k, q.shape[-3] // k.shape[-3], axis=-3)
        of_keys = _shared(gradient.swapaxes(-1, -2) @ q, k.shape[-3])
        return [(self.q, gradient @ keys), (self.k, of_keys)]


@irdl_op_definition
class MaskedSoftmaxOp(NNOp, Quantised, Differentiable, Named):
    """Causal softmax of scale * scores (H, T, T) over the last axis; what a query may not see gets exactly 0.

    Query i sees the keys j with 0 <= i - j, and with i - j < window where there is a window: a
    window of w covers w keys, the query's own position included. Examples may stand in front.

    ```mlir
    %p = nn.masked_softmax %s window 24 : (tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.masked_softmax"
    KIND: ClassVar[str] = "softmax"
    scores = operand_def(F32Tensor)
    window = opt_prop_def(Int)
    scale = opt_prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$scores (`window` $window^)? (`scale` $scale^)?" + FUNCTIONAL

    @staticmethod
    def infer(scores: Shape, window: int | None = None, scale: float = 1.0) -> Shape:
        require(
            len(scores) in (3, 4) and scores[-2] == scores[-1],
            f"scores must be (H, T, T), got {text(scores)}",
        )
        require(window is None or window > 0, f"window must be positive, got {window}")
        require_positive("scale", scale)
        return scores

    @property
    def factor(self) -> float:
        """What scores are multiplied by."""
        return 1.0 if self.scale is None else self.scale.value.data

    def operand_bits(self, index: int) -> int:
        return SCORE_BITS

    def gradients(self, gradient: Array, values: Values) -> Parts:
        p = values[self.result]
        mean = np.sum(gradient * p, axis=-1, keepdims=True)
        return [(self.scores, p * (gradient - mean) * np.float32(self.factor))]


@irdl_op_definition
class AttendOp(NNOp, Rounded, Rescales, Differentiable, Named):
    """Mixes values by probabilities: p (H, T, T), v (KV, T, D) -> (H, T, D), p[h] v[h'].

    Query head h uses value head h' = h // (H / KV). With examples in front, p (N, H, T, S), v (N, KV, S, D), each
    of them has values of its own.

    ```mlir
    %o = nn.attend %p, %v : (tensor<4x64x64xf32>, tensor<1x64x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.attend"
    KIND: ClassVar[str] = "attention"
    STEP: ClassVar[str | None] = "attend"
    FACTORS: ClassVar[tuple[int, ...]] = (1,)
    p = operand_def(F32Tensor)
    v = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$p `,` $v" + FUNCTIONAL

    @staticmethod
    def infer(p: Shape, v: Shape) -> Shape:
        _grouped(p, v, "p and v")
        require(p[-1] == v[-2], f"p weighs {p[-1]} keys, v has {v[-2]}")
        return (*p[:-1], v[-1])

    def operand_bits(self, index: int) -> int:
        return ONE_LIMB

    def largest(self, bounds: Bounds) -> float:
        """Mixed values are no larger than the values."""
        return bounds.magnitude(self.v)

    def scaling(self, index: int) -> Scaling:
        return Scaling.CARRIED if index == 1 else Scaling.OTHER

    def gradients(self, gradient: Array, values: Values) -> Parts:
        p, v = values[self.p], values[self.v]
        mixed = np.repeat(v, p.shape[-3] // v.shape[-3], axis=-3)
        of_values = _shared(p.swapaxes(-1, -2) @ gradient, v.shape[-3])
        return [(self.p, gradient @ mixed.swapaxes(-1, -2)), (self.v, of_values)]


def _shared(heads: Array, kv: int) -> Array:
    """(.., H, T, D) summed over the heads that share a key/value head: (.., KV, T, D)."""
    *front, count, tokens, width = heads.shape
    return heads.reshape(*front, kv, count // kv, tokens, width).sum(axis=-3)


@irdl_op_definition
class SoftmaxOp(NNOp, LeadingAxes, Quantised, Named):
    """Softmax of scale * x over the last axis. In a function of tensors it is that of attention where each query
    sees every key.

    ```mlir
    %y = nn.softmax %x : (tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.softmax"
    KIND: ClassVar[str] = "softmax"
    x = operand_def(F32Tensor)
    scale = opt_prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x (`scale` $scale^)?" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, scale: float = 1.0) -> Shape:
        require_positive("scale", scale)
        return x

    @property
    def scores(self) -> SSAValue:
        return self.x

    @property
    def factor(self) -> float:
        """What scores are multiplied by."""
        return 1.0 if self.scale is None else self.scale.value.data

    def operand_bits(self, index: int) -> int:
        return SCORE_BITS
