"""The `chlo` dialect: functions that StableHLO has no operation of its own for, as far as the compiler takes them.

Their syntax is that of OpenXLA's CHLO (https://openxla.org/stablehlo/generated/chlo).
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.ir import Dialect
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure


class Unary(IRDLOperation):
    """A function of single elements."""

    T: ClassVar = VarConstraint("T", AnyAttr())
    operand = operand_def(T)
    result = result_def(T)
    traits = traits_def(Pure())
    assembly_format = "$operand attr-dict `:` type($operand) `->` type($result)"


@irdl_op_definition
class ErfOp(Unary):
    """The error function.

    ```mlir
    %y = chlo.erf %x : tensor<4x8xf32> -> tensor<4x8xf32>
    ```
    """

    name = "chlo.erf"


@irdl_op_definition
class ErfcOp(Unary):
    """1 - erf(x).

    ```mlir
    %y = chlo.erfc %x : tensor<4x8xf32> -> tensor<4x8xf32>
    ```
    """

    name = "chlo.erfc"


@irdl_op_definition
class SquareOp(Unary):
    """x^2.

    ```mlir
    %y = chlo.square %x : tensor<4x8xf32> -> tensor<4x8xf32>
    ```
    """

    name = "chlo.square"


CHLO = Dialect("chlo", [ErfOp, ErfcOp, SquareOp])
