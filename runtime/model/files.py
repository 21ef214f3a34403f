"""Files on disk: one versioned container for keys and artifacts, a plain frame for proofs.

A container is: magic (4 bytes), format version (u16), section count (u16), for each section its tag
(4 ASCII bytes), a zero u32 and its length (u64), then the sections, each at the next multiple of
64 bytes with zeros between, then the SHA-256 of all that. Integers are little-endian. A kind of
file has a fixed list of tags, so for given contents there is exactly one encoding, and every other
file is refused. docs/formats.md describes the contents. A bad file raises `UserError` with one line
that names it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import secrets
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...errors import InvalidProof, UserError

Buffer = bytes | memoryview
ALIGNMENT = 64
_HEADER = struct.Struct("<4sHH")
_ENTRY = struct.Struct("<4sIQ")
_PROOF = struct.Struct("<4sHH32sQ")
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Kind:
    """A kind of file: what people call it, magic, version, its sections in order, and the most bytes that it
    may have, if it is one that foreigners make."""

    noun: str
    magic: bytes
    version: int
    tags: tuple[bytes, ...]
    most: int | None = None


MODEL = Kind(
    "model artifact", b"ZKLM", 3, (b"VKEY", b"PROG", b"PRGP", b"META", b"PARM", b"MASK", b"TREE")
)
KEY = Kind(
    "verifying key",
    b"ZKLV",
    3,
    (b"META", b"ROOT", b"CIRC", b"CIRP", b"FUNC", b"TOKN", b"RNGE", b"LINK"),
    1 << 27,
)
PROOF = Kind("proof", b"ZKLP", 1, (), 1 << 25)
OPENING = Kind("opening", b"ZKLO", 1, (b"META", b"ROWS", b"SALT"), 1 << 26)
LOWERED = Kind(
    "lowered model",
    b"ZKLC",
    1,
    (b"MODL", b"CIRC", b"CIRP", b"FUNC", b"TOKN", b"PROG", b"PRGP", b"META", b"PARM"),
)
_KINDS = {kind.magic: kind for kind in (MODEL, KEY, PROOF, OPENING, LOWERED)}


def padding(length: int) -> int:
    """The zero bytes that bring ``length`` to the next multiple of `ALIGNMENT`."""
    return -length % ALIGNMENT


def pack(kind: Kind, sections: Sequence[Sequence[Buffer]]) -> Iterator[Buffer]:
    """The bytes of a container in pieces; each section is a sequence of buffers, joined."""
    table, body, offset = b"", [], _HEADER.size + _ENTRY.size * len(sections)
    for tag, parts in zip(kind.tags, sections, strict=True):
        length = sum(memoryview(part).nbytes for part in parts)
        table += _ENTRY.pack(tag, 0, length)
        body += [bytes(padding(offset)), *parts]
        offset += padding(offset) + length
    digest = hashlib.sha256()
    for part in (_HEADER.pack(kind.magic, kind.version, len(sections)), table, *body):
        digest.update(part)
        yield part
    yield digest.digest()


def unpack(kind: Kind, data: Buffer, where: str) -> dict[bytes, memoryview]:
    """The sections by tag, as views of ``data``; ``where`` names the source in errors."""
    view = memoryview(data).cast("B")
    identify(kind, view, where)
    count = len(kind.tags)
    offset = _HEADER.size + count * _ENTRY.size
    if len(view) < offset + _DIGEST_BYTES:
        raise UserError(f"{where}: the file is truncated")
    sections: dict[bytes, memoryview] = {}
    for i, expected in enumerate(kind.tags):
        tag, zero, length = _ENTRY.unpack_from(view, _HEADER.size + i * _ENTRY.size)
        if tag != expected or zero:
            raise UserError(f"{where}: the table of sections is damaged")
        start = offset + padding(offset)
        if any(view[offset:start]):
            raise UserError(f"{where}: the file is damaged before section {tag.decode()}")
        offset = start + length
        if offset + _DIGEST_BYTES > len(view):
            raise UserError(f"{where}: the file is truncated in section {tag.decode()}")
        sections[tag] = view[start:offset]
    if offset + _DIGEST_BYTES != len(view):
        raise UserError(f"{where}: there are extra bytes at the end of the file")
    if _HEADER.unpack_from(view)[2] != count:
        raise UserError(f"{where}: the table of sections is damaged")
    if hashlib.sha256(view[:offset]).digest() != view[offset:]:
        raise UserError(f"{where}: the file is damaged (its checksum does not match)")
    return sections


def identify(kind: Kind | None, view: memoryview, where: str) -> Kind:
    """The kind of file that starts like this, checked to be ``kind`` and of a known version."""
    wanted = kind.noun if kind else "file of this program"
    magic = bytes(view[:4])
    found = _KINDS.get(magic)
    if found is None:
        what = "an empty file" if not len(view) else f"no {wanted}"
        raise UserError(f"{where}: this is {what} (it does not start with a known magic)")
    if kind is not None and found is not kind:
        raise UserError(f"{where}: this is {_a(found.noun)}, but {_a(wanted)} is needed here")
    if len(view) < _HEADER.size:
        raise UserError(f"{where}: the file is truncated")
    if found.most and len(view) > found.most:
        raise UserError(f"{where}: {_a(found.noun)} of more than {found.most >> 20} MiB")
    version = int.from_bytes(view[4:6], "little")
    if version != found.version:
        hint = "update zklemma" if version > found.version else "make it again"
        raise UserError(
            f"{where}: {found.noun} of format version {version}, this program reads version "
            f"{found.version}: {hint}"
        )
    return found


def kind_of(path: str | Path) -> Kind | None:
    """The kind of file that there is, by how it starts; None for others, and where there is none."""
    try:
        with open(path, "rb") as file:
            return _KINDS.get(file.read(4)) if os.path.isfile(path) else None
    except OSError:
        return None


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def encode_proof(model_id: bytes, proof: bytes) -> bytes:
    """A proof file: the model id that it is claimed for, and the proof's bytes."""
    return _PROOF.pack(PROOF.magic, PROOF.version, 0, model_id, len(proof)) + proof


