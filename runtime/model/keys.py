"""The verifying key (.vk) and the prover's artifact (.zkl).

The verifying key is all a verifier needs: the circuit, the code parameters, the root of the
committed weights; of a language model the tokenizer that turns tokens into text and the ids that end one, of a
function of tensors their signature. It says as well which function the circuits were made from, for audits. The
*model id* is a hash of these. What else the key carries is proofs of facts about them: that the weights are in
range, and that roots of older keys hold the same weights. The artifact adds what only the prover needs: the witness
program, the integer weights and facts about the checkpoint.
Contents are decoded when first used, and weights stay mapped in the file, so that loading is quick.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import UserError, expect
from ..circuit.encoding import decode_circuit, decode_program
from ..circuit.extents import CircuitError, Shape
from ..circuit.generation import vocabulary
from ..circuit.packed import pack as pack_values
from ..circuit.packed import unpack as unpack_values
from ..circuit.program import Program
from ..circuit.relations import Circuit
from ..field import P
from ..visible import require_name
from .budget import Budget, FileBudget
from .difference import difference, restore
from .files import (
    KEY,
    MODEL,
    Buffer,
    atomic_write,
    forget_pages,
    identify,
    pack,
    padding,
    read,
    unpack,
)
from .links import Ancestor
from .masks import WeightMasks
from .signature import Signature

if TYPE_CHECKING:
    from ..protocol.parameters import Parameters
    from .tokenizer import TokenizerLike

    # Checkers do not accept a cached property where a protocol asks for a property.
    cached_property = property

ROOT_BYTES = 32
NODE_WORDS = 4
# Weights from which on an artifact carries their hash tree.
LARGE = 1 << 25
# Values in a section of plain facts, and models that one was rotated from: checking one takes as long as a proof.
MOST_FACTS = 1 << 16
MOST_LINKS = 1 << 5
MOST_ENDS = 1 << 8
IDENTITY = b"zklemma model 1"
# Far beyond the text of any model's function.
MOST_FUNCTION = 1 << 20

Kind = Literal["language model", "function"]


@dataclass(frozen=True)
class VerifyingKey:
    """What identifies a model to a verifier.

    ``name`` (which `require_name` accepts) and ``weights`` (how many numbers the checkpoint holds) are for people;
    ``code`` is `Parameters.to_list`; ``eos`` are the ids that end a text, ascending; ``weight_root`` is the 32-byte
    root of the committed weights; ``range_proof`` shows that each of them lies in its declared range
    (`check_ranges`). There are two circuits of a language model: in the first token ids are inputs, in the second,
    the private one, they are committed. ``links`` are the keys that this one was rotated from, oldest first: the
    weight root of each, and the proof that the next root holds the same. ``function_bytes`` is the text of the
    integer function that both circuits say, at which proofs do not look (`zklemma audit`). ``tokenizer_bytes`` is
    what `tokenizer.compact` makes of the checkpoint's tokenizer.

    The key of a function has a ``signature`` and one circuit; what is only for tokens is empty. What is only for
    the other kind of key raises `UserError`.
    """

    name: str
    weights: int
    code: list[Any]
    eos: tuple[int, ...]
    weight_root: bytes
    circuit_bytes: Buffer
    private_circuit_bytes: Buffer
    function_bytes: Buffer
    tokenizer_bytes: Buffer
    range_proof: Buffer
    links: tuple[tuple[bytes, bytes], ...] = ()
    signature: Signature | None = None
    source: str = field(default="verifying key", compare=False)

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

    def encode(self) -> bytes:
        """The contents of a .vk file."""
        told = difference(bytes(self.private_circuit_bytes), bytes(self.circuit_bytes))
        circuits = [self.circuit_bytes, told, self.function_bytes]
        sections = [self._meta, self.weight_root, *circuits, self.tokenizer_bytes]
        sections += [self.range_proof, _encode_links(self.links)]
        return b"".join(pack(KEY, [[section] for section in sections]))

    @property
    def _meta(self) -> bytes:
        facts = [self.name, self.weights, self.code, list(self.eos)]
        return pack_values([*facts, self.signature.to_list()] if self.signature else facts)

    @staticmethod
    def decode(data: Buffer, source: str = "verifying key") -> VerifyingKey:
        """The key that these bytes encode; ``source`` names them in errors."""
        sections = unpack(KEY, data, source)
        try:
            name, weights, code, eos, *more = _decode(sections[b"META"])
            signature = Signature.from_list(*more) if more else None
            links = tuple((root, proof) for root, proof in _decode(sections[b"LINK"]))
            if len(links) > MOST_LINKS:
                raise UserError(f"{source}: the key has more than {MOST_LINKS} links to older ones")
            fits = isinstance(name, str) and type(weights) is int and isinstance(code, list)
            fits = fits and len(eos) <= MOST_ENDS and all(type(token) is int for token in eos)
            # Nothing but a list equals a sorted one.
            fits = fits and eos == sorted({*eos}) and min(eos, default=0) >= 0
            fits = fits and [signature.to_list() for _ in more if signature] == more
            fits = fits and _encode_links(links) == sections[b"LINK"]
            fits = fits and all(type(part) is bytes for link in links for part in link)
            fits = fits and all(len(root) == ROOT_BYTES for root, _ in links)
            first = bytes(sections[b"CIRC"])
            private = restore(sections[b"CIRP"], first)
            fits = fits and difference(private, first) == sections[b"CIRP"]
        except (ValueError, TypeError):
            fits, signature = False, None
        except UserError as error:
            raise UserError(f"{source}: the signature is malformed: {error}") from None
        fits = fits and len(sections[b"FUNC"]) <= MOST_FUNCTION
        if not fits or len(sections[b"ROOT"]) != ROOT_BYTES:
            raise UserError(f"{source}: the verifying key is malformed")
        return VerifyingKey(
            name=name,
            weights=weights,
            code=code,
            eos=tuple(eos),
            weight_root=bytes(sections[b"ROOT"]),
            circuit_bytes=sections[b"CIRC"],
            private_circuit_bytes=private,
            function_bytes=sections[b"FUNC"],
            tokenizer_bytes=sections[b"TOKN"],
            range_proof=sections[b"RNGE"],
            links=links,
            signature=signature,
            source=source,
        )

    @cached_property
    def digest(self) -> bytes:
        """The model id as bytes."""
        return self._digest_under(self.weight_root)

    def _digest_under(self, root: bytes) -> bytes:
        """The model id if ``root`` was the root of the weights: SHA-256 over all that a proof is checked
        against, each part after its length. Proofs of facts about the parts are not among them."""
        digest = self._hashed.copy()
        digest.update(len(root).to_bytes(8, "little") + root)
        return digest.digest()

    @cached_property
    def _hashed(self) -> Any:
        """The hash of all parts but the root."""
        digest = hashlib.sha256(IDENTITY)
        circuits = self.circuit_bytes, self.private_circuit_bytes, self.function_bytes
        for part in (self._meta, *circuits, self.tokenizer_bytes):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest

    @cached_property
    def ancestors(self) -> tuple[Ancestor, ...]:
        """The models that this one was rotated from, oldest first, if the links between them hold."""
        return tuple(Ancestor(self._digest_under(root), root, proof) for root, proof in self.links)

    @property
    def private(self) -> bool:
        """Whether the weights are hidden behind masks."""
        return bool(self.parameters.hiding)

    @property
    def model_id(self) -> str:
        return self.digest.hex()

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
    def parameters(self) -> Parameters:
        from ..protocol.parameters import Parameters

        try:
            return Parameters.from_list(self.code)
        except ValueError as error:
            raise UserError(f"{self.source}: the code parameters are malformed: {error}") from error

    @cached_property
    def ranges_digest(self) -> bytes:
        """SHA-256 over all that `check_ranges` looks at: circuit, parameters and root, which the model id covers,
        and the proof, which it does not."""
        return hashlib.sha256(self.digest + bytes(self.range_proof)).digest()

    def check_ranges(self) -> None:
        """Raise `InvalidProof` unless the key proves that all weights lie in their ranges."""
        from .weight_ranges import verify_ranges

        proof = bytes(self.range_proof)
        verify_ranges(self.circuit, self.parameters, self.weight_root, proof)

    @cached_property
    def _tokenizer(self) -> TokenizerLike:
        from .tokenizer import load

        self.require("language model")
        with self._library():
            return load(self.tokenizer_bytes)

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
class Artifact:
    """What the prover needs: ``params`` are the integer weights by column, ``meta`` plain facts.

    ``masks`` hide the weights; proofs use them up, which ``budget`` counts.
    """

    key: VerifyingKey
    program_bytes: Buffer
    private_program_bytes: Buffer
    params: Mapping[str, np.ndarray]
    masks: WeightMasks
    meta: Mapping[str, Any]
    budget: Budget

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


def save_key(path: str | Path, key: VerifyingKey) -> int:
    """Write a .vk file; return its size in bytes."""
    data = key.encode()
    with atomic_write(path) as file:
        file.write(data)
    return len(data)


def load_key(path: str | Path) -> VerifyingKey:
    return VerifyingKey.decode(read_key(path), str(path))


def read_key(path: str | Path) -> bytes:
    """The contents of a .vk file."""
    data = read(path, KEY.most)
    identify(KEY, data, str(path))
    # A copy: what was hashed must be what is used, whatever becomes of the file.
    return bytes(data)


def save_artifact(path: str | Path, artifact: Artifact) -> int:
    """Write a .zkl file, weights in the dtype of their column; return its size in bytes."""
    weights: list[Buffer] = []
    for column in artifact.key.circuit.home("param"):
        array = np.ascontiguousarray(artifact.params[column.name], dtype=column.storage)
        weights += [array.data.cast("B"), bytes(padding(array.nbytes))]
    masks: list[Buffer] = []
    for array in (artifact.masks.cells, artifact.masks.salts) if artifact.key.private else ():
        masks.append(np.ascontiguousarray(array, "<u8").data.cast("B"))
    parts = [
        [artifact.key.encode()],
        [artifact.program_bytes],
        [artifact.private_program_bytes],
        [pack_values(dict(artifact.meta))],
        weights,
        masks,
        _tree(artifact),
    ]
    with atomic_write(path, secret=artifact.key.private) as file:
        for part in pack(MODEL, parts):
            file.write(part)
        file.flush()
        # The count must be there before anyone can use the masks; it takes the place of an older model's,
        # which must keep its own if the new one can not be written.
        artifact.budget.keep_in(FileBudget.beside(path, artifact.key))
        return file.tell()


def load_artifact(path: str | Path) -> Artifact:
    """Map a .zkl file. The arrays are read-only views of it."""
    source = str(path)
    mapped = read(path)
    sections = unpack(MODEL, mapped, source)
    key = VerifyingKey.decode(sections[b"VKEY"], source)
    try:
        meta = _plain_facts(_decode(sections[b"META"]))
    except ValueError as error:
        raise UserError(f"{source}: the section META is malformed") from error
    params: dict[str, np.ndarray] = {}
    view, offset = sections[b"PARM"], 0
    for column in key.circuit.home("param"):
        sizes = key.circuit.sizes(column, Shape())
        dtype, cells = column.storage, math.prod(sizes)
        if offset + cells * dtype.itemsize > len(view):
            raise UserError(f"{source}: the weights are truncated")
        array = np.frombuffer(view, dtype, cells, offset)
        params[column.name] = array.reshape(sizes)
        end = offset + array.nbytes
        offset = end + padding(array.nbytes)
        if any(view[end:offset]):
            raise UserError(f"{source}: the weights are damaged behind {column.name}")
    if offset != len(view):
        raise UserError(f"{source}: the weights do not fit the circuit")
    masks = _load_masks(key, sections[b"MASK"], source)
    masks = replace(masks, tree=_load_tree(key, sections[b"TREE"], source))
    forget_pages(mapped)  # All were read, for the sum; a proof reads few of the masks and the tree.
    programs = sections[b"PROG"], sections[b"PRGP"]
    if key.signature and len(programs[1]):
        raise UserError(f"{source}: a function has one witness program")
    return Artifact(key, *programs, params, masks, meta, FileBudget.beside(path, key))


def _load_masks(key: VerifyingKey, view: memoryview, source: str) -> WeightMasks:
    shapes = WeightMasks.shapes(key.circuit, key.parameters)
    if not key.private:
        if len(view):
            raise UserError(f"{source}: public weights have no masks")
        # Zeros without memory: the parameters may ask for any number.
        none, salts = (np.broadcast_to(np.uint64(0), shape) for shape in shapes)
        return WeightMasks(none, salts)
    cells, salts = (math.prod(shape) for shape in shapes)
    if len(view) != 8 * (cells + salts):
        raise UserError(f"{source}: the masks do not fit the circuit")
    flat = np.frombuffer(view, "<u8")
    if flat.max(initial=0) >= P:
        raise UserError(f"{source}: the masks are malformed")
    return WeightMasks(flat[:cells].reshape(shapes[0]), flat[cells:].reshape(shapes[1]))


def _tree(artifact: Artifact) -> list[Buffer]:
    """The hash tree, where making it again would take long."""
    known = artifact.masks.tree
    if known is None or sum(array.size for array in artifact.params.values()) < LARGE:
        return []
    return [np.ascontiguousarray(layer, "<u8").data.cast("B") for layer in known]


def _load_tree(key: VerifyingKey, view: memoryview, source: str) -> list[np.ndarray] | None:
    if not len(view):
        return None
    flat, nodes = np.frombuffer(view, "<u8"), 1 << key.parameters.log_code
    if flat.size != NODE_WORDS * (2 * nodes - 1):
        raise UserError(f"{source}: the tree does not fit the parameters")
    layers, at = [], 0
    while nodes:
        layers.append(flat[at : at + NODE_WORDS * nodes].reshape(NODE_WORDS, nodes))
        at, nodes = at + NODE_WORDS * nodes, nodes // 2
    return layers


def _encode_links(links: Sequence[tuple[bytes, bytes]]) -> bytes:
    return pack_values([list(link) for link in links])


def _plain_facts(meta: Any) -> dict[str, Any]:
    """``meta`` of an artifact; ValueError unless it is a map of what JSON can say."""
    try:
        json.dumps(meta)
    except (TypeError, RecursionError) as error:
        raise ValueError("malformed") from error
    if type(meta) is not dict:
        raise ValueError("malformed")
    return meta


def _decode(data: Buffer) -> Any:
    """Decode, refusing with `ValueError` what `pack_values` would not have written."""
    value = unpack_values(data, MOST_FACTS)
    if pack_values(value) != data:
        raise ValueError("not canonical")
    return value
