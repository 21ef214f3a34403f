"""The pads, the prover's side; the protocol is described in `pads.verifier`."""

from __future__ import annotations

import numpy as np

from ... import field
from ...field import Ext
from ...randomness import Randomness
from ..channel import Channel
from ..commitment.codeword import Codeword
from ..commitment.merkle import SALT_WORDS
from ..opening.prover import open_columns
from ..plan import Plan
from ..prover_channel import ProverChannel
from .verifier import cells


class Pads:
    """Both pad vectors (2, cells), the pads of products set to those products, and their codeword."""

    def __init__(self, plan: Plan, randomness: Randomness):
        p = plan.parameters
        self.pads = randomness.elements(2, cells(plan))
        self.other = randomness.elements(2, cells(plan))
        for x, y, z in plan.triples if randomness.hiding else ():
            self.pads[:, z] = field.kmul(self.pads[:, x], self.pads[:, y])
        salts = randomness.elements(SALT_WORDS, 1 << p.pads_log_code)
        self.code = Codeword(np.concatenate([self.pads, self.other]), p.pads_log_code, salts)

    def value(self, vector: np.ndarray, i: int) -> Ext:
        return Ext(int(vector[0, i]), int(vector[1, i]))


def prove(channel: ProverChannel, plan: Plan, pads: Pads, replay: Channel) -> None:
    """``replay``: the verifier's channel after it has read all that is masked."""
    p = plan.parameters
    form, _ = replay.linear_form(channel.challenge())
    psi = channel.challenge()
    tau = u = v = Ext.ZERO
    for i, weight in enumerate(form):
        tau = tau + weight * pads.value(pads.other, i)
    power = Ext.ONE
    for x, y, z in replay.triples:
        a, b = pads.value(pads.pads, x), pads.value(pads.pads, y)
        a2, b2, c2 = (pads.value(pads.other, i) for i in (x, y, z))
        u = u + power * (a2 * b2)
        v = v + power * (a2 * b + a * b2 - c2)
        power = power * psi
    u = u + pads.value(pads.other, plan.pads)
    v = v + pads.value(pads.pads, plan.pads)
    channel.clear("pad sums", [tau, u, v])
    eta = channel.challenge()
    scaled = field.kmul(pads.pads, np.array([[eta.a], [eta.b]], np.uint64))
    star = field.kadd(pads.other, scaled)
    channel.clear("pads", [Ext(int(a), int(b)) for a, b in star.T])
    open_columns(channel, pads.code, p.pads_queries, p.grind, p.pads_log_code)
