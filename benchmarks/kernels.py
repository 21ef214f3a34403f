"""The rates that the prover's kernels reach on this machine, on all cores it may use.

    python benchmarks/kernels.py [--json] [--seconds S]

A row's rate is the best of several repetitions over data of the size that a proof has; `first call`
is the compilation, or the loading of compiled code from the cache. Units: a butterfly is one pair of
an NTT layer (n/2 log2 n of them a row), a MAC one integer times one element of K, a term one index of
a sumcheck round, a cell one output element of K.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from zklemma.runtime.kernels import blake2b, contract, ntt, positions, products, sumcheck
from zklemma.runtime.kernels.pool import cores
from zklemma.tools.ceilings import Case, butterflies, fastest
from zklemma.tools.ceilings import random_elements as random


@dataclass(frozen=True)
class Result:
    kernel: str
    shape: str
    unit: str
    millions_per_second: float
    first_call_seconds: float


def cases() -> Iterator[Case]:
    for rows, log_n in ((64, 9), (64, 12), (64, 15), (8, 18), (1, 21)):
        n = 1 << log_n
        messages, out = random(rows, int(0.27 * n)), np.empty((rows, n), np.uint64)
        yield Case(
            "encode",
            f"{rows} x 2^{log_n}",
            "butterflies",
            butterflies(rows, log_n),
            lambda m=messages, o=out: ntt.encode(m, o),
        )

    matrix, nodes = random(128, 1 << 15), random(4, 1 << 18)
    bytes_, pairs = matrix.nbytes, nodes.shape[1] / 2
    yield Case(
        "hash_columns", "128 x 2^15", "bytes", bytes_, lambda: blake2b.hash_columns(matrix, b"")
    )
    yield Case("hash_pairs", "2^17 pairs", "hashes", pairs, lambda: blake2b.hash_pairs(nodes, b""))
    seed = bytes(32)
    tries = blake2b.grind(seed, 20)
    yield Case("grind", "20 bits", "hashes", tries, lambda: blake2b.grind(seed, 20))

    for dtype, limit in (
        (np.int8, 7),
        (np.int16, 15),
        (np.int32, 31),
        (np.int64, 15),
        (np.int64, 31),
        (np.int64, 59),
    ):
        for shape in ((1, 1 << 14, 128), (2048, 1024, 1)):
            x = np.random.default_rng(1).integers(-(1 << limit), 1 << limit, shape).astype(dtype)
            w = random(2, shape[1])
            size = " x ".join(str(d) for d in shape)
            yield Case(
                f"contract {dtype.__name__} < 2^{limit}",
                size,
                "MACs",
                x.size,
                lambda x=x, w=w: contract.contract(x, w),
            )
    weights = random(2, 128)
    yield Case(
        "fold_rows",
        "128 x 2^15",
        "MACs",
        matrix.size,
        lambda: contract.fold_rows(matrix, weights),
    )

    n = 1 << 18
    r, tables = random(2), random(4, 2, n)
    f, g, p, q = tables
    half = n // 2
    yield Case("eq_table", "2^18", "cells", n, lambda: sumcheck.eq_table(random(2, 18)))
    yield Case("fold", "2^18", "cells", half, lambda: sumcheck.fold(f, r))
    yield Case("inner_round", "2^18", "terms", half, lambda: sumcheck.inner_round(f, g))
    rows, every = 1 << 8, np.arange(1 << 8)
    cells, w, e = tables.reshape(4, 2, rows, -1, 1), random(2, rows), random(2, half // rows)
    for k in (2, 3):
        yield Case(
            f"round_values, k = {k}",
            "2^8 x 2^10",
            "terms",
            half,
            lambda k=k: products.round_values([*cells[:k]], [every] * k, w, e, skip=True),
        )
    short = np.random.default_rng(2).integers(-(1 << 15), 1 << 15, (rows, n // rows), np.int16)
    for name, weights_of_axis in (("no eq", e[:, :0]), ("eq", e)):
        yield Case(
            f"integer_round_values, {name}",
            "2^8 x 2^10",
            "terms",
            half,
            lambda e=weights_of_axis: products.integer_round_values(short, short, w, e),
        )
    yield Case(
        "fold_integers", "2^8 x 2^10", "cells", half, lambda: products.fold_integers(short, r)
    )
    places, scales, sums = range(0, 1 << 18, 1 << 11), random(2, 128), random(2, 1 << 17)
    rows = random(16, 1 << 17)
    yield Case(
        "at_positions",
        "16 x 2^17 at 128 of 2^18",
        "cells",
        rows.size,
        lambda: positions.at_positions(rows, places, 18),
    )
    yield Case(
        "add_positions",
        "2 x 2^17 from 128 of 2^18",
        "cells",
        sums.size,
        lambda: positions.add_positions(places, scales, 18, sums),
    )
    eq = random(2, half)
    yield Case(
        "logup_round", "2^18", "terms", half, lambda: sumcheck.logup_round(eq, f, g, p, q, r)
    )


def measure(case: Case, seconds: float) -> Result:
    first, best = fastest(case.run, seconds)
    return Result(case.name, case.shape, case.unit, case.work / best / 1e6, first)


def main() -> None:
    parser = argparse.ArgumentParser(description="The rates of the prover's kernels.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each kernel")
    options = parser.parse_args()
    results = [measure(case, options.seconds) for case in cases()]
    if options.json:
        print(json.dumps({"cores": cores(), "kernels": [asdict(r) for r in results]}))
        return
    table = Table(title=f"Kernels on {cores()} cores")
    for heading in ("kernel", "size", "M/s", "unit", "first call, s"):
        table.add_column(
            heading, justify="right" if heading in ("M/s", "first call, s") else "left"
        )
    for r in results:
        rate, first = f"{r.millions_per_second:,.0f}", f"{r.first_call_seconds:.2f}"
        table.add_row(r.kernel, r.shape, rate, r.unit, first)
    Console().print(table)


if __name__ == "__main__":
    main()
