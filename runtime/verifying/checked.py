"""Which range proofs this user has checked before and found valid, so that `zklemma verify` does it once a key.

They are known by a digest of all that the check looks at, the proof itself included (`VerifyingKey.ranges_digest`):
whether a key is valid so does not depend on which other keys were seen. The digests are in one file of the user's
state directory, the latest last, replaced as a whole. An entry that is damaged is no digest of anything, and a file
that can not be read, has another length than whole entries, or can not be written, is as good as none: then ranges
are checked again. So is a file that others could have written: it or its directory belongs to another user or is
open to others, it is a link or no plain file, or the directory is a relative one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import platformdirs

from ...errors import UserError
from ..model.files import atomic_write

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
    if path is None:
        return
    kept = [other for other in _read(path) if other != digest][1 - MOST :]
    with contextlib.suppress(OSError, UserError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_write(path, secret=True) as file:
            file.write(b"".join([*kept, digest]))


def _path() -> Path | None:
    """The file, None for a user without a home."""
    try:
        path = platformdirs.user_state_path("zklemma", appauthor=False) / NAME
    except RuntimeError:
        return None
    return path if path.is_absolute() else None


def _own(status: os.stat_result) -> bool:
    """Whether nobody but this user can write."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(path: Path | None) -> list[bytes]:
    if path is None:
        return []
    with contextlib.suppress(OSError):
        # Opening a pipe would wait for whoever writes to it.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) and _own(status) and _own(path.parent.stat())):
                return []
            data = file.read(MOST * _BYTES + 1)
        if len(data) <= MOST * _BYTES and len(data) % _BYTES == 0:
            return [data[at : at + _BYTES] for at in range(0, len(data), _BYTES)]
    return []
