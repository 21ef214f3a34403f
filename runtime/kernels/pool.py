"""Chunks of an index range on all cores.

The kernels release the interpreter lock, so plain threads suffice: unlike numba's own parallel
loops this costs no compile time, leaves the inner loops to the vectoriser, and is safe to use from
several threads at once. Not to be nested: a chunk must not start chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")

# More chunks than cores, so that a core taken by another process does not hold up the rest.
CHUNKS_PER_CORE = 4


@cache
def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_executor.cache_clear)


def chunks(work: Callable[[int, int], T], n: int, grain: int) -> list[T]:
    """work(lo, hi) over a partition of range(n) into pieces of at least `grain`, in order."""
    count = min(n // grain, CHUNKS_PER_CORE * cores()) if cores() > 1 else 1
    if count <= 1:
        return [work(0, n)]
    bounds = [n * i // count for i in range(count + 1)]
    return list(_executor().map(work, bounds[:-1], bounds[1:]))
