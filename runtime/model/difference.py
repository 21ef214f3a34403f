"""One byte string told as what it shares with another: a key's two circuits have nearly the same tables.

A difference is a msgpack list of parts, which are put one after another: bytes as they are, or
[start, length], so many bytes of the other string from ``start`` on. Told in this way are the long byte
strings in the msgpack value that it is, in order, where the other one, a msgpack value too, has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..circuit.encoding import MOST_ITEMS
from ..circuit.packed import pack, unpack
from .files import Buffer

# Shorter runs are not worth naming.
LEAST = 1 << 12
# Nothing that is made is larger than a circuit can be, nor of more parts, each a list of two numbers.
MOST, MOST_PARTS = 1 << 26, 1 << 12


def difference(new: bytes, old: bytes) -> bytes:
    """``new`` told by ``old``; what is no msgpack value has no strings."""
    parts: list[Any] = []
    done, known = 0, {run: at for at, run in _strings(old)}
    for at, run in _strings(new):
        if run in known:
            parts += [new[done:at], [known[run], len(run)]]
            done = at + len(run)
    return pack([*parts, new[done:]])


def restore(told: Buffer, old: bytes) -> bytes:
    """The byte string that a difference from ``old`` tells; `ValueError` or `TypeError` if it tells none."""
    parts = unpack(told, MOST_PARTS)
    if not isinstance(parts, list):
        raise ValueError("a difference is a list")
    made = [_part(part, old) for part in parts]
    if sum(map(len, made)) > MOST:
        raise ValueError("a difference makes too much")
    return b"".join(made)


def _part(part: Any, old: bytes) -> memoryview:
    if isinstance(part, bytes):
        return memoryview(part)
    start, length = part
    numbers = type(start) is int and type(length) is int
    if not numbers or not 0 <= start <= start + length <= len(old):
        raise ValueError("a difference reads outside of what it is from")
    return memoryview(old)[start : start + length]


def _strings(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The long byte strings of a msgpack value, in order, and where each begins."""
    try:
        value = unpack(data, MOST_ITEMS)
    except ValueError:
        return
    done = 0
    for run in _long(value):
        at = data.index(run, done)
        done = at + len(run)
        yield at, run


def _long(value: Any) -> Iterator[bytes]:
    # Lists may be nested more deeply than functions can call themselves.
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, bytes) and len(found) >= LEAST:
            yield found
        elif isinstance(found, list):
            left.extend(reversed(found))
