"""LogUp-GKR, the verifier's side: every looked-up cell lies in its table.

For each group, sum over cells of 1/(alpha - fingerprint) equals the sum over table rows of
multiplicity/(alpha - fingerprint), with fingerprint = sum_i beta_i value_i + beta_tag * tag, if and only if
the cells are rows of their tables (Haboeck ePrint 2022/1530; the sum of fractions by GKR, Papini and
Haboeck ePrint 2023/1284). Every layer of the tree of fractions maps (p0/q0, p1/q1) to
(p0 q1 + p1 q0)/(q0 q1). The root's numerator is a polynomial in alpha and the betas that vanishes
identically exactly when the identity holds, so no denominator needs to be checked.

A gathered row stands in its fingerprint as its multilinear extension at a random point, so a row of m cells counts
log2(m) times towards the degree; its index is the fingerprint's first component, on both sides.

The index of a node is (node bits, group bits), top bit first; the two children differ in the top node bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ...circuit.layout import Piece
from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Expander, Read, Scalar, Tensor, Weight, bits_of, eq, one_hot, within
from ..channel import Affine, Channel
from ..plan import Leaf, Plan, multiplicity
from ..public import as_ext, evaluate, table_values
from ..rounds import eq_at, masked_round


@dataclass(frozen=True)
class Claim:
    """The committed columns' reads sum to ``value``."""

    value: Affine
    reads: list[Read]


@dataclass(frozen=True)
class LookupChallenges:
    """alpha, one beta for each component of a tuple (the first is 1), the tag's beta, and the point that
    gathered rows are evaluated at (the last of it, where a row is shorter)."""

    alpha: Ext
    betas: list[Scalar]
    tag: Ext
    row: list[Ext]

    def carried(self, plan: Plan, leaf: Leaf) -> dict[str, Weight]:
        """The weights of the axis that the rows of a leaf's source are over."""
        axes = plan.sources[leaf.table].carried
        return {axis: eq(self.row[len(self.row) - plan.bits(axis) :]) for axis in axes}


def draw(plan: Plan, channel_challenges) -> LookupChallenges:
    arity = max((len(lookup.exprs) for lookup in plan.lookups), default=1)
    alpha, tag, *rest = channel_challenges(arity + 1 + plan.carried_bits)
    return LookupChallenges(alpha, [1, *rest[: arity - 1]], tag, rest[arity - 1 :])


def verify(channel: Channel, plan: Plan, expander: Expander) -> list[Claim]:
    """Run the whole tree; the two claims on leaf numerators and denominators remain."""
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
    return leaf_claims(channel, plan, expander, challenges, point, p, q)


def leaf_claims(
    channel: Channel,
    plan: Plan,
    expander: Expander,
    challenges: LookupChallenges,
    point: list[Ext],
    p: Affine,
    q: Affine,
) -> list[Claim]:
    """p and q at the leaves, as linear claims on committed columns.

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
    place = cache(lambda index, bits: _select(index, node[:bits]))
    for number, group in enumerate(plan.groups):
        of_group = _select(number, group_point)
        for leaf in group.leaves:
            low = node[len(node) - leaf.piece.log_size :]
            select = of_group * place(leaf.start >> leaf.piece.log_size, len(node) - len(low))
            source = plan.sources[leaf.table]
            tag = source.tag
            q_public = q_public + select * (challenges.alpha - challenges.tag * tag - 1)
            weights = piece_weights(plan, expander, leaf, on_node[len(node) - len(low) :])
            if leaf.lookup < 0:
                p_reads.append(Read(-select, multiplicity(number, leaf.table), weights))
            else:
                p_public = p_public + select
            if leaf.lookup < 0 and source.entries is None:
                if (leaf.table, leaf.piece) not in known:
                    rows = plan.circuit.data[leaf.table][leaf.piece.slices[0]]
                    known[leaf.table, leaf.piece] = table_values(rows, low)
                values = known[leaf.table, leaf.piece]
                for beta, value in zip(challenges.betas, values, strict=False):
                    q_public = q_public - select * value * beta
                continue
            components: list[tuple[Scalar, Expr]] = []
            if source.entries is not None and leaf.lookup < 0:
                q_public = q_public - select * _index_value(leaf.piece.offsets[0], low)
                components.append((challenges.betas[1], source.entries))
                axes = {source.entries.axes[0]: weights[0]}
            else:
                exprs = plan.lookups[leaf.lookup].exprs
                components += zip(challenges.betas, exprs, strict=False)
                axes = dict(zip(exprs[0].axes, weights, strict=True))
            axes |= challenges.carried(plan, leaf)
            for beta, expr in components:
                factor = -select * beta
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


def split_public(expander: Expander, reads: list[Read]) -> tuple[Ext, list[Read]]:
    """Evaluate the reads of public columns; return their sum and the others."""
    total, rest = Ext.ZERO, []
    for read in reads:
        if expander.circuit.column[read.column].home == "public":
            total = total + evaluate(expander, read.column, read.weights) * as_ext(read.coefficient)
        else:
            rest.append(read)
    return total, rest


def _index_value(offset: int, low: list[Ext]) -> Ext:
    """The multilinear extension of offset, offset + 1, .. at the point ``low``, top bit first."""
    value = Ext.ZERO
    for z in low:
        value = 2 * value + z
    return value + offset


def _select(index: int, point: list[Ext]) -> Ext:
    out = Ext.ONE
    for (a, _), z in zip(one_hot(index, len(point)).pairs, point, strict=True):
        out = out * (1 - z if a else z)
    return out
