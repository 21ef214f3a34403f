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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from ..circuit.extents import Shape
from ..circuit.packed import pack as pack_values
from ..circuit.packed import unpack as unpack_values
from ..circuit.relations import Circuit
from ..field import P
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
from .lowered import Executable, LoweredModel
from .masks import WeightMasks
from .signature import Signature

if TYPE_CHECKING:
    from ..protocol.parameters import Parameters

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


@dataclass(frozen=True, kw_only=True)
class VerifyingKey(LoweredModel):
    """What identifies a model to a verifier: its circuits, and commitments to its weights.

    ``code`` is `Parameters.to_list`; ``weight_root`` is the 32-byte root of the committed weights; ``range_proof``
    shows that each of them lies in its declared range (`check_ranges`). ``links`` are the keys that this one was
    rotated from, oldest first: the weight root of each, and the proof that the next root holds the same.
    """

    code: list[Any]
    weight_root: bytes
    range_proof: Buffer
    links: tuple[tuple[bytes, bytes], ...] = ()
    source: str = field(default="verifying key", compare=False)

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


@dataclass(frozen=True)
class Artifact(Executable):
    """What the prover needs: ``masks`` hide the weights; proofs use them up, which ``budget`` counts."""

    key: VerifyingKey
    masks: WeightMasks
    budget: Budget


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
    masks: list[Buffer] = []
    for array in (artifact.masks.cells, artifact.masks.salts) if artifact.key.private else ():
        masks.append(np.ascontiguousarray(array, "<u8").data.cast("B"))
    parts = [
        [artifact.key.encode()],
        [artifact.program_bytes],
        [artifact.private_program_bytes],
        [pack_values(dict(artifact.meta))],
        pack_weights(artifact.key.circuit, artifact.params),
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
    meta = unpack_facts(sections[b"META"], source)
    params = unpack_weights(key.circuit, sections[b"PARM"], source)
    masks = _load_masks(key, sections[b"MASK"], source)
    masks = replace(masks, tree=_load_tree(key, sections[b"TREE"], source))
    forget_pages(mapped)  # All were read, for the sum; a proof reads few of the masks and the tree.
    programs = sections[b"PROG"], sections[b"PRGP"]
    if key.signature and len(programs[1]):
        raise UserError(f"{source}: a function has one witness program")
    budget = FileBudget.beside(path, key)
    return Artifact(key, *programs, params, meta, masks, budget)


def pack_weights(circuit: Circuit, params: Mapping[str, np.ndarray]) -> list[Buffer]:
    """The ``param`` columns in their order, each in the dtype of its column."""
    parts: list[Buffer] = []
    for column in circuit.home("param"):
        array = np.ascontiguousarray(params[column.name], dtype=column.storage)
        parts += [array.data.cast("B"), bytes(padding(array.nbytes))]
    return parts


def unpack_weights(circuit: Circuit, view: memoryview, source: str) -> dict[str, np.ndarray]:
    """What `pack_weights` packed, as views."""
    params: dict[str, np.ndarray] = {}
    offset = 0
    for column in circuit.home("param"):
        sizes = circuit.sizes(column, Shape())
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
    return params


def unpack_facts(data: Buffer, source: str) -> dict[str, Any]:
    """The section of plain facts."""
    try:
        return _plain_facts(_decode(data))
    except ValueError as error:
        raise UserError(f"{source}: the section META is malformed") from error


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
