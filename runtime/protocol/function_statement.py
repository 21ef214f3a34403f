"""The statement of a function: what a proof says of a batch of examples, as bytes that open it and seed the
transcript.

Of each input and output it shows the integers, has a digest, or says nothing. Its encoding begins with a word where
that of a generation has a number, so that neither can be read as the other.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InvalidProof
from ..circuit import function
from ..circuit.function import MOST_SEALED, Batch, cells, order
from ..circuit.index import Inputs
from ..circuit.packed import pack, unpack
from ..circuit.relations import Circuit
from .channel import Reader
from .commitment.merkle import DIGEST
from .statement import MOST_NONCE

KIND, VERSION = "function", 1
# How an integer that is shown is written, by its bytes; all of a tensor's have as many, as few as hold them.
WIDTHS = {1: "<i1", 2: "<i2", 4: "<i4", 8: "<i8"}
# Cells that a statement shows.
MOST_SHOWN = 1 << 19
OTHER_BYTES = 1 << 12
MOST_PARTS = 1 << 7

Said = np.ndarray | bytes | None
"""Of one tensor: its integers (cells,), int64, in row-major order, examples first; a digest; or nothing."""


@dataclass(frozen=True, eq=False)
class FunctionStatement:
    """Given the key (whose digest is absorbed too), this fixes everything that the verifier checks.

    ``tensors`` says of each "input NAME" and "output NAME" of the key's circuit what there is to say. ``nonce`` is
    an application's: what it binds the proof to.
    """

    batch: int
    tensors: Mapping[str, Said]
    hiding: bool
    nonce: bytes = b""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FunctionStatement) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    @property
    def shape(self) -> Batch:
        return Batch(self.batch)

    @property
    def inputs(self) -> Inputs:
        """The circuit reads nothing of a statement but the batch."""
        return Inputs()

    @property
    def shown(self) -> dict[str, np.ndarray]:
        """The cells of the columns that are public."""
        return {name: x for name, x in self.tensors.items() if isinstance(x, np.ndarray)}

    @property
    def digests(self) -> dict[str, bytes]:
        return {name: x for name, x in self.tensors.items() if isinstance(x, bytes)}

    @property
    def silent(self) -> tuple[str, ...]:
        """What nothing is said about."""
        return tuple(name for name, x in self.tensors.items() if x is None)

    def encode(self) -> bytes:
        tensors = [[name, _pack(self.tensors[name])] for name in order(self.tensors)]
        return pack([KIND, VERSION, self.batch, tensors, self.hiding, self.nonce])

    @staticmethod
    def decode(data: bytes) -> FunctionStatement:
        """Raise `InvalidProof` unless ``data`` is the canonical encoding of a statement."""
        try:
            kind, version, *rest = unpack(data, MOST_PARTS)
        except (ValueError, TypeError) as error:
            raise InvalidProof("the statement is malformed") from error
        if kind != KIND:
            raise InvalidProof("the statement is not one of a function")
        if version != VERSION:
            raise InvalidProof("the proof follows another version of the protocol")
        try:
            batch, tensors, hiding, nonce = rest
            said = {name: _unpack(value) for name, value in tensors}
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidProof("the statement is malformed") from error
        if (
            type(batch) is not int
            or type(hiding) is not bool
            or type(nonce) is not bytes
            or any(type(name) is not str for name in said)
        ):
            raise InvalidProof("the statement is malformed")
        found = FunctionStatement(batch, said, hiding, nonce)
        if found.encode() != data:
            raise InvalidProof("the statement is not in canonical form")
        return found

    def check(self, circuit: Circuit) -> None:
        """Raise `InvalidProof` unless sizes and integers are those of the circuit's tensors."""
        most = function.most(circuit)
        if not 1 <= self.batch <= most:
            raise InvalidProof(
                f"the statement is about {self.batch} examples, the key serves 1 to {most}"
            )
        if order(self.tensors) != order(circuit.reveals):
            raise InvalidProof("the statement is about other tensors than the key's function has")
        sizes = {what: cells(circuit, what, self.shape) for what in self.tensors}
        for limit, names in ((MOST_SHOWN, self.shown), (MOST_SEALED, self.digests)):
            if sum(sizes[what] for what in names) > limit:
                raise InvalidProof(f"the statement is about more than {limit} numbers")
        for what, shown in self.shown.items():
            column = circuit.column[circuit.reveals[what][0]]
            if len(shown) != sizes[what]:
                raise InvalidProof(f"the statement's {what} has another number of cells")
            if shown.min() < column.low or shown.max() > column.high:
                raise InvalidProof(f"a number of the statement's {what} is outside its range")
        if any(len(digest) != DIGEST for digest in self.digests.values()):
            raise InvalidProof(f"a digest of the statement is not of {DIGEST} bytes")
        if len(self.nonce) > MOST_NONCE:
            raise InvalidProof(f"the statement's nonce is longer than {MOST_NONCE} bytes")


def _pack(said: Said) -> Any:
    if not isinstance(said, np.ndarray):
        return said
    low, high = int(said.min(initial=0)), int(said.max(initial=0))
    width = next(n for n in WIDTHS if -(1 << 8 * n - 1) <= low and high < 1 << 8 * n - 1)
    return [width, said.astype(WIDTHS[width]).tobytes()]


def _unpack(value: Any) -> Said:
    """`ValueError`, `TypeError` or `KeyError` where this has not the form of what `_pack` makes."""
    if value is None or type(value) is bytes:
        return value
    width, data = value
    return np.frombuffer(data, WIDTHS[width]).astype(np.int64)


def read_function_statement(reader: Reader) -> FunctionStatement:
    """The statement at the start of a proof, after its length; `InvalidProof` if it is longer than any can be."""
    (size,) = struct.unpack("<I", reader.take(4))
    if size > max(WIDTHS) * MOST_SHOWN + OTHER_BYTES:
        raise InvalidProof(f"the statement shows more than {MOST_SHOWN} numbers")
    return FunctionStatement.decode(reader.take(size))
