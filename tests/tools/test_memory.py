"""Proofs that would not fit into memory are refused before anything is counted or made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.proving import answer
from zklemma.runtime.proving import footprint as memory
from zklemma.runtime.witness.executor import Executor


@pytest.fixture(scope="module")
def artifact(make: Callable[..., Artifact]) -> Artifact:
    return make(max_tokens=64)


def needed(artifact: Artifact, tokens: int) -> int:
    plan = Plan(artifact.key.circuit, artifact.key.parameters, Generation(tokens - 1, 1))
    return max(memory.prove_bytes(plan).values())


def test_more_tokens_need_more(artifact: Artifact) -> None:
    found = [needed(artifact, tokens) for tokens in range(2, 65)]
    assert found == sorted(found) and found[-1] > found[0] > memory.PROCESS


def test_what_is_held_is_counted(artifact: Artifact) -> None:
    plan = Plan(artifact.key.circuit, artifact.key.parameters, Generation(20, 1))
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    prompt = [3, 4] * 10
    made = executor.witness([*prompt, *executor.generate(prompt, 1)], 20, 1)
    masks = artifact.masks.cells.nbytes + artifact.masks.salts.nbytes
    held = sum(array.nbytes for array in (*artifact.params.values(), *made.values())) + masks
    assert min(memory.prove_bytes(plan).values()) - memory.PROCESS > held


@pytest.mark.parametrize("most", [2, 7, 30])
def test_too_little_memory(artifact: Artifact, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    free, left = needed(artifact, most), artifact.budget.proofs_left()
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    with pytest.raises(UserError, match="GB are free: at most") as refused:
        answer.prove_tokens(artifact, [2, *[3] * 59], [5])
    named = int(re.findall(r"at most (\d+) tokens", str(refused.value))[0])
    assert named >= most and needed(artifact, named) <= free < needed(artifact, named + 1)
    assert artifact.budget.proofs_left() == left


def test_private_tokens_are_told_apart_from_positions(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof that holds tokens in columns has one position more than tokens."""

    def private(tokens: int) -> int:
        key = artifact.key
        plan = Plan(key.private_circuit, key.parameters, Generation(tokens, 1), ("output",))
        return max(memory.prove_bytes(plan).values())

    free = private(20)
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    with pytest.raises(UserError, match="GB are free: at most") as refused:
        answer.prove_tokens(artifact, [2, *[3] * 59], [5], privacy=answer.Privacy(output=True))
    named = int(re.findall(r"at most (\d+) tokens", str(refused.value))[0])
    assert named >= 20 and private(named) <= free < private(named + 1)


def test_no_memory_at_all(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 0)
    with pytest.raises(UserError, match="no proof of this model fits"):
        answer.prove_tokens(artifact, [2, 3], [5])


def test_a_control_group_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    whole = memory.free_bytes()
    (tmp_path / "memory.current").write_text("1000\n")
    for limit, least in (("max\n", whole // 2), ("1000\n", 0)):
        (tmp_path / "memory.max").write_text(limit)
        assert memory.free_bytes() >= least
    assert memory.free_bytes() < whole
