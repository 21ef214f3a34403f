"""The statement: what a proof says, as bytes that open it and seed the transcript."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgpack

from ...errors import InvalidProof
from ...schema.circuit import Shape
from .channel import Reader

VERSION = 1


@dataclass(frozen=True)
class Statement:
    """``tokens``: the prompt's ids, then the generated ones. Given the key (whose digest is absorbed
    too), this fixes everything that the verifier checks."""

    prompt: int
    generated: int
    tokens: tuple[int, ...]
    hiding: bool

    @property
    def shape(self) -> Shape:
        return Shape(self.prompt, self.generated)

    def encode(self) -> bytes:
        items = [VERSION, self.prompt, self.generated, list(self.tokens), self.hiding]
        data = msgpack.packb(items)
        assert data is not None
        return data

    @staticmethod
    def decode(data: bytes) -> Statement:
        """Raise `InvalidProof` unless ``data`` is the canonical encoding of a statement."""
        try:
            version, prompt, generated, tokens, hiding = msgpack.unpackb(data)
            found = Statement(prompt, generated, tuple(tokens), hiding)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise InvalidProof("the statement is malformed") from error
        if version != VERSION:
            raise InvalidProof("the proof follows another version of the protocol")
        if (
            any(type(x) is not int for x in (prompt, generated, *tokens))
            or type(hiding) is not bool
        ):
            raise InvalidProof("the statement is malformed")
        if found.encode() != data:
            raise InvalidProof("the statement is not in canonical form")
        return found

    def check(self, vocabulary: int, max_tokens: int) -> None:
        """Raise `InvalidProof` unless the sizes fit each other, the vocabulary and the key."""
        if self.prompt < 1 or self.generated < 1:
            raise InvalidProof("a statement has at least one prompt token and one generated token")
        if len(self.tokens) != self.prompt + self.generated:
            raise InvalidProof("the statement's tokens do not fit its lengths")
        if self.shape.rows > max_tokens:
            raise InvalidProof(f"the statement has more tokens than the key allows ({max_tokens})")
        if any(not 0 <= token < vocabulary for token in self.tokens):
            raise InvalidProof("a token of the statement is outside the vocabulary")


def read_statement(reader: Reader) -> Statement:
    """The statement at the start of a proof, after its length."""
    (size,) = struct.unpack("<I", reader.take(4))
    return Statement.decode(reader.take(size))


def frame(statement: Statement) -> bytes:
    """The bytes that `read_statement` reads."""
    data = statement.encode()
    return struct.pack("<I", len(data)) + data
