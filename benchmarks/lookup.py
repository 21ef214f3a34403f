"""How long the lookup stage takes, and in how much memory, on columns like a model's.

    python benchmarks/lookup.py [--log-leaves N [N ...]] [--json]

Two thirds of the cells are range checks of 16 bits, the others smaller ones and rows of two and three
numbers, as in a compiled Gemma-3. `products each` is how many products in K one core could make, at the rate of
`fold`, in its time for one lookup; peak rss includes the columns and what made them.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Printed
from zklemma.runtime.circuit.extents import Axis, Shape
from zklemma.runtime.circuit.index import Index, Inputs
from zklemma.runtime.circuit.relations import Circuit, Column, Expr, Lookup, Table, Term
from zklemma.runtime.kernels import sumcheck
from zklemma.runtime.kernels.memory import keep_freed_memory
from zklemma.runtime.kernels.pool import cores
from zklemma.runtime.protocol.conversation import needed
from zklemma.runtime.protocol.lookup import prover as logup_prover
from zklemma.runtime.protocol.lookup.multiplicities import count_uses
from zklemma.runtime.protocol.parameters import with_columns
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.witness.columns import Columns
from zklemma.tools import console

TABLES = {
    "u16": np.arange(1 << 16)[:, None],
    "u13": np.arange(1 << 13)[:, None],
    "u9": np.arange(1 << 9)[:, None],
    "act": np.stack([np.arange(1 << 16), np.arange(1 << 16) ** 2 >> 16], 1),
    "exp": np.stack([np.arange(3 << 16), np.arange(3 << 16) % 257, np.arange(3 << 16) >> 4], 1),
}
# Sixty-fourths of the cells.
MIX = {"u16": 44, "u13": 8, "u9": 4, "act": 4, "exp": 4}
AXES = ("layer", "token", "channel")


def plan_of(log_leaves: int) -> tuple[Plan, Columns]:
    """About 2^log_leaves lookups."""
    tokens, channels = 1 << (log_leaves - 6) // 2 - 2, 1 << (log_leaves - 5) // 2 + 2
    axes, columns, lookups, values = [Axis("token", tokens), Axis("channel", channels)], [], [], {}
    rng = np.random.default_rng(0)
    for table, layers in MIX.items():
        rows = TABLES[table]
        at = (f"layer.{table}", "token", "channel")
        axes.append(Axis(at[0], layers))
        picked = rng.integers(0, len(rows), (layers, tokens, channels))
        parts = []
        for i in range(rows.shape[1]):
            name = f"{table}.{i}"
            column = Column(name, at, "witness", 0, int(rows[:, i].max()))
            columns.append(column)
            values[name] = rows[:, i].astype(column.storage)[picked]
            indices = tuple(Index("same", axis) for axis in at)
            parts.append(Expr(at, (Term(1, name, indices),)))
        lookups.append(Lookup(table, table, tuple(parts)))
    circuit = Circuit(
        axes=tuple(axes),
        columns=tuple(columns),
        tables=tuple(Table(name, rows.shape[1], len(rows)) for name, rows in TABLES.items()),
        einsums=(),
        lookups=tuple(lookups),
        linears=(),
        extents={},
        data=dict(TABLES),
    )
    circuit.check()
    plan = Plan(circuit, with_columns(14, 4000), Shape())
    return plan, Columns(circuit, Shape(), values, Inputs())


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def timed(work: Callable[[], Any]) -> tuple[Any, float, float, int]:
    """What the work gives, its wall and user seconds, and the bytes of arrays that it had at a time. The
    first of two runs, in which memory is touched for the first time, is not timed."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    wall, user = time.perf_counter(), user_seconds()
    result = work()
    return result, time.perf_counter() - wall, user_seconds() - user, peak


def product_nanoseconds() -> float:
    """One core's time for a product in K."""
    table = np.random.default_rng(0).integers(0, 1 << 63, (2, 1 << 13)).astype(np.uint64)
    r, best = table[:, 0].copy(), float("inf")
    for _ in range(200):
        start = time.thread_time()
        sumcheck.fold(table, r)
        best = min(best, time.thread_time() - start)
    return best / (table.shape[1] / 2) * 1e9


def measure(log_leaves: int) -> dict[str, Any]:
    plan, columns = plan_of(log_leaves)
    pads = np.zeros((2, needed(plan).pads), np.uint64)
    counts, count, count_user, _ = timed(lambda: count_uses(plan, columns))

    def prove() -> None:
        channel = ProverChannel(Transcript("benchmark"), pads)
        logup_prover.prove(channel, plan, columns, counts)

    _, seconds, user, peak = timed(prove)
    nanoseconds = user / plan.lookup_cells * 1e9
    return {
        "lookups": plan.lookup_cells,
        "groups": len(plan.groups),
        "count_seconds": count,
        "count_user_nanoseconds_each": count_user / plan.lookup_cells * 1e9,
        "prove_seconds": seconds,
        "prove_user_nanoseconds_each": nanoseconds,
        "products_each": nanoseconds / product_nanoseconds(),
        "peak_table_bytes": peak,
        "peak_rss_bytes": console.peak_rss_bytes(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the lookup stage.")
    parser.add_argument("--log-leaves", type=int, nargs="+", default=[20, 23])
    parser.add_argument("--json", action="store_true", help="print one JSON object a size")
    options = parser.parse_args()
    keep_freed_memory()
    measure(16)
    found = [measure(size) for size in options.log_leaves]
    if options.json:
        for report in found:
            print(json.dumps(report))
        return
    table = Printed(title=f"The lookup stage on {cores()} cores")
    for heading in found[0]:
        table.add_column(heading.replace("_", " "), justify="right")
    for report in found:
        table.add_row(*(f"{x:,.3g}" if isinstance(x, float) else f"{x:,}" for x in report.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
