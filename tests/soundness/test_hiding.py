"""Smoke tests of hiding: nothing that is sent repeats, and what is sent masked is uniform enough."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.runtime.field import P
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.randomness import Randomness

STATEMENT = Statement(3, 2, (1, 2, 3, 4, 5), True)


def messages(setting: Any, statement: Statement, **options: Any) -> dict[str, bytes]:
    """What a prover says, by label; columns and work are left out."""
    said: dict[str, bytes] = {}
    raw = ProverChannel.raw

    def listen(self: ProverChannel, label: str, data: bytes) -> None:
        if label not in ("columns", "work"):
            said[label] = said.get(label, b"") + data
        raw(self, label, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProverChannel, "raw", listen)
        setting.prove(statement, **options)
    return said


def elements(said: dict[str, bytes]) -> list[bytes]:
    return [data[i : i + 16] for data in said.values() for i in range(0, len(data), 16)]


def test_two_proofs_of_one_statement_share_nothing(tiny: Any) -> None:
    first, second = (elements(messages(tiny, STATEMENT)) for _ in range(2))
    assert len(first) == len(second) > 200
    assert not set(first) & set(second)
    assert len(set(first)) == len(first)


def test_masked_values_differ_from_the_true_ones(tiny: Any) -> None:
    clear = Statement(3, 2, (1, 2, 3, 4, 5), False)
    true, masked = messages(tiny, clear), messages(tiny, STATEMENT)
    assert {k: len(v) for k, v in true.items()} == {k: len(v) for k, v in masked.items()}
    assert not set(elements(masked)) & set(elements(true))
    # What is known to be zero is not sent as zero.
    assert true["lookup root"][:16] == bytes(16) != masked["lookup root"][:16]
    assert true["linear value"] == bytes(16) != masked["linear value"]


def test_what_is_sent_looks_uniform(tiny: Any) -> None:
    """Every word of every message is a fair draw from F: bits of many words, counted."""
    words = []
    for _ in range(3):
        said = messages(tiny, STATEMENT)
        data = b"".join(d for label, d in said.items() if "root" not in label or "lookup" in label)
        words += np.frombuffer(data, "<u8").tolist()
    assert all(word < P for word in words) and 0 not in words
    assert len(words) > 1500 and len(set(words)) == len(words)
    for bit in range(64):
        count = sum(word >> bit & 1 for word in words)
        assert abs(count - len(words) / 2) < 6 * len(words) ** 0.5 / 2


def test_the_length_tells_nothing_but_the_shape(tiny: Any) -> None:
    """Other tokens, other values: the same messages of the same sizes."""
    other = Statement(3, 2, (0, 0, 5, 5, 1), True)
    sizes = [{k: len(v) for k, v in messages(tiny, s).items()} for s in (STATEMENT, other)]
    assert sizes[0] == sizes[1]


def test_what_hides_is_random_and_fresh(tiny: Any) -> None:
    """The mask cells and salts of the weights; in each proof's committed rows, the mask cells, the
    uniform row, both pad vectors, all salts. No word of them is zero or occurs twice."""
    codeword = import_module("zklemma.runtime.protocol.commitment.codeword").Codeword
    init = codeword.__init__
    committed: list[tuple[np.ndarray, np.ndarray]] = []

    def keep(self: Any, messages: np.ndarray, log_code: int, salts: np.ndarray) -> None:
        committed.append((messages.copy(), salts.copy()))
        init(self, messages, log_code, salts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codeword, "__init__", keep)
        for _ in range(2):
            tiny.prove(STATEMENT)
    code, masks = tiny.key.parameters, tiny.prover.weights.masks
    words = [masks.cells, masks.salts]
    half = len(committed) // 2
    for (witness, salts), (pads, pads_salts) in (committed[0:2], committed[half : half + 2]):
        assert pads.shape[0] == 4 and witness.shape[1] == 1 << code.log_columns
        words += [witness[:-2, code.data_columns :], witness[-2:], salts, pads, pads_salts]
    flat = np.concatenate([part.reshape(-1) for part in words])
    assert flat.all() and len(np.unique(flat)) == flat.size


def test_random_elements_are_uniform_in_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words from P up are drawn again, not reduced; without hiding nothing is drawn."""
    stream = iter([5, P, P - 1, 2**64 - 1, 0, P + 1, 7, 9])
    drawn = 0

    def urandom(size: int) -> bytes:
        nonlocal drawn
        drawn += size
        return b"".join(next(stream).to_bytes(8, "little") for _ in range(size // 8))

    monkeypatch.setattr("os.urandom", urandom)
    assert Randomness(False).elements(2, 2).tolist() == [[0, 0], [0, 0]] and not drawn
    assert Randomness(True).elements(2, 2).tolist() == [[5, 0], [P - 1, 7]]


def test_the_commitment_to_private_weights_confirms_no_guess() -> None:
    """The same weights are committed with other masks and salts each time; public ones are not."""
    proving = import_module("proving")
    roots = []
    for hiding in (0, 1):
        code = proving.parameters(8, [2], pads=300, hiding=hiding)
        roots += [proving.tiny_setting(code).key.weight_root for _ in range(2)]
    assert roots[0] == roots[1] and len(set(roots)) == 3


def test_opened_weight_columns_are_not_those_of_the_bare_weights() -> None:
    proving = import_module("proving")
    masked, bare = (
        proving.tiny_setting(
            proving.parameters(8, [2], pads=300, hiding=hiding)
        ).prover.weights.code
        for hiding in (1, 0)
    )
    rows, positions = 1 << 5, list(range(1 << 10))
    opened = (code.columns(positions)[:rows] for code in (masked, bare))
    assert not (next(opened) == next(opened)).any()
