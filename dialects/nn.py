"""The `nn` dialect: a decoder-only language model as f32 tensor operations.

Two strata share the dialect. *Imported* operations mirror what `torch.export` records, one for one,
with a leading batch axis of size 1: element-wise arithmetic with broadcasting, `matmul`, `softmax`,
`view`, `permute`, `slice`, ... *Raised* operations (`RAISED`) have no batch axis and name what the
model does; they are what quantisation consumes:

    tokens, param, embedding, linear, rms_norm, split_heads, merge_heads, rope, scores,
    masked_softmax, attend, gelu_tanh, mul, add

Shapes are static: T tokens, h hidden width, H query heads, KV key/value heads, D head width. The
module is one function without arguments that returns the logits, tensor<T x vocab x f32>.

Weights never enter the IR: `nn.param` holds a name and the SHA-256 of the tensor's fp32 bytes.
Every operation made from a PyTorch module carries that module's path ("model.layers.7.mlp") in the
discardable attribute `module`; unlike a location it survives printing, and passes that rewrite an
operation copy it (`inherit_path`). Read it with `module_path`.

Errors: a wrong shape, and a number that is not a normal f32, is a `VerifyException` of the
operation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Commutative, Pure
from xdsl.utils.exceptions import VerifyException

from ..errors import expect

F32Tensor: TypeAlias = TensorType[Float32Type]
I64Tensor: TypeAlias = TensorType[I64]
Float: TypeAlias = FloatAttr[Float64Type]
Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Shape: TypeAlias = tuple[int, ...]

PATH = "module"
MOST_ELEMENTS = 1 << 62
"""An index of an element is a 64-bit number."""
TINIEST, HUGE = 2.0**-126, 2.0**128
"""Magnitudes of normal numbers in f32: from the first to below the second."""
OpT = TypeVar("OpT", bound=Operation)

FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"


def module_path(op: Operation) -> str:
    """The PyTorch module path an operation was made for, or "" where there is none."""
    path = op.attributes.get(PATH)
    return path.data if isinstance(path, StringAttr) else ""


def with_path(op: OpT, path: str) -> OpT:
    """Records the module path on `op`."""
    if path:
        op.attributes[PATH] = StringAttr(path)
    return op


def inherit_path(op: OpT, source: Operation) -> OpT:
    """Gives `op` the module path of the operation it replaces."""
    return with_path(op, module_path(source))


def shape_of(value: SSAValue) -> Shape:
    """The static shape of a tensor value."""
    if not isinstance(value.type, TensorType):
        raise VerifyException(f"expected a tensor, got {value.type}")
    shape = value.type.get_shape()
    if min(shape, default=1) <= 0:
        raise VerifyException(f"{value.type} has an axis that is dynamic or empty")
    if math.prod(shape) > MOST_ELEMENTS:
        raise VerifyException(f"{value.type} has more than 2^62 elements")
    return shape


def _element(value: SSAValue) -> Attribute:
    return expect(value.type, TensorType).element_type


def require(condition: bool, message: str) -> None:
    """Raises a `VerifyException` with the message unless the condition holds."""
    if not condition:
        raise VerifyException(message)


def _attribute(value: float | int | Sequence[int]) -> Attribute:
    if isinstance(value, float):
        return FloatAttr(value, f64)
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    return DenseArrayBase.from_list(i64, value)


def _plain(attribute: Attribute) -> Any:
    if isinstance(attribute, FloatAttr | IntegerAttr):
        return attribute.value.data
    return tuple(attribute.get_values()) if isinstance(attribute, DenseArrayBase) else attribute


class NNOp(IRDLOperation):
    """An operation whose one f32 result has a shape that follows from operands and properties.

    `infer` takes the operands' shapes and the properties as plain Python values; it raises
    `VerifyException` where they do not fit. It serves the constructor and the verifier.
    """

    @staticmethod
    def infer(*operands: Any, **properties: Any) -> Shape:
        raise NotImplementedError

    def __init__(self, *operands: SSAValue, **properties: float | int | Sequence[int]):
        shape = type(self).infer(*map(shape_of, operands), **properties)
        super().__init__(
            operands=operands,
            properties={name: _attribute(value) for name, value in properties.items()},
            result_types=[TensorType(f32, shape)],
        )

    def verify_(self) -> None:
        properties = {name: _plain(attribute) for name, attribute in self.properties.items()}
        try:
            expected = type(self).infer(*map(shape_of, self.operands), **properties)
        except VerifyException as error:
            raise VerifyException(f"{self.name}: {error}") from error
        actual = shape_of(self.results[0])
        require(
            actual == expected,
            f"{self.name}: the result has shape {_text(actual)}, "
            f"the operands make it {_text(expected)}",
        )


def _text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def _broadcast(a: Shape, b: Shape) -> Shape:
    """The common shape of two shapes, aligned at the last axis, as numpy broadcasts."""
    rank = max(len(a), len(b))
    result = []
    for m, n in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True):
        require(m == n or 1 in (m, n), f"shapes {_text(a)} and {_text(b)} do not broadcast")
        result.append(n if m == 1 else m)
    return tuple(result)


def require_normal(name: str, value: float) -> None:
    """Raises a `VerifyException` unless the value, of either sign, is a normal f32."""
    require(
        TINIEST <= abs(value) < HUGE,
        f"{name} must have a magnitude of 2^-126 to 2^128, got {value}",
    )


def require_positive(name: str, value: float) -> None:
    """Raises a `VerifyException` unless the value is a positive normal f32."""
    require(TINIEST <= value < HUGE, f"{name} must be in 2^-126 .. 2^128, got {value}")


class LeafOp(IRDLOperation):
    """An operation without operands; its result type is written out."""

    def __init__(self, type: Attribute, **properties: Attribute | None):
        super().__init__(properties=properties, result_types=[type])

    def verify_(self) -> None:
        shape_of(self.results[0])


# Both strata


@irdl_op_definition
class TokensOp(LeafOp):
    """The token ids that enter the model, T of them (one row of T before `drop-batch`).

    ```mlir
    %ids = nn.tokens : tensor<64xi64>
    ```
    """

    name = "nn.tokens"
    result = result_def(I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"

    def verify_(self) -> None:
        shape = shape_of(self.result)
        require(
            len(shape) == 1 or (len(shape) == 2 and shape[0] == 1),
            f"tokens have shape (T) or (1, T), got {_text(shape)}",
        )


@irdl_op_definition
class ParamOp(LeafOp):
    """A weight of the checkpoint, by name; `sha256` is that of its fp32 little-endian bytes.

    A matrix may be rescaled: element [i, j] is multiplied by 2^(rows[i] + columns[j]). A single
    exponent is that of all rows or columns.

    ```mlir
    %w = nn.param @model.norm.weight
         {sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
         : tensor<128xf32>
    ```
    """

    name = "nn.param"
    param = prop_def(FlatSymbolRefAttrConstr)
    sha256 = prop_def(StringAttr)
    rows = opt_prop_def(Ints)
    columns = opt_prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$param attr-dict `:` type($result)"

    @property
    def param_name(self) -> str:
        return expect(self.param, SymbolRefAttr).root_reference.data

    def verify_(self) -> None:
        super().verify_()
        digest = self.sha256.data
        require(
            len(digest) == 64 and not set(digest) - set("0123456789abcdef"),
            f"sha256 must be 64 lower-case hexadecimal digits, got {digest!r}",
        )
        shape = shape_of(self.result)
        for axis, exponents in enumerate((self.rows, self.columns)):
            require(
                exponents is None or (len(shape) == 2 and len(exponents) in (1, shape[axis])),
                "a matrix takes one exponent, or one for each row or column",
            )


@irdl_op_definition
class EmbeddingOp(NNOp):
    """Rows of a table times a constant: y[t, :] = scale * table[tokens[t], :].

    ```mlir
    %x = nn.embedding %ids, %table scale 11.3137 : (tensor<64xi64>, tensor<1024x128xf32>)
         -> tensor<64x128xf32>
    ```
    """

    name = "nn.embedding"
    tokens = operand_def(I64Tensor)
    table = operand_def(F32Tensor)
    scale = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$tokens `,` $table `scale` $scale" + FUNCTIONAL

    @staticmethod
    def infer(tokens: Shape, table: Shape, scale: float) -> Shape:
        require(len(table) == 2, f"the table must be (vocab, h), got {_text(table)}")
        require_normal("scale", scale)
        return (*tokens, table[1])


@irdl_op_definition
class LinearOp(NNOp):
    """A linear layer without bias, y = x w^T: x (..., k), w (n, k) -> (..., n).

    ```mlir
    %y = nn.linear %x, %w : (tensor<64x128xf32>, tensor<384x128xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.linear"
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $w" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, w: Shape) -> Shape:
        require(len(x) >= 2, f"x must be (T, k), got {_text(x)}")
        require(len(w) == 2, f"w must be (n, k), got {_text(w)}")
        require(x[-1] == w[1], f"x has {x[-1]} channels, w takes {w[1]}")
        return (*x[:-1], w[0])


class BinaryOp(NNOp, HasFolderInterface):
    """Element-wise, broadcasting; in the raised stratum both shapes are equal."""

    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure(), Commutative())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL
    NEUTRAL: ClassVar[float]

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        return _broadcast(lhs, rhs)

    def fold(self) -> Sequence[SSAValue] | None:
        for value, other in ((self.lhs, self.rhs), (self.rhs, self.lhs)):
            if constant(other) == self.NEUTRAL and value.type == self.result.type:
                return (value,)
        return None


@irdl_op_definition
class AddOp(BinaryOp):
    """Sum; folds x + 0.

    ```mlir
    %y = nn.add %a, %b : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.add"
    NEUTRAL: ClassVar[float] = 0.0


