"""Takes each check of the verifier and each item of its transcript out in turn: some test has to notice.

    python benchmarks/mutants.py [--fast] [part of a name ...]

What there is to take out is found in the syntax tree (`tests/mutation/sites.py`): all of it, or what has one of the
parts in its name. For each a line says which test noticed, or SURVIVED. What survives by rights is listed with the
reason in `tests/mutation/redundant.toml`; the exit status is the number of sites that survive and are not listed,
or are listed and do not survive, or do not exist. All of them take about ten minutes on one core; ``--fast`` takes
the modules and tests of a minute.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

MUTATION = Path(__file__).resolve().parents[1] / "tests" / "mutation"
sys.path.append(str(MUTATION))

sites: Any = import_module("sites")
killing: Any = import_module("killing")

REDUNDANT = MUTATION / "redundant.toml"
TESTS = (
    "tests/protocol",
    *(f"tests/soundness/test_{part}.py" for part in ("bytes", "messages", "private", "statement")),
    "tests/hiding/traps",
    *(f"tests/hiding/test_{part}.py" for part in ("links", "ranges", "rotate")),
    *(f"tests/formats/test_{part}.py" for part in ("keys", "files")),
    "tests/lowering/test_encoding.py",
)  # fmt: skip
# Modules and tests that take a minute together.
FAST = (
    "channel",
    "logup",
    "einsum",
    "disclosure_verifier",
    "opening",
    "pads",
    "merkle",
    "transcript",
)
FAST_TESTS = (
    *(f"tests/protocol/test_{part}.py" for part in ("transcript", "channel", "merkle")),
    *(
        f"tests/soundness/test_messages.py::test_{name}"
        for name in (
            "columns_that_are_committed_in_another_encoding",
            "pads_in_a_proof_that_does_not_hide",
            "work_that_was_not_done",
            "one_element_about_private_tokens_is_wrong",
            "one_element_is_wrong",
        )
    ),
)


def chosen(parts: list[str], fast: bool) -> list[Any]:
    found = [site for site in sites.sites() if any(part in site.name for part in parts or [""])]
    if fast:
        wanted = tuple(f"runtime.protocol.{part}" for part in FAST)
        found = [site for site in found if site.module.startswith(wanted)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part of a name")
    parser.add_argument("--fast", action="store_true")
    arguments = parser.parse_args()
    redundant = tomllib.loads(REDUNDANT.read_text())
    wanted = chosen(arguments.parts, arguments.fast)
    console = Console(soft_wrap=True, highlight=False)
    problems: set[str] = set()

    def told(name: str, killer: str) -> None:
        verdict, wrong = killer or "SURVIVED", bool(killer) == (name in redundant)
        if wrong:
            problems.add(name)
        if name in redundant:
            verdict = f"{killer}, though it is listed" if killer else redundant[name]
        console.print(f"{escape(name)}: {escape(verdict)}", style="bold red" if wrong else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")

        def doing(what: str, number: int, total: int) -> None:
            progress.update(task, description=escape(what[:70]), completed=number, total=total)

        tests = FAST_TESTS if arguments.fast else TESTS
        found = killing.kill(wanted, tests, doing=doing, told=told)
    for name in sorted(set(redundant) - {site.name for site in sites.sites()}):
        problems.add(name)
        console.print(f"{escape(name)}: listed, but it does not exist", style="bold red")
    console.print(f"{len(found)} taken out, {len(problems)} problems")
    return len(problems)


if __name__ == "__main__":
    sys.exit(min(main(), 100))
