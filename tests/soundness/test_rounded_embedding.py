"""Rows of the embedding that are rounded as they enter the residual stream: proofs of the right values, and none of
others, with prompts that are inputs and with private ones."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.proving import prover
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness import steps

random_model: Any = import_module("random_model")

SHIFT = 5
PROMPT = (1, 2, 3)
LIMB, REM = "embed_tokens.limb0", "embed_tokens.rem0"
CELL = (1, 2)
Columns = dict[str, np.ndarray]


class Setting:
    """A key, a prover, and what it says of a prompt."""

    def __init__(self, private: bool):
        self.key: VerifyingKey
        self.prover: prover.Prover
        self.key, self.prover = random_model.made(random_model.sizes(shift=-SHIFT), private)
        self.private = private

    def proof(self) -> bytes:
        tokens = (*PROMPT, *self.prover.executor.generate(list(PROMPT), 2))
        return random_model.prove(self.prover, PROMPT, tokens, self.private)

    def verify(self, proof: bytes) -> None:
        verify(self.key, proof, allow_noncanonical_prompt=True)


@pytest.fixture(scope="module", params=[False, True], ids=["public", "private"])
def setting(request: pytest.FixtureRequest) -> Setting:
    return Setting(request.param)


def test_rows_are_rounded(setting: Setting) -> None:
    """The program's first value, and a proof about it."""
    executor = setting.prover.executor
    seen: list[np.ndarray] = []
    executor.logits(PROMPT, lambda step, layer, value: seen.append(value.copy()))
    (table,) = (executor.model.params[c.name] for c in executor.circuit.home("param")[:1])
    rows = table[list(PROMPT)].astype(np.int64)
    embedded = next(value for value in seen if value.shape == rows.shape)
    assert np.array_equal(embedded, np.floor(rows / 2**SHIFT + 0.5))
    assert not np.array_equal(embedded, rows >> SHIFT)
    setting.verify(setting.proof())


def limb(columns: Columns) -> None:
    columns[LIMB][CELL] += 1


def remainder(columns: Columns) -> None:
    columns[REM][CELL] ^= 1


def carried(columns: Columns) -> None:
    """The same row, with a remainder that is too large."""
    columns[LIMB][CELL] -= 1
    columns[REM][CELL] += 1 << SHIFT


@pytest.mark.parametrize("change", [limb, remainder, carried])
def test_another_cell(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, change: Callable[[Columns], None]
) -> None:
    executor = setting.prover.executor
    honest = executor.witness

    def altered(*asked: Any, **options: Any) -> Columns:
        columns = {
            name: array.astype(np.int64) for name, array in honest(*asked, **options).items()
        }
        change(columns)
        return columns

    monkeypatch.setattr(executor, "witness", altered)
    count = prover.count_uses
    monkeypatch.setattr(
        prover, "count_uses", lambda plan, columns, strict: count(plan, columns, False)
    )
    forged = setting.proof()
    with pytest.raises(InvalidProof):
        setting.verify(forged)


def floored(row: np.ndarray) -> np.ndarray:
    return row - (1 << SHIFT >> 1)


def of_other_channels(row: np.ndarray) -> np.ndarray:
    return row[:, ::-1]


@pytest.mark.parametrize("other", [floored, of_other_channels])
def test_another_value_and_all_that_follows(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, other: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Everything after the embedding is as its value makes it; of private tokens the row that was gathered is the
    token's."""
    honest = steps.requantize

    def lying(run: Any, step: Any, acc: np.ndarray, shift: int | None = None) -> np.ndarray:
        return honest(run, step, other(acc) if step.op == "embed" else acc, shift)

    monkeypatch.setattr(steps, "requantize", lying)
    forged = setting.proof()
    with pytest.raises(InvalidProof):
        setting.verify(forged)
