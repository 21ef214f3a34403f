"""How long memory takes that nobody has used for a while: the part of a proof that no kernel is to blame for.

Touches one GiB after the other, a word a page, and keeps them; then gives the last one back and takes it
again. On a virtual machine whose host hands out memory when it is first touched, the former can take many times
as long as the latter, and a proof's peak memory becomes a part of its time.

    python benchmarks/pages.py [--gib N] [--json]
"""

from __future__ import annotations

import argparse
import json
import mmap
import statistics
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from zklemma.tools import console

GIB = 1 << 30
PAGE = mmap.PAGESIZE


def touched() -> tuple[float, mmap.mmap]:
    """Seconds to write to each page of a new GiB, in large pages where there are, and the GiB."""
    memory = mmap.mmap(-1, GIB)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    words = np.frombuffer(memory, np.uint8)
    start = time.perf_counter()
    words[::PAGE] = 1
    return time.perf_counter() - start, memory


def measure(count: int) -> dict[str, Any]:
    """Seconds a GiB, first touched and used again."""
    fresh, held = [], []
    for _ in range(count):
        seconds, memory = touched()
        fresh.append(seconds)
        held.append(memory)
    del memory
    held.pop()
    return {
        "machine": console.machine(),
        "fresh_median": statistics.median(fresh),
        "fresh_most": max(fresh),
        "again": touched()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the first touch of memory.")
    parser.add_argument("--gib", type=int, default=8, help="how many GiB to touch (default 8)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    report = measure(max(1, args.gib))
    if args.json:
        print(json.dumps(report))
        return
    table = Table("seconds a GiB", "", title=report["machine"]["cpu"])
    for name in ("fresh_median", "fresh_most", "again"):
        table.add_row(name.replace("_", ", "), f"{report[name]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
