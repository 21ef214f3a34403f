"""Generation, a kind of statement, as circuits know it: a prompt of some tokens, and the tokens chosen after it.

The kind has two extents. ``generated`` is the number of chosen tokens. ``tokens`` is the number of positions that
the causal pass computes: the prompt and all chosen tokens but the last, rounded up (with padding tokens at the end,
which cannot influence what comes before them) so that its binary expansion has at most three ones and blocks stay
few.

Prompt and output are either inputs of a circuit (`Tokens`), which it reads by the indices ``window``, ``token``,
``previous``, ``next`` and ``generating`` and the public column ``below-next``, or columns of the witness, which
`Circuit.reveals` names: then the statement may show them or keep them private.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...errors import ZklemmaError, expect
from .extents import Axis, CircuitError, Shape
from .index import IndexKind, IndexMap, Inputs, rows_within

if TYPE_CHECKING:
    from .relations import Circuit

TOKENS = "tokens"
GENERATED = "generated"
REVEALS = ("prompt", "output")
BELOW_NEXT = "below-next"


def extents(max_tokens: int) -> dict[str, int]:
    """What a circuit declares for proofs of up to ``max_tokens`` tokens."""
    return {GENERATED: max_tokens, TOKENS: max_tokens}


def longest(circuit: Circuit) -> int:
    """The most tokens of one proof; 0 if the circuit generates none."""
    return circuit.extents.get(TOKENS, 0)


def vocabulary(axes: Mapping[str, Axis]) -> int:
    """The number of token ids: the size of the axis of that name."""
    size = axes["vocabulary"].size if "vocabulary" in axes else 0
    return size if isinstance(size, int) else 0


@dataclass(frozen=True)
class Generation(Shape):
    """The shape of a proof about ``prompt`` >= 1 tokens given and ``generated`` >= 1 tokens produced."""

    extents: Mapping[str, int] = field(init=False, repr=False, compare=False)
    prompt: int
    generated: int

    def __post_init__(self) -> None:
        exact = self.prompt + self.generated - 1
        unit = 1 << max(0, exact.bit_length() - 3)
        sizes = {TOKENS: -(-exact // unit) * unit, GENERATED: self.generated}
        object.__setattr__(self, "extents", sizes)

    @property
    def rows(self) -> int:
        """The number of positions."""
        return self.extents[TOKENS]


def position_ids(shape: Generation, tokens: np.ndarray) -> np.ndarray:
    """The token id at each of ``shape.rows`` positions: the sequence, then the padding token 0.

    Position prompt + generated - 1, where padding makes room for it, holds the last generated
    token.
    """
    ids = np.zeros(shape.rows, np.int64)
    kept = min(shape.rows, len(tokens))
    ids[:kept] = tokens[:kept]
    return ids


class Tokens(Inputs):
    """The ids of the prompt and of the generated tokens, ``shape.prompt`` + ``shape.generated`` of them.

    ``at`` (rows,) is the id at each position, ``previous`` and ``next`` (generated,) the one before each
    generated token and itself.
    """

    def __init__(self, ids: Sequence[int] | np.ndarray, shape: Generation):
        self.ids = known = np.asarray(ids, np.int64)
        self.shape = shape
        if len(known) != shape.prompt + shape.generated:
            raise ZklemmaError(f"{len(known)} tokens for a proof of another number")
        self.at = position_ids(shape, known)
        self.previous = known[shape.prompt - 1 : -1]
        self.next = known[shape.prompt :]


class _Window(IndexMap):
    function = "window"

    def fits(self, index, target, size, axes, extents):
        return target == GENERATED and size == TOKENS

    def sources(self, index, span, inputs):
        return np.arange(span.start, span.stop) + expect(inputs, Tokens).shape.prompt - 1

    def read(self, array, position, index, span, inputs, dtype):
        shift = expect(inputs, Tokens).shape.prompt - 1
        return array[(*(slice(None),) * position, slice(span.start + shift, span.stop + shift))]


class _Generating(_Window):
    function = "generating"
    numbers = 1

    def text(self, index):
        return f"{self.function}({index.axis}; {index.table[0]})"

    def fits(self, index, target, size, axes, extents):
        if not isinstance(size, int) or target != GENERATED:
            return False
        return rows_within(index.table, extents.get(TOKENS, size + 1), size)

    def sources(self, index, span, inputs):
        return super().sources(index, span, inputs) + index.table[0]

    def read(self, array, position, index, span, inputs, dtype):
        return np.take(array, self.sources(index, span, inputs), axis=position)


class _Token(IndexMap):
    function = "token"

    def fits(self, index, target, size, axes, extents):
        return target == TOKENS and size == vocabulary(axes)

    def sources(self, index, span, inputs):
        return expect(inputs, Tokens).at[span.start : span.stop]


class _Previous(IndexMap):
    function = "previous"

    def fits(self, index, target, size, axes, extents):
        return target == GENERATED and size == vocabulary(axes)

    def sources(self, index, span, inputs):
        return expect(inputs, Tokens).previous[span.start : span.stop]


class _Next(_Previous):
    function = "next"

    def sources(self, index, span, inputs):
        return expect(inputs, Tokens).next[span.start : span.stop]


MAPS: dict[IndexKind, IndexMap] = {
    "window": _Window(),
    "token": _Token(),
    "previous": _Previous(),
    "next": _Next(),
    "generating": _Generating(),
}


def below_next(inputs: Inputs) -> np.ndarray:
    """How many ones each row of the column ``below-next`` begins with, (generated,): zeros follow."""
    return expect(inputs, Tokens).next


def fits_below_next(sizes: tuple[int | str, ...]) -> bool:
    """Whether that column can be over axes of these sizes."""
    return len(sizes) == 2 and sizes[0] == GENERATED and isinstance(sizes[1], int)


def order(names: Iterable[str]) -> tuple[str, ...]:
    """What is revealed, in the order of the conversation."""
    found = {*names}
    return tuple(what for what in REVEALS if what in found)


def label(what: str) -> str:
    """What stands for the prompt or the output in the labels of the transcript."""
    return what


SMALLER = "fewer --max-tokens"
"""What a model may be compiled for to have smaller proofs."""


def counted(circuit: Circuit) -> str:
    """How much the largest proof is about."""
    return f"{longest(circuit)} tokens"


def largest(circuit: Circuit) -> Generation:
    """A shape that parameters are made for: of the most tokens, half of them generated."""
    tokens = longest(circuit)
    generated = max(1, tokens // 2)
    return Generation(tokens - generated + 1, generated)


def hardest(circuit: Circuit) -> list[Shape]:
    """Shapes of which one takes the most pads: the largest, and those whose positions are cut in three, as deferred
    claims on each cut are claims of their own."""
    tokens = longest(circuit)
    cut_in_three = min(tokens, 7 << max(0, (tokens // 7).bit_length() - 1))
    lengths = {tokens, cut_in_three}
    return [shape for n in lengths for shape in (Generation(1, n - 1), Generation(n - 1, 1))]


def sealable(circuit: Circuit, shape: Shape) -> tuple[str, ...]:
    """What a statement may have digests of."""
    return tuple(circuit.reveals)


def complete(names: set[str]) -> bool:
    """Whether these are what a circuit, or the relations that become one, reveal."""
    return names == set(REVEALS)


MISSING = "the prompt and the output must be revealed, through columns or not"


def check_reveals(circuit: Circuit) -> None:
    """Raise `CircuitError` unless the circuit reveals nothing, or the columns that hold prompt and output are over
    the axes that their meaning needs, and it takes no tokens as inputs beside them."""
    if not circuit.reveals:
        return
    if set(circuit.reveals) != set(REVEALS):
        raise CircuitError(f"a circuit reveals {' and '.join(REVEALS)} or neither")
    wanted = {"prompt": [(), (TOKENS,)], "output": [(GENERATED,)]}
    for what, names in circuit.reveals.items():
        columns = [circuit.column.get(name) for name in names]
        found = [c and tuple(circuit.axis[axis].size for axis in c.axes) for c in columns]
        if found != wanted[what] or any(c is None or c.home != "witness" for c in columns):
            raise CircuitError(f"the {what} is revealed through columns of another form")
    for relation, expr in circuit.expressions():
        if any(index.kind in MAPS for term in expr.terms for index in term.indices):
            raise CircuitError(f"relation {relation}: the circuit takes no tokens as inputs")
    if any(column.kind == BELOW_NEXT for column in circuit.columns):
        raise CircuitError("the circuit takes no tokens as inputs")
