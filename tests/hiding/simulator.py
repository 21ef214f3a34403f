"""A simulator: proofs that verify, made from the key and the statement alone, for a programmed oracle.

In the random-oracle model BLAKE2b is a table of uniform answers, and a simulator may fill in answers that
nobody has asked for yet. The `Oracle` does just that, and passes every other question on to BLAKE2b.
Two kinds of answers are chosen:

- The answers on the way from an opened column to its root. A tree that the simulator "commits" to has a
  root (the key's own, for the weights) and nothing below it. When a position is opened, the digests on its
  path and beside it are drawn, and each node is declared the hash of its two children, the leaf the hash
  of the column. A real leaf holds a salt of 128 uniform bits, so nobody asked for it before either.
- One challenge, eta of the pads: its block of the challenge stream is drawn before tau and U are sent, and
  declared the answer to the state in which they leave the transcript. This state contains V, which is
  uniform, so it is new.

Everything else follows the protocol: the padded messages and y' are uniform; f' is uniform among the
vectors with <f', l> = y'; so are the opened columns of the weights, the witness and the pads P, and P*, V. The
openings of R and P', and tau and U, are what the verifier's equations say they are. Where a statement has the
digest of a private prompt or output, or of a tensor, Q* and the opened columns of Q are uniform too, and those of
Q' are what they say. That the honest prover's messages have this same distribution is the subject of
`test_distribution`.

The verifier's own code reads the masked messages here, and what belongs to digests, from a channel that draws
them as they are asked for; opening f' needs nothing but f' and is the prover's code. The weights' columns are
remembered, so that several proofs under one key agree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import count
from typing import Any

import numpy as np
from zklemma.runtime import field
from zklemma.runtime.field import Ext, domain_points
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.subjects import Key, subject_of
from zklemma.runtime.protocol.channel import Channel, Reader
from zklemma.runtime.protocol.commitment.merkle import DIGEST, LEAF, NODE, SALT_WORDS, siblings
from zklemma.runtime.protocol.commitment.verifier import evaluate
from zklemma.runtime.protocol.conversation import needed, verify_relations
from zklemma.runtime.protocol.disclosure.shared import Code, column_sizes, revealed
from zklemma.runtime.protocol.disclosure.shared import label as label_of
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.opening import verifier as opening_verifier
from zklemma.runtime.protocol.opening.verifier import Folded
from zklemma.runtime.protocol.pads.shared import cells
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.prover_channel import ProverChannel, as_array
from zklemma.runtime.protocol.statement import frame
from zklemma.runtime.protocol.statements import AnyStatement
from zklemma.runtime.protocol.subject import Subject
from zklemma.runtime.protocol.transcript import Transcript, check_grind
from zklemma.runtime.randomness import Randomness

UNIFORM = Randomness(True)
DRAW = b"zklemma.draw"

Columns = Callable[[list[int]], np.ndarray]


class Answer:
    """A programmed digest, as hashlib gives one."""

    def __init__(self, value: bytes):
        self._value = value

    def digest(self) -> bytes:
        return self._value


class Oracle:
    """BLAKE2b with some answers chosen; stands in for `hashlib.blake2b`."""

    def __init__(self) -> None:
        self.programmed: dict[tuple[bytes, bytes, bytes], bytes] = {}

    def program(self, person: bytes, key: bytes, data: bytes, answer: bytes) -> None:
        assert self.programmed.setdefault((person, key, data), answer) == answer

    def __call__(
        self, data: bytes = b"", *, digest_size: int = 64, key: bytes = b"", person: bytes = b""
    ) -> Any:
        answer = self.programmed.get((person, key, data))
        if answer is not None:
            return Answer(answer)
        return blake2b(data, digest_size=digest_size, key=key, person=person)


class Tree:
    """A commitment to nothing yet: digests below ``root`` are drawn when they are asked for."""

    def __init__(self, oracle: Oracle, root: bytes, depth: int, columns: Columns):
        self.root = root
        self.columns: dict[int, bytes] = {}
        self._oracle = oracle
        self._depth = depth
        self._draw = columns
        self._digests = {(depth, 0): root}

    def open(self, positions: Sequence[int]) -> bytes:
        """The distinct columns in order, salts included, and the siblings."""
        distinct = sorted(set(positions))
        new = [i for i in distinct if i not in self.columns]
        salts = UNIFORM.elements(SALT_WORDS, len(new))
        for i, column in zip(new, np.concatenate([self._draw(new), salts]).T, strict=True):
            self.columns[i] = column.astype("<u8").tobytes()
            self._oracle.program(LEAF, b"", self.columns[i], self._digest(0, i))
        known = distinct
        for level in range(1, self._depth + 1):
            known = sorted({i >> 1 for i in known})
            for i in known:
                children = self._digest(level - 1, 2 * i) + self._digest(level - 1, 2 * i + 1)
                self._oracle.program(NODE, b"", children, self._digest(level, i))
        beside = [
            self._digest(level, i)
            for level, wanted in enumerate(siblings(distinct, self._depth))
            for i in wanted
        ]
        return b"".join([*(self.columns[i] for i in distinct), *beside])

    def words(self, positions: Sequence[int]) -> np.ndarray:
        """Columns opened before, salts left out, (words, positions)."""
        read = [np.frombuffer(self.columns[i], "<u8")[:-SALT_WORDS] for i in positions]
        return np.stack(read, axis=1).astype(np.uint64)

    def _digest(self, level: int, i: int) -> bytes:
        return self._digests.setdefault((level, i), random_bytes(DIGEST))


def random_bytes(count: int) -> bytes:
    return np.random.default_rng().bytes(count)


class Overheard:
    """A transcript, and what was last drawn from it."""

    last_seed: bytes
    last_challenge: Ext
    last_positions: list[int]

    def __init__(self, transcript: Transcript):
        self._transcript = transcript

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transcript, name)

    def seed(self) -> bytes:
        self.last_seed = self._transcript.seed()
        return self.last_seed

    def challenge(self) -> Ext:
        self.last_challenge = self._transcript.challenge()
        return self.last_challenge

    def positions(self, count: int, length: int) -> list[int]:
        self.last_positions = self._transcript.positions(count, length)
        return self.last_positions


class OnDemand(Reader):
    """Reads what ``make`` makes whenever nothing is left."""

    def __init__(self, make: Callable[[], bytes]):
        super().__init__(b"")
        self._make = make

    def take(self, count: int) -> bytes:
        if self._at == len(self._data):
            self._data = bytes(self._data) + self._make()
        return super().take(count)


class SimulatedChannel(Channel):
    """The verifier's channel; what it asks for is drawn on the spot."""

    transcript: Any

    def __init__(self, subject: Subject, roots: dict[str, bytes], oracle: Oracle):
        transcript: Any = Overheard(subject.begin())
        super().__init__(transcript, OnDemand(self._opened), hiding=True)
        self.said = bytearray()
        self._subject = subject
        self._roots = roots
        self._oracle = oracle
        self._sealed = [what for what in revealed(subject.plan) if what in subject.digests]

    def raw(self, label: str, count: int) -> bytes:
        if label == "work":
            data = work(self.transcript.last_seed, self._subject.parameters.grind)
        else:
            data = self._roots.get(label) or UNIFORM.elements(count // 8).astype("<u8").tobytes()
        assert len(data) == count
        self.transcript.absorb(label, data)
        self.said += data
        return data

    def clear(self, label: str, count: int = 1) -> list[Ext]:
        values = super().clear(label, count)
        if self._sealed and label == f"{label_of(self._subject.plan, self._sealed[0])} masked":
            what = self._sealed.pop(0)
            self._digest = what, self.transcript.last_challenge, as_array(values)
        return values

    def _opened(self) -> bytes:
        """Columns under the digest whose Q* was just drawn: Q uniform, and Q' = Q* - eta Q."""
        what, eta, star = self._digest
        plan = self._subject.plan
        depth = Code.of(sum(column_sizes(plan, what)), plan.parameters).log_code

        def columns(new: list[int]) -> np.ndarray:
            own = UNIFORM.elements(1, len(new))
            values = evaluate(star, domain_points(new, depth))
            scaled = field.kmul_base(np.asarray(eta)[:, None], own[0])
            return np.concatenate([own, field.ksub(values, scaled)])

        tree = Tree(self._oracle, self._subject.digests[what], depth, columns)
        data = tree.open(self.transcript.last_positions)
        self.said += data
        return data


def work(seed: bytes, bits: int) -> bytes:
    return next(n for n in count() if check_grind(seed, n, bits)).to_bytes(8, "little")


class Simulator:
    """Makes proofs under a key. All it knows about the weights is their root."""

    def __init__(self, key: Key, oracle: Oracle):
        self.key = key
        self._oracle = oracle
        p = key.parameters
        self._rows = WeightMasks.shapes(key.circuit, p)[0][0]
        self.weights = self.tree(key.weight_root)

    def tree(self, root: bytes) -> Tree:
        """A commitment to weights of which no more than the root is known."""
        depth = self.key.parameters.log_code
        return Tree(self._oracle, root, depth, lambda new: UNIFORM.elements(self._rows, len(new)))

    def prove(self, statement: AnyStatement) -> bytes:
        return frame(statement) + self.converse(subject_of(self.key, statement))

    def converse(self, subject: Subject, renewed: Sequence[Tree] = ()) -> bytes:
        """The prover's side of the conversation about any subject with these weights, and others."""
        plan = subject.plan
        roots = {label: random_bytes(DIGEST) for label in ("witness root", "pads root")}
        heard = SimulatedChannel(subject, roots, self._oracle)
        claims = verify_relations(heard, subject).claims
        folded = opening_verifier.verify_masked(heard, plan, claims)
        channel = ProverChannel(heard.transcript, np.zeros((2, 0), np.uint64))
        self._open(channel, plan, folded, [self.weights, *renewed], roots["witness root"])
        self._pads(channel, plan, heard, roots["pads root"])
        return bytes(heard.said + channel.out)

    def _open(
        self, channel: ProverChannel, plan: Plan, folded: Folded, weights: list[Tree], root: bytes
    ) -> None:
        p = plan.parameters
        form = dense(folded)
        f = UNIFORM.elements(2, 1 << p.log_columns)
        at = int(np.argmax(form.any(axis=0)))
        short = folded.y - Ext(*field.kdot(f, form))
        f[:, at] = np.asarray(Ext.of(f[:, at]) + short / Ext.of(form[:, at]))
        rows = opening_verifier.row_indices(plan)

        def columns(new: list[int]) -> np.ndarray:
            """The witness uniform, and R = f' - eta * fold."""
            witness = UNIFORM.elements(plan.rows[-1], len(new))
            cells = np.concatenate([*(tree.words(new) for tree in weights), witness])
            eq = field.eq_table(as_array(folded.slab + folded.row))[:, rows]
            folds = [field.kdot(eq, np.stack([c, np.zeros_like(c)])) for c in cells.T]
            fold = field.kmul(np.array(folds, np.uint64).T, np.asarray(folded.eta)[:, None])
            values = evaluate(f, domain_points(new, p.log_code))
            return np.concatenate([witness, field.ksub(values, fold)])

        trees: list[Any] = [*weights, Tree(self._oracle, root, p.log_code, columns)]
        opening_prover.prove_clear(channel, plan, f, form.copy(), trees)

    def _pads(self, channel: ProverChannel, plan: Plan, heard: Channel, root: bytes) -> None:
        p, transcript = plan.parameters, channel.transcript
        form, sigma = heard.linear_form(channel.challenge())
        psi = channel.challenge()
        block = random_bytes(64)
        eta = Ext(*[word for word in struct.unpack("<8Q", block) if word < field.P][:2])
        star = UNIFORM.elements(2, cells(plan))
        value = [Ext.of(pair) for pair in star.T]
        tau = sum((w * x for w, x in zip(form, value, strict=False)), Ext.ZERO) - eta * sigma
        total, power = value[needed(plan).pads], Ext.ONE
        for x, y, z in heard.triples:
            total = total + power * (value[x] * value[y] - eta * value[z])
            power = power * psi
        v = Ext.of(UNIFORM.elements(2))
        channel.clear("pad sums", [tau, total - eta * v, v])
        state = transcript._hash.digest()
        self._oracle.program(DRAW, state, struct.pack("<Q", 0), block)
        assert channel.challenge() == eta
        channel.clear("pads", value)
        channel.raw("work", work(transcript.seed(), p.grind))
        positions = transcript.positions(p.pads_queries, 1 << p.pads_log_code)

        def columns(new: list[int]) -> np.ndarray:
            """P uniform, and P' = P* - eta * P."""
            pads = UNIFORM.elements(2, len(new))
            values = evaluate(star, domain_points(new, p.pads_log_code))
            scaled = field.kmul(pads, np.asarray(eta)[:, None])
            return np.concatenate([pads, field.ksub(values, scaled)])

        tree = Tree(self._oracle, root, p.pads_log_code, columns)
        channel.raw("columns", tree.open(positions))


def dense(folded: Folded) -> np.ndarray:
    """The form on the columns, cell by cell: (2, columns)."""
    table = folded.table.values[:, :, None]
    for low, high in folded.table.pairs:
        table = np.stack([field.kmul(table, side[:, :, None]) for side in (low, high)], axis=3)
        table = table.reshape(2, low.shape[1], -1)
    out = np.zeros((2, table.shape[2]), np.uint64)
    for row in table.swapaxes(0, 1):
        out = field.kadd(out, row)
    return out
