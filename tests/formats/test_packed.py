"""msgpack of foreign bytes: what it holds is counted while it is read."""

import tracemalloc

import msgpack
import pytest
from zklemma.runtime.circuit.packed import unpack


def test_a_value_is_what_msgpack_makes_of_it():
    value = ["text", b"bytes", 5, [1, [], {"a": 2.5}], None, True]
    assert unpack(memoryview(msgpack.packb(value) or b""), 20) == value
    assert unpack(msgpack.packb([1] * 9) or b"", 10) == [1] * 9


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ([1] * 10, 11),
        ([[]] * 5, 11),
        ([{}] * 5, 11),
        ([{"a": 1}] * 4, 13),
        ([[1, 2, 3, 4], [5, 6, 7]], 12),
    ],
)
def test_parts_are_counted(value, parts):
    data = msgpack.packb(value) or b""
    assert unpack(data, parts) == value
    with pytest.raises(ValueError):
        unpack(data, parts - 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91",
        b"\x90\x90",
        b"\xc1",
        b"\xa1\xff",
        b"\xc7\x01\x01a",
        b"\x91" * 100_000,
        # Lists of a million, in each other.
        b"\xdd\x00\x0f\xff\xff" * 1000 + bytes(1 << 20),
        b"\xdc\xff\xff" * 1000 + bytes(1 << 20),
        b"\xdd\x00\x0f\xff\xff" + b"\x80" * 0xFFFFF,
    ],
    ids=lambda data: data[:4].hex(),
)
def test_no_bytes_take_memory_out_of_proportion(data):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            unpack(data, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()
