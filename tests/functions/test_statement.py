"""Statements of functions: one encoding, read as nothing else, and checked against the circuit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from mlp import MOST, TENSORS, mlp_circuit
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.function import Batch, cells
from zklemma.runtime.protocol import function_statement
from zklemma.runtime.protocol.channel import Reader
from zklemma.runtime.protocol.function_statement import (
    FunctionStatement,
    Said,
    read_function_statement,
)
from zklemma.runtime.protocol.statement import Statement, frame, read_statement
from zklemma.runtime.protocol.statements import read_any_statement

CIRCUIT = mlp_circuit()


def statement(batch: int = 2, **said: Said) -> FunctionStatement:
    """Of zeros, but for what is said of some tensors by name."""
    found: dict[str, Said] = {
        what: np.zeros(cells(CIRCUIT, what, Batch(batch)), np.int64) for what in TENSORS
    }
    for what in TENSORS:
        if what.split()[1] in said:
            found[what] = said[what.split()[1]]
    return FunctionStatement(batch, found, True, b"nonce")


SOME = statement(left=None, right=b"d" * 32)


def test_it_is_read_again() -> None:
    data = SOME.encode()
    found = FunctionStatement.decode(data)
    assert found == SOME and found.encode() == data and hash(found) == hash(SOME)
    assert found != statement() and list(found.shown) == ["output hidden", "output score"]
    assert found.silent == ("input left",) and found.digests == {"input right": b"d" * 32}
    assert read_function_statement(Reader(frame(SOME))) == SOME
    assert read_any_statement(frame(SOME)) == SOME
    shuffled = FunctionStatement(2, dict([*SOME.tensors.items()][::-1]), True, b"nonce")
    assert shuffled.encode() == data


@pytest.mark.parametrize("top", [0, 127, 128, -129, 1 << 15, -(1 << 31), 1 << 31, -(1 << 62)])
def test_integers_take_as_few_bytes_as_hold_them(top: int) -> None:
    said = FunctionStatement(1, {"output x": np.array([1, top, -1])}, True)
    found = FunctionStatement.decode(said.encode())
    assert found.shown["output x"].tolist() == [1, top, -1]
    width = next(n for n in (1, 2, 4, 8) if -(1 << 8 * n - 1) <= top < 1 << 8 * n - 1)
    assert msgpack.unpackb(said.encode())[3][0][1][0] == width


def test_kinds_are_not_read_as_each_other() -> None:
    generation = Statement(2, 2, (1, 2, 3, 4), True)
    with pytest.raises(InvalidProof, match="not one of a function"):
        FunctionStatement.decode(generation.encode())
    with pytest.raises(InvalidProof):
        Statement.decode(SOME.encode())
    with pytest.raises(InvalidProof):
        read_statement(Reader(frame(SOME)))
    assert read_any_statement(frame(generation)) == generation


def changed(place: int, value: Any) -> bytes:
    items = msgpack.unpackb(SOME.encode())
    items[place] = value
    data = msgpack.packb(items)
    assert data
    return data


def of_tensors(*tensors: Any) -> bytes:
    return changed(3, list(tensors))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93",
        SOME.encode() + b"\0",
        SOME.encode()[:-1],
        changed(0, "functions"),
        changed(1, 2),
        changed(1, True),
        changed(2, "2"),
        changed(2, True),
        changed(2, 2.0),
        changed(3, {}),
        changed(3, 5),
        changed(4, 1),
        changed(5, "nonce"),
        of_tensors(["input a", None, None]),
        of_tensors(["input b", None], ["input a", None]),
        of_tensors(["input a", None], ["input a", None]),
        of_tensors(["a", None]),
        of_tensors([1, None]),
        of_tensors([["a"], None]),
        of_tensors(["input a", "text"]),
        of_tensors(["input a", 1]),
        of_tensors(["input a", [1]]),
        of_tensors(["input a", [3, b"123"]]),
        of_tensors(["input a", [True, b"1"]]),
        of_tensors(["input a", [2, b"123"]]),
        of_tensors(["input a", [2, b"\1\0"]]),
        of_tensors(["input a", [1, "text"]]),
        of_tensors(*[[f"input x{i:03}", None] for i in range(100)]),
    ],
)
def test_what_is_no_encoding_of_one(data: bytes) -> None:
    with pytest.raises(InvalidProof):
        FunctionStatement.decode(data)


def test_a_statement_of_another_version() -> None:
    with pytest.raises(InvalidProof, match="another version of the protocol"):
        FunctionStatement.decode(changed(1, 2))


def test_a_statement_of_the_circuit() -> None:
    SOME.check(CIRCUIT)
    statement(MOST).check(CIRCUIT)
    statement(1, score=np.array([-128, 0, 127])).check(CIRCUIT)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(SOME, batch=0), "about 0 examples"),
        (statement(MOST + 1), f"about {MOST + 1} examples"),
        (replace(SOME, batch=3), "another number of cells"),
        (statement(score=np.zeros(5, np.int64)), "another number of cells"),
        (statement(score=np.zeros(0, np.int64)), "another number of cells"),
        (statement(1, score=np.array([0, 128, 0])), "outside its range"),
        (statement(1, score=np.array([0, -129, 0])), "outside its range"),
        (statement(score=b"d" * 31), "not of 32 bytes"),
        (statement(score=b""), "not of 32 bytes"),
        (replace(SOME, nonce=bytes(65)), "longer than 64 bytes"),
        (replace(SOME, tensors={"output score": None}), "other tensors"),
        (replace(SOME, tensors={**SOME.tensors, "input up": None}), "other tensors"),
    ],
)
def test_what_does_not_fit_the_circuit(wrong: FunctionStatement, reason: str) -> None:
    with pytest.raises(InvalidProof, match=reason):
        wrong.check(CIRCUIT)


@pytest.mark.parametrize("limit", ["MOST_SHOWN", "MOST_SEALED"])
def test_limits_on_what_is_said(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count = {"MOST_SHOWN": 2 * (15 + 3), "MOST_SEALED": 2 * 6}[limit]
    monkeypatch.setattr(function_statement, limit, count)
    SOME.check(CIRCUIT)
    monkeypatch.setattr(function_statement, limit, count - 1)
    with pytest.raises(InvalidProof, match=f"more than {count - 1} numbers"):
        SOME.check(CIRCUIT)


def test_a_statement_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_statement, "MOST_SHOWN", 0)
    monkeypatch.setattr(function_statement, "OTHER_BYTES", len(SOME.encode()) - 1)
    with pytest.raises(InvalidProof, match="shows more than"):
        read_function_statement(Reader(frame(SOME)))
