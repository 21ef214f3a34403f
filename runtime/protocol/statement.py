"""The statement of a generation: what a proof says, as bytes that open it and seed the transcript."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from ...errors import InvalidProof
from ..circuit.generation import Generation, Tokens
from ..circuit.index import Inputs
from ..circuit.packed import pack, unpack
from ..circuit.relations import LONGEST_EXTENT
from .channel import Reader
from .commitment.merkle import DIGEST

VERSION = 3
MOST_NONCE = 64
# Bytes of a statement: of one token at most, and of all else.
TOKEN_BYTES, OTHER_BYTES = 5, 256


@dataclass(frozen=True)
class Statement:
    """Given the key (whose digest is absorbed too), this fixes everything that the verifier checks.

    ``tokens``: the ids of the prompt and of the output, of those two that are public. ``prompt`` is the prompt's
    length, or a bound on it if the prompt is private, just as many tokens as there are positions for
    (`private_bound`), ``generated`` the output's length. What is private has a
    digest. ``nonce`` is an application's: what it binds the proof to.
    """

    prompt: int
    generated: int
    tokens: tuple[int, ...]
    hiding: bool
    prompt_digest: bytes = b""
    output_digest: bytes = b""
    nonce: bytes = b""

    @property
    def digests(self) -> dict[str, bytes]:
        """The digests of what is private, "prompt" or "output"."""
        found = {"prompt": self.prompt_digest, "output": self.output_digest}
        return {what: digest for what, digest in found.items() if digest}

    @property
    def shape(self) -> Generation:
        """Committed tokens take one position more, so that each generated one has its own."""
        return Generation(self.prompt + bool(self.digests), self.generated)

    @property
    def inputs(self) -> Inputs:
        """What the circuit reads: the tokens, if all of them are public."""
        return Inputs() if self.digests else Tokens(self.tokens, self.shape)

    @property
    def silent(self) -> tuple[str, ...]:
        """Of prompt and output something is always said."""
        return ()

    @property
    def shown(self) -> dict[str, Sequence[int]]:
        """The cells of the columns that hold what is public, if anything is not."""
        found: dict[str, Sequence[int]] = {}
        if (prompt := self.prompt_tokens) is not None:
            found["prompt"] = [len(prompt), *prompt] + [0] * (self.shape.rows - len(prompt))
        if (output := self.output_tokens) is not None:
            found["output"] = output
        return found if self.digests else {}

    @property
    def prompt_tokens(self) -> tuple[int, ...] | None:
        """The prompt's ids; None if it is private."""
        return None if self.prompt_digest else self.tokens[: self.prompt]

    @property
    def output_tokens(self) -> tuple[int, ...] | None:
        """The generated ids; None if they are private."""
        if self.output_digest:
            return None
        return self.tokens if self.prompt_digest else self.tokens[self.prompt :]

    def encode(self) -> bytes:
        items = [getattr(self, field.name) for field in fields(self)]
        return pack([VERSION, *items])

    @staticmethod
    def decode(data: bytes) -> Statement:
        """Raise `InvalidProof` unless ``data`` is the canonical encoding of a statement."""
        try:
            version, prompt, generated, tokens, hiding, *rest = unpack(data, 2 * LONGEST_EXTENT)
            found = Statement(prompt, generated, tuple(tokens), hiding, *rest)
        except (ValueError, TypeError) as error:
            raise InvalidProof("the statement is malformed") from error
        if version != VERSION:
            raise InvalidProof("the proof follows another version of the protocol")
        if (
            any(type(x) is not int for x in (prompt, generated, *tokens))
            or type(hiding) is not bool
            or len(rest) != 3
            or any(type(x) is not bytes for x in rest)
        ):
            raise InvalidProof("the statement is malformed")
        if found.encode() != data:
            raise InvalidProof("the statement is not in canonical form")
        return found

    def check(self, vocabulary: int, max_tokens: int) -> None:
        """Raise `InvalidProof` unless the sizes fit each other, the vocabulary and the key."""
        if self.prompt < 1 or self.generated < 1:
            raise InvalidProof("a statement has at least one prompt token and one generated token")
        public = (not self.prompt_digest) * self.prompt + (not self.output_digest) * self.generated
        if len(self.tokens) != public:
            raise InvalidProof("the statement's tokens do not fit its lengths")
        if self.prompt_digest and self.prompt != private_bound(self.prompt, self.generated):
            raise InvalidProof(
                "the statement's bound on the prompt is not what its positions bound"
            )
        if max(self.shape.rows, self.prompt + self.generated) > max_tokens:
            raise InvalidProof(f"the statement has more tokens than the key allows ({max_tokens})")
        if any(not 0 <= token < vocabulary for token in self.tokens):
            raise InvalidProof("a token of the statement is outside the vocabulary")
        if any(len(digest) != DIGEST for digest in self.digests.values()):
            raise InvalidProof(f"a digest of the statement is not of {DIGEST} bytes")
        if len(self.nonce) > MOST_NONCE:
            raise InvalidProof(f"the statement's nonce is longer than {MOST_NONCE} bytes")


def private_bound(prompt: int, generated: int) -> int:
    """The least bound, ``prompt`` or more, on a private prompt's length that a number of positions gives:
    each generated token has one, and the prompt may have all others."""
    return Generation(prompt + 1, generated).rows - generated


def read_statement(reader: Reader, max_tokens: int = LONGEST_EXTENT) -> Statement:
    """The statement at the start of a proof, after its length; `InvalidProof` if it is longer than one of
    ``max_tokens`` tokens can be."""
    (size,) = struct.unpack("<I", reader.take(4))
    if size > TOKEN_BYTES * max_tokens + OTHER_BYTES:
        raise InvalidProof(f"the statement has more tokens than the key allows ({max_tokens})")
    return Statement.decode(reader.take(size))


class Encoded(Protocol):
    """A statement of any kind."""

    def encode(self) -> bytes: ...


def frame(statement: Encoded) -> bytes:
    """The bytes that `read_statement`, or the like of another kind, reads."""
    data = statement.encode()
    return struct.pack("<I", len(data)) + data
