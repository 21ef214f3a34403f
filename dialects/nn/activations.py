"""Activations: real functions of single elements, each a definition that every level takes its part from.

An activation is one class. `FUNCTION` is the function in the language of tables (`table_expr`), of a
number that is written "{z}"; it becomes the table of `quant.table`. `function` and `derivative` are the
same in numpy, for evaluating and for the sensitivities of values before it. `bound` says how
large results get; by default none is larger than its argument, as for all that are named here.

The table has two sides: with arguments of f and results of g fraction bits its entry at the integer x is
round(2^g FUNCTION(x 2^-f)). Rectifiers are written otherwise (`RectifierOp`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from xdsl.irdl import irdl_op_definition

from ..interfaces import Array, Bounds, Differentiable, Named, Parts, Rounded, Values
from .elementwise import UnaryOp

LOOKED_UP_BITS = 19
"""The widest argument: a table has a row for each."""
RESULT_BITS = 20


class ActivationOp(UnaryOp, Rounded, Differentiable, Named):
    """A function of single elements that is looked up in a table, where the results are rounded as well."""

    KIND: ClassVar[str] = "activation"
    STEP: ClassVar[str | None] = "table"
    RESULT_BITS: ClassVar[int] = RESULT_BITS
    SPARE_FRAC: ClassVar[int] = 4
    """Fraction bits that a result may have beyond its argument's: they cost nothing."""
    FUNCTION: ClassVar[str]

    @staticmethod
    @abstractmethod
    def function(x: Array) -> Array:
        """Of each element, in the precision of x."""

    @staticmethod
    @abstractmethod
    def derivative(x: Array) -> Array:
        """Of each element, in the precision of x."""

    @staticmethod
    def bound(magnitude: float) -> float:
        """The largest magnitude of the results of arguments up to a magnitude."""
        return magnitude

    @classmethod
    def table(cls, argument: int, result: int) -> str:
        """The expression of the table for so many fraction bits on either side."""
        return f"round({_unit(result)} * {cls.FUNCTION.format(z=_number('x', argument))})"

    def gradients(self, gradient: Array, values: Values) -> Parts:
        return [(self.x, gradient * self.derivative(values[self.x]))]

    def operand_bits(self, index: int) -> int:
        return LOOKED_UP_BITS

    def largest(self, bounds: Bounds) -> float:
        return self.bound(bounds.magnitude(self.x))


class RectifierOp(ActivationOp):
    """max(z, 0) less a tail, which `TAIL` writes as a function of "{z}" = |z|, or of z where `OF` says so.

    The table rounds the tail by itself, to no fewer fraction bits than its argument has, and then, if results have
    fewer, once more. Far from zero, where the tail is e^-|z| or less, entries are exact numbers then. Rounded as a
    whole, every second one would be a tie less a tail, of which only hundreds of digits tell that it is below.
    """

    TAIL: ClassVar[str]
    OF: ClassVar[str] = "abs(x)"

    @classmethod
    def table(cls, argument: int, result: int) -> str:
        fine = max(argument, result)
        tail = cls.TAIL.format(z=_number(cls.OF, argument))
        text = f"max(x, 0) * 2^{fine - argument} - round({_unit(fine)} * {tail})"
        return text if fine == result else f"round(({text}) / 2^{fine - result})"


