"""Exponentials of causal attention, with and without windows."""

import numpy as np
import pytest
from zklemma.runtime.kernels.softmax import GRAIN, exponentials

TABLE = np.arange(1 << 16, 0, -1)


@pytest.mark.parametrize("window", [0, 1, 3, 1000])
@pytest.mark.parametrize(
    ("heads", "positions", "start", "sources"),
    [(1, 1, 0, 1), (1, 1, 7, 8), (3, 5, 2, 9), (2, 400, 0, 400), (1, 2, GRAIN, GRAIN + 2)],
)
def test_agrees_with_numpy(
    window: int, heads: int, positions: int, start: int, sources: int
) -> None:
    s = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (heads, positions, sources))
    s[:, :, ::3] = s[:, :, :1]  # Equal scores: the first counts.
    s[0, 0, 0], s[-1, -1, -1] = (1 << 15) - 1, -(1 << 15)
    back = start + np.arange(positions)[:, None] - np.arange(sources)
    allowed = (back >= 0) & (back < window) if window else back >= 0
    seen = np.where(allowed, s, -(1 << 20))
    top = seen.max(-1)
    want = np.where(allowed, TABLE[np.where(allowed, top[..., None] - s, 0)], 0)
    e, (place, most, total) = exponentials(s, start, window, TABLE)
    assert np.array_equal(e, want)
    assert np.array_equal(place, seen.argmax(-1))
    assert np.array_equal(most, top)
    assert np.array_equal(total, want.sum(-1))


def test_refuses_what_it_would_read_elsewhere() -> None:
    s = np.array([[[0, -5], [0, -5]]])
    exponentials(s[:, :1], 0, 0, TABLE[:5])
    with pytest.raises(ValueError, match="more than a table of 5 rows"):
        exponentials(s, 0, 0, TABLE[:5])
    with pytest.raises(ValueError, match="3 sources for 2 positions from 2 on"):
        exponentials(np.zeros((1, 2, 3), np.int64), 2, 0, TABLE)
