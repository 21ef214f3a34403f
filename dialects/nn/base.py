"""What the operations of `nn` are made of: types, shapes, module paths, and their two base classes.

Errors: `VerifyException` for shapes that do not fit, and for numbers that are no normal f32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    TensorType,
    f32,
    f64,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from ...errors import expect
from ..rotation import Rotation

F32Tensor: TypeAlias = TensorType[Float32Type]
I64Tensor: TypeAlias = TensorType[I64]
Float: TypeAlias = FloatAttr[Float64Type]
Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Floats: TypeAlias = DenseArrayBase[Float64Type]
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


def element_of(value: SSAValue) -> Attribute:
    return expect(value.type, TensorType).element_type


def require(condition: bool, message: str) -> None:
    """Raises a `VerifyException` with the message unless the condition holds."""
    if not condition:
        raise VerifyException(message)


def _attribute(value: float | int | Sequence[int] | Sequence[float]) -> Attribute:
    if isinstance(value, float):
        return FloatAttr(value, f64)
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if any(isinstance(each, float) for each in value):
        return DenseArrayBase.from_list(f64, [float(each) for each in value])
    return DenseArrayBase.from_list(i64, [int(each) for each in value])


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

    def __init__(
        self, *operands: SSAValue, **properties: float | int | Sequence[int] | Sequence[float]
    ):
        shape = type(self).infer(*map(shape_of, operands), **properties)
        left_out = len(type(self).get_irdl_definition().operands) - len(operands)
        super().__init__(
            operands=[*operands, *[None] * left_out],
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
            f"{self.name}: the result has shape {text(actual)}, "
            f"the operands make it {text(expected)}",
        )


def text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def broadcast(a: Shape, b: Shape) -> Shape:
    """The common shape of two shapes, aligned at the last axis, as numpy broadcasts."""
    rank = max(len(a), len(b))
    result = []
    for m, n in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True):
        require(m == n or 1 in (m, n), f"shapes {text(a)} and {text(b)} do not broadcast")
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


def rotation_of(theta: float, factor: float, ramp: Sequence[float] | None) -> Rotation:
    """The rotation of these properties."""
    require(ramp is None or len(ramp) == 3, "a ramp has three numbers: low, high and length")
    return Rotation(theta, factor, (ramp[0], ramp[1], ramp[2]) if ramp else None)


def rotation_in(theta: Float, factor: Float, ramp: Floats | None) -> Rotation:
    """The rotation of these attributes."""
    numbers = None if ramp is None else ramp.get_values()
    return rotation_of(theta.value.data, factor.value.data, numbers)
