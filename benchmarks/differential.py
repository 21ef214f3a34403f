"""Damaged proofs and keys, as many as one likes, given to both verifiers: the verdicts must be the same.

Prints how often both said what, and each input on which they differ, with what makes it again. The exit status is
the number of these; an interrupt ends it with what there is. Most of the time goes to the verifier in Python.

    python benchmarks/differential.py [--inputs N] [--seed N] [--first N] [--kinds KIND ..] [--jobs N] [--hostile]
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS / name) for name in ("verifier", "fuzz", "hostile", "functions")]

differing: Any = import_module("differing")
engines: Any = import_module("engines")

CHUNK = 200
# Of ten inputs so many are proofs, the others keys.
PROOFS = 7
Work = tuple[str, str, int, int, int]


def work(item: Work) -> Any:
    kind, what, seed, first, count = item
    compare = differing.compare_proofs if what == "proof" else differing.compare_keys
    return compare(seed, range(first, first + count), kind=kind)


def chunks(arguments: argparse.Namespace) -> Iterator[Work]:
    """As many of each kind."""
    for place, kind in enumerate(arguments.kinds):
        inputs = (arguments.inputs + place) // len(arguments.kinds)
        proofs = inputs * PROOFS // 10
        for what, count in (("proof", proofs), ("key", inputs - proofs)):
            for at in range(0, count, CHUNK):
                yield kind, what, arguments.seed, arguments.first + at, min(CHUNK, count - at)


def hostile() -> Any:
    """Keys and proofs that ask for more than is allowed, or nearly."""
    cases, tally = import_module("cases"), differing.Tally()
    made = {f"over {name}": make for name, make in cases.over.items()}
    made |= {f"within {name}": make for name, make in cases.within.items()}
    made |= {f"proved {name}": make for name, (make, _) in cases.proved.items()}
    for name, make in made.items():
        contents, proof = engines.framed(*make())
        for options in ([], ["--skip-ranges"]):
            first = engines.of_python(contents, proof, check_ranges=not options)
            tally.add(
                " ".join([name, *options]), first, *engines.of_rust(contents, [proof], *options)
            )
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--first", type=int, default=0, help="the number of the first of each kind")
    kinds = differing.KINDS
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds, help="of keys")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--hostile", action="store_true", help="and what asks for too much")
    arguments = parser.parse_args()
    engines.build()
    print(f"seed {arguments.seed}", flush=True)
    total = hostile() if arguments.hostile else differing.Tally()
    with ProcessPoolExecutor(arguments.jobs) as pool, suppress(KeyboardInterrupt):
        apply = pool.map if arguments.jobs > 1 else map
        for tally in apply(work, chunks(arguments)):
            print(*tally.differences, sep="\n", end="\n" * bool(tally.differences), flush=True)
            total.verdicts += tally.verdicts
            total.differences += tally.differences
    for verdict, count in sorted(total.verdicts.items()):
        print(f"{verdict:>9} {count:>9,}")
    print(f"  differ {len(total.differences):>9,}")
    return min(len(total.differences), 100)


if __name__ == "__main__":
    sys.exit(main())
