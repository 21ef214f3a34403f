//! Einsums and linear relations, at one random point, and their products in one batched sumcheck.

use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::circuit::Expr;
use crate::claims::{claim_on, reads_of, Claim};
use crate::deferred::WeightedSum;
use crate::error::Result;
use crate::field::Ext;
use crate::plan::{Instance, Plan, EINSUM_DEGREE};
use crate::sumcheck::masked_round;
use crate::weights::{eq, eq_pairs, find, ones, within, Expander, Pair, Read, Weight, Weights};

/// The claims that remain, first that on ``lookups``, with what lookups deferred to einsums.
pub fn verify(
    channel: &mut Channel,
    plan: &Plan,
    expander: &mut Expander,
    lookups: Claim,
    deferred: &[WeightedSum],
) -> Result<Vec<Claim>> {
    let circuit = plan.circuit;
    let mut at_point = Weights::new();
    for &axis in &plan.point_axes {
        let point = channel.transcript.challenges(plan.bits[axis] as usize);
        at_point.push((axis, eq(&point)));
    }
    let mut claims = Vec::new();
    let mut sums: Vec<Affine> = Vec::with_capacity(plan.instances.len());
    for &number in &plan.relations {
        let einsum = &circuit.einsums[number];
        let values = channel.masked("einsum values", 1 + einsum.products.len())?;
        let parts = einsum.products.iter().zip(&values[1..]);
        let mut terms: Vec<(Ext, Affine)> = parts
            .map(|(product, &part)| (-Ext::from(product.coefficient), part))
            .collect();
        terms.push((Ext::ONE, values[0]));
        let difference = channel.combine(&terms);
        channel.require_zero(&einsum.name, difference)?;
        let claim = claim_on(channel, expander, &einsum.lhs, &at_point, values[0])?;
        claims.push(claim);
        sums.extend_from_slice(&values[1..]);
    }
    for linear in &circuit.linears {
        let value = channel.masked_one("linear value")?;
        channel.require_zero(&linear.name, value)?;
        claims.push(claim_on(channel, expander, &linear.expr, &at_point, value)?);
    }
    let mut rest = lookups;
    for (claim, sum) in plan.deferred.iter().zip(deferred) {
        // What lookups weigh: sign * (products - rest), cell by cell.
        let einsum = &circuit.einsums[claim.einsum];
        let sign = sum.scale * Ext::from(einsum.sign());
        let parts = channel.masked("deferred values", einsum.products.len())?;
        let (constant, reads) = reads_of(expander, &einsum.rest(), &sum.weights)?;
        let mut terms = alloc::vec![(Ext::ONE, rest.value), (sign, Affine::known(constant))];
        let products = einsum.products.iter().zip(&parts);
        terms.extend(
            products.map(|(product, &part)| (-sign * Ext::from(product.coefficient), part)),
        );
        rest.value = channel.combine(&terms);
        rest.reads.extend(reads.into_iter().map(|read| Read {
            coefficient: read.coefficient * -sign,
            ..read
        }));
        sums.extend(parts);
    }
    claims.insert(0, rest);
    let gammas = channel.transcript.challenges(plan.instances.len());
    let (mut claim, mut point) = (Affine::known(Ext::ZERO), Vec::new());
    let rounds = plan.einsum_rounds();
    for round in 0..=rounds {
        let joining = plan.instances.iter().zip(gammas.iter().zip(&sums));
        let joining = joining.filter(|(instance, _)| instance.rounds() == rounds - round);
        let mut terms = alloc::vec![(Ext::ONE, claim)];
        terms.extend(joining.map(|(_, (&gamma, &sum))| (gamma, sum)));
        claim = channel.combine(&terms);
        if round < rounds {
            let (next, r) = masked_round(channel, "einsum round", claim, EINSUM_DEGREE)?;
            claim = next;
            point.push(r);
        }
    }
    let mut finals = alloc::vec![(Ext::ONE, claim)];
    for (instance, gamma) in plan.instances.iter().zip(gammas) {
        let at = match instance.deferred {
            Some(number) => &deferred[number].weights,
            None => &at_point,
        };
        let (weight, value) = last(channel, plan, expander, instance, at, &point, &mut claims)?;
        finals.push((-gamma * weight, value));
    }
    let total = channel.combine(&finals);
    channel.require_zero("einsum sumcheck", total)?;
    Ok(claims)
}

/// An instance's challenges, the last of all, by axis: on the part of the axis that it is about.
fn segments(plan: &Plan, instance: &Instance, point: &[Ext]) -> Vec<(usize, Vec<Pair>)> {
    let mut at = point.len() - instance.rounds();
    let variables = instance.variables.iter().zip(&instance.bits);
    variables
        .map(|(&axis, &bits)| {
            let own: Vec<Pair> = eq_pairs(&point[at..at + bits as usize]).collect();
            at += bits as usize;
            let span = instance.deferred.and_then(|n| plan.deferred[n].span(axis));
            let offset = span.map_or(0, |(offset, _)| offset);
            match within(offset, &own, plan.bits[axis]) {
                Weight::Tensor(pairs) => (axis, pairs.to_vec()),
                Weight::Sparse(_) => (axis, own),
            }
        })
        .collect()
}

/// The point's weights and public factors as a number, and the product of the hidden factors.
fn last(
    channel: &mut Channel,
    plan: &Plan,
    expander: &mut Expander,
    instance: &Instance,
    at: &Weights,
    point: &[Ext],
    claims: &mut Vec<Claim>,
) -> Result<(Ext, Affine)> {
    let segments = segments(plan, instance, point);
    let left = &plan.circuit.einsums[instance.einsum].lhs.axes;
    let mut weight = Ext::ONE;
    for (axis, pairs) in &segments {
        if instance.shared.contains(axis) {
            let own = find(at, *axis);
            expander.spend(2 * own.length())?;
            weight = weight * own.inner(pairs);
        }
    }
    let mut values: Vec<(&Expr, Affine)> = Vec::new();
    for factor in instance.factors() {
        let of_axis = |&axis: &usize| {
            let segment = segments.iter().find(|(own, _)| *own == axis);
            let weight = match segment {
                Some((_, pairs)) => Weight::Tensor(pairs.as_slice().into()),
                None if left.contains(&axis) => find(at, axis).clone(),
                None => ones(plan.bits[axis]),
            };
            (axis, weight)
        };
        let weights: Weights = factor.axes.iter().map(of_axis).collect();
        if plan.circuit.is_public(factor) {
            let (value, _) = reads_of(expander, factor, &weights)?;
            let uses = instance.product.factors.iter().filter(|own| *own == factor);
            uses.for_each(|_| weight = weight * value);
        } else {
            let value = channel.masked_one("factor")?;
            claims.push(claim_on(channel, expander, factor, &weights, value)?);
            values.push((factor, value));
        }
    }
    let hidden = instance.product.factors.iter().filter_map(|factor| {
        let found = values.iter().find(|(own, _)| *own == factor);
        found.map(|(_, value)| *value)
    });
    let mut product: Option<Affine> = None;
    for (number, value) in hidden.enumerate() {
        product = Some(match product {
            None => value,
            Some(mut before) => {
                if number > 1 {
                    let sent = channel.masked_one("partial product")?;
                    let difference = channel.combine(&[(Ext::ONE, sent), (-Ext::ONE, before)]);
                    channel.require_zero("einsum partial product", difference)?;
                    before = sent;
                }
                channel.product(before, value)
            }
        });
    }
    Ok((weight, product.unwrap_or_else(|| Affine::known(Ext::ONE))))
}
