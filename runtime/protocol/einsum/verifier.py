"""Einsums and linear relations, the verifier's side; the protocol is described in `einsum`."""

from __future__ import annotations

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Expander, Weight, eq
from ..channel import Affine, Channel
from ..claims import Claim, claim_on, split_public
from ..plan import EINSUM_DEGREE, Instance, Plan
from ..rounds import eq_at, masked_round
from .shared import draw_point, factor_weights, split


def verify(channel: Channel, plan: Plan, expander: Expander) -> list[Claim]:
    point = draw_point(plan, channel.challenges)
    at_point: dict[str, Weight] = {axis: eq(z) for axis, z in point.items()}
    claims: list[Claim] = []
    sums: list[Affine] = []
    for einsum in plan.circuit.einsums:
        value, *parts = channel.masked("einsum values", 1 + len(einsum.products))
        terms = [(-p.coefficient, part) for p, part in zip(einsum.products, parts, strict=True)]
        channel.require_zero(einsum.name, channel.combine((1, value), *terms))
        claims.append(claim_on(channel, expander, einsum.lhs, at_point, value))
        sums += parts
    for linear in plan.circuit.linears:
        (value,) = channel.masked("linear value", 1)
        channel.require_zero(linear.name, value)
        claims.append(claim_on(channel, expander, linear.expr, at_point, value))
    gammas = channel.challenges(len(plan.instances))
    claim, r = Affine(Ext.ZERO), []
    for round_ in range(plan.einsum_rounds):
        claim = channel.combine((1, claim), *_joining(plan, gammas, sums, round_))
        claim, challenge = masked_round(channel, "einsum round", claim, EINSUM_DEGREE)
        r.append(challenge)
    claim = channel.combine((1, claim), *_joining(plan, gammas, sums, plan.einsum_rounds))
    finals = [(Ext.ONE, claim)]
    for instance, gamma in zip(plan.instances, gammas, strict=True):
        weight, value = _final(channel, plan, expander, instance, point, r, claims)
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


def _final(
    channel: Channel,
    plan: Plan,
    expander: Expander,
    instance: Instance,
    point: dict[str, list[Ext]],
    r: list[Ext],
    claims: list[Claim],
) -> tuple[Ext, Affine]:
    """eq and public factors as a scalar, and the product of the hidden factors."""
    segments = split(plan, instance, r)
    weight = Ext.ONE
    for axis in instance.shared:
        weight = weight * eq_at(point[axis], segments[axis])
    values: dict[Expr, Affine] = {}
    for factor in instance.factors:
        weights = factor_weights(plan, instance, factor, point, r)
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
