"""The ``zklemma`` command: compile, prove, rotate, verify, reveal, inspect.

Exit status: 0 done (for verify: valid), 1 invalid proof, 2 unusable input, 130 interrupted. Errors
are one line on stderr. A file holds one command, which imports what it needs when it runs, so that
verifying starts fast and needs neither torch nor the compiler.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    from .app import app

    # Being told to stop must clean up as an interrupt at the keyboard does.
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def zk_opt() -> None:
    """The `zk-opt` command, which a light install has too and can not run."""
    try:
        from ..zk_opt import main as run
    except ModuleNotFoundError as error:
        from .. import console
        from .guard import UNUSABLE

        console.fail(f"{error.name} is not installed: pip install 'zklemma[compile]'")
        sys.exit(UNUSABLE)
    run()
