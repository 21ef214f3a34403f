"""Byte strings told by their differences from others."""

from typing import Any

import msgpack
import pytest
from zklemma.runtime.model.difference import LEAST, MOST, difference, restore


def packed(value: Any) -> bytes:
    return msgpack.packb(value) or b""


LONG = [bytes([n]) * LEAST for n in range(4)]
OLD = packed([1, LONG[0], "text", [LONG[1], LONG[2]]])


def test_long_strings_of_the_other_are_not_repeated() -> None:
    new = packed([LONG[1], 2, [LONG[3]], LONG[0], b"short"])
    told = difference(new, OLD)
    assert restore(told, OLD) == new
    assert len(told) < 2 * LEAST  # One of the three long ones is new.


# As deep as the library reads, deeper than functions can call themselves.
DEEP = b"\x91" * 1024 + packed(LONG[1])


@pytest.mark.parametrize("new", [b"", b"no msgpack: \xc1", OLD, packed([LONG[3]]), DEEP])
def test_any_bytes_are_told(new: bytes) -> None:
    assert restore(difference(new, OLD), OLD) == new


@pytest.mark.parametrize(
    "parts",
    [
        7,
        [[0, len(OLD) + 1]],
        [[-1, 1]],
        [[1]],
        [[0, True]],
        [[True, 1]],
        [[1, -1]],
        b"",
        {b"text": 1},
        ["text"],
        [None],
    ],
)
def test_what_tells_nothing_is_refused(parts: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        restore(packed(parts), OLD)


def test_deep_strings_are_told() -> None:
    assert len(difference(DEEP, OLD)) < len(DEEP) - len(LONG[1]) // 2


def test_no_more_is_made_than_a_circuit_can_be() -> None:
    old = bytes(MOST >> 9)
    with pytest.raises(ValueError, match="too much"):
        restore(packed([[0, len(old)]] * ((1 << 9) + 1)), old)


def test_damaged_differences_are_refused() -> None:
    with pytest.raises(ValueError):
        restore(difference(OLD, OLD)[:-1], OLD)


def test_values_of_too_many_parts_have_no_strings() -> None:
    """A short file can make a long list by repeating a part of the other circuit."""
    many = b"\xdd" + (1 << 20).to_bytes(4, "big") + b"\x90" * (1 << 20)
    assert difference(many, OLD) == packed([many])
