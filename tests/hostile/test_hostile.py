"""Keys and proofs that ask for too much are refused before the work is done, and by what they ask for.

`benchmarks/hostile.py` measures the same ones, and others that just keep within the limits, each in a process of
its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import cases
import pytest
from zklemma.errors import UserError, ZklemmaError
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.protocol import axis_weights as weights
from zklemma.runtime.verifying.verifier import verify

fuzzing: Any = import_module("fuzzing")
# Several times what any takes of the processor.
SECONDS = 15.0
MEMORY = 1 << 30
LIMITS = "more than|more tokens|too long|wider than|malformed|not allowed"


def refusals(contents: bytes, proof: bytes) -> Iterator[str]:
    """What is said to whoever does each of the things that one does with a key and a proof."""
    try:
        key = VerifyingKey.decode(contents)
    except ZklemmaError as error:
        yield str(error)
        return
    for use in (
        lambda: verify(key, proof, check_ranges=False),
        key.check_ranges,
        lambda: key.text([0, 1]),
        lambda: key.tokenize("w1 w2"),
    ):
        try:
            use()
        except ZklemmaError as error:
            yield str(error)


@pytest.mark.parametrize("name", cases.over)
def test_what_asks_for_too_much_is_refused(name: str) -> None:
    contents, proof = cases.over[name]()
    with fuzzing.bounded_memory(MEMORY):
        start = time.process_time()
        found = list(refusals(contents, proof))
        taken = time.process_time() - start
    assert taken < SECONDS
    assert any(re.search(LIMITS, text) for text in found), found


def test_steps_are_counted_before_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = weights.dense

    def dense(weight: weights.Weight, size: int) -> list[weights.Scalar]:
        sizes.append(size)
        return real(weight, size)

    monkeypatch.setattr(weights, "dense", dense)
    contents, proof = cases.over["long axes, rotated"]()
    with pytest.raises(UserError, match="more than"):
        verify(VerifyingKey.decode(contents), proof, check_ranges=False)
    assert not sizes
