"""Files of a checkpoint as people come by them: JSON of any content, and stand-ins for large files.

Errors: `UserError` naming the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import UserError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; NaN and infinity, which Python would take, are no JSON."""
    require_content(path)
    try:
        value = json.loads(path.read_bytes(), parse_constant=_no_number)
    except RecursionError:
        raise UserError(f"{path} is not readable JSON: it is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} does not hold a JSON object")
    return value


def require_content(path: Path) -> None:
    """`UserError` where the file is but the pointer that Git LFS leaves in place of a large file."""
    try:
        with path.open("rb") as file:
            start = file.read(len(LFS_POINTER))
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from error
    if start == LFS_POINTER:
        raise UserError(
            f"{path} is a Git LFS pointer, not the file itself: fetch it with 'git lfs pull'"
        )


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
