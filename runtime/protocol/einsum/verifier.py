"""Einsums and linear relations, the verifier's side; the protocol is described in `einsum`."""

from __future__ import annotations

from collections.abc import Sequence

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Expander, Read, Tensor, Weights, eq, inner, length, within
from ..channel import Affine, Channel
from ..claims import Claim, claim_on, split_public
from ..deferred import Weighted
from ..plan import EINSUM_DEGREE, Instance, Plan
from ..rounds import masked_round
from .shared import bound_weights, draw_point, places


def verify(
    channel: Channel,
    plan: Plan,
    expander: Expander,
    lookups: Claim,
    deferred: Sequence[Weighted],
) -> list[Claim]:
    """The claims that remain. The first of them is ``lookups``, the claim that the lookups left, with what
    they ``deferred``."""
    point = draw_point(plan, channel.challenges)
    at_point: Weights = {axis: eq(z) for axis, z in point.items()}
    claims: list[Claim] = []
    sums: list[Affine] = []
    for einsum in plan.relations:
        value, *parts = channel.masked("einsum values", 1 + len(einsum.products))
        terms = [(-p.coefficient, part) for p, part in zip(einsum.products, parts, strict=True)]
        channel.require_zero(einsum.name, channel.combine((1, value), *terms))
        claims.append(claim_on(channel, expander, einsum.lhs, at_point, value))
        sums += parts
    for linear in plan.circuit.linears:
        (value,) = channel.masked("linear value", 1)
        channel.require_zero(linear.name, value)
        claims.append(claim_on(channel, expander, linear.expr, at_point, value))
    for claim, (scale, weights) in zip(plan.deferred, deferred, strict=True):
        # What lookups weigh: sign * (products - rest), cell by cell.
        sign = scale * claim.einsum.defined.coefficient
        parts = channel.masked("deferred values", len(claim.einsum.products))
        products = zip(claim.einsum.products, parts, strict=True)
        constant, reads = expander.expand(claim.einsum.rest, weights)
        public, reads = split_public(expander, reads)
        value = channel.combine(
            (1, lookups.value),
            *((-sign * p.coefficient, part) for p, part in products),
            (sign, Affine(public + constant)),
        )
        scaled = [Read(r.coefficient * -sign, r.column, r.weights) for r in reads]
        lookups = Claim(value, [*lookups.reads, *scaled])
        sums += parts
    claims = [lookups, *claims]
    gammas = channel.challenges(len(plan.instances))
    claim, r = Affine(Ext.ZERO), []
    for round_ in range(plan.einsum_rounds):
        claim = channel.combine((1, claim), *_joining(plan, gammas, sums, round_))
        claim, challenge = masked_round(channel, "einsum round", claim, EINSUM_DEGREE)
        r.append(challenge)
    claim = channel.combine((1, claim), *_joining(plan, gammas, sums, plan.einsum_rounds))
    finals = [(Ext.ONE, claim)]
    for instance, gamma, at in zip(
        plan.instances, gammas, places(plan, at_point, deferred), strict=True
    ):
        weight, value = _final(channel, plan, expander, instance, at, r, claims)
        finals.append((-gamma * weight, value))
    channel.require_zero("einsum sumcheck", channel.combine(*finals))
    return claims


def _joining(plan: Plan, gammas: list[Ext], sums: list[Affine], round_: int):
    left = plan.einsum_rounds - round_
    return [
        (gamma, total)
        for instance, gamma, total in zip(plan.instances, gammas, sums, strict=True)
        if instance.rounds == left
    ]


def _segments(plan: Plan, instance: Instance, r: Sequence[Ext]) -> dict[str, Tensor]:
    """The instance's challenges, the last of r, by axis: eq there, on the part of the axis that it is about."""
    at, out = len(r) - instance.rounds, {}
    for axis, bits in zip(instance.variables, instance.bits, strict=True):
        offset = instance.box.get(axis, (0, 0))[0]
        out[axis] = within(offset, eq(r[at : at + bits]), plan.bits(axis))
        at += bits
    return out


def _final(
    channel: Channel,
    plan: Plan,
    expander: Expander,
    instance: Instance,
    at: Weights,
    r: list[Ext],
    claims: list[Claim],
) -> tuple[Ext, Affine]:
    """The point's weights and public factors as a scalar, and the product of the hidden factors."""
    segments = _segments(plan, instance, r)
    weight = Ext.ONE
    for axis in instance.shared:
        expander.spend(2 * length(at[axis]))
        weight = weight * inner(at[axis], segments[axis])
    values: dict[Expr, Affine] = {}
    for factor in instance.factors:
        weights = bound_weights(plan, instance, factor, at)
        weights |= {axis: segments[axis] for axis in factor.axes if axis in segments}
        if plan.is_public(factor):
            constant, reads = expander.expand(factor, weights)
            public, _ = split_public(expander, reads)
            scale = public + constant
            for _ in range(instance.product.factors.count(factor)):
                weight = weight * scale
        else:
            (value,) = channel.masked("factor", 1)
            claims.append(claim_on(channel, expander, factor, weights, value))
            values[factor] = value
    hidden = [values[factor] for factor in instance.product.factors if factor in values]
    if not hidden:
        return weight, Affine(Ext.ONE)
    product = hidden[0]
    for i, value in enumerate(hidden[1:]):
        if i:
            (sent,) = channel.masked("partial product", 1)
            channel.require_zero(
                "einsum partial product", channel.combine((1, sent), (-1, product))
            )
            product = sent
        product = channel.product(product, value)
    return weight, product
