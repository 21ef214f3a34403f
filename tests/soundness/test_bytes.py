"""Every region of a proof: no byte of it can be changed.

The regions are the messages of the prover's channel, by label; columns are cut further into the columns of
each tree with their salts, and the path.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.field import P
from zklemma.runtime.protocol.commitment.codeword import Committed
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement

proving = import_module("proving")

Regions = dict[str, list[range]]

LABELS = {
    "length", "statement", "witness root", "pads root", "lookup root", "lookup round",
    "lookup children", "einsum values", "linear value", "einsum round", "factor",
    "partial product", "row round", "slab round", "mask", "opened value", "folded root", "work",
    "columns of weights", "columns of witness", "columns of level 0", "columns of level 1",
    "columns of pads", "path", "fold round", "final", "final round", "pad sums", "pads",
}  # fmt: skip
# The circuit with tokens in columns has no linear relations and no products of three.
PRIVATE_LABELS = LABELS - {"linear value", "partial product"} | {
    "prompt values", "prompt masked", "columns of prompt",
    "output values", "output masked", "columns of output",
}  # fmt: skip


def prove(
    setting: Any, statement: Statement, private: tuple[Any, ...] = ()
) -> tuple[bytes, Regions]:
    """A proof, and where each kind of message stands in it; ``private`` are witness and commitments."""
    spans: list[tuple[str, int]] = []
    raw, opening = ProverChannel.raw, Committed.open
    columns: list[int] = []

    def listen(self: ProverChannel, label: str, data: bytes) -> None:
        if label == "columns":
            number = sum(name.startswith("columns") for name, _ in spans)
            levels = [f"level {i}" for i in range(len(setting.key.parameters.levels))]
            tree = [*statement.digests, "weights", "witness", *levels, "pads"][number]
            spans.append((f"columns of {tree}", columns[-1]))
            spans.append(("path", len(data) - columns[-1]))
        else:
            spans.append((label, len(data)))
        raw(self, label, data)

    def measure(self: Committed, positions: list[int]) -> bytes:
        columns.append(8 * self.words * len(set(positions)))
        return opening(self, positions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProverChannel, "raw", listen)
        patch.setattr(Committed, "open", measure)
        make = setting.prove_private if private else setting.prove
        proof = make(statement, *private)
    at, regions = 0, {}
    for label, size in [("length", 4), ("statement", len(statement.encode())), *spans]:
        if size:
            regions.setdefault(label, []).append(range(at, at + size))
        at += size
    assert at == len(proof)
    return proof, regions


@pytest.fixture(scope="module", params=[False, True], ids=["clear", "hiding"])
def proved(request: pytest.FixtureRequest) -> tuple[Any, bytes, Regions]:
    """With two levels and small groups, so that every kind of message occurs."""
    setting = proving.tiny_setting(proving.parameters(8, [1, 1], pads=400, group_bits=6))
    statement = Statement(2, 3, (1, 2, 3, 4, 5), request.param)
    proof, regions = prove(setting, statement)
    assert set(regions) == LABELS
    assert setting.verify(proof).statement == statement
    return setting, proof, regions


@pytest.fixture(scope="module")
def private() -> tuple[Any, bytes, Regions]:
    """About a prompt and an output that are both private."""
    setting = proving.tiny_setting(proving.parameters(8, [1, 1], pads=400, group_bits=6))
    statement, *private = setting.private_case(("prompt", "output"), (1, 5, 2), (4, 3), 4)
    proof, regions = prove(setting, statement, tuple(private))
    assert set(regions) == PRIVATE_LABELS
    assert setting.verify(proof).statement == statement
    return setting, proof, regions


@pytest.mark.parametrize("label", sorted(LABELS))
def test_a_flipped_bit_in_every_kind_of_message(
    proved: tuple[Any, bytes, Regions], label: str
) -> None:
    flip(*proved, label)


@pytest.mark.parametrize("label", sorted(PRIVATE_LABELS))
def test_a_flipped_bit_about_private_tokens(
    private: tuple[Any, bytes, Regions], label: str
) -> None:
    flip(*private, label)


def flip(setting: Any, proof: bytes, regions: Regions, label: str) -> None:
    spans = regions[label]
    random = np.random.default_rng(sum(label.encode()))
    places = {spans[0][0], spans[-1][-1]}
    while len(places) < min(3, sum(map(len, spans))):
        span = spans[random.integers(len(spans))]
        places.add(span[random.integers(len(span))])
    for at in places:
        changed = bytearray(proof)
        changed[at] ^= 1 << int(random.integers(8))
        with pytest.raises(InvalidProof):
            setting.verify(bytes(changed))


NO_ELEMENTS = {
    "length", "statement", "witness root", "pads root", "folded root", "work", "path",
    *(label for label in LABELS if label.startswith("columns")),
}  # fmt: skip


@pytest.mark.parametrize("label", sorted(LABELS - NO_ELEMENTS))
def test_elements_have_one_encoding(proved: tuple[Any, bytes, Regions], label: str) -> None:
    """The same element plus P, where that fits 64 bits, and the largest word."""
    encode_otherwise(*proved, label)


@pytest.mark.parametrize("label", ["prompt values", "prompt masked", "output masked"])
def test_elements_about_private_tokens_have_one_encoding(
    private: tuple[Any, bytes, Regions], label: str
) -> None:
    encode_otherwise(*private, label)


def encode_otherwise(setting: Any, proof: bytes, regions: Regions, label: str) -> None:
    span = regions[label][-1]
    for word in range(span.start, span.stop, 8)[:4]:
        value = int.from_bytes(proof[word : word + 8], "little")
        larger = value + P if value + P < 1 << 64 else (1 << 64) - 1
        changed = proof[:word] + larger.to_bytes(8, "little") + proof[word + 8 :]
        with pytest.raises(InvalidProof, match="canonical"):
            setting.verify(changed)


def test_messages_do_not_change_places(proved: tuple[Any, bytes, Regions]) -> None:
    """Two neighbouring messages of a kind, swapped."""
    setting, proof, regions = proved
    for label in ("lookup round", "einsum round", "factor", "row round", "fold round"):
        first, second = (slice(s.start, s.stop) for s in regions[label][:2])
        if proof[first] == proof[second]:
            continue
        changed = proof[: first.start] + proof[second] + proof[first.stop : second.start]
        changed += proof[first] + proof[second.stop :]
        with pytest.raises(InvalidProof):
            setting.verify(changed)


def test_the_miniature_models_proof(toy: Any) -> None:
    proof, regions = prove(toy, toy.answer((3, 1, 4), 2))
    random = np.random.default_rng(1)
    for label in ("witness root", "lookup children", "factor", "folded root", "final", "path"):
        span = regions[label][-1]
        changed = bytearray(proof)
        changed[span[random.integers(len(span))]] ^= 16
        with pytest.raises(InvalidProof):
            toy.verify(bytes(changed))
