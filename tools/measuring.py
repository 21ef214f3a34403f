"""What programs that measure have in common: commands in processes of their own, a bar, how they end."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..errors import UserError, ZklemmaError
from . import console

# Random weights predict near-ties, which rounding decides.
RANDOM = ("--least-fidelity", "0")


def default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "zklemma"


def run(*arguments: str) -> dict[str, Any]:
    """A command's report, with ``process``: what the whole process took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.cli", *arguments, "--json"], stdout=subprocess.PIPE
    )
    wall = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"zklemma {arguments[0]} ended with status {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = {
        "seconds": wall,
        "user_seconds": after.ru_utime - before.ru_utime,
        "system_seconds": after.ru_stime - before.ru_stime,
    }
    return json.loads(done.stdout) | {"process": process}


def steps(width: int, quiet: bool) -> Progress:
    """A benchmark's bar: what it is doing, in ``width`` characters, and how many steps are done."""
    columns = (
        TextColumn(f"{{task.description:<{width}}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    hidden = quiet or not sys.stderr.isatty()
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden)


def script(main: Callable[[], None]) -> None:
    """Run a benchmark's program: expected errors and an interrupt end it as they end a command."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)  # So that temporary files go.
    try:
        main()
    except (ZklemmaError, OSError) as error:
        console.fail(error)
        sys.exit(2)
    except KeyboardInterrupt:
        console.fail("interrupted")
        sys.exit(130)
