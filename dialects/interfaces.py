"""What operations of `nn` and `quant` say of themselves, so that no analysis and no pass lists classes.

Each interface answers one question. An operation answers by inheriting from the interface, as xDSL's own
interfaces do; whoever asks tests for the interface, and a new operation is known to all who ask:

| interface | question | asked by |
|---|---|---|
| `Named` | what is it called, at either level? | requantise, coarse |
| `Parameter` | which weights of the checkpoint is it? | layers, roles |
| `TokenSource` | where do the token ids enter, and how many? | resumed, drop-batch |
| `TensorSource` | where do tensors enter, and under which name? | modules, roles |
| `LeadingAxes` | what is it without a first axis of size 1? | drop-batch |
| `RowWise` | does a row of the result depend on that row alone? | batch-decode |
| `KeepsScale` | has the result the operand's scale, whatever that is? | plan-scales, equalize-layers, coarse |
| `Rescales` | what does a factor on an operand do to the result? | equalize-layers |
| `TakesFactor` | where can a factor on the result go? | equalize-layers, channel equalisation |
| `Differentiable` | how does an error pass back? | sensitivity |
| `Quantised` | how wide may the integers be that it reads? | plan-scales, verify-legality |
| `Sum` | do its operands share one scale with the result? | layers, plan-scales |
| `Rounded` | what follows its result's format from? | plan-scales, choose-bits, value errors |
| `Normalises` | which norm is it, if its result forgets its operand's size? | calibrate, plan-scales |

How operations are evaluated stays with the interpreters, which register a function for each. Arrays are
numpy's; those of real numbers may have further axes in front of the ones that a type says.

Errors: none but those of operations that do not verify.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from ..errors import expect

Array: TypeAlias = np.ndarray
Values: TypeAlias = Mapping[SSAValue, Array]
Parts: TypeAlias = Sequence[tuple[SSAValue, Array]]
Squares: TypeAlias = Sequence[tuple[SSAValue, float]]

TWO_LIMBS = 32
"""The bits of what is committed as two limbs: the widest integers but for what is only summed."""


class Named(Operation, ABC):
    """What reports call the operation, and the one of the other level that it becomes or comes from."""

    KIND: ClassVar[str]


class Parameter(Operation, ABC):
    """Weights of the checkpoint."""

    @property
    @abstractmethod
    def param_names(self) -> tuple[str, ...]:
        """The names of the tensors, one a layer."""


class TokenSource(Operation, ABC):
    """Token ids enter here."""

    @property
    @abstractmethod
    def positions(self) -> int:
        """How many."""


class TensorSource(Operation, ABC):
    """A tensor of examples enters here."""

    @property
    @abstractmethod
    def input_name(self) -> str:
        """What it is called."""


class LeadingAxes(Operation, ABC):
    """An operation that can do without a first axis of size 1 that its result has. By default all axes but the
    last ones, which it works on, are alike to it."""

    def without_first_axis(self, operands: Sequence[SSAValue]) -> Operation | None:
        """The same operation on operands that lack the axis; None if it mixes the axis with others."""
        type = expect(self.results[0].type, TensorType)
        return self.create(
            operands=operands,
            properties=self.properties,
            result_types=[TensorType(type.element_type, type.get_shape()[1:])],
        )


class RowWise(Operation, ABC):
    """Row t of the result depends on row t of the first operand alone, and on all of the others."""


class KeepsScale(Operation, ABC):
    """The result is in the first operand's scale: its elements, in another order or shape, or less their mean."""


class Scaling(Enum):
    """What becomes of a positive factor on an operand."""

    CARRIED = auto()
    """The result has it as well, the other operands being as they are."""
    FORGOTTEN = auto()
    """The result does not, if the operation's small constant grows by the square (`Normalises.eps`)."""
    RETURNED = auto()
    """The columns of the weight that the operation reads can take it back."""
    OTHER = auto()


class Rescales(Operation, ABC):
    """An operation that hands factors on, or takes them back."""

    @abstractmethod
    def scaling(self, index: int) -> Scaling:
        """What becomes of a factor on the operand of that index."""


class Home(NamedTuple):
    """Where the exponents of a value's channels are kept: in a property of an operation or of its weight.
    ``values`` have the factor, the one that is asked about last."""

    op: Operation
    property: str
    values: tuple[SSAValue, ...]


class TakesFactor(Operation, ABC):
    """An operation whose result can be multiplied, channel by channel, by powers of two."""

    @abstractmethod
    def factor_home(self) -> Home | None:
        """Where to; None where somebody else reads the weight or the value that would have the factor."""


class Differentiable(Operation, ABC):
    """An operation that passes gradients back."""

    @abstractmethod
    def gradients(self, gradient: Array, values: Values) -> Parts:
        """The operands that are no weights, with what the result's gradient makes of theirs."""

    def weight_squares(self, gradient: Array, values: Values) -> Squares:
        """The weights that are read, each with the sum over its elements of the square of its gradient."""
        return ()


class Quantised(Operation, ABC):
    """An operation that `convert-nn-to-quant` converts."""

    STEP: ClassVar[str | None] = None
    """The step of the witness program that computes its result, if there is one."""

    def operand_bits(self, index: int) -> int:
        """The widest integers that its integer operation takes as that operand."""
        return TWO_LIMBS


class Sum(Operation, ABC):
    """A sum, whose operands share one scale with it."""


class Bounds(Protocol):
    """What is known of values, in the units of their integers."""

    def magnitude(self, value: SSAValue) -> float:
        """The largest magnitude that its format has room for."""
        ...

    def row_norm(self, value: SSAValue) -> float:
        """The largest Euclidean norm of a row; infinite where none is known."""
        ...

    def gain(self, op: Normalises) -> float:
        """The largest gain of a norm."""
        ...

    def bias(self, op: Normalises) -> float:
        """The largest bias of a norm."""
        ...


class Rounded(Quantised):
    """An operation whose integer result is cut back to a format of its own.

    The fraction bits of its accumulator are those of the operands that ``FACTORS`` lists, and
    ``OWN_FRAC`` more, with what is planned for the operation itself.
    """

    FACTORS: ClassVar[tuple[int, ...]] = (0,)
    OWN_FRAC: ClassVar[int] = 0
    RESULT_BITS: ClassVar[int] = TWO_LIMBS
    MOST_FRAC: ClassVar[int | None] = None
    """The most fraction bits of the result, where it is not what the accumulator has."""

    def row_norm(self, bounds: Bounds) -> float:
        """A bound on the Euclidean norm of a row of the result that no input exceeds."""
        return math.inf

    def largest(self, bounds: Bounds) -> float:
        """A bound on the magnitude of the result that no input exceeds."""
        return self.row_norm(bounds)


class Normalises(Operation, ABC):
    """A norm over the last axis of its first operand with a gain for each channel, its second operand, and a bias,
    if there is a third."""

    @property
    @abstractmethod
    def constant(self) -> float:
        """What is added to the mean of squares."""

    @constant.setter
    @abstractmethod
    def constant(self, value: float) -> None: ...

    @abstractmethod
    def gains(self, weight: Array) -> Array:
        """By what each normalised channel is multiplied, in float64."""

    @abstractmethod
    def biases(self, bias: Array) -> Array:
        """What is added to each channel then, in float64."""
