"""What is revealed, the verifier's side; the protocol is described in `disclosure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....errors import InvalidProof
from ... import field
from ...field import Ext, domain_points
from ..channel import Affine, Channel
from ..claims import Claim
from ..commitment.verifier import draw_positions, evaluate, open_columns
from ..plan import Plan
from .shared import ROWS, Code, draw, label, revealed


def verify(
    channel: Channel,
    plan: Plan,
    shown: Mapping[str, Sequence[int] | np.ndarray],
    digests: Mapping[str, bytes],
) -> list[Claim]:
    """The claims on the revealed columns; ``shown`` has the cells of what is public, column after column."""
    claims = []
    for what in revealed(plan):
        form, reads = draw(plan, what, channel.challenges)
        if what in digests:
            value = _verify_private(channel, plan, what, form, digests[what])
        else:
            cells = field.to_field(shown[what])
            value = Affine(Ext(*field.kdot(form, np.stack([cells, np.zeros_like(cells)]))))
        claims.append(Claim(value, reads))
    return claims


def receive(channel: Channel, said: str) -> tuple[Affine, Affine, Ext]:
    """y, tau and eta."""
    y, tau = channel.masked(f"{said} values", 2)
    return y, tau, channel.challenge()


def _verify_private(
    channel: Channel, plan: Plan, what: str, form: np.ndarray, digest: bytes
) -> Affine:
    code = Code.of(form.shape[1], plan.parameters)
    said = label(plan, what)
    y, tau, eta = receive(channel, said)
    sent = channel.clear(f"{said} masked", code.dimension)
    star = np.array([(x.a, x.b) for x in sent], np.uint64).T
    value = Ext(*field.kdot(form, star[:, : code.cells]))
    channel.require_zero(
        f"the digest of the {what}",
        channel.combine((1, tau), (eta, y), (-value, Affine(Ext.ONE))),
    )
    positions = draw_positions(channel, code.queries, plan.parameters.grind, code.log_code)
    opened = open_columns(channel, digest, positions, code.log_code, ROWS)
    words = opened.T
    scaled = field.kmul_base(np.asarray(eta)[:, None], words[0])
    if (
        field.kadd(words[1:], scaled) != evaluate(star, domain_points(positions, code.log_code))
    ).any():
        raise InvalidProof(f"the {what} is not the one that its digest commits to")
    return y
