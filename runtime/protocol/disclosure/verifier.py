"""Prompt and output, tied to the statement, which shows them or holds a digest: the verifier's side.

`Circuit.reveals` names witness columns that hold them. Challenges make one linear form l on the cells of those
columns: what the form gives on the committed columns must be what it gives on what the statement shows.

What is private has a small commitment of its own, whose root is the statement's digest: Q, the columns' cells over
F and then mask cells, and Q', uniform over K. The values y of the form on the columns and tau = <Q', l> are sent
masked, then eta is drawn, Q* = Q' + eta Q is sent in clear, and <Q*, l> = tau + eta y; at random positions Q* is
what the tree holds. Nothing of Q shows, and who keeps it and the salts can open the digest later (`disclosure`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....errors import InvalidProof
from ... import field
from ...circuit.relations import REVEALS, Circuit
from ...field import Ext, domain_points
from ..axis_weights import Read, Weight, bits_of, eq
from ..channel import Affine, Channel
from ..lookup.verifier import Claim
from ..opening.verifier import _open, _positions
from ..pads.verifier import evaluate
from ..parameters import TARGET_BITS, Parameters, queries
from ..plan import Plan
from ..public import vector

# Rows of the commitment: Q, and the two components of Q'.
ROWS = 3
# Mask cells of each: more than the columns that are opened at a rate of at most 1/16.
MASKS = 128


@dataclass(frozen=True)
class Code:
    """The code of a digest of ``cells`` cells."""

    cells: int
    log_code: int
    queries: int

    @property
    def dimension(self) -> int:
        return self.cells + MASKS

    @property
    def rate(self) -> float:
        return self.dimension / 2.0**self.log_code

    @staticmethod
    def of(cells: int, p: Parameters) -> Code:
        log_code = bits_of(16 * (cells + MASKS))
        rate = (cells + MASKS) / 2.0**log_code
        return Code(cells, log_code, min(MASKS, queries(rate, TARGET_BITS - p.grind)))


def revealed(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """`Circuit.reveals`, in the order of the conversation."""
    return {what: circuit.reveals[what] for what in REVEALS if what in circuit.reveals}


def column_sizes(plan: Plan, what: str) -> list[int]:
    """How many cells each column of ``what`` has."""
    columns = (plan.circuit.column[name] for name in plan.circuit.reveals[what])
    return [int(np.prod(plan.sizes(column.axes), dtype=int)) for column in columns]


def draw(plan: Plan, what: str, challenges) -> tuple[np.ndarray, list[Read]]:
    """The form: as (2, cells) weights, and as reads of the columns."""
    sizes = column_sizes(plan, what)
    kappa, *point = challenges(1 + max(map(bits_of, sizes)))
    parts, reads, power = [], [], Ext.ONE
    for name, size in zip(plan.circuit.reveals[what], sizes, strict=True):
        axes = plan.circuit.column[name].axes
        weights: tuple[Weight, ...] = tuple(eq(point[len(point) - bits_of(size) :]) for _ in axes)
        over = vector(weights[0], size) if weights else np.array([[1], [0]], np.uint64)
        parts.append(field.kmul(over, np.asarray(power)[:, None]))
        reads.append(Read(power, name, weights))
        power = power * kappa
    return np.concatenate(parts, axis=1), reads


def verify(
    channel: Channel,
    plan: Plan,
    shown: Mapping[str, Sequence[int]],
    digests: Mapping[str, bytes],
) -> list[Claim]:
    """The claims on the revealed columns; ``shown`` has the cells of what is public, column after column."""
    claims = []
    for what in revealed(plan.circuit):
        form, reads = draw(plan, what, channel.challenges)
        if what in digests:
            value = _verify_private(channel, plan, what, form, digests[what])
        else:
            cells = np.array(shown[what], np.uint64)
            value = Affine(Ext(*field.kdot(form, np.stack([cells, np.zeros_like(cells)]))))
        claims.append(Claim(value, reads))
    return claims


def _verify_private(
    channel: Channel, plan: Plan, what: str, form: np.ndarray, digest: bytes
) -> Affine:
    code = Code.of(form.shape[1], plan.parameters)
    y, tau = channel.masked(f"{what} values", 2)
    eta = channel.challenge()
    sent = channel.clear(f"{what} masked", code.dimension)
    star = np.array([(x.a, x.b) for x in sent], np.uint64).T
    value = Ext(*field.kdot(form, star[:, : code.cells]))
    channel.require_zero(
        f"the digest of the {what}",
        channel.combine((1, tau), (eta, y), (-value, Affine(Ext.ONE))),
    )
    positions = _positions(channel, code.queries, plan.parameters.grind, code.log_code)
    opened = _open(channel, digest, positions, code.log_code, ROWS)
    words = opened.T
    scaled = field.kmul_base(np.asarray(eta)[:, None], words[0])
    if (
        field.kadd(words[1:], scaled) != evaluate(star, domain_points(positions, code.log_code))
    ).any():
        raise InvalidProof(f"the {what} is not the one that its digest commits to")
    return y
