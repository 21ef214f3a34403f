"""The verifier: a key and a proof in, the statement or a reason out.

It never runs the model: it replays the transcript, evaluates public data, and opens commitments. It imports
numpy and nothing heavier.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from ..errors import InvalidProof
from ..schema.circuit import Circuit
from .protocol import einsum_verifier, logup_verifier, opening_verifier, pads_verifier
from .protocol.channel import Channel, Reader
from .protocol.logup_verifier import Claim
from .protocol.merkle import DIGEST
from .protocol.parameters import Parameters
from .protocol.plan import Plan
from .protocol.security import LEAST_BITS, security_bits
from .protocol.statement import PROTOCOL, Statement
from .protocol.transcript import Transcript
from .protocol.weights import Expander, Tokens


class Key(Protocol):
    """What the verifier needs of a verifying key; its digest is the model id."""

    @property
    def circuit(self) -> Circuit: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def weight_root(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Verified:
    """A statement that was proved, and how strongly."""

    statement: Statement
    security_bits: int


def begin(key: Key, statement: Statement) -> Transcript:
    """The transcript that every proof of the statement under the key starts from."""
    transcript = Transcript(PROTOCOL)
    transcript.absorb("key", key.digest)
    transcript.absorb("weights", key.weight_root)
    transcript.absorb("statement", statement.encode())
    return transcript


def read_statement(reader: Reader) -> Statement:
    (size,) = struct.unpack("<I", reader.take(4))
    return Statement.decode(reader.take(size))


@dataclass(frozen=True)
class Reduced:
    """The relations reduced to linear claims on the committed cells."""

    claims: list[Claim]
    witness_root: bytes
    pads_root: bytes


def verify_relations(channel: Channel, plan: Plan, statement: Statement) -> Reduced:
    """Replay the commitments and the relations."""
    tokens = Tokens(statement.tokens, statement.shape)
    expander = Expander(plan.circuit, statement.shape, tokens)
    witness_root = channel.raw("witness root", DIGEST)
    pads_root = channel.raw("pads root", DIGEST)
    claims = logup_verifier.verify(channel, plan, expander)
    claims += einsum_verifier.verify(channel, plan, expander)
    return Reduced(claims, witness_root, pads_root)


def verify(key: Key, proof: bytes) -> Verified:
    """Raise `InvalidProof` with the reason unless ``proof`` proves its statement under ``key``."""
    reader = Reader(proof)
    statement = read_statement(reader)
    statement.check(key.circuit.vocabulary, key.circuit.max_tokens)
    if statement.hiding and not key.parameters.hiding:
        raise InvalidProof("the key's weights are committed without masks, so no proof hides them")
    plan = Plan(key.circuit, key.parameters, statement.shape)
    bits = security_bits(plan)
    if bits < LEAST_BITS:
        raise InvalidProof(f"the key's parameters give only {bits} bits of security")
    channel = Channel(begin(key, statement), reader, statement.hiding)
    reduced = verify_relations(channel, plan, statement)
    folded = opening_verifier.verify_masked(channel, plan, reduced.claims)
    opening_verifier.verify_clear(channel, plan, folded, key.weight_root, reduced.witness_root)
    pads_verifier.verify(channel, plan, reduced.pads_root)
    reader.finish()
    return Verified(statement, bits)