def decode_proof(data: Buffer, where: str) -> tuple[bytes, bytes]:
    """(model id, proof) of a proof file; a wrong length makes it `InvalidProof`."""
    view = memoryview(data).cast("B")
    identify(PROOF, view, where)
    if len(view) < _PROOF.size:
        raise InvalidProof(f"{where}: the proof is truncated")
    _, _, zero, model_id, length = _PROOF.unpack_from(view)
    if zero:
        raise InvalidProof(f"{where}: the header of the proof is damaged")
    if len(view) != _PROOF.size + length:
        problem = "truncated" if len(view) < _PROOF.size + length else "followed by extra bytes"
        raise InvalidProof(f"{where}: the proof is {problem}")
    return model_id, bytes(view[_PROOF.size :])


def read(path: str | Path, most: int | None = None) -> memoryview:
    """A file's contents, mapped into memory; arrays in it are writable, the file never changes. A pipe is read,
    with ``most`` up to one byte more than that, so that it can be told to be too long."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISFIFO(status.st_mode):
                return memoryview(file.read(-1 if most is None else most + 1))
            if not status.st_size:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise MemoryError from None
        raise UserError(f"{path}: cannot read: {_reason(error)}") from error


def forget_pages(mapped: memoryview) -> None:
    """Let go of the pages of a file that `read` mapped; what is needed is read again. Nothing was written there."""
    if isinstance(mapped.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.obj.madvise(mmap.MADV_DONTNEED)


@contextlib.contextmanager
def atomic_write(path: str | Path, secret: bool = False) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` at the end, or leaves no trace.

    A ``secret`` one is for its owner's eyes only.
    It is written under another name in the same directory, flushed to the disk and renamed. On any
    exception, an interrupt too, it is removed and an older file at ``path`` stays as it was.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise UserError(f"{path}: cannot write: not a regular file")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with open(temporary, "xb", opener=_owner_only if secret else None) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
            _flush_directory(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot write: {_reason(error)}") from error


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _flush_directory(directory: Path) -> None:
    """Make a rename survive a crash."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_writable(path: str | Path) -> None:
    """Stop now, rather than after long work, if ``path`` cannot be written."""
    with contextlib.suppress(_Unused), atomic_write(path):
        raise _Unused


class _Unused(Exception):
    """Leaves `atomic_write` without putting a file in place."""


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
