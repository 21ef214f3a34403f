"""The `field` dialect: elements of the prime field that circuits are over.

Types name the field; its modulus is `MODULI`. Constants hold the canonical representative in
[0, p), which 64-bit integer attributes would turn negative.

Errors: an unknown field or a constant that is not canonical is a `VerifyException`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialect_interfaces.constant_materialization import ConstantMaterializationInterface
from xdsl.dialects.builtin import StringAttr
from xdsl.interfaces import HasFolderInterface
from xdsl.ir import (
    Attribute,
    Data,
    Dialect,
    Operation,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    VarConstraint,
    base,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Commutative, ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from ..errors import expect
from ..runtime.circuit.relations import PRIME

MODULI = {"goldilocks": PRIME}


@irdl_attr_definition
class PrimeFieldType(ParametrizedAttribute, TypeAttribute):
    """An element of a named prime field.

    ```mlir
    !field.pf<"goldilocks">
    ```
    """

    name = "field.pf"
    field: StringAttr

    @property
    def modulus(self) -> int:
        return MODULI[self.field.data]

    def verify(self) -> None:
        if self.field.data not in MODULI:
            known = ", ".join(MODULI)
            raise VerifyException(f"unknown field {self.field.data} (known: {known})")


GOLDILOCKS = PrimeFieldType(StringAttr("goldilocks"))


@irdl_attr_definition
class ElementAttr(Data[int]):
    """A canonical representative.

    ```mlir
    #field.element<18446744069414584320>
    ```
    """

    name = "field.element"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> int:
        with parser.in_angle_brackets():
            return parser.parse_integer()

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(str(self.data))


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """A field element.

    ```mlir
    %minus_one = field.constant <18446744069414584320> : !field.pf<"goldilocks">
    ```
    """

    name = "field.constant"
    value = prop_def(ElementAttr)
    result = result_def(PrimeFieldType)
    traits = traits_def(Pure(), ConstantLike())
    assembly_format = "$value attr-dict `:` type($result)"

    def __init__(self, value: int, type: PrimeFieldType = GOLDILOCKS):
        attribute = ElementAttr(value % type.modulus)
        super().__init__(properties={"value": attribute}, result_types=[type])

    def verify_(self) -> None:
        if not 0 <= self.value.data < expect(self.result.type, PrimeFieldType).modulus:
            raise VerifyException(f"{self.value.data} is not in [0, p)")


class BinaryOp(IRDLOperation, HasFolderInterface):
    """Two elements of one field give a third."""

    T: ClassVar = VarConstraint("T", base(PrimeFieldType))
    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(T)
    assembly_format = "$lhs `,` $rhs attr-dict `:` type($result)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        super().__init__(operands=[lhs, rhs], result_types=[lhs.type])

    def compute(self, a: int, b: int) -> int:
        """The result as an integer, to be reduced."""
        raise NotImplementedError

    def fold(self) -> Sequence[SSAValue | Attribute] | None:
        constants = [operand.owner for operand in self.operands]
        type = expect(self.result.type, PrimeFieldType)
        values = [op.value.data for op in constants if isinstance(op, ConstantOp)]
        if len(values) != 2:
            return None
        return (ElementAttr(self.compute(*values) % type.modulus),)


@irdl_op_definition
class AddOp(BinaryOp):
    """Sum in the field.

    ```mlir
    %c = field.add %a, %b : !field.pf<"goldilocks">
    ```
    """

    name = "field.add"
    traits = traits_def(Pure(), Commutative())

    def compute(self, a: int, b: int) -> int:
        return a + b


@irdl_op_definition
class SubOp(BinaryOp):
    """Difference in the field.

    ```mlir
    %c = field.sub %a, %b : !field.pf<"goldilocks">
    ```
    """

    name = "field.sub"
    traits = traits_def(Pure())

    def compute(self, a: int, b: int) -> int:
        return a - b


@irdl_op_definition
class MulOp(BinaryOp):
    """Product in the field.

    ```mlir
    %c = field.mul %a, %b : !field.pf<"goldilocks">
    ```
    """

    name = "field.mul"
    traits = traits_def(Pure(), Commutative())

    def compute(self, a: int, b: int) -> int:
        return a * b


class _Materialize(ConstantMaterializationInterface):
    def materialize_constant(self, value: Attribute, type: Attribute) -> Operation | None:
        if isinstance(value, ElementAttr) and isinstance(type, PrimeFieldType):
            return ConstantOp(value.data, type)
        return None


FIELD = Dialect(
    "field",
    [ConstantOp, AddOp, SubOp, MulOp],
    [PrimeFieldType, ElementAttr],
    [_Materialize()],
)
