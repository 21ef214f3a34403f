"""A lowered model: what a proof system proves, before one is chosen, and how people read it.

A model's circuits and the function that they say, the tokenizer of a language model or the signature of a function
of tensors; and, beside that, what runs it: witness programs and integer weights. A target adds what it proves and
verifies with: ours makes a verifying key and an artifact of it (`keys`). Contents are decoded when first used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import UserError, expect
from ..circuit.encoding import decode_circuit, decode_program
from ..circuit.extents import CircuitError, Shape
from ..circuit.generation import vocabulary
from ..circuit.packed import pack
from ..circuit.program import Program
from ..circuit.relations import Circuit
from ..visible import require_name
from .files import Buffer
from .signature import Signature

if TYPE_CHECKING:
    from .tokenizer import TokenizerLike

    # Checkers do not accept a cached property where a protocol asks for a property.
    cached_property = property

IDENTITY = b"zklemma lowered model 1"
Kind = Literal["language model", "function"]


@dataclass(frozen=True, kw_only=True)
class LoweredModel:
    """What a model computes, as circuits.

    ``name`` (which `require_name` accepts) and ``weights`` (how many numbers the checkpoint holds) are for people;
    ``eos`` are the ids that end a text, ascending. There are two circuits of a language model: in the first token
    ids are inputs, in the second, the private one, they are committed. ``function_bytes`` is the text of the
    integer function that both circuits say, at which proofs do not look (`zklemma audit`). ``tokenizer_bytes`` is
    what `tokenizer.compact` makes of the checkpoint's tokenizer.

    A function has a ``signature`` and one circuit; what is only for tokens is empty. What is only for the other
    kind raises `UserError`.
    """

    name: str
    weights: int
    eos: tuple[int, ...]
    circuit_bytes: Buffer
    private_circuit_bytes: Buffer
    function_bytes: Buffer
    tokenizer_bytes: Buffer
    signature: Signature | None = None
    source: str = field(default="model", compare=False)

    def __post_init__(self) -> None:
        require_name(self.name, self.source)
        if self.signature and (self.eos or self.private_circuit_bytes or self.tokenizer_bytes):
            raise UserError(f"{self.source}: a function has no tokens")

    @property
    def kind(self) -> Kind:
        return "function" if self.signature else "language model"

    def require(self, kind: Kind) -> None:
        """`UserError` if the key is of another kind."""
        if self.kind != kind:
            raise UserError(
                f"{self.source}: this is the key of a {self.kind}; what is asked needs that of a {kind}"
            )

    @property
    def function_signature(self) -> Signature:
        """The signature of a function."""
        self.require("function")
        return expect(self.signature, Signature)

    @cached_property
    def circuit(self) -> Circuit:
        circuit = self._decode(self.circuit_bytes)
        if self.signature:
            if not self.signature.fits(circuit):
                raise UserError(f"{self.source}: the circuit is not of the signature's function")
        elif circuit.reveals:
            raise UserError(f"{self.source}: the circuit does not take tokens as inputs")
        return circuit

    @cached_property
    def private_circuit(self) -> Circuit:
        self.require("language model")
        circuit = self._decode(self.private_circuit_bytes)
        if not circuit.reveals:
            raise UserError(f"{self.source}: the private circuit does not hold tokens in columns")
        if _common(circuit) != _common(self.circuit):
            raise UserError(f"{self.source}: the two circuits are about different models")
        return circuit

    def _decode(self, data: Buffer) -> Circuit:
        try:
            return decode_circuit(bytes(data))
        except CircuitError as error:
            raise UserError(f"{self.source}: the circuit is malformed: {error}") from error

    @cached_property
    def _tokenizer(self) -> TokenizerLike:
        from .tokenizer import load

        self.require("language model")
        with self._library():
            return load(self.tokenizer_bytes)

    @cached_property
    def digest(self) -> bytes:
        """What keys of a target are told apart by."""
        return self.described().digest()

    @property
    def model_id(self) -> str:
        return self.digest.hex()

    def described(self) -> Any:
        """SHA-256 of all that is here, each part after its length, to which a key with more adds that."""
        digest = hashlib.sha256(IDENTITY)
        facts = [self.name, self.weights, list(self.eos)]
        facts += [self.signature.to_list()] if self.signature else []
        circuits = self.circuit_bytes, self.private_circuit_bytes, self.function_bytes
        for part in (pack(facts), *circuits, self.tokenizer_bytes):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest

    @contextmanager
    def _library(self) -> Iterator[None]:
        """Tell what the tokenizers' library finds wrong with the file, at once or in its use."""
        try:
            yield
        except BaseException as error:
            # It raises plain Exception; its panics are no Exception and have no name to import.
            ours = isinstance(error, Exception) or type(error).__name__ == "PanicException"
            if not ours or isinstance(error, MemoryError):
                raise
            from .tokenizer import TooLong

            if isinstance(error, TooLong):
                raise UserError(f"{self.source}: {error}") from None
            raise UserError(f"{self.source}: the tokenizer is malformed: {error}") from error

    def _text(self, tokens: list[int]) -> str:
        tokenizer = self._tokenizer
        with self._library():
            return tokenizer.decode(tokens)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, with the ``<bos>`` that the tokenizer's post-processor adds; special tokens may be
        written as their text."""
        tokenizer = self._tokenizer
        with self._library():
            return tokenizer.encode(text)

    @cached_property
    def frame(self) -> tuple[list[int], list[int]]:
        """What the tokenizer puts before and behind the tokens of every text."""
        tokenizer = self._tokenizer
        with self._library():
            return tokenizer.frame

    def text(self, tokens: Sequence[int]) -> str:
        """The text of a prompt's tokens, special ones shown: what a statement says must all be seen. Only what
        the tokenizer puts around every text is left out, and ids without a token."""
        (start, end), ids = self.frame, list(tokens)
        inner = ids[len(start) : len(ids) - len(end)]
        return self._text(inner if [*start, *inner, *end] == ids else ids)

    def pieces(self, tokens: Sequence[int]) -> list[tuple[int, str | None]]:
        """Each id with the text that it has by itself, None if no token has the id."""
        tokenizer = self._tokenizer
        with self._library():
            found = tokenizer.pieces(tokens)
        return [(x, found[x]) for x in tokens]

    def continuation(self, prompt: Sequence[int], output: Sequence[int]) -> str:
        """The text that ``output`` adds to the text of ``prompt``, which is empty if it is not known."""
        whole, start = self._text([*prompt, *output]), self._text([*prompt])
        if prompt and whole.startswith(start):
            return whole[len(start) :]
        # All of it, if there is no prompt, or that one ends inside a character that the output completes.
        return self._text(list(output))


@dataclass(frozen=True)
class Executable:
    """A lowered model and what runs it: ``params`` are the integer weights by column, ``meta`` plain facts; of a
    language model ``private_program_bytes`` makes the witness of the private circuit."""

    key: LoweredModel
    program_bytes: Buffer
    private_program_bytes: Buffer
    params: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]

    @cached_property
    def program(self) -> Program:
        return self._decode(self.program_bytes)

    @cached_property
    def private_program(self) -> Program:
        """The one that makes the private circuit's witness."""
        self.key.require("language model")
        return self._decode(self.private_program_bytes)

    def _decode(self, data: Buffer) -> Program:
        try:
            return decode_program(bytes(data))
        except CircuitError as error:
            raise UserError(
                f"{self.key.source}: the witness program is malformed: {error}"
            ) from error

    @property
    def eos(self) -> frozenset[int]:
        return frozenset(self.key.eos)


def _common(circuit: Circuit) -> list[Any]:
    """What the two circuits of a key must agree on: the weights that are committed, and the limits of
    statements."""
    weights = [(column, circuit.sizes(column, Shape())) for column in circuit.home("param")]
    return [vocabulary(circuit.axis), circuit.extents, *weights]
