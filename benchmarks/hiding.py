"""Tries to tell proofs of two secrets apart, and shows that it would.

    python benchmarks/hiding.py [--proofs N] [--honest]

Makes that many proofs (200) of each of two models and of each of two private prompts and outputs, of a circuit of
a few relations, and prints the p-values of a fixed list of tests (`tests/hiding/distinguisher.py`). Then, unless
told to stop there, provers that leak: for each leak, what the tests say. The exit status is 1 if an honest prover
was told apart (p < 0.001 after Holm's correction), or a leak was not found by the test that is there for it. Takes
about five minutes.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS / name) for name in ("hiding", "protocol", "executor")]

distinguisher: Any = import_module("distinguisher")

ALARM = 1e-3


def draw(what: str, secrets: Any, count: int) -> tuple[Any, Any]:
    with Progress(transient=True) as progress:
        task = progress.add_task(what, total=2 * count)
        return distinguisher.draw(secrets, count, lambda: progress.advance(task))


def honest(console: Console, count: int) -> bool:
    """Print the table of honest provers; whether none of them is told apart."""
    found = {}
    for secret in distinguisher.SECRETS:
        a, b = draw(f"two {secret}", getattr(distinguisher, secret)(), count)
        for name, test in distinguisher.TESTS.items():
            found[name, secret] = test(a, b)
    corrected = distinguisher.holm(found)
    table = Table("test", title=f"Honest provers, {count} proofs of each secret: p-values")
    for secret in distinguisher.SECRETS:
        table.add_column(f"two {secret}", justify="right")
        table.add_column("Holm", justify="right")
    for name in distinguisher.TESTS:
        row = [f"{p[name, s]:.2g}" for s in distinguisher.SECRETS for p in (found, corrected)]
        table.add_row(name, *row)
    console.print(table)
    return min(corrected.values()) >= ALARM


def leaks(console: Console, count: int) -> bool:
    """Print the table of provers that leak; whether each leak is found."""
    table = Table("leak", "test", "p", "also found by", title=f"Provers that leak, {count} proofs")
    all_found = True
    for leak in distinguisher.leaks():
        a, b = draw(leak.name, distinguisher.leaking(leak), count)
        found = {name: test(a, b) for name, test in distinguisher.TESTS.items()}
        alarms = [name for name, p in distinguisher.holm(found).items() if p < ALARM]
        all_found &= leak.test in alarms
        others = ", ".join(sorted(set(alarms) - {leak.test}))
        table.add_row(leak.name, leak.test, f"{found[leak.test]:.0e}", others)
    console.print(table)
    return all_found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--proofs", type=int, default=200)
    parser.add_argument("--honest", action="store_true", help="no leaks")
    arguments = parser.parse_args()
    console = Console()
    fine = honest(console, arguments.proofs)
    if not arguments.honest:
        fine &= leaks(console, arguments.proofs)
    return not fine


if __name__ == "__main__":
    sys.exit(main())
