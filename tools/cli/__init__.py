"""The ``zklemma`` command: compile, prove, rotate, verify, page, audit, reveal, inspect.

Exit status: 0 done (for verify: valid), 1 invalid proof (for audit: not a model's key), 2 unusable
input or a fault of this program, 130 interrupted, 141 if what it prints is not read to the end. Errors
are one line on stderr. A file holds one command, which imports what it needs when it runs, so that
verifying starts fast and needs neither torch nor the compiler.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib import import_module
from io import TextIOWrapper
from types import FrameType


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    from .app import app
    from .guard import CLOSED, UNUSABLE

    # Being told to stop must clean up as an interrupt at the keyboard does.
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that has not all characters.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):
                # typer ends so itself, with a status that here means something else.
                raise BrokenPipeError from None
            raise
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED)
    except Exception:
        # A fault of this program; the status must not be that of an invalid proof.
        traceback.print_exc()
        sys.exit(UNUSABLE)


def zk_opt() -> None:
    """The `zk-opt` command, which a light install has too and can not run."""
    _with_compiler("zk_opt")


def zk_translate() -> None:
    """The `zk-translate` command, likewise."""
    _with_compiler("zk_translate")


def _with_compiler(tool: str) -> None:
    try:
        run = import_module(f"..{tool}", __package__).main
    except ModuleNotFoundError as error:
        from ...errors import MissingPackage
        from .. import console
        from .guard import UNUSABLE

        console.fail(MissingPackage(error.name, "compile"))
        sys.exit(UNUSABLE)
    run()
