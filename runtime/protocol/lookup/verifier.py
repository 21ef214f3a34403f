"""The lookups, the verifier's side; the protocol is described in `lookup`."""

from __future__ import annotations

from functools import cache

from ...circuit.layout import Piece
from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Expander, Read, Scalar, Tensor, Weight, bits_of, eq, within
from ..channel import Affine, Channel
from ..claims import Claim, split_public
from ..plan import Leaf, Plan, multiplicity
from ..public import table_values
from ..rounds import eq_at, masked_round
from .shared import LookupChallenges, draw, select


def verify(
    channel: Channel, plan: Plan, expander: Expander
) -> tuple[list[Claim], LookupChallenges, list[Ext]]:
    """Run the whole tree; the two claims on leaf numerators and denominators remain, the second without what
    is deferred; and the challenges and the leaves' point, which say what that is."""
    challenges, point, p, q = reduce(channel, plan)
    return leaf_claims(channel, plan, expander, challenges, point, p, q), challenges, point


def reduce(channel: Channel, plan: Plan) -> tuple[LookupChallenges, list[Ext], Affine, Affine]:
    """The challenges of fingerprints, a point, and the leaves' numerators and denominators at that point."""
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.group_bits)
    p, q = channel.masked("lookup root", 2)
    channel.require_zero("lookup: the sum of fractions", p)
    for _ in range(plan.lookup_depth):
        scale = channel.challenge()
        claim = channel.combine((1, p), (scale, q))
        bound = []
        for _ in point:
            claim, r = masked_round(channel, "lookup round", claim, 3)
            bound.append(r)
        p0, p1, q0, q1 = channel.masked("lookup children", 4)
        products = (channel.product(p0, q1), channel.product(p1, q0), channel.product(q0, q1))
        weight = -eq_at(point, bound)
        channel.require_zero(
            "lookup: a layer of fractions",
            channel.combine(
                (1, claim),
                (weight, products[0]),
                (weight, products[1]),
                (weight * scale, products[2]),
            ),
        )
        c = channel.challenge()
        p = channel.combine((1 - c, p0), (c, p1))
        q = channel.combine((1 - c, q0), (c, q1))
        point = [c, *bound]
    return challenges, point, p, q


def leaf_claims(
    channel: Channel,
    plan: Plan,
    expander: Expander,
    challenges: LookupChallenges,
    point: list[Ext],
    p: Affine,
    q: Affine,
) -> list[Claim]:
    """p and q at the leaves, as linear claims on committed columns; defined ones are left out.

    A leaf of a lookup is 1/(alpha - fingerprint), of a table -multiplicity/(alpha - fingerprint); a leaf
    that does not exist is 0/1.
    """
    node, group_point = point[: plan.lookup_depth], point[plan.lookup_depth :]
    on_node = eq(node).pairs
    p_public, q_public = Ext.ZERO, Ext.ONE
    p_reads: list[Read] = []
    q_reads: list[Read] = []
    # Groups share the point in their leaves, and most hold the same tables at the same places.
    known: dict[tuple[str, Piece], list[Ext]] = {}
    place = cache(lambda index, bits: select(index, node[:bits]))
    # Not by expression: it would be hashed for each leaf, and may be long.
    committed = cache(lambda number: [*map(plan.without_defined, plan.lookups[number].exprs)])
    for number, group in enumerate(plan.groups):
        of_group = select(number, group_point)
        for leaf in group.leaves:
            low = node[len(node) - leaf.piece.log_size :]
            chosen = of_group * place(leaf.start >> leaf.piece.log_size, len(node) - len(low))
            source = plan.sources[leaf.table]
            tag = source.tag
            q_public = q_public + chosen * (challenges.alpha - challenges.tag * tag - 1)
            weights = piece_weights(plan, expander, leaf, on_node[len(node) - len(low) :])
            if leaf.lookup < 0:
                p_reads.append(Read(-chosen, multiplicity(number, leaf.table), weights))
            else:
                p_public = p_public + chosen
            if leaf.lookup < 0 and source.entries is None:
                if (leaf.table, leaf.piece) not in known:
                    rows = plan.circuit.data[leaf.table][leaf.piece.slices[0]]
                    known[leaf.table, leaf.piece] = table_values(rows, low)
                values = known[leaf.table, leaf.piece]
                for beta, value in zip(challenges.betas, values, strict=False):
                    q_public = q_public - chosen * value * beta
                continue
            components: list[tuple[Scalar, Expr]] = []
            if source.entries is not None and leaf.lookup < 0:
                q_public = q_public - chosen * _index_value(leaf.piece.offsets[0], low)
                components.append((challenges.betas[1], source.entries))
                axes = {source.entries.axes[0]: weights[0]}
            else:
                exprs = committed(leaf.lookup)
                components += zip(challenges.betas, exprs, strict=False)
                axes = dict(zip(exprs[0].axes, weights, strict=True))
            axes |= challenges.carried(plan, leaf)
            for beta, expr in components:
                factor = -chosen * beta
                constant, reads = expander.expand(expr, axes)
                public, reads = split_public(expander, reads)
                q_public = q_public + factor * (public + constant)
                q_reads += [Read(factor * r.coefficient, r.column, r.weights) for r in reads]
    return [
        Claim(channel.combine((1, p), (-1, Affine(p_public))), p_reads),
        Claim(channel.combine((1, q), (-1, Affine(q_public))), q_reads),
    ]


def piece_weights(
    plan: Plan, expander: Expander, leaf: Leaf, low: tuple[tuple[Scalar, Scalar], ...]
) -> tuple[Weight, ...]:
    """The axis weights that restrict a domain to the leaf's piece, with the weights ``low`` inside it."""
    if leaf.lookup < 0:
        axis_bits = [bits_of(plan.sources[leaf.table].rows)]
    else:
        axes = plan.lookups[leaf.lookup].exprs[0].axes
        axis_bits = [expander.bits[axis] for axis in axes]
    weights, at = [], 0
    for offset, bits, total in zip(leaf.piece.offsets, leaf.piece.bits, axis_bits, strict=True):
        weights.append(within(offset, Tensor(low[at : at + bits]), total))
        at += bits
    return tuple(weights)


def _index_value(offset: int, low: list[Ext]) -> Ext:
    """The multilinear extension of offset, offset + 1, .. at the point ``low``, top bit first."""
    value = Ext.ZERO
    for z in low:
        value = 2 * value + z
    return value + offset
