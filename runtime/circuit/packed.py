"""msgpack of plain values, and of foreign bytes as plain values, of which there may only be so many.

A byte of msgpack can become an object of seventy, and a header of five bytes a list of a billion cells: what lists
and maps hold is counted while they are read, and none is made that announces too much.
"""

from __future__ import annotations

from typing import Any

import msgpack

# Longer than any list of a real file.
LONGEST_LIST = 1 << 16


def pack(value: Any) -> bytes:
    """msgpack of plain values."""
    data: Any = msgpack.packb(value)
    return data


def unpack(data: bytes | memoryview, most: int) -> Any:
    """The value of lists, maps, integers and the like; ValueError if there is none, or it has more than ``most``
    parts."""
    count = 0

    def add(items: Any) -> Any:
        nonlocal count
        count += 1 + len(items)
        if count > most:
            raise ValueError(f"more than {most} parts")
        return items

    longest = min(most, LONGEST_LIST)
    try:
        return msgpack.unpackb(
            data,
            list_hook=add,
            object_hook=add,
            max_array_len=longest,
            max_map_len=longest,
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise ValueError(str(error) or type(error).__name__) from None
