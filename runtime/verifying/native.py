"""The second verifier as a program of this machine, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import UserError, ZklemmaError
from ..model.files import Buffer
from .second import VERDICTS, laid_out, read_verdicts

NAME = "zklemma-verify"
# Where the program is, if not on the path or where `make verifier` puts it.
VARIABLE = "ZKLEMMA_VERIFIER"
BUILT = Path(__file__).parents[2] / "build" / "verifier" / "release" / NAME


def program() -> str:
    """The verifier's program; `UserError` where there is none."""
    found = os.environ.get(VARIABLE) or shutil.which(NAME) or str(BUILT)
    if not os.access(found, os.X_OK):
        raise UserError(f"{found}: there is no native verifier: `make verifier` builds it")
    return os.path.abspath(found)


def verdicts(
    key: Buffer, proofs: Sequence[Buffer], *options: str, opening: Buffer | None = None
) -> list[dict[str, Any]]:
    """See `second.Verdicts`."""
    with laid_out(key, proofs, options, opening) as (folder, arguments):
        done = subprocess.run(
            [program(), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in VERDICTS:
        raise ZklemmaError(f"the native verifier failed, with status {done.returncode}")
    return read_verdicts(done.stdout.splitlines(), proofs)
