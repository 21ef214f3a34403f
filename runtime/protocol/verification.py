"""The whole conversation, the verifier's side."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidProof
from .channel import Channel, Reader
from .commitment.merkle import DIGEST
from .disclosure import verifier as disclosure_verifier
from .einsum import verifier as einsum_verifier
from .lookup import verifier as logup_verifier
from .lookup.verifier import Claim
from .opening import verifier as opening_verifier
from .pads import verifier as pads_verifier
from .soundness import LEAST_BITS, security_bits
from .subject import Subject


@dataclass(frozen=True)
class Reduced:
    """The relations reduced to linear claims on the committed cells."""

    claims: list[Claim]
    witness_root: bytes
    pads_root: bytes


def verify_relations(channel: Channel, subject: Subject) -> Reduced:
    """Replay the commitments and the relations."""
    witness_root = channel.raw("witness root", DIGEST)
    pads_root = channel.raw("pads root", DIGEST)
    claims = logup_verifier.verify(channel, subject.plan, subject.expander)
    claims += einsum_verifier.verify(channel, subject.plan, subject.expander)
    claims += disclosure_verifier.verify(channel, subject.plan, subject.shown, subject.digests)
    return Reduced(claims, witness_root, pads_root)


def verify_subject(subject: Subject, reader: Reader) -> int:
    """The bits of security with which the rest of ``reader`` proves the subject.

    Raises `InvalidProof` with the reason if it does not.
    """
    bits = security_bits(subject.plan)
    if bits < LEAST_BITS:
        raise InvalidProof(f"the key's parameters give only {bits} bits of security")
    channel = Channel(subject.begin(), reader, subject.hiding)
    reduced = verify_relations(channel, subject)
    folded = opening_verifier.verify_masked(channel, subject.plan, reduced.claims)
    roots = [*subject.weight_roots, reduced.witness_root]
    opening_verifier.verify_clear(channel, subject.plan, folded, roots)
    pads_verifier.verify(channel, subject.plan, reduced.pads_root)
    reader.finish()
    return bits
