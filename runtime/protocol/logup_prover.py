"""LogUp-GKR, the prover's side; the protocol is described in `logup_verifier`.

The sumcheck of a layer keeps eq factored out: g(X) = s * eq(w, X) * G(X) with G of degree two
(Gruen, ePrint 2024/108, section 3). Rounds over the bits of a node come first; they run over the groups
that there are, and the others, whose fractions are all 0/1, add a constant.
"""

from __future__ import annotations

import numpy as np

from .. import field
from ..evaluate import Columns
from ..field import Ext
from ..kernels.contract import contract
from ..kernels.logup import narrow
from ..kernels.sumcheck import eq_table, logup_round
from .fractions import Kept, Layer, Leaf, Leaves, Sums, fold, settled
from .logup_verifier import LookupChallenges, draw
from .plan import Plan, multiplicity
from .prover_channel import ProverChannel, as_array, as_pair
from .tables import vector
from .weights import bits_of
from .witness import leaf_values


def prove(channel: ProverChannel, plan: Plan, columns: Columns, counts: dict[str, np.ndarray]):
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.group_bits)
    layers = [settled(leaves(plan, columns, counts, challenges))]
    for _ in range(plan.lookup_depth):
        layers.append(settled(Sums(layers[-1])))
    weights = field.eq_table(as_array(point))
    root = _all_groups(layers.pop(), plan.group_bits)
    channel.masked("lookup root", [Ext(*field.kdot(weights, side)) for side in (root.p, root.q)])
    while layers:
        point = _layer(channel, plan.group_bits, point, layers.pop())


def _layer(channel: ProverChannel, group_bits: int, point: list[Ext], layer: Layer) -> list[Ext]:
    """From a claim at ``point`` to one on ``layer``, whose halves are the children."""
    scale = channel.challenge()
    groups = eq_table(as_array(point[len(point) - group_bits :]))[:, : layer.groups]
    missing = scale * (1 - sum((Ext.of(weight) for weight in groups.T), Ext.ZERO))
    bound: list[Ext] = []
    prefix = Ext.ONE
    for i, w in enumerate(point):
        if i == len(point) - group_bits:
            layer, missing = _all_groups(layer, group_bits), Ext.ZERO
        g0, g1, g2 = (g + missing for g in _round(layer, point[i + 1 :], group_bits, scale))
        g3 = g0 - 3 * g1 + 3 * g2
        factors = (1 - w, 3 * w - 1, 5 * w - 2)
        channel.masked(
            "lookup round",
            [prefix * f * g for f, g in zip(factors, (g0, g2, g3), strict=True)],
        )
        r = channel.challenge()
        prefix = prefix * (1 - w - r + 2 * w * r)
        layer = fold(layer, as_pair(r))
        bound.append(r)
    if not point:
        layer = _all_groups(layer, group_bits)
    assert isinstance(layer, Kept)
    channel.masked(
        "lookup children",
        [Ext(int(t[0, i]), int(t[1, i])) for t in (layer.p, layer.q) for i in range(2)],
    )
    for _ in range(3):
        channel.product()
    return [channel.challenge(), *bound]


def _round(layer: Layer, rest: list[Ext], group_bits: int, scale: Ext) -> list[Ext]:
    """sum_x eq(rest, x) (p0 q1 + p1 q0 + scale q0 q1)(X, x) at X = 0, 1, 2, over the groups that there are."""
    quarter = layer.nodes // 4
    bits = bits_of(quarter)
    if isinstance(layer, Kept):
        eq = _eq(rest, bits, layer.groups)
        half = layer.size // 2
        p0, p1 = layer.p[:, :half], layer.p[:, half:]
        q0, q1 = layer.q[:, :half], layer.q[:, half:]
        return [Ext.of(g) for g in logup_round(eq, p0, p1, q0, q1, as_pair(scale))]
    step = min(layer.step, quarter)
    eq = _eq(rest[bits - bits_of(step) :], bits_of(step), layer.groups)
    above = eq_table(as_array(rest[: bits - bits_of(step)]))
    n = step * layer.groups
    tables = np.empty((4, 2, 2 * n), np.uint64)
    total = [Ext.ZERO] * 3
    for number in range(quarter // step):
        for part in range(4):
            child, span = part // 2, slice(part % 2 * n, (part % 2 + 1) * n)
            p, q = tables[child, :, span], tables[2 + child, :, span]
            layer.fill(part * quarter + number * step, p, q)
        p0, p1, q0, q1 = tables
        found = logup_round(eq, p0, p1, q0, q1, as_pair(scale))
        weight = Ext.of(above[:, number])
        total = [t + weight * Ext.of(g) for t, g in zip(total, found, strict=True)]
    return total


def _eq(point: list[Ext], bits: int, groups: int) -> np.ndarray:
    """eq over nodes of that many bits and the groups that there are, (2, nodes * groups)."""
    table = eq_table(as_array(point))
    if table.shape[1] == groups << bits:
        return table
    return np.ascontiguousarray(table.reshape(2, 1 << bits, -1)[:, :, :groups]).reshape(2, -1)


def _all_groups(layer: Layer, group_bits: int) -> Kept:
    """A layer of one or two nodes with the groups that there are not, as one tree: node by node, group by
    group."""
    kept = settled(layer)
    assert isinstance(kept, Kept)
    p = np.zeros((2, layer.nodes, 1 << group_bits), np.uint64)
    q = np.zeros_like(p)
    q[0] = 1
    p[:, :, : layer.groups] = kept.p.reshape(2, -1, layer.groups)
    q[:, :, : layer.groups] = kept.q.reshape(2, -1, layer.groups)
    return Kept(p.reshape(2, -1), q.reshape(2, -1), 1)


def leaves(
    plan: Plan, columns: Columns, counts: dict[str, np.ndarray], challenges: LookupChallenges
) -> Leaves:
    """The lowest layer. Looked-up values are kept as small integers."""
    betas = [np.array([1, 0], np.uint64)]
    betas += [as_pair(beta) for beta in challenges.betas[1:] if isinstance(beta, Ext)]
    found: list[list[Leaf]] = []
    for number, group in enumerate(plan.groups):
        found.append([])
        for leaf in group.leaves:
            tag = plan.sources[leaf.table].tag
            values = leaf_values(plan, columns, leaf)
            numbers = [narrow(v) for v in values if v.ndim == 1]
            base = as_pair(challenges.alpha - challenges.tag * tag)
            row = uses = None
            for axis, weight in challenges.carried(plan, leaf).items():
                (rows,) = (v for v in values if v.ndim == 2)
                at_point = vector(weight, *plan.sizes([axis]))
                row = contract(
                    np.ascontiguousarray(rows)[:, :, None],
                    field.kmul(at_point, betas[1][:, None]),
                )[:, :, 0]
            if leaf.lookup < 0:
                uses = counts[multiplicity(number, leaf.table)][leaf.piece.slices[0]]
                uses = field.to_field(-uses)
            found[-1].append(Leaf(leaf.start, numbers, base, uses, row))
    return Leaves(1 << plan.lookup_depth, found, betas)
