"""Keep freed memory in the process, so that large arrays are not mapped and faulted in anew.

glibc gives each large array its own mapping and returns it when freed. A prover allocates and frees
tables of many megabytes all the time; page faults then take a third of its processor time.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Serve all later allocations of this process from its heap, and never shrink that.

    For a process whose purpose is proving: it holds on to its peak. No effect without glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)
