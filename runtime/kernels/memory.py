"""Keep freed memory in the process, so that large arrays are not mapped and faulted in anew.

glibc gives each large array its own mapping and returns it when freed. A prover allocates and frees
tables of many megabytes all the time; page faults then take a third of its processor time.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Serve all later allocations of this process from its heap, and never shrink that.

    For a process whose purpose is proving: it holds on to its peak (but for `return_freed_memory`). No effect
    without glibc.
    """
    if mallopt := _glibc("mallopt"):
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def return_freed_memory() -> None:
    """Return what is free in the heap, between two stages: the arrays of one rarely fit the gaps that those of
    another leave, and both would add up. No effect without glibc."""
    if trim := _glibc("malloc_trim"):
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
