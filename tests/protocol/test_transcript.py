"""Fiat-Shamir: every item that is said changes every later challenge, and nothing is left unsaid."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from proving import Setting
from zklemma.runtime.field import P
from zklemma.runtime.protocol import transcript
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.transcript import Transcript, check_grind
from zklemma.runtime.verifying.verifier import verify

ITEMS = [("root", b"\x01" * 32), ("round", b"abc"), ("", b""), ("round", b"d"), ("end", b"\0")]


def told(items: list[tuple[str, bytes]], protocol: str = "test") -> list[tuple[int, int]]:
    """A challenge after each item."""
    script, drawn = Transcript(protocol), []
    for label, data in items:
        script.absorb(label, data)
        value = script.challenge()
        drawn.append((value.a, value.b))
    return drawn


def test_the_same_words_give_the_same_challenges() -> None:
    assert told(ITEMS) == told(ITEMS)
    assert len(set(told(ITEMS))) == len(ITEMS)


@pytest.mark.parametrize("i", range(len(ITEMS)))
def test_each_item_changes_all_that_follows_and_nothing_before(i: int) -> None:
    label, data = ITEMS[i]
    flipped = bytes([data[0] ^ 128]) + data[1:] if data else b"\0"
    for other in ((label + "x", data), (label, flipped), (label, data + b"\0"), ("other", b"")):
        found, honest = told([*ITEMS[:i], other, *ITEMS[i + 1 :]]), told(ITEMS)
        assert found[:i] == honest[:i]
        assert not set(found[i:]) & set(honest)
    left_out = told([*ITEMS[:i], *ITEMS[i + 1 :]])
    assert left_out[:i] == told(ITEMS)[:i]
    assert not set(left_out[i:]) & set(told(ITEMS))


def test_the_protocol_is_part_of_it() -> None:
    assert not set(told(ITEMS)) & set(told(ITEMS, "test "))


@pytest.mark.parametrize(
    "items",
    [
        [("a", b"bc")],
        [("ab", b"c")],
        [("abc", b"")],
        [("a", b"b"), ("c", b"")],
        [("a", b""), ("b", b""), ("c", b"")],
        [("a", b"b"), ("", b"c")],
        [("", b"a"), ("b", b"c")],
        [("a", struct.pack("<BQ", 1, 1) + b"bc")],
    ],
)
def test_labels_lengths_and_data_do_not_run_together(items: list[tuple[str, bytes]]) -> None:
    def state(pieces: list[tuple[str, bytes]]) -> bytes:
        script = Transcript("test")
        for label, data in pieces:
            script.absorb(label, data)
        return script.seed()

    others = [
        [("a", b"b"), ("c", b"")],
        [("a", b"bc")],
        [("ab", b"c")],
        [("", b"abc")],
    ]
    assert [state(items) == state(other) for other in others] == [
        items == other for other in others
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda script: script.challenge(),
        lambda script: tuple(script.challenges(3)),
        lambda script: tuple(script.positions(3, 1 << 20)),
        lambda script: script.seed(),
    ],
    ids=["challenge", "challenges", "positions", "seed"],
)
def test_drawing_moves_the_state(draw: Callable[[Transcript], object]) -> None:
    script = Transcript("test")
    assert len({draw(script) for _ in range(20)}) == 20
    other = Transcript("test")
    draw(other)
    assert other.challenge() != Transcript("test").challenge()


def test_challenges_are_uniform_in_the_field(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Transcript("test").challenges(2000)
    words = [w for x in drawn for w in (x.a, x.b)]
    assert all(0 <= w < P for w in words) and len(set(words)) == len(words)
    for bit in range(64):
        # Six standard deviations either side.
        assert abs(sum(w >> bit & 1 for w in words) - 2000) < 6 * 4000**0.5 / 2
    # Words from P up are passed over, not reduced.
    stream = [P, 5, P + 1, 2**64 - 1, P - 1, 0, 7]
    monkeypatch.setattr(Transcript, "_words", lambda self: iter(stream))
    first, second = Transcript("test").challenges(2)
    assert (first.a, first.b, second.a, second.b) == (5, P - 1, 0, 7)


def test_positions_cover_their_range_evenly() -> None:
    found = Transcript("test").positions(4096, 16)
    counts = [found.count(i) for i in range(16)]
    assert sum(counts) == 4096 and all(abs(count - 256) < 100 for count in counts)


def test_proof_of_work_needs_its_bits_and_its_seed() -> None:
    seed = Transcript("test").seed()
    nonce = next(n for n in range(1 << 14) if check_grind(seed, n, 8))
    assert check_grind(seed, nonce, 0) and check_grind(seed, 2**64 - 1, 0)
    assert not all(check_grind(bytes([i]) + seed[1:], nonce, 8) for i in range(8))
    assert sum(check_grind(seed, n, 8) for n in range(1 << 14)) < 200


BOTH = ("prompt", "output")


def proved(tiny: Setting, items: tuple[str, ...]) -> tuple[Statement, bytes]:
    if not items:
        statement = Statement(2, 2, (1, 2, 3, 4), False)
        return statement, tiny.prove(statement)
    statement, witness, sealed = tiny.private_case(items, (1, 2), (3, 4), 4, hiding=False)
    return statement, tiny.prove_private(statement, witness, sealed)


@pytest.mark.parametrize("items", [(), ("prompt",), BOTH])
def test_every_byte_of_a_proof_is_absorbed_after_its_statement(
    tiny: Setting, items: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, bytes]] = []
    absorb = Transcript.absorb

    def listen(self: Transcript, label: str, data: bytes) -> None:
        heard.append((label, bytes(data)))
        absorb(self, label, data)

    statement, proof = proved(tiny, items)
    monkeypatch.setattr(transcript.Transcript, "absorb", listen)
    verify(tiny.key, proof)
    said = [item for item in heard if item[0] not in ("draw", "seed")]
    assert said[1:4] == [
        ("key", tiny.key.digest),
        ("weights", tiny.key.weight_root),
        ("statement", statement.encode()),
    ]
    header = 4 + len(statement.encode())
    assert b"".join(data for _, data in said[4:]) == proof[header:]


def test_pads_and_roots_come_before_what_depends_on_them(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the conversation: commitments, then relations, then the opening, the pads last."""
    heard: list[str] = []
    absorb = Transcript.absorb

    def listen(self: Transcript, label: str, data: bytes) -> None:
        if not heard or heard[-1] != label:
            heard.append(label)
        absorb(self, label, data)

    proof = tiny.prove(Statement(2, 2, (1, 2, 3, 4), False))
    monkeypatch.setattr(transcript.Transcript, "absorb", listen)
    verify(tiny.key, proof)
    first = {label: heard.index(label) for label in heard}
    order = [
        "statement", "witness root", "pads root", "draw", "lookup root", "lookup round",
        "einsum values", "deferred values", "einsum round", "factor", "row round", "mask", "opened value",
        "folded root", "work", "columns", "fold round", "final", "final round", "pad sums", "pads",
    ]  # fmt: skip
    assert [first[label] for label in order] == sorted(first[label] for label in order)
    # A challenge stands between what is sent and what depends on it.
    for before, after in (
        ("pads root", "lookup root"),
        ("lookup root", "deferred values"),
        ("deferred values", "einsum round"),
        ("mask", "opened value"),
        ("folded root", "columns"),
        ("final", "final round"),
        ("pad sums", "pads"),
    ):
        between = heard[first[before] : first[after]]
        assert "draw" in between, (before, after)
    last = len(heard) - 1 - heard[::-1].index("columns")
    assert "seed" in heard[first["pads"] : last]


def test_what_digests_commit_to_comes_before_what_depends_on_it(
    tiny: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each: the form, its values, eta, Q*, work, positions, columns; after the witness is committed and
    before all claims are combined."""
    heard: list[str] = []
    absorb = Transcript.absorb

    def listen(self: Transcript, label: str, data: bytes) -> None:
        heard.append(label)
        absorb(self, label, data)

    _, proof = proved(tiny, BOTH)
    monkeypatch.setattr(transcript.Transcript, "absorb", listen)
    verify(tiny.key, proof)
    order: list[str] = []
    for what in BOTH:
        order += [
            "draw",
            f"{what} values",
            "draw",
            f"{what} masked",
            "seed",
            "work",
            "draw",
            "columns",
        ]
    at = heard.index("prompt values") - 1
    assert heard[at : at + len(order)] == order
    assert heard.index("statement") < heard.index("witness root") < heard.index("factor") < at
    assert heard[at + len(order) : at + len(order) + 2] == ["draw", "row round"]
