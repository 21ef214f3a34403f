"""Which models' range proofs this user has checked before, so that `zklemma verify` does it once a model.

That all weights under a model's root are in range is a fact about the model, whose id covers circuit, parameters
and root. The ids are in one file of the user's state directory, the latest last, replaced as a whole. A file that
can not be read or written is as good as none: then ranges are checked each time.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs

from ..errors import UserError
from .files import atomic_write

# The number in its name is raised with each change to what the check demands.
NAME = "ranges-1"
MOST = 256
_ID_BYTES = 32


def known(model_id: bytes) -> bool:
    """Whether `remember` was told of this model."""
    return model_id in _read(_path())


def remember(model_id: bytes) -> None:
    """Note that the model's range proof is valid."""
    path = _path()
    kept = [other for other in _read(path) if other != model_id][1 - MOST :]
    with contextlib.suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, secret=True) as file:
            file.write(b"".join([*kept, model_id]))


def _path() -> Path:
    return platformdirs.user_state_path("zklemma", appauthor=False) / NAME


def _read(path: Path) -> list[bytes]:
    with contextlib.suppress(OSError):
        data = path.read_bytes()[: MOST * _ID_BYTES]
        return [data[at : at + _ID_BYTES] for at in range(0, len(data), _ID_BYTES)]
    return []
