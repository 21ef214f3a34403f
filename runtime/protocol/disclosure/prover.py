"""What is behind digests, the prover's side; the protocol is described in `disclosure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ... import field
from ...field import Ext
from ...randomness import Randomness
from ...witness.columns import Columns
from ..commitment.codeword import Codeword
from ..commitment.merkle import SALT_WORDS
from ..commitment.prover import query
from ..parameters import Parameters
from ..plan import Plan
from ..prover_channel import ProverChannel, as_pair
from .shared import Code, draw, label, revealed


class Sealed:
    """A commitment to integers: `rows` (3, cells and masks) of F, the salts, and the codeword over both."""

    def __init__(self, cells: Sequence[int] | np.ndarray, p: Parameters, randomness: Randomness):
        code = Code.of(len(cells), p)
        masked = randomness.elements(3, code.dimension)
        masked[0, : code.cells] = field.to_field(cells)
        self.rows = masked
        self.salts = randomness.elements(SALT_WORDS, 1 << code.log_code)
        self.code = Codeword(masked, code.log_code, self.salts)

    @property
    def digest(self) -> bytes:
        return self.code.root


def prove(
    channel: ProverChannel, plan: Plan, columns: Columns, sealed: Mapping[str, Sealed]
) -> None:
    for what in revealed(plan):
        form, _ = draw(plan, what, channel.challenges)
        if what not in sealed:
            continue
        names, said = plan.circuit.reveals[what], label(plan, what)
        cells = [field.to_field(columns.column(name).reshape(-1)) for name in names]
        flat = np.concatenate(cells)
        y = Ext(*field.kdot(form, np.stack([flat, np.zeros_like(flat)])))
        own, other = sealed[what].rows[0], sealed[what].rows[1:]
        tau = Ext(*field.kdot(form, other[:, : form.shape[1]]))
        channel.masked(f"{said} values", [y, tau])
        eta = as_pair(channel.challenge())
        star = field.kadd(other, field.kmul_base(eta[:, None], own))
        channel.clear(f"{said} masked", [Ext(int(a), int(b)) for a, b in star.T])
        code = Code.of(form.shape[1], plan.parameters)
        p = plan.parameters
        query(channel, sealed[what].code, code.queries, p.grind, code.log_code)
