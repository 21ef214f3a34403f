"""LogUp-GKR, the prover's side; the protocol is described in `logup_verifier`.

The sumcheck of a layer keeps eq factored out: g(X) = s * eq(w, X) * G(X) with G of degree two
(Gruen, ePrint 2024/108, section 3).
"""

from __future__ import annotations

import numpy as np

from .. import field
from ..evaluate import Columns
from ..field import Ext
from ..kernels.contract import contract
from ..kernels.logup import denominators, half_sums
from ..kernels.sumcheck import eq_table, fold_many, fraction_layer, logup_round
from .logup_verifier import LookupChallenges, draw
from .plan import Plan, multiplicity
from .prover_channel import ProverChannel, as_array, as_pair
from .tables import vector
from .witness import leaf_values


def prove(channel: ProverChannel, plan: Plan, columns: Columns, counts: dict[str, np.ndarray]):
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.group_bits)
    layers = [leaves(plan, columns, counts, challenges)]
    for _ in range(plan.lookup_depth):
        layers.append(fraction_layer(*layers[-1]))
    weights = field.eq_table(as_array(point))
    channel.masked("lookup root", [Ext(*field.kdot(weights, side)) for side in layers.pop()])
    while layers:
        point = _layer(channel, point, *layers.pop())


def _layer(channel: ProverChannel, point: list[Ext], p: np.ndarray, q: np.ndarray) -> list[Ext]:
    scale = channel.challenge()
    half = p.shape[1] // 2
    tables = (p[:, :half], p[:, half:], q[:, :half], q[:, half:])
    eq = eq_table(as_array(point[1:])) if point else None
    bound: list[Ext] = []
    prefix = Ext.ONE
    for w in point:
        assert eq is not None
        g0, g1, g2 = (Ext.of(g) for g in logup_round(eq, *tables, as_pair(scale)))
        g3 = g0 - 3 * g1 + 3 * g2
        factors = (1 - w, 3 * w - 1, 5 * w - 2)
        channel.masked(
            "lookup round",
            [prefix * f * g for f, g in zip(factors, (g0, g2, g3), strict=True)],
        )
        r = channel.challenge()
        prefix = prefix * (1 - w - r + 2 * w * r)
        p0, p1, q0, q1 = fold_many(tables, as_pair(r))
        tables = (p0, p1, q0, q1)
        eq = half_sums(eq) if eq.shape[1] > 1 else eq
        bound.append(r)
    channel.masked("lookup children", [Ext(int(t[0, 0]), int(t[1, 0])) for t in tables])
    for _ in range(3):
        channel.product()
    return [channel.challenge(), *bound]


def leaves(
    plan: Plan, columns: Columns, counts: dict[str, np.ndarray], challenges: LookupChallenges
) -> tuple[np.ndarray, np.ndarray]:
    """Numerators and denominators (2, nodes * groups), the group the low index."""
    groups, nodes = 1 << plan.group_bits, 1 << plan.lookup_depth
    p = np.zeros((2, nodes, groups), np.uint64)
    q = np.zeros((2, nodes, groups), np.uint64)
    q[0] = 1
    betas = [np.array([1, 0], np.uint64)]
    betas += [as_pair(beta) for beta in challenges.betas[1:] if isinstance(beta, Ext)]
    for number, group in enumerate(plan.groups):
        for leaf in group.leaves:
            span = slice(leaf.start, leaf.start + (1 << leaf.piece.log_size))
            tag = plan.sources[leaf.table].tag
            values = [np.ascontiguousarray(v) for v in leaf_values(plan, columns, leaf)]
            numbers = [v for v in values if v.ndim == 1]
            out = np.empty((2, len(values[0])), np.uint64)
            base = as_pair(challenges.alpha - challenges.tag * tag)
            denominators(numbers, betas[: len(numbers)], base, out)
            for axis, weight in challenges.carried(plan, leaf).items():
                (rows,) = (v for v in values if v.ndim == 2)
                at_point = vector(weight, *plan.sizes([axis]))
                row = contract(rows[:, :, None], field.kmul(at_point, betas[1][:, None]))
                out = field.ksub(out, row[:, :, 0])
            q[:, span, number] = out
            if leaf.lookup < 0:
                uses = counts[multiplicity(number, leaf.table)][leaf.piece.slices[0]]
                p[0, span, number] = field.to_field(-uses)
            else:
                p[0, span, number] = 1
    return p.reshape(2, -1), q.reshape(2, -1)
