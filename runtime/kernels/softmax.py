"""The exponentials of attention, by a table, row by row."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .operand import operand
from .pool import chunks

# Cells that make a chunk worth a thread.
GRAIN = 1 << 15


@njit(cache=True, nogil=True)
def _exponentials(s, start, window, table, e, rows, lo, hi):
    """Over rows [lo, hi) of all heads, one after another; whether the table has all differences."""
    positions, sources = s.shape[1], s.shape[2]
    for i in range(lo, hi):
        head, position = divmod(i, positions)
        end = start + position + 1 if window >= 0 else sources
        begin = max(0, end - window) if window > 0 else 0
        scores, out = s[head, position], e[head, position]
        place, top, bottom = begin, scores[begin], scores[begin]
        for k in range(begin, end):
            bottom = min(bottom, scores[k])
            if scores[k] > top:
                place, top = k, scores[k]
        if top - bottom >= table.size:
            return False
        total = np.int64(0)
        for k in range(begin):
            out[k] = 0
        for k in range(begin, end):
            out[k] = table[top - scores[k]]
            total += out[k]
        for k in range(end, sources):
            out[k] = 0
        rows[0, head, position] = place
        rows[1, head, position] = top
        rows[2, head, position] = total
    return True


def exponentials(
    s: NDArray[np.int64], start: int, window: int, table: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """e[head, row, source] = table[top - s], or 0 where attention is not allowed; and of each row, [3, head,
    row]: the first source that attains the top, the top over allowed sources, and the sum of e.

    Row r of s [heads, rows, sources] is position start + r, which sees itself and those before it, of a
    ``window`` that is not 0 that many in all. With a window below 0 each row sees all sources.
    """
    s, table = operand(s, np.int64), operand(table, np.int64)
    heads, positions, sources = s.shape
    if window >= 0 and sources < start + positions:
        raise ValueError(f"{sources} sources for {positions} positions from {start} on")
    e = np.empty(s.shape, np.int64)
    rows = np.empty((3, heads, positions), np.int64)
    found = chunks(
        lambda lo, hi: _exponentials(s, start, window, table, e, rows, lo, hi),
        heads * positions,
        max(1, GRAIN // sources),
    )
    if not all(found):
        raise ValueError(f"scores differ by more than a table of {table.size} rows has")
    return e, rows
