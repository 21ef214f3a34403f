//! Rounds of sumcheck: a polynomial g of degree d is sent as g(0), g(2), .., g(d), as the claim gives g(1).

use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::error::Result;
use crate::field::{Ext, F};

/// Weights w with g(r) = sum_i w[i] g(i) for polynomials of that degree.
fn lagrange(r: Ext, degree: usize) -> Vec<Ext> {
    let node = |i: usize| F::from(i as u64);
    (0..=degree)
        .map(|i| {
            let others = (0..=degree).filter(|&j| j != i);
            let below = others.clone().map(|j| node(i) - node(j));
            let scale = below.fold(F::ONE, |product, x| product * x).inverse();
            others.fold(Ext::from(scale), |value, j| value * (r - node(j).into()))
        })
        .collect()
}

/// prod_i (x_i y_i + (1 - x_i)(1 - y_i)).
pub fn eq_at(x: &[Ext], y: &[Ext]) -> Ext {
    x.iter().zip(y).fold(Ext::ONE, |out, (&a, &b)| {
        let both = a * b;
        out * (Ext::ONE - a - b + both + both)
    })
}

/// What is left of a claim after a round in masked values: the claim at the challenge, and the challenge.
pub fn masked_round(
    channel: &mut Channel,
    label: &str,
    claim: Affine,
    degree: usize,
) -> Result<(Affine, Ext)> {
    let values = channel.masked(label, degree)?;
    let r = channel.challenge();
    let w = lagrange(r, degree);
    let mut terms = Vec::with_capacity(degree + 1);
    terms.push((w[0] - w[1], values[0]));
    terms.push((w[1], claim));
    terms.extend((2..=degree).map(|i| (w[i], values[i - 1])));
    Ok((channel.combine(&terms), r))
}

/// The same over values in clear.
pub fn clear_round(
    channel: &mut Channel,
    label: &str,
    claim: Ext,
    degree: usize,
) -> Result<(Ext, Ext)> {
    let values = channel.clear(label, degree)?;
    let r = channel.challenge();
    let w = lagrange(r, degree);
    let first = (w[0] - w[1]) * values[0] + w[1] * claim;
    let total = (2..=degree).fold(first, |sum, i| sum + w[i] * values[i - 1]);
    Ok((total, r))
}
