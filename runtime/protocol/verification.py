"""The whole conversation, the verifier's side."""

from __future__ import annotations

from ...errors import InvalidProof
from .channel import Channel, Reader
from .conversation import verify_relations
from .opening import verifier as opening_verifier
from .pads import verifier as pads_verifier
from .soundness import LEAST_BITS, security_bits
from .subject import Subject


def verify_subject(subject: Subject, reader: Reader) -> int:
    """The bits of security with which the rest of ``reader`` proves the subject.

    Raises `InvalidProof` with the reason if it does not.
    """
    _check_shape(subject)
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


def _check_shape(subject: Subject) -> None:
    """Raise `InvalidProof` unless each of the circuit's extents, and nothing else, has a size that it serves."""
    sizes, extents = subject.shape.extents, subject.circuit.extents
    if {*sizes} != {*extents}:
        raise InvalidProof(
            "the key's circuit leaves other sizes to its proofs than the statement gives"
        )
    for name, size in sizes.items():
        if size > extents[name]:
            raise InvalidProof(
                f"the statement has more {name} than the key allows ({extents[name]})"
            )
