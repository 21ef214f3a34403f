"""Rounding shifts, and the limbs of what they keep and of what they drop."""

import numpy as np
import pytest
from zklemma.runtime.circuit.program import limb_widths
from zklemma.runtime.kernels.rounding import GRAIN, rounded_shift


@pytest.mark.parametrize("size", [1, 5, 3 * GRAIN + 1])
@pytest.mark.parametrize(
    ("shift", "bits"), [(0, 16), (1, 16), (13, 16), (16, 22), (18, 18), (19, 34), (41, 16)]
)
def test_agrees_with_plain_integers(size: int, shift: int, bits: int) -> None:
    top = 1 << bits - 1
    x = np.random.default_rng(size).integers(-top << shift, top << shift, size) - (1 << shift >> 1)
    x[0], x[-1] = -(top << shift) - (1 << shift >> 1), (top << shift) - (1 << shift >> 1) - 1
    want = [(int(v) + (1 << shift >> 1)) >> shift for v in x]
    left = [(int(v) + (1 << shift >> 1)) % (1 << shift) for v in x]
    limbs = np.empty((len(limb_widths(bits)), size), np.uint32)
    rests = np.empty((len(limb_widths(shift)), size), np.uint32)
    y = x.copy()
    assert rounded_shift(y, shift, bits, limbs, rests) == (min(want), max(want))
    assert y.tolist() == want
    for numbers, kept, size_of in ([v + top for v in want], limbs, bits), (left, rests, shift):
        for i, (limb, width) in enumerate(zip(kept, limb_widths(size_of), strict=True)):
            assert limb.tolist() == [v >> 16 * i & (1 << width) - 1 for v in numbers]
    nothing = np.empty((0, size), np.uint32)
    assert rounded_shift(x, shift, bits, nothing, nothing) == (min(want), max(want))
    assert np.array_equal(x, y)


def test_halves_are_rounded_up() -> None:
    x, nothing = np.array([-24, -9, -8, -7, 7, 8, 23, 24]), np.empty((0, 8), np.uint32)
    assert rounded_shift(x, 4, 16, nothing, nothing) == (-1, 2)
    assert x.tolist() == [-1, -1, 0, 0, 0, 1, 1, 2]


def test_extremes_outside_the_range_are_seen() -> None:
    x, nothing = np.array([(1 << 62) - 1, -(1 << 62)]), np.empty((0, 2), np.uint32)
    assert rounded_shift(x, 1, 16, nothing, nothing) == (-(1 << 61), 1 << 61)
