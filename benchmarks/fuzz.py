"""Many mutated inputs for every parser of bytes that others may have made.

Prints what became of them: how many were accepted, how many were refused and where, and the slowest. The exit
status is the number of failures, each told with the command that makes it again. A million take about an
hour on one core; an interrupt ends it with what there is.

    python benchmarks/fuzz.py [--inputs N] [--seed N] [--first N] [--only TARGET ...] [--jobs N]
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))

fuzzing: Any = import_module("fuzzing")
all_targets: Any = import_module("targets")

CHUNK = 500
Work = tuple[str, int, int, int]


def _setup() -> tuple[dict[str, Any], Any]:
    """This process's targets, and their folder, which goes with it; a forked one has its own."""
    return _setup_of(os.getpid())


@cache
def _setup_of(_process: int) -> tuple[dict[str, Any], Any]:
    memory = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    return {target.name: target for target in all_targets.targets(Path(folder.name))}, folder


def work(item: Work) -> tuple[str, Any]:
    name, seed, first, count = item
    target = _setup()[0][name]
    with fuzzing.bounded_memory():
        return name, fuzzing.run(target, seed, range(first, first + count))


def chunks(arguments: argparse.Namespace) -> list[Work]:
    """The work in pieces, all targets side by side."""
    found = list(_setup()[0].values())
    if arguments.only:
        found = [target for target in found if target.name in arguments.only]
    total = sum(target.share for target in found)
    pieces: list[tuple[float, Work]] = []
    for target in found:
        count = -(-arguments.inputs * target.share // total)
        for at in range(0, count, CHUNK):
            first, size = arguments.first + at, min(CHUNK, count - at)
            pieces.append((at / count, (target.name, arguments.seed, first, size)))
    return [work for _, work in sorted(pieces)]


def show(tallies: dict[str, Any], seed: int) -> None:
    console = Console(width=116)
    table = Table(title=f"seed {seed}", title_justify="left")
    for column in ("parser", "inputs", "accepted", "refused", "ways", "inputs/s", "slowest, ms"):
        table.add_column(column, justify="left" if column == "parser" else "right")
    tallies = {name: tally for name, tally in tallies.items() if tally.inputs}
    for name, tally in [*tallies.items(), ("all", _sum(tallies))]:
        table.add_row(
            name,
            f"{tally.inputs:,}",
            f"{tally.accepted:,}",
            f"{tally.reasons.total():,}",
            str(len(tally.reasons)),
            f"{tally.inputs / max(tally.seconds, 1e-9):,.0f}",
            f"{1e3 * tally.slowest[0]:,.1f} (input {tally.slowest[1]})",
        )
    console.print(table)
    for name, tally in tallies.items():
        console.print(f"\n{name}", style="bold")
        for place, count in tally.reasons.most_common():
            line = f"  {count:>9,}  {place:<44} {' '.join(tally.texts[place].split())}"
            console.print(line[:116], markup=False, highlight=False)


def _sum(tallies: dict[str, Any]) -> Any:
    total = fuzzing.Tally()
    for tally in tallies.values():
        total.add(tally)
        total.failures, total.slowest = {}, max(total.slowest, tally.slowest)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for all targets together")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--first", type=int, default=0, help="the number of each target's first")
    parser.add_argument("--only", action="append", help="a target's name; may be repeated")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    tallies: dict[str, Any] = {name: fuzzing.Tally() for name in _setup()[0]}
    known: set[str] = set()
    with ProcessPoolExecutor(arguments.jobs) as pool, suppress(KeyboardInterrupt):
        apply = pool.map if arguments.jobs > 1 else map
        for name, tally in apply(work, chunks(arguments)):
            for place, text in tally.failures.items():
                if f"{name} {place}" not in known:
                    print(text, flush=True)
                known.add(f"{name} {place}")
            tallies[name].add(tally)
    show(tallies, arguments.seed)
    return min(len(known), 100)


if __name__ == "__main__":
    sys.exit(main())
