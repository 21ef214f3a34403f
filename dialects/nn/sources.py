"""Where values come from: the model's inputs, its weights and what it computes from nothing."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FlatSymbolRefAttrConstr,
    FloatAttr,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from ...errors import expect
from ..interfaces import (
    Array,
    Differentiable,
    LeadingAxes,
    Named,
    Parameter,
    Parts,
    Quantised,
    Squares,
    TensorSource,
    TokenSource,
    Values,
)
from ..rotation import Rotation
from .base import (
    FUNCTIONAL,
    HUGE,
    F32Tensor,
    Float,
    Floats,
    I64Tensor,
    Int,
    Ints,
    LeafOp,
    NNOp,
    Shape,
    element_of,
    require,
    require_normal,
    rotation_in,
    shape_of,
    text,
)

INPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""What inputs may be called."""


@irdl_op_definition
class TokensOp(LeafOp, Quantised, LeadingAxes, TokenSource):
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
            f"tokens have shape (T) or (1, T), got {text(shape)}",
        )

    @property
    def positions(self) -> int:
        return shape_of(self.result)[-1]


@irdl_op_definition
class InputOp(LeafOp, Quantised, TensorSource, Named):
    """A tensor that enters a function, by name. Its first axis is that of the examples, the most that a proof has.
    One of integers is (N, T) ids, 0 .. below - 1, which name rows of tables.

    ```mlir
    %x = nn.input "image" : tensor<4x3x32x32xf32>
    %ids = nn.input "input_ids" below 1024 : tensor<4x16xi64>
    ```
    """

    name = "nn.input"
    KIND: ClassVar[str] = "input"
    label = prop_def(StringAttr, prop_name="name")
    below = opt_prop_def(Int)
    result = result_def(F32Tensor | I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "$name (`below` $below^)? attr-dict `:` type($result)"

    @property
    def input_name(self) -> str:
        return self.label.data

    def verify_(self) -> None:
        require(
            INPUT_NAME.fullmatch(self.input_name) is not None,
            f"an input is called a letter and up to 63 letters, digits and _, got {self.input_name!r}",
        )
        shape, ids = shape_of(self.result), self.below is not None
        require(len(shape) >= 2, f"an input has shape (N, ..), got {text(shape)}")
        require(ids == (element_of(self.result) == i64), "an input is of integers if they are ids")
        if self.below is not None:
            require(len(shape) == 2, f"ids have shape (N, T), got {text(shape)}")
            require(self.below.value.data > 0, "there is at least one id")


@irdl_op_definition
class ParamOp(LeafOp, Quantised, Parameter, Named):
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
    KIND: ClassVar[str] = "weight"
    param = prop_def(FlatSymbolRefAttrConstr)
    sha256 = prop_def(StringAttr)
    rows = opt_prop_def(Ints)
    columns = opt_prop_def(Ints)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$param attr-dict `:` type($result)"

    @property
    def param_names(self) -> tuple[str, ...]:
        return (self.param_name,)

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
class EmbeddingOp(NNOp, Quantised, LeadingAxes, Differentiable, Named):
    """Rows of a table times a constant: y[t, :] = scale * table[tokens[t], :]; ids (N, T) of examples make
    (N, T, h).

    ```mlir
    %x = nn.embedding %ids, %table scale 11.3137 : (tensor<64xi64>, tensor<1024x128xf32>)
         -> tensor<64x128xf32>
    ```
    """

    name = "nn.embedding"
    KIND: ClassVar[str] = "embedding"
    tokens = operand_def(I64Tensor)
    table = operand_def(F32Tensor)
    scale = prop_def(Float)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$tokens `,` $table `scale` $scale" + FUNCTIONAL

    @staticmethod
    def infer(tokens: Shape, table: Shape, scale: float) -> Shape:
        require(len(table) == 2, f"the table must be (vocab, h), got {text(table)}")
        require_normal("scale", scale)
        return (*tokens, table[1])

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return []

    def weight_squares(self, gradient: Array, values: Values) -> Squares:
        """Summed by positions, as if each token stood at one."""
        squares = float(np.sum(np.square(gradient), dtype=np.float64))
        return [(self.table, squares * self.scale.value.data**2)]


@irdl_op_definition
class PositionEmbeddingOp(NNOp, Quantised, Differentiable, Named):
    """Rows of a table by position: y[t, :] = table[offset + t, :] for t = 0 .. count - 1.

    ```mlir
    %x = nn.position_embedding %table offset 2 count 64 : (tensor<1026x128xf32>) -> tensor<64x128xf32>
    ```
    """

    name = "nn.position_embedding"
    KIND: ClassVar[str] = "embedding of positions"
    table = operand_def(F32Tensor)
    offset = prop_def(Int)
    count = prop_def(Int)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "$table `offset` $offset `count` $count" + FUNCTIONAL

    @staticmethod
    def infer(table: Shape, offset: int, count: int) -> Shape:
        require(len(table) == 2, f"the table must be (positions, h), got {text(table)}")
        require(
            offset >= 0 and 0 < count <= table[0] - offset,
            f"a table of {table[0]} rows has none for positions 0 .. {count - 1} from row {offset} on",
        )
        return (count, table[1])

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return []

    def weight_squares(self, gradient: Array, values: Values) -> Squares:
        """Summed by sequences and positions."""
        return [(self.table, float(np.sum(np.square(gradient), dtype=np.float64)))]


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
class PositionsOp(LeafOp, LeadingAxes):
    """The positions 0 .. T-1 of the tokens, (1, T) or (T), each plus an offset, if there is one.

    ```mlir
    %p = nn.positions : tensor<1x64xi64>
    ```
    """

    name = "nn.positions"
    offset = opt_prop_def(Int)
    result = result_def(I64Tensor)
    traits = traits_def(Pure())
    assembly_format = "(`offset` $offset^)? attr-dict `:` type($result)"

    @property
    def first(self) -> int:
        """The least."""
        return 0 if self.offset is None else self.offset.value.data

    def verify_(self) -> None:
        super().verify_()
        require(self.first >= 0, f"offset must not be negative, got {self.first}")


@irdl_op_definition
class RopeFrequenciesOp(LeafOp):
    """The D/2 angular frequencies of a rotary embedding: theta^(-2i/D) / factor, or with a ramp as in `nn.rope`.

    PyTorch holds them in a buffer that checkpoints leave out.

    ```mlir
    %f = nn.rope_frequencies theta 1.0e+04 factor 1.0 : tensor<16xf32>
    ```
    """

    name = "nn.rope_frequencies"
    theta = prop_def(Float)
    factor = prop_def(Float)
    ramp = opt_prop_def(Floats)
    result = result_def(F32Tensor)
    traits = traits_def(Pure())
    assembly_format = "`theta` $theta `factor` $factor (`ramp` $ramp^)? attr-dict `:` type($result)"

    @classmethod
    def of(cls, count: int, rotation: Rotation) -> RopeFrequenciesOp:
        ramp = rotation.ramp and DenseArrayBase.from_list(f64, rotation.ramp)
        return cls(
            TensorType(f32, (count,)),
            theta=FloatAttr(rotation.theta, f64),
            factor=FloatAttr(rotation.factor, f64),
            ramp=ramp,
        )

    @property
    def rotation(self) -> Rotation:
        return rotation_in(self.theta, self.factor, self.ramp)

    def verify_(self) -> None:
        require(len(shape_of(self.result)) == 1, "the frequencies are one vector")
        self.rotation.verify()


@irdl_op_definition
class CausalMaskOp(LeafOp, LeadingAxes):
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
            f"a mask has shape (1, .., T, T), got {text(shape)}",
        )
        require(self.window is None or self.window.value.data > 0, "window must be positive")
