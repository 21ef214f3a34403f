"""Puts known mistakes back into the proof system and expects the tests to notice each of them.

Usage: python benchmarks/mutate_traps.py [part of a trap's name ...]

The mistakes are listed in `tests/mutation/traps.py`. Each is made in a temporary copy of the package, the tests
that guard against it run there until the first fails, and a line says which one that was, or SURVIVED. The exit
status is the number of survivors. All of them take about fifteen minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "mutation"))

traps: Any = import_module("traps")

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "checkpoints", "training", ".hypothesis", ".*_cache"
)


@contextmanager
def edited(copy: Path, sources: Mapping[str, str]) -> Iterator[None]:
    """Other sources in the copy; undone at the end."""
    kept = {copy / file: (copy / file).read_text() for file in sources}
    times = {file: (file.stat().st_atime, file.stat().st_mtime) for file in kept}
    try:
        for file, text in sources.items():
            (copy / file).write_text(text)
        yield
    finally:
        for file, text in kept.items():
            file.write_text(text)
            # Compiled kernels are cached by the times of their sources.
            os.utime(file, times[file])


def killer(copy: Path, path: Path, tests: tuple[str, ...]) -> str:
    """The first test that fails, or nothing."""
    environment = {
        **os.environ,
        "ZKLEMMA_ONE_VERIFIER": "1",
        "PYTHONPATH": str(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, *tests], cwd=copy, env=environment, capture_output=True, text=True
    )
    if run.returncode == 0:
        return ""
    # A file that cannot be read at all has noticed nothing.
    found = re.search(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if not found:
        raise SystemExit(run.stdout + run.stderr)
    return found[1]


def main(wanted: list[str]) -> int:
    console, survivors = Console(soft_wrap=True), 0
    with tempfile.TemporaryDirectory(prefix="traps-") as directory:
        path = Path(directory)
        copy = path / "sources"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        (path / "zklemma").symlink_to(copy)
        passed: dict[tuple[str, ...], bool] = {}
        for family, members in traps.TRAPS.items():
            for trap in members:
                if wanted and not any(part in f"{family}: {trap.name}" for part in wanted):
                    continue
                if trap.tests not in passed:
                    failure = killer(copy, path, trap.tests)
                    if failure:
                        raise SystemExit(f"without any trap, {failure} fails")
                    passed[trap.tests] = True
                with edited(copy, traps.trapped(trap)):
                    found = killer(copy, path, trap.tests)
                survivors += not found
                style = "" if found else "bold red"
                console.print(
                    f"{family}: {trap.name}: {found or 'SURVIVED'}", style=style, markup=False
                )
    console.print(f"{survivors} survived")
    return survivors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
