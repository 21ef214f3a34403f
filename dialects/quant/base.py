"""What operations of `quant` are made of: results that follow from operands and properties.

Properties are typed attributes; constructors and `infer` take them as plain Python values, so that one function
serves both the constructor and the verifier.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    UnitAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from ..nn import require
from .attributes import MAX_BITS, QuantTensorType, Shape
from .axes import NamedAxes

Float: TypeAlias = FloatAttr[Float64Type]
Int: TypeAlias = IntegerAttr[I64]
Ints: TypeAlias = DenseArrayBase[I64]
Floats: TypeAlias = DenseArrayBase[Float64Type]

FUNCTIONAL = " attr-dict `:` functional-type(operands, results)"


def signed_bits(magnitude: int) -> int:
    """The bits of a signed number that takes both `magnitude` and -`magnitude`."""
    return magnitude.bit_length() + 1


def shifted_bias(bias: QuantTensorType, shift: int, fraction: int) -> int:
    """The largest magnitude of a bias that is shifted to so many fraction bits; `VerifyException` unless that is
    where it is shifted to."""
    require(
        0 <= shift < MAX_BITS - bias.width,
        f"shift {shift} is not in 0 .. {MAX_BITS - 1 - bias.width}",
    )
    require(
        bias.fraction + shift == fraction,
        f"the bias has frac {bias.fraction} and is shifted by {shift}, not to {fraction}",
    )
    return bias.bound << shift


@dataclass(frozen=True)
class Inferred:
    """What operands make of a result: its shape, its fraction bits and the bits that it needs.

    `frac` is None where the operation chooses it.
    """

    shape: Shape
    bits: int
    frac: int | None


def type_of(value: SSAValue) -> QuantTensorType:
    """The type of a value of this dialect."""
    if not isinstance(value.type, QuantTensorType):
        raise VerifyException(f"expected a !quant.tensor, got {value.type}")
    return value.type


def _attribute(value: Any) -> Attribute:
    if isinstance(value, Attribute):
        return value
    if isinstance(value, bool):
        return UnitAttr()
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, float):
        return FloatAttr(value, f64)
    if isinstance(value[0], float):
        return DenseArrayBase.from_list(f64, value)
    return DenseArrayBase.from_list(i64, value)


def numbers(attribute: Attribute | None) -> tuple[Any, ...]:
    """Those of a dense array; none of another attribute."""
    return tuple(attribute.get_values()) if isinstance(attribute, DenseArrayBase) else ()


def _plain(attribute: Attribute) -> Any:
    if isinstance(attribute, FloatAttr | IntegerAttr):
        return attribute.value.data
    return numbers(attribute) if isinstance(attribute, DenseArrayBase) else attribute


class RepeatedOp(NamedAxes):
    """An operation whose body runs once for each of several layers."""

    @property
    @abstractmethod
    def layers(self) -> int:
        """How many."""


class QuantOp(NamedAxes):
    """An operation whose results follow from operands and properties.

    `infer` takes the operands' types and the properties as plain Python values and raises
    `VerifyException` where they do not fit. The constructor takes the results' types where the
    operation leaves a choice, by default what `infer` says; wider results are valid too.

    The list `PER_LAYER`, if there is one, has an entry for each layer in the body of `quant.layers`, and
    elsewhere a single one.
    """

    PER_LAYER: ClassVar[str | None] = None

    @staticmethod
    def infer(*operands: QuantTensorType, **properties: Any) -> Sequence[Inferred]:
        raise NotImplementedError

    def __init__(
        self,
        *operands: SSAValue,
        results: Sequence[QuantTensorType] | None = None,
        **properties: Any,
    ):
        properties = {name: value for name, value in properties.items() if value is not None}
        if results is None:
            inferred = type(self).infer(*map(type_of, operands), **properties)
            results = [QuantTensorType.of(r.shape, r.bits, r.frac or 0) for r in inferred]
        left_out = len(type(self).get_irdl_definition().operands) - len(operands)
        super().__init__(
            operands=[*operands, *[None] * left_out],
            properties={name: _attribute(value) for name, value in properties.items()},
            result_types=results,
        )

    def plain_properties(self) -> dict[str, Any]:
        """The properties as Python values."""
        return {name: _plain(attribute) for name, attribute in self.properties.items()}

    def verify_(self) -> None:
        inferred = type(self).infer(*map(type_of, self.operands), **self.plain_properties())
        for value, need in zip(self.results, inferred, strict=True):
            actual = type_of(value)
            require(
                actual.shape == need.shape,
                f"the result has shape {list(actual.shape)}, the operands make it "
                f"{list(need.shape)}",
            )
            require(
                need.frac is None or actual.fraction == need.frac,
                f"the result has frac {actual.fraction}, the operands make it {need.frac}",
            )
            require(
                actual.width >= need.bits,
                f"the result has {actual.width} bits, the operands need {need.bits}",
            )
        if self.PER_LAYER:
            parent = self.parent_op()
            layers = parent.layers if isinstance(parent, RepeatedOp) else 1
            entries = len(self.per_layer)
            require(entries == layers, f"{entries} {self.PER_LAYER} for {layers} layers")

    @property
    def per_layer(self) -> tuple[int, ...]:
        """The entries of the list `PER_LAYER`."""
        return numbers(self.properties[self.PER_LAYER]) if self.PER_LAYER else ()


class LeafOp(IRDLOperation):
    """An operation without operands; its result type is written out."""

    def __init__(self, type: QuantTensorType, **properties: Attribute | None):
        super().__init__(properties=properties, result_types=[type])
