"""Mutations of valid inputs that keep enough of their structure to get past the first check.

A mutation takes a valid input and another one, and gives bytes that are damaged somewhere: in the bytes, in the
msgpack or JSON value that they encode, in the sections of a container (its checksum made right again), in
the words of an expression. What is chosen depends on ``random`` alone, so a seed names an input.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import msgpack
from zklemma.errors import UserError
from zklemma.runtime.field import P
from zklemma.runtime.model import files

Mutation = Callable[[Random, bytes, bytes], bytes]

EXTREMES = sorted(
    {sign * (1 << bits) + more for bits in (0, 4, 5, 7, 8, 15, 16, 28, 31, 32, 53, 62, 63)
     for sign in (1, -1) for more in (-1, 0, 1)} | {P - 1, P, P + 1, (1 << 64) - 1, 3, 5, 12, 20, 24, 33, 64}
)  # fmt: skip
DIGEST = hashlib.sha256().digest_size


def several(random: Random) -> int:
    """How many mutations one input gets: mostly one, so that it comes far."""
    return 1 + (random.random() < 0.3) + (random.random() < 0.1) * random.randrange(4)


def damage(random: Random, data: bytes, other: bytes) -> bytes:
    """Bytes flipped, cut, inserted, doubled, moved, spliced, overwritten by extreme integers."""
    for _ in range(several(random)):
        data = _damage_once(random, data, other)
    return data


def _damage_once(random: Random, data: bytes, other: bytes) -> bytes:
    size = len(data)
    at = _place(random, size)
    length = min(1 << random.randrange(8), size - at)
    piece = data[at : at + length]
    match random.randrange(10):
        case 0 if size:
            at = min(at, size - 1)
            return _put(data, at, bytes([data[at] ^ 1 << random.randrange(8)]))
        case 1:
            return data[:at]
        case 2:
            filling = random.choice([random.randbytes(length), bytes(length), b"\xff" * length])
            return data[:at] + filling + data[at:]
        case 3:
            return data[:at] + data[at + length :]
        case 4:
            return data[:at] + piece + data[at:]
        case 5:
            start = random.randrange(len(other) + 1)
            return data[:at] + other[random.choice([at, start]) :]
        case 6:
            start = random.choice([at, random.randrange(len(other) + 1)])
            return _put(data, at, other[start : start + length])
        case 7:
            second = random.randrange(size + 1)
            first, second = sorted((at, second))
            length = min(length, second - first, size - second)
            moved = _put(data, first, data[second : second + length])
            return _put(moved, second, data[first : first + length])
        case _:
            width = random.choice([1, 2, 4, 8])
            # Fields are aligned from the start, or, behind a header of any length, from the end.
            at -= random.choice([0, at % width, (at - size) % width])
            value = random.choice(EXTREMES) % (1 << 8 * width)
            order = "little" if random.random() < 0.7 else "big"
            return _put(data, max(0, at), value.to_bytes(width, order))[:size]


def _place(random: Random, size: int) -> int:
    """An offset in 0 .. size, more often near the start or the end, where there are more fields."""
    near = min(size, int(2 ** (random.random() * (size + 1).bit_length())) - 1)
    return random.choice([near, size - near, random.randrange(size + 1)])


def _put(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


def change_value(random: Random, value: Any, other: Any) -> Any:
    """A value of nested lists and maps with parts replaced, of another type, doubled, moved or lost.

    Changes ``value``.
    """
    root = [value]
    for _ in range(several(random)):
        spot, key = _pick(random, root)
        if isinstance(spot, list) and spot is not root and random.random() < 0.35:
            _rearrange(random, spot, key)
        else:
            spot[key] = _another(random, spot[key], _like(random, spot[key], other))
    return root[0]


def _pick(random: Random, root: list[Any]) -> tuple[Any, Any]:
    """A random place: a list or map, and an index or key in it."""
    spot: Any = root
    key: Any = 0
    while isinstance(spot[key], list | dict) and spot[key] and random.random() < 0.95:
        spot = spot[key]
        keys = range(len(spot)) if isinstance(spot, list) else [*spot]
        # Most of a value lies deep in it.
        tries = [random.choice(keys) for _ in range(4)]
        key = next((k for k in tries if isinstance(spot[k], list | dict)), tries[0])
    return spot, key


def _like(random: Random, value: Any, other: Any) -> Any:
    """A part of ``other``, of the same type as ``value`` if one is found soon."""
    for _ in range(6):
        spot, key = _pick(random, [other])
        if type(spot[key]) is type(value):
            break
    return spot[key]


def _rearrange(random: Random, items: list[Any], at: int) -> None:
    match random.randrange(4):
        case 0:
            del items[at]
        case 1:
            items.insert(random.randrange(len(items) + 1), items[at])
        case 2:
            second = random.randrange(len(items))
            items[at], items[second] = items[second], items[at]
        case 3:
            items[at:] = items[at:] * random.choice([2, 3, 70]) if len(items) < 50 else []


def _another(random: Random, value: Any, donor: Any) -> Any:
    choice = random.random()
    if choice < (0.4 if type(donor) is type(value) else 0.1):
        # A copy: the next change may put a donor within one, and no value may contain itself.
        return copy.deepcopy(donor)
    if type(value) is int and choice < 0.8:
        near = value + random.choice([-1, 1, value, -2 * value])
        return random.choice([near, near, random.choice(EXTREMES)])
    if isinstance(value, str) and choice < 0.7:
        return random.choice(
            ["", value + "x", value[:-1], value.upper(), "\u202e\0\x1b[", "tokens"]
        )
    if isinstance(value, bytes) and choice < 0.8:
        return damage(random, value, donor if isinstance(donor, bytes) else b"\xff" * 9)
    deep: Any = value
    for _ in range(random.choice([1, 2, 600])):
        deep = [deep]
    return random.choice(
        [deep, {"a": value}, [], {}, None, True, False, "1", b"\1", 0, 1, 1.0, 0.5, float("nan"),
         random.choice(EXTREMES), [value] * 3, [0] * 70, msgpack.ExtType(5, b"x"), msgpack.Timestamp(1)]
    )  # fmt: skip


def change_msgpack(random: Random, data: bytes, other: bytes) -> bytes:
    """The value changed, or written in more bytes than it takes, or its bytes damaged."""
    choice = random.random()
    if choice < 0.1:
        return damage(random, data, other)
    value = msgpack.unpackb(data)
    if choice < 0.15:
        return _widened(random, value)
    value = change_value(random, value, msgpack.unpackb(other))
    try:
        packed = msgpack.packb(value)
    except (OverflowError, ValueError):  # an integer of more than 64 bits, lists nested too deep
        return damage(random, data, other)
    assert packed is not None
    return packed


def _widened(random: Random, value: Any) -> bytes:
    """msgpack whose headers are longer than need be, here and there."""
    wide = random.random() < 0.05
    if isinstance(value, list):
        header = struct.pack(">BI", 0xDD, len(value)) if wide else _header(value)
        return header + b"".join(_widened(random, item) for item in value)
    if wide and type(value) is int and -(1 << 63) <= value < 1 << 63:
        return struct.pack(">Bq", 0xD3, value)
    if wide and isinstance(value, str):
        return struct.pack(">BI", 0xDB, len(value.encode())) + value.encode()
    return msgpack.packb(value) or b""


def _header(items: list[Any]) -> bytes:
    """How a list of that length begins."""
    return (msgpack.packb([None] * len(items)) or b"")[: -len(items) or None]


def change_json(random: Random, data: bytes, other: bytes) -> bytes:
    if random.random() < 0.1:
        return damage(random, data, other)
    value = change_value(random, json.loads(data), json.loads(other))
    return json.dumps(value, default=repr, ensure_ascii=random.random() < 0.5).encode()


def change_tokenizer(random: Random, data: bytes, other: bytes) -> bytes:
    """A compact tokenizer: its JSON, with the right length before it, or the lengths and tokens behind."""
    size = int.from_bytes(data[1:5], "little")
    text, behind = data[9 : 9 + size], data[9 + size :]
    if random.random() < 0.6:
        value = change_value(random, json.loads(text), json.loads(text))
        rest = json.dumps(value, separators=(",", ":"), sort_keys=True, default=repr)
        text = rest.encode("utf-8", "replace")
    else:
        behind = damage(random, behind, other)
    return data[:1] + len(text).to_bytes(4, "little") + data[5:9] + text + behind


def change_contents(random: Random, data: bytes, other: bytes) -> bytes:
    """By whatever the bytes turn out to be: a container, msgpack, JSON, or anything else."""
    for change, readable in (
        (change_container, lambda: files.identify(None, memoryview(data), "")),
        (change_msgpack, lambda: data and msgpack.unpackb(data)),
        (change_json, lambda: json.loads(data)),
    ):
        try:
            found = readable()
            if isinstance(found, list | dict | files.Kind):
                return change(random, data, other)
        except (ValueError, UserError, msgpack.UnpackException):
            continue
    return damage(random, data, other)


def change_container(random: Random, data: bytes, other: bytes) -> bytes:
    """A container with a section changed or taken from another one, or with other sections, or with
    a damaged table; with the right checksum but for a few."""
    kind = files.identify(None, memoryview(data), "")
    sections = [bytes(x) for x in files.unpack(kind, data, "").values()]
    donors = [bytes(x) for x in files.unpack(kind, other, "").values()]
    at = random.randrange(len(sections))
    choice = random.random()
    if choice < 0.7:
        sections[at] = (
            donors[at] if choice < 0.1 else change_contents(random, sections[at], donors[at])
        )
        return b"".join(files.pack(kind, [[section] for section in sections]))
    if choice < 0.8:
        order = list(range(len(sections)))
        _rearrange(random, order, at)
        kind = replace(kind, tags=tuple(kind.tags[i] for i in order))
        return b"".join(files.pack(kind, [[sections[i]] for i in order]))
    if choice < 0.95:
        header = 8 + 16 * len(sections)
        start = random.choice([header, len(data) - DIGEST])
        body = damage(random, data[:start], other[:start]) + data[start:-DIGEST]
        return body + hashlib.sha256(body).digest()
    return damage(random, data, other)


def change_text(random: Random, data: bytes, other: bytes) -> bytes:
    """An expression with its words and signs changed."""
    words = re.findall(r"\w+|\s|.", data.decode())
    donors = re.findall(r"\w+|\s|.", other.decode()) or ["x"]
    for _ in range(several(random)):
        at = random.randrange(len(words) + 1)
        word = random.choice(
            [*donors, *words, *"+-*/^(),;:[]<", str(random.choice(EXTREMES)), "0.1", "9" * 400, "\u0661",
             "1e9", "pi", "\n", "00", "-" * 9, "(" * 3000, "-" * 3000, "+1" * 3000, "x" * 3000, "9" * 5000]
        )  # fmt: skip
        match random.randrange(5):
            case 0:
                words[at : at + 1] = []
            case 1:
                words[at:at] = [word]
            case 2:
                words[at : at + 1] = [word]
            case 3:
                words[at:at] = words[at : at + random.randrange(1, 9)]
            case 4:
                words[at:] = donors[random.randrange(len(donors)) :]
    return "".join(words).encode()
