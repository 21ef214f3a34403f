"""Affine values: folded constraints hold exactly for the pads that make the true values fit."""

from __future__ import annotations

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.field import Ext, P
from zklemma.runtime.protocol.channel import Affine, Channel, Reader
from zklemma.runtime.protocol.pads.verifier import evaluate
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.transcript import Transcript


def elements(count: int, seed: int) -> list[Ext]:
    rng = np.random.default_rng(seed)
    return [Ext(int(a), int(b)) for a, b in rng.integers(0, P, (count, 2), np.uint64)]


class Conversation:
    """A channel whose messages are true values minus pads; tracks the true value of every node."""

    def __init__(self, values: list[Ext], pads: list[Ext]):
        self.pads = pads
        sent = [v - p for v, p in zip(values, pads, strict=False)]
        self.channel = Channel(
            Transcript("test"), Reader(b"".join(x.to_bytes() for x in sent)), True
        )

    def value(self, affine: Affine) -> Ext:
        """A constraint alone says what its value is: constant = sigma - <pads, form>, negated."""
        probe = self.channel.constraints
        self.channel.constraints = [("probe", affine)]
        form, sigma = self.channel.linear_form(Ext.ONE)
        self.channel.constraints = probe
        return sum((w * p for w, p in zip(form, self.pads, strict=True)), Ext.ZERO) - sigma


def test_values_are_what_they_stand_for() -> None:
    random = np.random.default_rng(0)
    for seed in range(4):
        values, pads = elements(12, seed), elements(30, 100 + seed)
        talk = Conversation(values, pads)
        channel = talk.channel
        known = list(zip(channel.masked("values", 12), values, strict=True))
        received = list(known)
        for step in range(40):
            if step % 4 == 3 and len(channel.triples) < 6:
                (x, true_x), (y, true_y) = (received[i] for i in random.integers(0, 12, 2))
                product = channel.product(x, y)
                a, b, c = channel.triples[-1]
                pads[c] = pads[a] * pads[b]
                known.append((product, true_x * true_y))
                continue
            picks = [known[i] for i in random.integers(0, len(known), 3)]
            scales = [*elements(2, step), int(random.integers(-5, 6))]
            terms = [(c, value) for c, (value, _) in zip(scales, picks, strict=True)]
            constant = Affine(elements(1, step + 50)[0])
            true = sum((t * c for c, (_, t) in zip(scales, picks, strict=True)), Ext.ZERO)
            known.append((channel.combine((3, constant), *terms), true + 3 * constant.constant))
        talk.pads = pads[: channel.pads]
        for affine, true in known:
            assert talk.value(affine) == true
        # All constraints at once, by powers of chi.
        for i, (affine, true) in enumerate(known):
            zero = channel.combine((1, affine), (-1, Affine(true)))
            channel.require_zero(f"constraint {i}", zero)
        (chi,) = elements(1, 7)
        form, sigma = channel.linear_form(chi)
        total = sum((w * p for w, p in zip(form, talk.pads, strict=True)), Ext.ZERO)
        assert total == sigma
        wrong = channel.combine((1, known[0][0]), (1, Affine(Ext(1) - known[0][1])))
        channel.require_zero("wrong", wrong)
        form, sigma = channel.linear_form(chi)
        total = sum((w * p for w, p in zip(form, talk.pads, strict=True)), Ext.ZERO)
        assert total != sigma


def test_errors_do_not_cancel() -> None:
    channel = Channel(Transcript("test"), Reader(b""), hiding=True)
    for value in (1, -1, 0, 2, -2):
        channel.require_zero("constraint", Affine(Ext(value)))
    for chi in elements(3, 0):
        form, sigma = channel.linear_form(chi)
        assert form == [] and sigma == -(1 - chi + 2 * chi**3 - 2 * chi**4)


def test_prover_and_verifier_take_the_same_pads() -> None:
    pads = np.random.default_rng(3).integers(0, P, (2, 9), np.uint64)
    x, y, z = elements(3, 4)
    prover = ProverChannel(Transcript("test"), pads)
    prover.masked("a", [x, y])
    prover.product()
    prover.clear("b", [z])
    prover.masked("c", [z])
    channel = Channel(Transcript("test"), Reader(prover.out), hiding=True)
    first, second = channel.masked("a", 2)
    channel.product(first, second)
    assert channel.clear("b") == [z]
    (third,) = channel.masked("c")
    channel.reader.finish()
    assert channel.pads == 4 and channel.triples == [(0, 1, 2)]
    assert channel.challenge() == prover.challenge()
    taken = [Ext(int(a), int(b)) for a, b in pads.T]
    assert (first.constant, second.constant, third.constant) == (
        x - taken[0],
        y - taken[1],
        z - taken[3],
    )


def test_without_hiding_a_wrong_value_is_known_at_once() -> None:
    channel = Channel(Transcript("test"), Reader(Ext(5).to_bytes() * 2), hiding=False)
    x, y = channel.masked("values", 2)
    channel.require_zero("fine", channel.combine((1, x), (-1, y)))
    with pytest.raises(InvalidProof, match="named does not hold"):
        channel.require_zero("named", channel.product(x, y))


@pytest.mark.parametrize("data", [P.to_bytes(8, "little") + bytes(8), bytes(8) + b"\xff" * 8])
def test_elements_are_canonical(data: bytes) -> None:
    channel = Channel(Transcript("test"), Reader(data), hiding=True)
    with pytest.raises(InvalidProof, match="non-canonical"):
        channel.masked("value")


def test_the_reader_counts() -> None:
    reader = Reader(b"abcdef")
    assert reader.take(4) == b"abcd" and reader.take(0) == b"" and reader.position == 4
    with pytest.raises(InvalidProof, match="goes on"):
        reader.finish()
    with pytest.raises(InvalidProof, match="too early"):
        reader.take(3)
    assert reader.take(2) == b"ef"
    reader.finish()


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_pads_as_a_polynomial(size: int) -> None:
    rng = np.random.default_rng(size)
    coefficients = rng.integers(0, P, (2, size), np.uint64)
    points = [1, 7, P - 1, *rng.integers(0, P, 5, np.uint64).tolist()]
    found = evaluate(coefficients, points)
    for point, pair in zip(points, found.T, strict=True):
        value = Ext.ZERO
        for a, b in coefficients.T[::-1]:
            value = value * point + Ext(int(a), int(b))
        assert Ext(int(pair[0]), int(pair[1])) == value
