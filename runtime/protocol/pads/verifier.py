"""The pads, the verifier's side; the protocol is described in `pads`."""

from __future__ import annotations

import numpy as np

from ....errors import InvalidProof
from ... import field
from ...field import Ext, domain_points
from ..channel import Channel
from ..commitment.verifier import draw_positions, evaluate, open_columns
from ..conversation import needed
from ..plan import Plan
from .shared import cells

ROWS = 4


def verify(channel: Channel, plan: Plan, root: bytes) -> None:
    p = plan.parameters
    wanted = needed(plan)
    if channel.pads != wanted.pads or channel.triples != wanted.triples:
        raise InvalidProof("the conversation took other pads than were committed")
    form, sigma = channel.linear_form(channel.challenge())
    psi = channel.challenge()
    tau, u, v = channel.clear("pad sums", 3)
    eta = channel.challenge()
    star = np.array([(x.a, x.b) for x in channel.clear("pads", cells(plan))], np.uint64).T
    coefficients = np.array([(x.a, x.b) for x in form], np.uint64).reshape(-1, 2).T
    if Ext(*field.kdot(coefficients, star[:, : wanted.pads])) != tau + eta * sigma:
        raise InvalidProof("the relations do not hold for the committed pads")
    total, power = Ext(int(star[0, wanted.pads]), int(star[1, wanted.pads])), Ext.ONE
    value = [Ext(int(a), int(b)) for a, b in star[:, : wanted.pads].T]
    for x, y, z in channel.triples:
        total = total + power * (value[x] * value[y] - eta * value[z])
        power = power * psi
    if total != u + eta * v:
        raise InvalidProof("a product of pads is wrong")
    positions = draw_positions(channel, p.pads_queries, p.grind, p.pads_log_code)
    opened = open_columns(channel, root, positions, p.pads_log_code, ROWS)
    expected = evaluate(star, domain_points(positions, p.pads_log_code))
    words = opened.T
    scaled = field.kmul(words[:2], np.asarray(eta)[:, None])
    if (field.kadd(words[2:], scaled) != expected).any():
        raise InvalidProof("the pads sent are not the committed ones")
    if not channel.hiding and star.any():
        raise InvalidProof("a proof that does not hide has pads")
