"""Types of arguments survive being written as plain data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numba import typeof
from zklemma.runtime.kernels.leaves import LEAF, PART, Leaves
from zklemma.runtime.kernels.logup import Bound, Weights
from zklemma.runtime.kernels.operand import operand
from zklemma.runtime.kernels.signatures import from_data, to_data

PLAIN = np.zeros((2, 3), np.uint64)
LEAVES = Leaves(np.zeros(1, int), np.zeros(1, LEAF), np.zeros(1, PART), np.zeros((1, 4, 2), int))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (1, "int64"),
        (True, "bool"),
        (np.uint64(1), "uint64"),
        (PLAIN, "uint64:2C"),
        (PLAIN[:, 1:], "uint64:2A"),
        (operand(PLAIN), "uint64:2Cr"),
        (np.zeros(1, np.int16), "int16:1C"),
        ((PLAIN[0], PLAIN[1]), ["uint64:1C", "uint64:1C"]),
        ((1, PLAIN), ["int64", "uint64:2C"]),
        (Bound(PLAIN, PLAIN), {"logup.Bound": ["uint64:2C", "uint64:2C"]}),
        (
            LEAVES,
            {"leaves.Leaves": ["int64:1C", "LEAF:1Cu", "PART:1Cu", "int64:3C"]},
        ),
    ],
)
def test_round_trip(value: object, data: object) -> None:
    kind = typeof(value)
    assert to_data(kind) == data
    assert from_data(json.loads(json.dumps(data))) == kind


def test_tuples_of_other_names_are_other_types() -> None:
    assert to_data(typeof(Weights(PLAIN, PLAIN, PLAIN))) != to_data(typeof((PLAIN,) * 3))


def test_what_no_kernel_takes() -> None:
    with pytest.raises(ValueError, match="no kernel takes float64"):
        to_data(typeof(1.0))
