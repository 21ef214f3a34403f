"""Which range proofs this user has checked before and found valid, so that `zklemma verify` does it once a key.

They are known by a digest of all that the check looks at, the proof itself included (`VerifyingKey.ranges_digest`):
whether a key is valid so does not depend on which other keys were seen. The digests are in one file of the user's
state directory, the latest last, replaced as a whole. An entry that is damaged is no digest of anything, and a file
that can not be read, has another length than whole entries, or can not be written, is as good as none: then ranges
are checked again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs

from ..errors import UserError
from .files import atomic_write

# The number in its name is raised with each change to what the check demands.
NAME = "ranges-2"
MOST = 256
_BYTES = 32


def known(digest: bytes) -> bool:
    """Whether `remember` was told of this range proof."""
    return digest in _read(_path())


def remember(digest: bytes) -> None:
    """Note that the range proof with this digest is valid."""
    path = _path()
    kept = [other for other in _read(path) if other != digest][1 - MOST :]
    with contextlib.suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, secret=True) as file:
            file.write(b"".join([*kept, digest]))


def _path() -> Path:
    return platformdirs.user_state_path("zklemma", appauthor=False) / NAME


def _read(path: Path) -> list[bytes]:
    with contextlib.suppress(OSError):
        with path.open("rb") as file:
            data = file.read(MOST * _BYTES + 1)
        if len(data) <= MOST * _BYTES and len(data) % _BYTES == 0:
            return [data[at : at + _BYTES] for at in range(0, len(data), _BYTES)]
    return []
