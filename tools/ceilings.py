"""What this machine can do: the best rate of each kind of work that a proof is made of, on all cores.

A *ceiling* is measured on the kernel that the prover itself uses, warm, on data that is in cache where the work
allows it, so that a stage is compared with what its own code reaches at best and not with a data sheet.

    unit              one of it                                                   kernel
    multiplications   a product in the extension field K                          blocks.multiply_in
    butterflies       a pair of an NTT layer, n/2 log2 n of them a row            ntt.encode
    hash bytes        a byte of the blocks that BLAKE2b compresses                blake2b.hash_columns
    small MACs        an integer of 16 bits times a weight in K, added up         contract.contract
    field MACs        an element of F times a weight in K, added up               contract.fold_rows
    integer MACs      a product of two integers of 16 bits, added up              dots.dots
    random bytes      a byte of uniform field elements from the system            randomness
    bytes moved       a byte read or written, of a copy larger than the caches    memory
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

from ..runtime import field
from ..runtime.kernels import blake2b, contract, ntt
from ..runtime.kernels.blocks import multiply_in
from ..runtime.kernels.dots import dots
from ..runtime.kernels.pool import chunks, cores
from ..runtime.randomness import Randomness

# Seconds for each ceiling, after a first call that compiles.
SECONDS = 0.5
COPIED = 1 << 25


@dataclass(frozen=True)
class Case:
    """A kernel at a size: ``work`` units of ``unit`` in each ``run``."""

    name: str
    shape: str
    unit: str
    work: float
    run: Callable[[], object]


def fastest(run: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Seconds of the first call, and of the fastest of those that fit into ``seconds`` after it."""
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    best, end = np.inf, start + first + seconds
    while best == np.inf or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return first, best


def random_elements(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, field.P, shape, np.uint64)


def ceilings(seconds: float = SECONDS) -> dict[str, float]:
    """Units a second, by unit."""
    return {case.unit: case.work / fastest(case.run, seconds)[1] for case in cases()}


def cases() -> Iterator[Case]:
    """One for each unit."""
    blocks, times = random_elements(cores(), 2, 2, 512), 1 << 11

    def multiply() -> None:
        chunks(lambda lo, hi: _multiply(blocks, times, lo, hi), len(blocks), 1)

    products = len(blocks) * times * blocks.shape[-1]
    yield Case("multiply_in", f"{len(blocks)} x 512", "multiplications", products, multiply)

    rows, log_n = 16, 17
    messages = random_elements(rows, 1 << log_n - 2)
    out = np.empty((rows, 1 << log_n), np.uint64)
    yield Case(
        "encode",
        f"{rows} x 2^{log_n}",
        "butterflies",
        butterflies(rows, log_n),
        lambda: ntt.encode(messages, out),
    )

    matrix = random_elements(32, 1 << 13)
    yield Case(
        "hash_columns",
        "32 x 2^13",
        "hash bytes",
        matrix.nbytes,
        lambda: blake2b.hash_columns(matrix, b""),
    )
    small = np.random.default_rng(0).integers(0, 1 << 16, (8, 512, 512), np.uint16)
    weights = random_elements(2, 512)
    yield Case(
        "contract",
        "8 x 512 x 512",
        "small MACs",
        small.size,
        lambda: contract.contract(small, weights),
    )
    yield Case(
        "fold_rows",
        "32 x 2^13",
        "field MACs",
        matrix.size,
        lambda: contract.fold_rows(matrix, weights[:, :32]),
    )
    square = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (1024, 1024))
    narrow = square.astype(np.int16)
    yield Case("dots", "1024 cubed", "integer MACs", 1024**3, lambda: dots(square, narrow))
    draw = Randomness(True)
    yield Case("elements", "2^18", "random bytes", 1 << 21, lambda: draw.elements(1 << 18))

    source, target = np.zeros(COPIED), np.zeros(COPIED)

    def copy(lo: int, hi: int) -> None:
        target[lo:hi] = source[lo:hi]

    moved = 2 * source.nbytes
    yield Case("copy", "2^25 doubles", "bytes moved", moved, lambda: chunks(copy, COPIED, 1 << 16))


def butterflies(rows: int, log_n: int, cosets: int = 1) -> int:
    """Of transforms of that many rows to 2^log_n positions, on so many cosets of their own."""
    return rows * (log_n - cosets.bit_length() + 1) << log_n >> 1


@njit(cache=True, nogil=True)
def _multiply(blocks, times, lo, hi):
    for i in range(lo, hi):
        for _ in range(times):
            multiply_in(blocks[i, 0], blocks[i, 1])
