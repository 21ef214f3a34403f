"""Keys and proofs that ask for too much are refused before the work is done, and by what they ask for; so they are
where the proof is a valid one.

`benchmarks/hostile.py` measures the same ones, and others that just keep within the limits, each in a process of
its own.
"""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import cases
import pytest
from zklemma.errors import UserError, ZklemmaError
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.protocol import axis_weights as weights
from zklemma.runtime.protocol import deferred
from zklemma.runtime.verifying import reading
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


def reported(contents: bytes, proof: bytes) -> str:
    """What is said to whoever verifies, with the oldest of the models pinned."""
    try:
        key = VerifyingKey.decode(contents)
        pinned = min(key.ancestors, key=lambda old: old.digest == key.digest, default=key)
        found = verify(key, proof, pinned.digest.hex(), True)
        statement = found.statement
        canonical = bool(found.canonical_prompt)
        reading.describe(key, statement.prompt_tokens, statement.output_tokens, canonical)
    except ZklemmaError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", cases.proved)
def test_limits_hold_behind_a_valid_proof(name: str) -> None:
    make, refused = cases.proved[name]
    contents, proof = make()
    with fuzzing.bounded_memory(MEMORY):
        start = time.process_time()
        found = reported(contents, proof)
        taken = time.process_time() - start
    assert taken < SECONDS
    assert re.search(refused, found) if refused else not found, found


@pytest.mark.parametrize(
    ("name", "module"),
    [("long axes, rotated", weights), ("pieces along a listed axis", deferred)],
)
def test_steps_are_counted_before_they_are_done(
    name: str, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = weights.dense

    def dense(weight: weights.Weight, size: int) -> list[weights.Scalar]:
        sizes.append(size)
        return real(weight, size)

    monkeypatch.setattr(module, "dense", dense)
    contents, proof = cases.over[name]()
    with pytest.raises(UserError, match="more than"):
        verify(VerifyingKey.decode(contents), proof, check_ranges=False)
    assert not sizes


def test_the_benchmark_takes_all_steps(tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "hostile.py"
    spec = importlib.util.spec_from_file_location("benchmarks_hostile", path)
    assert spec and spec.loader
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    files = tmp_path / "a.vk", tmp_path / "a.proof"
    for file, contents in zip(files, cases.honest(), strict=True):
        file.write_bytes(contents)
    found, peak = benchmark.measure(*files)
    assert {name: said for name, (_, said) in found.items()} == dict.fromkeys(
        benchmark.STEPS, "done"
    )
    assert peak < benchmark.MEMORY
