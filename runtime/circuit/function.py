"""A function of tensors, a kind of statement, as circuits know it: examples go in, and results come out of each.

The kind has one extent, ``batch``: the number of examples, which are the first axis of each tensor. Every input and
every output is one column of the witness, which `Circuit.reveals` names as "input NAME" or "output NAME"; a
statement shows its cells, has a digest of them, or says nothing of it. The circuit reads nothing of a statement
but the batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .extents import CircuitError, Shape

if TYPE_CHECKING:
    from .relations import Circuit

BATCH = "batch"
EXAMPLE = "example"
"""The axis of examples, as steps of the witness program name it."""
INPUT, OUTPUT = "input", "output"
# Each digest adds to what a proof may err by, and takes some of its 105 bits.
MOST_TENSORS = 16
# Cells behind the digests of a statement: a proof has two words for each.
MOST_SEALED = 1 << 16
_NAME = re.compile(rf"({INPUT}|{OUTPUT}) [A-Za-z][A-Za-z0-9_]{{0,63}}")


@dataclass(frozen=True)
class Batch(Shape):
    """The shape of a proof about ``examples`` >= 1."""

    extents: Mapping[str, int] = field(init=False, repr=False, compare=False)
    examples: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "extents", {BATCH: self.examples})


def is_name(what: str) -> bool:
    """Whether a circuit of a function may reveal something of this name."""
    return _NAME.fullmatch(what) is not None


def most(circuit: Circuit) -> int:
    """The most examples of one proof; 0 if the circuit is of no function."""
    return circuit.extents.get(BATCH, 0)


def order(names: Iterable[str]) -> tuple[str, ...]:
    """What is revealed, in the order of statements and conversations; other names are left out."""
    return tuple(sorted(filter(is_name, names)))


def columns(circuit: Circuit, role: str) -> dict[str, str]:
    """The columns of the inputs, or of the outputs, by what is revealed."""
    return {
        what: name for what, (name, *_) in circuit.reveals.items() if what.startswith(f"{role} ")
    }


def label(what: str) -> str:
    """What stands for a tensor in the labels of the transcript."""
    return "tensor"


def sizes(circuit: Circuit, what: str, shape: Shape) -> tuple[int, ...]:
    """Of the tensor, examples first."""
    (name,) = circuit.reveals[what]
    return circuit.sizes(circuit.column[name], shape)


def cells(circuit: Circuit, what: str, shape: Shape) -> int:
    return math.prod(sizes(circuit, what, shape))


SMALLER = "a smaller batch"
"""What a model may be compiled for to have smaller proofs."""


def counted(circuit: Circuit) -> str:
    """How much the largest proof is about."""
    return f"{most(circuit)} examples"


def largest(circuit: Circuit) -> Batch:
    """The shape that parameters are made for."""
    return Batch(most(circuit))


def hardest(circuit: Circuit) -> list[Shape]:
    """Shapes of which one takes the most pads: each part of the binary expansion of a batch has claims of its own,
    and any batch has the ones of one of these, or fewer."""
    greatest = most(circuit)
    below = [
        (greatest >> bit << bit) - 1
        for bit in range(greatest.bit_length())
        if greatest >> bit & 1 and greatest >> bit << bit > 1
    ]
    return [Batch(examples) for examples in (greatest, *below)]


def sealable(circuit: Circuit, shape: Shape) -> tuple[str, ...]:
    """What a statement of that shape may have digests of."""
    return tuple(
        what for what in order(circuit.reveals) if cells(circuit, what, shape) <= MOST_SEALED
    )


def complete(names: set[str]) -> bool:
    """Whether these are what a function reveals; otherwise `MISSING` says what is missing."""
    return any(name.startswith(f"{OUTPUT} ") for name in names)


MISSING = "the outputs of a function must be revealed, through columns"


def check_reveals(circuit: Circuit) -> None:
    """Raise `CircuitError` unless tensors are columns of the witness over examples and axes of fixed sizes, and the
    circuit takes nothing else from a statement: no index of another kind fits its extent."""
    if set(circuit.extents) != {BATCH}:
        raise CircuitError(f"a circuit of a function has the extent {BATCH} and no other")
    if not complete(set(circuit.reveals)):
        raise CircuitError("a circuit of a function reveals an output")
    if len(circuit.reveals) > MOST_TENSORS:
        raise CircuitError(f"a circuit of a function reveals more than {MOST_TENSORS} tensors")
    for what, names in circuit.reveals.items():
        if not is_name(what):
            raise CircuitError(f"{what} is neither input nor output of a function")
        column = circuit.column.get(names[0]) if len(names) == 1 else None
        if column is None or column.home != "witness":
            raise CircuitError(f"the {what} is revealed through columns of another form")
        first, *others = [circuit.axis[axis].size for axis in column.axes] or [0]
        if first != BATCH or not all(isinstance(size, int) for size in others):
            raise CircuitError(f"the {what} is revealed through columns of another form")
    for column in circuit.home("public"):
        if column.kind != "data":
            raise CircuitError(f"column {column.name}: a function has no column {column.kind}")
