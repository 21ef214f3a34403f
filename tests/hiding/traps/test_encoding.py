"""A statement has one encoding, and says nothing that its key does not allow."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.protocol.channel import Reader
from zklemma.runtime.protocol.statement import (
    OTHER_BYTES,
    TOKEN_BYTES,
    VERSION,
    Statement,
    frame,
    read_statement,
)

STATEMENT = Statement(2, 1, (1, 2, 200), True)
REST = [b"", b"", b""]
ITEMS = [VERSION, 2, 1, [1, 2, 200], True, *REST]


def test_the_canonical_encoding() -> None:
    assert msgpack.packb(ITEMS) == STATEMENT.encode()
    assert Statement.decode(STATEMENT.encode()) == STATEMENT
    assert read_statement(Reader(frame(STATEMENT))) == STATEMENT


OTHERS = {
    "an integer of more bytes than it needs": b"\x98\x02\xcd\x00\x02\x01\x93\x01\x02\xcc\xc8\xc3\xc4\0\xc4\0\xc4\0",
    "a token of more bytes than it needs": b"\x98\x02\x02\x01\x93\xcc\x01\x02\xcc\xc8\xc3\xc4\0\xc4\0\xc4\0",
    "a longer list header": b"\x98\x02\x02\x01\xdc\x00\x03\x01\x02\xcc\xc8\xc3\xc4\0\xc4\0\xc4\0",
    "a longer header": b"\xdc\x00\x08\x02\x02\x01\x93\x01\x02\xcc\xc8\xc3\xc4\0\xc4\0\xc4\0",
    "bytes behind it": STATEMENT.encode() + b"\0",
    "one item more": msgpack.packb([*ITEMS, 0]),
    "one item less": msgpack.packb(ITEMS[:-1]),
    "true for one": msgpack.packb([VERSION, 2, True, [1, 2, 200], True, *REST]),
    "one for true": msgpack.packb([VERSION, 2, 1, [1, 2, 200], 1, *REST]),
    "a token that is a float": msgpack.packb([VERSION, 2, 1, [1.0, 2, 200], True, *REST]),
    "a digest that is a text": msgpack.packb([*ITEMS[:-3], "", b"", b""]),
    "a list for a nonce": msgpack.packb([*ITEMS[:-1], []]),
    "a map": msgpack.packb({0: 1}),
    "another version": msgpack.packb([VERSION + 1, *ITEMS[1:]]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_encoding(name: str) -> None:
    with pytest.raises(InvalidProof):
        Statement.decode(OTHERS[name])


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": 0, "generated": 3},
        {"prompt": 3, "generated": 0},
        {"generated": 2},
        {"prompt": 1},
        {"tokens": (1, 2, 256)},
        {"tokens": (1, -2, 3)},
        {"tokens": (1,) * 20, "prompt": 19},
        {"prompt": -1, "generated": 4},
        {"prompt_digest": b"d" * 32},
        {"prompt_digest": b"d" * 31, "tokens": (200,)},
        {"output_digest": b"d" * 33, "tokens": (1, 2)},
        {"nonce": b"n" * 65},
    ],
)
def test_sizes_and_tokens_that_do_not_fit(change: dict[str, Any]) -> None:
    STATEMENT.check(256, 8)
    with pytest.raises(InvalidProof):
        replace(STATEMENT, **change).check(256, 8)


def test_a_statement_that_is_too_long_is_not_read() -> None:
    """Whatever tokens it has: nothing stands behind its length here."""
    longest = TOKEN_BYTES * 8 + OTHER_BYTES
    for size, reason in ((longest, "ends too early"), (longest + 1, r"more tokens than .*\(8\)")):
        with pytest.raises(InvalidProof, match=reason):
            read_statement(Reader(struct.pack("<I", size)), 8)