@irdl_op_definition
class MulOp(BinaryOp):
    """Product; folds x * 1.

    ```mlir
    %y = nn.mul %a, %b : (tensor<64x384xf32>, tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.mul"
    NEUTRAL: ClassVar[float] = 1.0


@irdl_op_definition
class GeluTanhOp(NNOp):
    """GELU in its tanh form: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).

    ```mlir
    %y = nn.gelu_tanh %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.gelu_tanh"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        return x


# Raised only


@irdl_op_definition
class RMSNormOp(NNOp):
    """Root-mean-square norm over the last axis: x * rsqrt(mean(x^2) + eps) * (1 + w).

    With `exponents` channel c of the result is multiplied by 2^exponents[c]; a single one is that of
    all channels.

    ```mlir
    %y = nn.rms_norm %x, %w eps 1.0e-06 : (tensor<64x128xf32>, tensor<128xf32>)
         -> tensor<64x128xf32>
    ```
    """

    name = "nn.rms_norm"
    x = operand_def(F32Tensor)
    w = operand_def(F32Tensor)
    eps = prop_def(Float)
    exponents = opt_prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `,` $w `eps` $eps (`exponents` $exponents^)?" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, w: Shape, eps: float, exponents: Sequence[int] | None = None) -> Shape:
        require(len(x) >= 1 and w == x[-1:], f"w has shape {_text(w)}, x has {_text(x)}")
        require_positive("eps", eps)
        require(
            exponents is None or len(exponents) in (1, w[0]),
            f"{len(exponents or ())} exponents for {w[0]} channels",
        )
        return x


@irdl_op_definition
class SplitHeadsOp(NNOp):
    """Cuts the channels into heads: (T, H*D) -> (H, T, D), y[h, t, d] = x[t, h*D + d].

    ```mlir
    %y = nn.split_heads %x heads 4 : (tensor<64x128xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.split_heads"
    x = operand_def(F32Tensor)
    heads = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `heads` $heads" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, heads: int) -> Shape:
        require(len(x) == 2, f"x must be (T, H*D), got {_text(x)}")
        require(heads > 0 and x[1] % heads == 0, f"{x[1]} channels do not make {heads} heads")
        return (heads, x[0], x[1] // heads)


@irdl_op_definition
class MergeHeadsOp(NNOp):
    """The inverse of `nn.split_heads`: (H, T, D) -> (T, H*D).

    ```mlir
    %y = nn.merge_heads %x : (tensor<4x64x32xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.merge_heads"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(len(x) == 3, f"x must be (H, T, D), got {_text(x)}")
        return (x[1], x[0] * x[2])


@irdl_op_definition
class RopeOp(NNOp):
    """Rotary position embedding (Su et al. 2021) of (H, T, D) at positions t = 0 .. T-1.

    Channel i < D/2 is paired with i + D/2 and the pair is rotated by the angle
    t * theta^(-2i/D) / factor; `factor` above 1 is linear position interpolation.

    ```mlir
    %y = nn.rope %x theta 1.0e+04 factor 1.0 : (tensor<4x64x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.rope"
    x = operand_def(F32Tensor)
    theta = prop_def(Float)
    factor = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `theta` $theta `factor` $factor" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, theta: float, factor: float) -> Shape:
        require(len(x) == 3 and x[2] % 2 == 0, f"x must be (H, T, even D), got {_text(x)}")
        require_positive("theta", theta)
        require_positive("factor", factor)
        return x


def _grouped(heads: Shape, kv: Shape, what: str) -> None:
    require(len(heads) == 3 and len(kv) == 3, f"{what} must have rank 3")
    require(heads[0] % kv[0] == 0, f"{heads[0]} heads can not share {kv[0]} key/value heads")


@irdl_op_definition
class ScoresOp(NNOp):
    """Attention scores: q (H, T, D), k (KV, T, D) -> (H, T, T), scale * <q[h, i], k[h', j]>.

    Query head h uses key head h' = h // (H / KV).

    ```mlir
    %s = nn.scores %q, %k scale 0.125 : (tensor<4x64x32xf32>, tensor<1x64x32xf32>)
         -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.scores"
    q = operand_def(F32Tensor)
    k = operand_def(F32Tensor)
    scale = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$q `,` $k `scale` $scale" + FUNCTIONAL

    @staticmethod
    def infer(q: Shape, k: Shape, scale: float) -> Shape:
        _grouped(q, k, "q and k")
        require(q[1:] == k[1:], f"q has (T, D) = {_text(q[1:])}, k has {_text(k[1:])}")
        require_positive("scale", scale)
        return (q[0], q[1], k[1])


@irdl_op_definition
class MaskedSoftmaxOp(NNOp):
    """Causal softmax of (H, T, T) over the last axis; what a query may not see gets exactly 0.

    Query i sees the keys j with 0 <= i - j, and with i - j < window where there is a window: a
    window of w covers w keys, the query's own position included.

    ```mlir
    %p = nn.masked_softmax %s window 24 : (tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.masked_softmax"
    scores = operand_def(F32Tensor)
    window = opt_prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$scores (`window` $window^)?" + FUNCTIONAL

    @staticmethod
    def infer(scores: Shape, window: int | None = None) -> Shape:
        require(
            len(scores) == 3 and scores[1] == scores[2],
            f"scores must be (H, T, T), got {_text(scores)}",
        )
        require(window is None or window > 0, f"window must be positive, got {window}")
        return scores


@irdl_op_definition
class AttendOp(NNOp):
    """Mixes values by probabilities: p (H, T, T), v (KV, T, D) -> (H, T, D), p[h] v[h'].

    Query head h uses value head h' = h // (H / KV).

    ```mlir
    %o = nn.attend %p, %v : (tensor<4x64x64xf32>, tensor<1x64x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.attend"
    p = operand_def(F32Tensor)
    v = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$p `,` $v" + FUNCTIONAL

    @staticmethod
    def infer(p: Shape, v: Shape) -> Shape:
        _grouped(p, v, "p and v")
        require(p[2] == v[1], f"p weighs {p[2]} keys, v has {v[1]}")
        return (p[0], p[1], v[2])


# Imported only


@irdl_op_definition
class ConstantOp(LeafOp):
    """A scalar.

    ```mlir
    %c = nn.constant 1.0 : tensor<f32>
    ```
    """

    name = "nn.constant"
    value = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($result)"

    def __init__(self, value: float):
        super().__init__(TensorType(f32, ()), value=FloatAttr(value, f64))

    def verify_(self) -> None:
        require(shape_of(self.result) == (), "a constant is a scalar, tensor<f32>")
        value = self.value.value.data
        require(abs(value) < HUGE, f"a constant is a finite f32, got {value}")


def constant(value: SSAValue) -> float | None:
    """The number behind a value that `nn.constant` defines, else None."""
    return value.owner.value.value.data if isinstance(value.owner, ConstantOp) else None


@irdl_op_definition
class PositionsOp(LeafOp):
    """The positions 0 .. T-1 of the tokens, (1, T) or (T).

    ```mlir
    %p = nn.positions : tensor<1x64xi64>
    ```
    """

    name = "nn.positions"
    result = result_def(I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"


@irdl_op_definition
class RopeFrequenciesOp(LeafOp):
    """The D/2 angular frequencies theta^(-2i/D) / factor of a rotary embedding.

    PyTorch holds them in a buffer that checkpoints leave out.

    ```mlir
    %f = nn.rope_frequencies theta 1.0e+04 factor 1.0 : tensor<16xf32>
    ```
    """

    name = "nn.rope_frequencies"
    theta = prop_def(Float)
    factor = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "`theta` $theta `factor` $factor attr-dict `:` type($result)"

    @classmethod
    def of(cls, count: int, theta: float, factor: float) -> RopeFrequenciesOp:
        return cls(
            TensorType(f32, (count,)), theta=FloatAttr(theta, f64), factor=FloatAttr(factor, f64)
        )

    def verify_(self) -> None:
        require(len(shape_of(self.result)) == 1, "the frequencies are one vector")
        require_positive("theta", self.theta.value.data)
        require_positive("factor", self.factor.value.data)


@irdl_op_definition
class CausalMaskOp(LeafOp):
    """What is added to attention scores: 0 where query i sees key j, else the lowest f32.

    Visibility is that of `nn.masked_softmax`; the last two axes are (T, T), those before have
    size 1.

    ```mlir
    %m = nn.causal_mask window 24 : tensor<1x1x64x64xf32>
    ```
    """

    name = "nn.causal_mask"
    window = opt_prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "(`window` $window^)? attr-dict `:` type($result)"

    def verify_(self) -> None:
        shape = shape_of(self.result)
        require(
            len(shape) >= 2 and shape[-1] == shape[-2] and set(shape[:-2]) <= {1},
            f"a mask has shape (1, .., T, T), got {_text(shape)}",
        )
        require(self.window is None or self.window.value.data > 0, "window must be positive")


class UnaryOp(NNOp):
    """Element-wise, of one tensor."""

    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        return x


@irdl_op_definition
class NegOp(UnaryOp):
    """-x.

    ```mlir
    %y = nn.neg %x : (tensor<64x16xf32>) -> tensor<64x16xf32>
    ```
    """

    name = "nn.neg"


@irdl_op_definition
class RsqrtOp(UnaryOp):
    """1 / sqrt(x).

    ```mlir
    %y = nn.rsqrt %x : (tensor<64x1xf32>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.rsqrt"


@irdl_op_definition
class CosOp(UnaryOp):
    """cos(x), x in radians.

    ```mlir
    %y = nn.cos %x : (tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.cos"


@irdl_op_definition
class SinOp(UnaryOp):
    """sin(x), x in radians.

    ```mlir
    %y = nn.sin %x : (tensor<64x32xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.sin"


@irdl_op_definition
class SoftmaxOp(UnaryOp):
    """Softmax over the last axis.

    ```mlir
    %y = nn.softmax %x : (tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.softmax"


@irdl_op_definition
class CastOp(UnaryOp):
    """Integers as f32.

    ```mlir
    %y = nn.cast %x : (tensor<64x1xi64>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.cast"
    x = operand_def(I64Tensor)


@irdl_op_definition
class PowOp(NNOp):
    """x^exponent, element-wise.

    ```mlir
    %y = nn.pow %x exponent 2.0 : (tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.pow"
    x = operand_def(F32Tensor)
    exponent = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x `exponent` $exponent" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, exponent: float) -> Shape:
        require(abs(exponent) < HUGE, f"exponent must be a finite f32, got {exponent}")
        return x


@irdl_op_definition
class MeanOp(NNOp):
    """Mean over the last axis, which stays with size 1.

    ```mlir
    %y = nn.mean %x : (tensor<64x128xf32>) -> tensor<64x1xf32>
    ```
    """

    name = "nn.mean"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape) -> Shape:
        require(x != (), "a scalar has no axis to average over")
        return (*x[:-1], 1)


@irdl_op_definition
class MatmulOp(NNOp):
    """Batched matrix product (..., m, k) (..., k, n) -> (..., m, n); leading axes broadcast.

    ```mlir
    %y = nn.matmul %a, %b : (tensor<4x64x32xf32>, tensor<4x32x64xf32>) -> tensor<4x64x64xf32>
    ```
    """

    name = "nn.matmul"
    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        require(min(len(lhs), len(rhs)) >= 2, "both operands need two axes or more")
        require(lhs[-1] == rhs[-2], f"shapes {_text(lhs)} and {_text(rhs)} do not contract")
        return (*_broadcast(lhs[:-2], rhs[:-2]), lhs[-2], rhs[-1])


@irdl_op_definition
class ViewOp(IRDLOperation, HasFolderInterface):
    """The same elements, in row-major order, under another shape. Also unsqueezes.

    ```mlir
    %y = nn.view %x : (tensor<64x128xf32>) -> tensor<64x4x32xf32>
    ```
    """

    name = "nn.view"
    x = operand_def(F32Tensor | I64Tensor)
    result = result_def(F32Tensor | I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    def __init__(self, x: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[x], result_types=[TensorType(_element(x), shape)])

    def fold(self) -> Sequence[SSAValue] | None:
        return (self.x,) if self.x.type == self.result.type else None

    def verify_(self) -> None:
        before, after = shape_of(self.x), shape_of(self.result)
        require(
            math.prod(before) == math.prod(after),
            f"{_text(before)} and {_text(after)} differ in their number of elements",
        )
        require(
            _element(self.x) == _element(self.result),
            "a view does not change the element type",
        )


@irdl_op_definition
class ExpandOp(IRDLOperation, HasFolderInterface):
    """Repeats along axes of size 1; the rank stays.

    ```mlir
    %y = nn.expand %x : (tensor<1x1x64x32xf32>) -> tensor<1x4x64x32xf32>
    ```
    """

    name = "nn.expand"
    x = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x" + FUNCTIONAL

    def __init__(self, x: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[x], result_types=[TensorType(f32, shape)])

    def fold(self) -> Sequence[SSAValue] | None:
        return (self.x,) if self.x.type == self.result.type else None

    def verify_(self) -> None:
        before, after = shape_of(self.x), shape_of(self.result)
        require(
            len(before) == len(after)
            and all(m in (1, n) for m, n in zip(before, after, strict=True)),
            f"{_text(before)} does not expand to {_text(after)}",
        )


@irdl_op_definition
class PermuteOp(NNOp):
    """Reorders axes: axis i of the result is axis axes[i] of x.

    ```mlir
    %y = nn.permute %x [1, 0, 2] : (tensor<64x4x32xf32>) -> tensor<4x64x32xf32>
    ```
    """

    name = "nn.permute"
    x = operand_def(F32Tensor)
    axes = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x $axes" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, axes: Shape) -> Shape:
        require(sorted(axes) == list(range(len(x))), f"{_text(axes)} does not permute {_text(x)}")
        return tuple(x[axis] for axis in axes)


@irdl_op_definition
class SliceOp(NNOp):
    """The indices start .. stop-1 of the last axis.

    ```mlir
    %y = nn.slice %x [0, 16] : (tensor<4x64x32xf32>) -> tensor<4x64x16xf32>
    ```
    """

    name = "nn.slice"
    x = operand_def(F32Tensor)
    bounds = prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$x $bounds" + FUNCTIONAL

    @staticmethod
    def infer(x: Shape, bounds: Shape) -> Shape:
        require(x != () and len(bounds) == 2, "bounds are [start, stop] in the last axis")
        start, stop = bounds
        require(0 <= start < stop <= x[-1], f"[{start}, {stop}] leaves an axis of size {x[-1]}")
        return (*x[:-1], stop - start)


@irdl_op_definition
class ConcatOp(NNOp):
    """Joins two tensors along the last axis.

    ```mlir
    %y = nn.concat %a, %b : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x32xf32>
    ```
    """

    name = "nn.concat"
    lhs = operand_def(F32Tensor)
    rhs = operand_def(F32Tensor)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$lhs `,` $rhs" + FUNCTIONAL

    @staticmethod
    def infer(lhs: Shape, rhs: Shape) -> Shape:
        require(
            lhs != () and lhs[:-1] == rhs[:-1],
            f"{_text(lhs)} and {_text(rhs)} differ before the last axis",
        )
        return (*lhs[:-1], lhs[-1] + rhs[-1])


RAISED: tuple[type[Operation], ...] = (
    TokensOp,
    ParamOp,
    EmbeddingOp,
    LinearOp,
    RMSNormOp,
    SplitHeadsOp,
    MergeHeadsOp,
    RopeOp,
    ScoresOp,
    MaskedSoftmaxOp,
    AttendOp,
    GeluTanhOp,
    MulOp,
    AddOp,
)

IMPORTED: tuple[type[Operation], ...] = (
    ConstantOp,
    PositionsOp,
    RopeFrequenciesOp,
    CausalMaskOp,
    NegOp,
    RsqrtOp,
    CosOp,
    SinOp,
    SoftmaxOp,
    CastOp,
    PowOp,
    MeanOp,
    MatmulOp,
    ViewOp,
    ExpandOp,
    PermuteOp,
    SliceOp,
    ConcatOp,
)

NN = Dialect("nn", [*RAISED, *IMPORTED], [])
