"""How many columns of the committed weights may still be opened: a count that survives crashes.

Each proof opens columns of the weights' codeword; beyond the number of mask cells in a row they would tell
something about the weights. The count lies in a file beside the artifact, is raised *before* a proof is
begun, under a lock that all processes respect, and a missing or damaged file is an error, never a fresh
start. The last columns are kept for a rotation, which opens as many as a proof and gives fresh masks. Copies
of an artifact that are used apart from each other share masks but not the count: do not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock

import msgpack

from ...errors import UserError
from ..circuit.packed import pack
from ..verifying.verifier import Key
from .files import atomic_write

VERSION = 1
LOW = 0.1
# A rotation, and another attempt should the first be interrupted: without, the model would lose its identity.
ROTATIONS = 2
_DIGEST_BYTES = 32


def files_beside(artifact: str | Path) -> tuple[Path, Path]:
    """The count of an artifact and its lock, beside the file itself."""
    path = Path(os.path.realpath(artifact))
    count = path.with_name(path.name + ".budget")
    return count, _lock(count)


def _lock(count: Path) -> Path:
    return count.with_name(count.name + ".lock")


class Budget(ABC):
    """The count for the masks of one key. Weights that are public need none: nothing is counted."""

    def __init__(self, key: Key):
        self.counted = bool(key.parameters.hiding)
        self.root = key.weight_root
        self.capacity = key.parameters.mask_columns
        self.columns = key.parameters.queries

    def spent(self) -> int:
        """Columns opened so far."""
        if not self.counted:
            return 0
        with self._locked():
            return self._read()

    @property
    def for_proofs(self) -> int:
        """Columns that proofs may open; the others are for rotations."""
        return self.capacity - ROTATIONS * self.columns

    def proofs_left(self) -> int | None:
        """How many more proofs the masks serve; None for weights that are not masked."""
        return max(0, self.for_proofs - self.spent()) // self.columns if self.counted else None

    def low(self) -> bool:
        """Whether less than a tenth is left for proofs."""
        return self.counted and self.for_proofs - self.spent() < self.for_proofs * LOW

    def spend(self, rotating: bool = False) -> None:
        """Count one proof's columns as opened; `UserError` if there are not that many left. Only who is
        ``rotating`` may use what is kept for that."""
        if not self.counted:
            return
        with self._locked():
            self._write(self._enough(rotating))

    def require(self, rotating: bool = False) -> None:
        """`UserError` unless one more proof can be counted: to know before long work."""
        if self.counted:
            with self._locked():
                self._enough(rotating)

    def _enough(self, rotating: bool) -> int:
        """The count after one more proof."""
        spent = self._read() + self.columns
        if spent > (self.capacity if rotating else self.for_proofs):
            remedy = "compile it again"
            if spent <= self.capacity:
                remedy = "give it fresh ones with `zklemma rotate`"
            raise UserError(
                f"{self}: the masks of this model are used up ({self.capacity} columns): more proofs "
                f"could reveal its weights; {remedy}"
            )
        return spent

    def keep_in(self, file: FileBudget) -> None:
        """Go on in the file of a saved artifact."""
        file.create(self.spent())

    @abstractmethod
    def _locked(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _read(self) -> int: ...

    @abstractmethod
    def _write(self, spent: int) -> None: ...


class MemoryBudget(Budget):
    """The count of an artifact that is in no file; it goes with the process, as the masks do. Once the
    artifact is saved, what is in memory and what is in the file share the count in the file."""

    def __init__(self, key: Key):
        super().__init__(key)
        self._lock = Lock()
        self._process = os.getpid()
        self._spent = 0
        self._file: FileBudget | None = None

    def __str__(self) -> str:
        return "the model in memory"

    def keep_in(self, file: FileBudget) -> None:
        with self._lock:
            self._check_process()
            if self._file is None:
                file.create(self._spent)
                self._file = file
        self._file.keep_in(file)

    @contextmanager
    def _locked(self):
        with self._lock:
            self._check_process()
            with self._file._locked() if self._file else nullcontext():
                yield

    def _check_process(self) -> None:
        if self._file is None and self._process != os.getpid():
            raise UserError(
                f"{self}: another process has the same masks and a count of its own; save the model "
                "before, and both share the count in the file"
            )

    def _read(self) -> int:
        return self._file._read() if self._file else self._spent

    def _write(self, spent: int) -> None:
        if self._file:
            self._file._write(spent)
        else:
            self._spent = spent


class FileBudget(Budget):
    """The count in a file: msgpack [version, weight root, columns], then the SHA-256 of that."""

    def __init__(self, path: Path, key: Key):
        super().__init__(key)
        self.path = path

    @staticmethod
    def beside(artifact: str | Path, key: Key) -> FileBudget:
        """The count of the artifact in that file."""
        return FileBudget(files_beside(artifact)[0], key)

    def __str__(self) -> str:
        return str(self.path)

    def keep_in(self, file: FileBudget) -> None:
        if self.counted and file.path.resolve() != self.path.resolve():
            raise UserError(
                f"{file.path}: the masks of this model are counted in {self.path}, and two counts would not know "
                "of each other: move the files together, or rotate or compile the model for the other place"
            )
        super().keep_in(file)

    def create(self, spent: int) -> None:
        """Begin to count from ``spent``; a count of the same masks is never lowered."""
        if not self.counted:
            return
        with self._locked():
            # No count, or one of other masks, is what there is when a model is new.
            with suppress(UserError):
                spent = max(spent, self._read())
            self._write(spent)

    @contextmanager
    def _locked(self):
        # A file of its own, since each write replaces the count's.
        lock = _lock(self.path)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UserError(f"{lock}: cannot lock: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> int:
        try:
            data = self.path.read_bytes()
            body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
            if hashlib.sha256(body).digest() != digest:
                raise ValueError("damaged")
            _, _, spent = msgpack.unpackb(body)
        except FileNotFoundError:
            raise UserError(
                f"{self.path}: missing; it counts what proofs have used of the model's masks and must "
                "stay beside it (without it, compile the model again)"
            ) from None
        except (OSError, ValueError, TypeError, msgpack.UnpackException):
            raise UserError(
                f"{self.path}: cannot be read or is damaged; without the count of what proofs have used "
                "of the model's masks, compile the model again"
            ) from None
        if type(spent) is not int or spent < 0 or self._encoded(spent) != data:
            raise UserError(
                f"{self.path}: does not belong to this model; keep the two together, or compile the "
                "model again"
            )
        return spent

    def _write(self, spent: int) -> None:
        with atomic_write(self.path) as file:
            file.write(self._encoded(spent))

    def _encoded(self, spent: int) -> bytes:
        data = pack([VERSION, self.root, spent])
        return data + hashlib.sha256(data).digest()
