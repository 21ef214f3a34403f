"""The header of a GGUF file: its metadata, and where each tensor lies.

A file is: "GGUF", version (u32), tensor count (u64), metadata count (u64), then key, type and value of
each entry, then name, dimensions (fastest first), type and offset of each tensor; the data follow at
the next multiple of the alignment. Integers are little-endian, strings have their length (u64) in
front.

The `gguf` package reads headers too, but makes an array of each number and each word of a vocabulary,
which takes ten seconds for Gemma's; here arrays are passed over and only their lengths kept.

Errors: `UserError` naming the file, for whatever is no header or ends too early.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import UserError
from .files import require_content

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
# Type codes of metadata and how `struct` spells them; besides there are strings and arrays.
SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
STRING, ARRAY = 8, 9
MOST_DIMENSIONS = 4
LONGEST_NAME = 128


class Array(NamedTuple):
    """An array in the metadata, of which only the length is kept."""

    length: int


Value = int | float | bool | str | Array


class Place(NamedTuple):
    """A tensor: shape with rows first, the code of its storage type, where its bytes begin."""

    shape: tuple[int, ...]
    type: int
    start: int


@dataclass(frozen=True)
class Header:
    metadata: dict[str, Value]
    tensors: dict[str, Place]


def read_header(path: Path, data: np.ndarray) -> Header:
    """The header of the file with these bytes, mapped as uint8."""
    require_content(path)
    if bytes(data[:4]) != MAGIC:
        raise UserError(f"{path} is neither a checkpoint directory nor a GGUF file")
    reader = _Reader(data)
    try:
        version = reader.number("I")
        if version not in VERSIONS:
            raise UserError(f"{path} is a GGUF file of version {version}; supported are 2 and 3")
        return reader.header()
    except (struct.error, ValueError, OverflowError) as error:
        raise UserError(f"{path} is a damaged or truncated GGUF file: {error}") from error


class _Reader:
    def __init__(self, data: np.ndarray):
        self.data = data.data
        self.position = len(MAGIC)

    def number(self, format: str) -> int:
        value = self.number_here(format)
        self.position += struct.calcsize(f"<{format}")
        return value

    def skip(self, size: int) -> None:
        if size > len(self.data) - self.position:
            raise ValueError("it ends inside an entry")
        self.position += size

    def string(self) -> str:
        start = self.position + 8
        self.skip(8 + self.number_here("Q"))
        return bytes(self.data[start : self.position]).decode()

    def name(self) -> str:
        """A string that can be shown to people."""
        name = self.string()
        if not name.isprintable() or len(name) > LONGEST_NAME:
            raise ValueError("it has a name that can not be one")
        return name

    def number_here(self, format: str) -> int:
        """The number at the position, which stays."""
        return struct.unpack_from(f"<{format}", self.data, self.position)[0]

    def value(self) -> Value:
        type = self.number("I")
        if type == STRING:
            return self.string()
        if type == ARRAY:
            return self.array()
        if type not in SCALARS:
            raise ValueError(f"it has metadata of type {type}")
        return self.number(SCALARS[type])

    def array(self) -> Array:
        type, length = self.number("I"), self.number("Q")
        if type == STRING:
            for _ in range(length):
                self.skip(8 + self.number_here("Q"))
        elif type in SCALARS:
            self.skip(length * struct.calcsize(f"<{SCALARS[type]}"))
        else:
            raise ValueError(f"it has an array of type {type}")
        return Array(length)

    def header(self) -> Header:
        count, entries = self.number("Q"), self.number("Q")
        metadata: dict[str, Value] = {}
        for _ in range(entries):
            key = self.name()
            if key in metadata:
                raise ValueError(f"it has {key} twice")
            metadata[key] = self.value()
        tensors: dict[str, Place] = {}
        for _ in range(count):
            name = self.name()
            if name in tensors:
                raise ValueError(f"it has the tensor {name} twice")
            tensors[name] = self.place()
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise ValueError(f"its alignment is {alignment}")
        start = self.position + -self.position % alignment
        placed = {name: t._replace(start=start + t.start) for name, t in tensors.items()}
        return Header(metadata, placed)

    def place(self) -> Place:
        dimensions = self.number("I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise ValueError(f"it has a tensor of {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
        return Place(shape, self.number("I"), self.number("Q"))
