"""Einsums and linear relations, the verifier's side.

All left sides are claimed at one random point (one challenge vector for each axis); each product of
factors is a sum over its variables, and the sums run in one batched sumcheck: an instance with m variables
joins for the last m rounds, so that all share those challenges. What is left is one value for each factor,
a linear claim on committed columns, and their products.

Source: matrix products by sumcheck, Thaler 2013 (ePrint 2013/351, section 4.4); an axis of the left side that
only one factor has is bound to the point before the sumcheck, as in zkCNN (ePrint 2021/673).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...circuit.relations import Expr
from ...field import Ext
from ..axis_weights import Expander, Tensor, Weight, eq
from ..channel import Affine, Channel
from ..lookup.verifier import Claim, split_public
from ..plan import EINSUM_DEGREE, Instance, Plan
from ..rounds import eq_at, masked_round


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


def draw_point(plan: Plan, challenges) -> dict[str, list[Ext]]:
    return {axis: challenges(plan.bits(axis)) for axis in plan.point_axes}


def factor_weights(
    plan: Plan, instance: Instance, factor: Expr, point: dict[str, list[Ext]], r: Sequence[Ext]
) -> dict[str, Weight]:
    """Where a factor is evaluated in the end: variables at the sumcheck's challenges, other axes at the
    point if the left side has them, summed if not."""
    segments = split(plan, instance, r)
    weights: dict[str, Weight] = {}
    for axis in factor.axes:
        if axis in segments:
            weights[axis] = eq(segments[axis])
        elif axis in instance.einsum.lhs.axes:
            weights[axis] = eq(point[axis])
        else:
            weights[axis] = Tensor(((1, 1),) * plan.bits(axis))
    return weights


def split(plan: Plan, instance: Instance, r: Sequence[Ext]) -> dict[str, Sequence[Ext]]:
    """The instance's challenges, the last of r, by axis."""
    at, out = len(r) - instance.rounds, {}
    for axis in instance.variables:
        out[axis] = r[at : at + plan.bits(axis)]
        at += plan.bits(axis)
    return out


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


def claim_on(
    channel: Channel, expander: Expander, expr: Expr, weights: dict[str, Weight], value: Affine
) -> Claim:
    """``expr`` at ``weights`` equals ``value``, as a claim on committed columns."""
    constant, reads = expander.expand(expr, weights)
    public, reads = split_public(expander, reads)
    return Claim(channel.combine((1, value), (-1, Affine(public + constant))), reads)