@irdl_op_definition
class GeluTanhOp(RectifierOp):
    """GELU in its tanh form: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).

    ```mlir
    %y = nn.gelu_tanh %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.gelu_tanh"
    TAIL: ClassVar[str] = "{z} * (1 - tanh(sqrt(2 / pi) * ({z} + 0.044715 * {z}^3))) / 2"

    @staticmethod
    def function(x: Array) -> Array:
        real = x.dtype.type
        inner = real(math.sqrt(2 / math.pi)) * (x + real(0.044715) * x * x * x)
        return x / 2 * (1 + np.tanh(inner))

    @staticmethod
    def derivative(x: Array) -> Array:
        real = x.dtype.type
        c = real(math.sqrt(2 / math.pi))
        t = np.tanh(c * (x + real(0.044715) * x**3))
        return (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + real(3 * 0.044715) * x * x)


@irdl_op_definition
class GeluOp(RectifierOp):
    """GELU (Hendrycks and Gimpel 2016): x/2 * (1 + erf(x / sqrt(2))).

    ```mlir
    %y = nn.gelu %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.gelu"
    TAIL: ClassVar[str] = "{z} * (1 - erf({z} / sqrt(2))) / 2"

    @staticmethod
    def function(x: Array) -> Array:
        return x / 2 * (1 + erf(x / x.dtype.type(math.sqrt(2))))

    @staticmethod
    def derivative(x: Array) -> Array:
        real = x.dtype.type
        density = np.exp(-x * x / 2) * real(1 / math.sqrt(2 * math.pi))
        return (1 + erf(x / real(math.sqrt(2)))) / 2 + x * density


@irdl_op_definition
class SiluOp(RectifierOp):
    """SiLU, or Swish (Ramachandran et al. 2017): x / (1 + exp(-x)).

    ```mlir
    %y = nn.silu %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.silu"
    TAIL: ClassVar[str] = "{z} * (1 - tanh({z} / 2)) / 2"

    @staticmethod
    def function(x: Array) -> Array:
        return x / 2 * (1 + np.tanh(x / 2))

    @staticmethod
    def derivative(x: Array) -> Array:
        t = np.tanh(x / 2)
        return (1 + t) / 2 + x / 4 * (1 - t * t)


@irdl_op_definition
class ReluOp(ActivationOp):
    """The positive part: max(x, 0).

    ```mlir
    %y = nn.relu %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.relu"
    FUNCTION: ClassVar[str] = "max({z}, 0)"

    @classmethod
    def table(cls, argument: int, result: int) -> str:
        return "max(x, 0)" if argument == result else super().table(argument, result)

    @staticmethod
    def function(x: Array) -> Array:
        return np.maximum(x, 0)

    @staticmethod
    def derivative(x: Array) -> Array:
        return (x > 0).astype(x.dtype)


@irdl_op_definition
class Relu6Op(ActivationOp):
    """The positive part, and of what is above 6 no more than 6 (Howard et al. 2017): min(max(x, 0), 6).

    ```mlir
    %y = nn.relu6 %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.relu6"
    FUNCTION: ClassVar[str] = "min(max({z}, 0), 6)"

    @staticmethod
    def function(x: Array) -> Array:
        return np.clip(x, 0, 6)

    @staticmethod
    def derivative(x: Array) -> Array:
        return ((x > 0) & (x < 6)).astype(x.dtype)

    @staticmethod
    def bound(magnitude: float) -> float:
        return min(magnitude, 6.0)


@irdl_op_definition
class SigmoidOp(ActivationOp):
    """The logistic function: 1 / (1 + exp(-x)).

    ```mlir
    %y = nn.sigmoid %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.sigmoid"
    FUNCTION: ClassVar[str] = "(1 + tanh({z} / 2)) / 2"

    @staticmethod
    def function(x: Array) -> Array:
        return (1 + np.tanh(x / 2)) / 2

    @staticmethod
    def derivative(x: Array) -> Array:
        t = np.tanh(x / 2)
        return (1 - t * t) / 4

    @staticmethod
    def bound(magnitude: float) -> float:
        return 1.0


@irdl_op_definition
class TanhOp(ActivationOp):
    """Hyperbolic tangent.

    ```mlir
    %y = nn.tanh %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.tanh"
    FUNCTION: ClassVar[str] = "tanh({z})"

    @staticmethod
    def function(x: Array) -> Array:
        return np.tanh(x)

    @staticmethod
    def derivative(x: Array) -> Array:
        return 1 - np.square(np.tanh(x))

    @staticmethod
    def bound(magnitude: float) -> float:
        return min(magnitude, 1.0)


@irdl_op_definition
class EluOp(RectifierOp):
    """Exponential linear unit (Clevert et al. 2015) with alpha 1: x above zero, exp(x) - 1 below. In the table the
    exponential stops at e^-40, which no format tells from 0 and digits tell from a tie.

    ```mlir
    %y = nn.elu %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.elu"
    TAIL: ClassVar[str] = "(1 - exp(max(min({z}, 0), -40)))"
    OF: ClassVar[str] = "x"

    @staticmethod
    def function(x: Array) -> Array:
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    @staticmethod
    def derivative(x: Array) -> Array:
        return np.exp(np.minimum(x, 0))


@irdl_op_definition
class SeluOp(ActivationOp):
    """Scaled exponential linear unit (Klambauer et al. 2017): x above zero, `ALPHA` (exp(x) - 1) below,
    times `SCALE`.

    ```mlir
    %y = nn.selu %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.selu"
    SCALE: ClassVar[float] = 1.0507009873554805
    ALPHA: ClassVar[float] = 1.6732632423543772
    FUNCTION: ClassVar[str] = f"{SCALE} * (max({{z}}, 0) - {ALPHA} * (1 - exp(min({{z}}, 0))))"

    @staticmethod
    def function(x: Array) -> Array:
        real = x.dtype.type
        below = real(SeluOp.ALPHA) * np.expm1(np.minimum(x, 0))
        return real(SeluOp.SCALE) * np.where(x > 0, x, below)

    @staticmethod
    def derivative(x: Array) -> Array:
        real = x.dtype.type
        return real(SeluOp.SCALE) * np.where(
            x > 0, real(1), real(SeluOp.ALPHA) * np.exp(np.minimum(x, 0))
        )

    @staticmethod
    def bound(magnitude: float) -> float:
        below = SeluOp.ALPHA * -math.expm1(-magnitude)
        return SeluOp.SCALE * max(magnitude, below)


