"""Resource limits of a command: it goes on in a process of its own, which the operating system stops.

Neither a step inside a library nor an abort for want of memory is waited for, and either ends in one line.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
from importlib import import_module

import typer

from ...errors import UserError


def limit(seconds: float | None, mebibytes: int | None, *modules: str) -> None:
    """Go on within so many seconds from now, and so much address space. ``modules`` are imported before.

    What calls this runs on in a child; the parent ends as that does, by `typer.Exit`, or by `UserError` where it
    is stopped.
    """
    # Threads of BLAS take address space for each processor, whether they are used or not.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in modules:
        import_module(name, __package__)
    ended, open_in_child = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.close(ended)
        if mebibytes is not None:
            _limit_memory(mebibytes << 20)
        return
    os.close(open_in_child)
    in_time = False
    try:
        # The child's end of the pipe closes when it ends.
        in_time = bool(select.select([ended], [], [], seconds)[0])
    finally:
        if not in_time:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not in_time:
        raise UserError(f"stopped: it took more than the {seconds:g} s of --max-seconds")
    if status < 0:
        what = "out of memory (--max-memory)" if mebibytes is not None else "ended"
        raise UserError(f"stopped: {what}, by signal {signal.Signals(-status).name}")
    raise typer.Exit(status)


def _limit_memory(size: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (OSError, ValueError) as error:
        raise UserError(f"--max-memory: this system can not limit it: {error}") from None
