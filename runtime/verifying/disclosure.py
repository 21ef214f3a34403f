"""Opening what is behind a digest: what was committed, all of it, with the salts.

The prover keeps `Opened` vectors. Whoever gets one encodes and hashes it again: if the root is the digest that a
proved statement holds, its cells are what the proof was about. A digest binds by collision resistance alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidProof, UserError
from .. import field
from ..circuit import function, kinds
from ..circuit.packed import pack as pack_values
from ..circuit.packed import unpack as unpack_values
from ..model.files import OPENING, Buffer, pack, unpack
from ..protocol.commitment.merkle import DIGEST, NODE, SALT_WORDS, leaf_digest
from ..protocol.disclosure.shared import MASKS, ROWS, Code
from ..protocol.function_statement import FunctionStatement
from ..protocol.parameters import Parameters
from ..protocol.statement import Statement

if TYPE_CHECKING:
    from ..model.keys import VerifyingKey

# Those about each of a function's tensors.
MOST_FACTS = 1 << 7


@dataclass(frozen=True)
class Opened:
    """``rows`` (3, cells and masks) and ``salts`` (2, codeword length) behind one digest, of F."""

    rows: np.ndarray
    salts: np.ndarray


def encode(opened: Mapping[str, Opened]) -> bytes:
    """The contents of an opening's file."""
    items = kinds.order(opened)
    meta = [[what, opened[what].rows.shape[1], opened[what].salts.shape[1]] for what in items]
    data = pack_values(meta)
    rows = [np.ascontiguousarray(opened[what].rows, "<u8").tobytes() for what in items]
    salts = [np.ascontiguousarray(opened[what].salts, "<u8").tobytes() for what in items]
    return b"".join(pack(OPENING, [[data], rows, salts]))


def decode(data: Buffer, where: str) -> dict[str, Opened]:
    """The openings in a file; ``where`` names it in errors."""
    sections = unpack(OPENING, data, where)
    try:
        meta: Any = unpack_values(sections[b"META"], MOST_FACTS)
        rows, salts = (
            np.frombuffer(sections[tag], "<u8").astype(np.uint64) for tag in (b"ROWS", b"SALT")
        )
        found = {}
        for what, cells, length in meta:
            if type(cells) is not int or type(length) is not int:
                raise ValueError
            if not 0 < cells <= len(rows) or not 0 < length <= len(salts):
                raise ValueError
            part, rows = np.split(rows, [ROWS * cells])
            salt, salts = np.split(salts, [SALT_WORDS * length])
            found[what] = Opened(part.reshape(ROWS, -1), salt.reshape(SALT_WORDS, -1))
        if len(rows) or len(salts) or encode(found) != data:
            raise ValueError
    except (ValueError, TypeError):
        raise UserError(f"{where}: the opening is malformed") from None
    return found


def digest(opened: Opened, cells: int, p: Parameters) -> bytes:
    """The root that commits to these vectors; `InvalidProof` if they are no commitment to that many cells.

    The number must not be the opening's own word: longer and shorter rows have the same root where the
    coefficients between are zero.
    """
    code = Code.of(cells, p)
    if (opened.rows.shape[1], opened.salts.shape[1]) != (code.dimension, 1 << code.log_code):
        raise InvalidProof("the opening is not of the size that the statement says")
    if max(opened.rows.max(), opened.salts.max()) >= np.uint64(field.P):
        raise InvalidProof("non-canonical field element")
    leaves = np.concatenate([_encode_rows(opened.rows, code.log_code), opened.salts]).T.astype(
        "<u8"
    )
    layer = [leaf_digest(leaf.tobytes()) for leaf in leaves]
    while len(layer) > 1:
        layer = [
            blake2b(a + b, digest_size=DIGEST, person=NODE).digest()
            for a, b in zip(layer[::2], layer[1::2], strict=True)
        ]
    return layer[0]


def _encode_rows(rows: np.ndarray, log_code: int) -> np.ndarray:
    """Each row's polynomial at the points 7 w^j of the code, by a radix-2 transform in plain numpy."""
    n = 1 << log_code
    values = np.zeros((len(rows), n), np.uint64)
    values[:, : rows.shape[1]] = field.mul(rows, field.powers(field.GENERATOR, rows.shape[1]))
    # Decimation in frequency leaves the values in bit-reversed order.
    for level in range(log_code, 0, -1):
        roots = field.powers(field.root_of_unity(level), 1 << (level - 1))
        low, high = np.split(values.reshape(len(rows), -1, 1 << level), 2, axis=2)
        parts = field.add(low, high), field.mul(field.sub(low, high), roots)
        values = np.concatenate(parts, axis=2).reshape(len(rows), n)
    order = np.zeros(1, np.int64)
    for _ in range(log_code):
        order = np.concatenate([2 * order, 2 * order + 1])
    return values[:, order]


def tokens(statement: Statement, what: str, opened: Opened, p: Parameters) -> list[int]:
    """The token ids behind a statement's digest; `InvalidProof` if this does not open it.

    ``statement`` must have been proved: the proof says that the cells are ids, and where the prompt ends.
    """
    wanted = statement.digests.get(what)
    if wanted is None:
        raise InvalidProof(f"the statement's {what} is public: there is nothing to reveal")
    count = 1 + statement.shape.rows if what == "prompt" else statement.generated
    if digest(opened, count, p) != wanted:
        raise InvalidProof(f"this does not open the digest of the proof's {what}")
    return claimed(what, opened)


def cells(statement: FunctionStatement, what: str, opened: Opened, key: VerifyingKey) -> np.ndarray:
    """The integers (examples, ...) behind a digest of a statement that was proved under the key; `InvalidProof` if
    this does not open it."""
    wanted = statement.digests.get(what)
    if wanted is None:
        raise InvalidProof(f"the statement has no digest of the {what}")
    sizes = function.sizes(key.circuit, what, statement.shape)
    if digest(opened, math.prod(sizes), key.parameters) != wanted:
        raise InvalidProof(f"this does not open the digest of the proof's {what}")
    return claimed_cells(opened).reshape(sizes)


def claimed_cells(opened: Opened) -> np.ndarray:
    """The integers of an opening, int64, whatever digest it opens; those from half of the field on are negative."""
    found = opened.rows[0, :-MASKS]
    negative = found > np.uint64(field.P // 2)
    return np.where(negative, found - np.uint64(field.P), found).astype(np.int64)


def claimed(what: str, opened: Opened) -> list[int]:
    """What the cells of an opening say, whatever digest it opens."""
    cells = opened.rows[0, :-MASKS].tolist()
    return cells[1 : 1 + cells[0]] if what == "prompt" and cells else cells