@irdl_op_definition
class SoftplusOp(RectifierOp):
    """log(1 + exp(x)), which is max(x, 0) + log(1 + exp(-|x|)) (Dugas et al. 2000).

    ```mlir
    %y = nn.softplus %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.softplus"
    TAIL: ClassVar[str] = "(-log(1 + exp(-{z})))"

    @staticmethod
    def function(x: Array) -> Array:
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    @staticmethod
    def derivative(x: Array) -> Array:
        return SigmoidOp.function(x)

    @staticmethod
    def bound(magnitude: float) -> float:
        return magnitude + math.log1p(math.exp(-magnitude))


@irdl_op_definition
class MishOp(RectifierOp):
    """Mish (Misra 2019): x tanh(log(1 + exp(x))).

    ```mlir
    %y = nn.mish %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.mish"
    TAIL: ClassVar[str] = "(max({z}, 0) - {z} * tanh(max({z}, 0) + log(1 + exp(-abs({z})))))"
    OF: ClassVar[str] = "x"

    @staticmethod
    def function(x: Array) -> Array:
        return x * np.tanh(SoftplusOp.function(x))

    @staticmethod
    def derivative(x: Array) -> Array:
        t = np.tanh(SoftplusOp.function(x))
        return t + x * (1 - t * t) * SigmoidOp.function(x)


@irdl_op_definition
class HardswishOp(RectifierOp):
    """x relu6(x + 3) / 6 (Howard et al. 2019): 0 below -3, x above 3.

    ```mlir
    %y = nn.hardswish %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.hardswish"
    TAIL: ClassVar[str] = "{z} * max(3 - {z}, 0) / 6"

    @staticmethod
    def function(x: Array) -> Array:
        return x * np.clip(x + 3, 0, 6) / 6

    @staticmethod
    def derivative(x: Array) -> Array:
        return np.where(x > 3, 1, np.where(x < -3, 0, (2 * x + 3) / 6)).astype(x.dtype)


@irdl_op_definition
class HardsigmoidOp(ActivationOp):
    """relu6(x + 3) / 6 (Howard et al. 2019): 0 below -3, 1 above 3.

    ```mlir
    %y = nn.hardsigmoid %x : (tensor<64x384xf32>) -> tensor<64x384xf32>
    ```
    """

    name = "nn.hardsigmoid"
    FUNCTION: ClassVar[str] = "min(max({z} + 3, 0), 6) / 6"

    @staticmethod
    def function(x: Array) -> Array:
        return np.clip(x + 3, 0, 6) / 6

    @staticmethod
    def derivative(x: Array) -> Array:
        return ((x > -3) & (x < 3)).astype(x.dtype) / 6

    @staticmethod
    def bound(magnitude: float) -> float:
        return min(1.0, magnitude / 6 + 0.5)


def _number(integer: str, fraction: int) -> str:
    """An integer with so many fraction bits, as the number that it stands for."""
    return f"({integer} / 2^{fraction})" if fraction >= 0 else f"({integer} * 2^{-fraction})"


def _unit(fraction: int) -> str:
    """How many integers one is."""
    return f"2^{fraction}" if fraction >= 0 else f"1 / 2^{-fraction}"


def erf(x: Array) -> Array:
    """The error function of each element, which numpy has not."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)
