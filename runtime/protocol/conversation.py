"""What is said up to the opening in clear, the verifier's side, and the pads that it takes.

The order of messages is written in the verifier's functions alone. A run of them that reads nothing counts the pads
that masked messages take, before anything is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..circuit.relations import Expr
from ..field import Ext
from .axis_weights import Expander, Read, Weight
from .channel import Affine, Channel, Reader
from .claims import Claim
from .commitment.merkle import DIGEST
from .deferred import deferred_weights
from .disclosure import verifier as disclosure_verifier
from .disclosure.shared import label
from .einsum import verifier as einsum_verifier
from .lookup import verifier as logup_verifier
from .opening import verifier as opening_verifier
from .plan import Plan
from .subject import Subject
from .transcript import Transcript


@dataclass(frozen=True)
class Reduced:
    """The relations reduced to linear claims on the committed cells."""

    claims: list[Claim]
    witness_root: bytes
    pads_root: bytes


@dataclass(frozen=True)
class Needed:
    """``pads``: how many, one a masked value and one a product of two; and the ``triples`` (x, y, z) of which pad z
    must be the product of pads x and y."""

    pads: int
    triples: list[tuple[int, int, int]]


def verify_relations(channel: Channel, subject: Subject) -> Reduced:
    """Replay the commitments and the relations."""
    witness_root = channel.raw("witness root", DIGEST)
    pads_root = channel.raw("pads root", DIGEST)
    claims = verify_circuit(channel, subject.plan, subject.expander)
    claims += disclosure_verifier.verify(channel, subject.plan, subject.shown, subject.digests)
    return Reduced(claims, witness_root, pads_root)


def verify_circuit(channel: Channel, plan: Plan, expander: Expander) -> list[Claim]:
    """Replay the circuit's lookups, and then its einsums with what lookups deferred to them."""
    (numerators, denominators), challenges, point = logup_verifier.verify(channel, plan, expander)
    deferred = deferred_weights(plan, expander, challenges, point)
    return [numerators, *einsum_verifier.verify(channel, plan, expander, denominators, deferred)]


def needed(plan: Plan) -> Needed:
    """The pads of the conversation, without a subject: numbers that are read, and weights, are of no concern."""
    if plan not in _NEEDED:
        channel = _Counting()
        challenges, point, *_, q = logup_verifier.reduce(channel, plan)
        nothing = _Nothing()
        deferred = deferred_weights(plan, nothing, challenges, point)
        einsum_verifier.verify(channel, plan, nothing, Claim(q, []), deferred)
        for what in plan.private:
            disclosure_verifier.receive(channel, label(plan, what))
        opening_verifier.verify_masked(channel, plan, [])
        _NEEDED[plan] = Needed(channel.pads, channel.triples)
    return _NEEDED[plan]


_NEEDED: WeakKeyDictionary[Plan, Needed] = WeakKeyDictionary()


class _Counting(Channel):
    """Every message is zero."""

    def __init__(self):
        super().__init__(_Silence(), Reader(b""), hiding=True)

    def clear(self, label: str, count: int = 1) -> list[Ext]:
        return [Ext.ZERO] * count

    def combine(self, *terms: tuple[Ext | int, Affine]) -> Affine:
        return Affine(Ext.ZERO)


class _Silence(Transcript):
    """Every challenge is zero."""

    def __init__(self):
        """Nothing is absorbed."""

    def challenge(self) -> Ext:
        return Ext.ZERO

    def challenges(self, count: int) -> list[Ext]:
        return [Ext.ZERO] * count


class _Nothing(Expander):
    """No expression reads a column; the work that is left is counted all the same."""

    def __init__(self):
        """There is no circuit."""
        self._steps = 0

    def expand(self, expr: Expr, weights: Mapping[str, Weight]) -> tuple[int, list[Read]]:
        return 0, []
