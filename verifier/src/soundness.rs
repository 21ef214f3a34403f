//! How sure a proof is: every soundness term, counted from its plan.

use alloc::vec::Vec;

use crate::channel::Channel;
use crate::disclosure::{cells_of, column_sizes, form_variables, Code, Shown};
use crate::pads;
use crate::plan::{Plan, EINSUM_DEGREE};

const EXTENSION_BITS: f64 = 128.0;
/// What a proof must have.
pub const LEAST_BITS: i64 = 100;

/// The logarithm to base 2 of a positive number, which `core` has not: that of its fraction by the series of the inverse
/// hyperbolic tangent.
pub fn log2(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if fraction > core::f64::consts::SQRT_2 {
        fraction /= 2.0;
        exponent += 1;
    }
    let z = (fraction - 1.0) / (fraction + 1.0);
    let (mut term, mut sum) = (z, 0.0);
    for k in 0..24 {
        sum += term / f64::from(2 * k + 1);
        term *= z * z;
    }
    exponent as f64 + 2.0 * sum * core::f64::consts::LOG2_E
}

/// 2^x for x of at most 0.
fn exp2(x: f64) -> f64 {
    let whole = x as i64;
    if whole < -1000 {
        return 0.0;
    }
    let rest = (x - whole as f64) * core::f64::consts::LN_2;
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 1..32 {
        sum += term;
        term *= rest / f64::from(k);
    }
    sum * f64::from_bits(((whole + 1023) as u64) << 52)
}

/// Bits of independent queries to a code of that rate; none where it is no code.
pub fn query_bits(queries: usize, rate: f64) -> f64 {
    if rate < 1.0 {
        -(queries as f64) * log2((1.0 + rate) / 2.0)
    } else {
        0.0
    }
}

fn field(degree: f64) -> f64 {
    EXTENSION_BITS - log2(degree)
}

fn power(bits: u32) -> f64 {
    (1u64 << bits) as f64
}

/// Whole bits of the plain sum of all terms, of a conversation up to the pads' opening.
pub fn security_bits(plan: &Plan, channel: &Channel, shown: &[Shown]) -> i64 {
    let bits = terms(plan, channel, shown);
    let least = bits.iter().copied().fold(f64::INFINITY, f64::min);
    let sum: f64 = bits.iter().map(|&x| exp2(least - x)).sum();
    let found = least - log2(sum);
    let whole = found as i64;
    // Towards zero becomes downwards.
    whole - i64::from(whole as f64 > found)
}

fn terms(plan: &Plan, channel: &Channel, shown: &[Shown]) -> Vec<f64> {
    let p = plan.parameters;
    let layers = plan.group_bits..plan.group_bits + plan.lookup_depth;
    let point: u32 = plan.point_axes.iter().map(|&axis| plan.bits[axis]).sum();
    let folded = p.row_bits + plan.slab_bits();
    let degree = plan.groups.iter().map(|group| plan.degree(group));
    let rounds: u32 = layers.map(|k| 3 * k + 2).sum();
    let factors = plan
        .instances
        .iter()
        .map(|instance| instance.factors().len());
    let claims = 2
        + plan.relations.len()
        + plan.circuit.linears.len()
        + factors.sum::<usize>()
        + shown.len();
    let private = shown.iter().filter(|own| matches!(own, Shown::Digest(_)));
    let long = plan
        .instances
        .iter()
        .filter(|instance| instance.product.factors.len() > 2);
    let constraints = plan.relations.len()
        + plan.circuit.linears.len()
        + plan.lookup_depth as usize
        + 3
        + private.count()
        + long.count();
    let masked = power(p.log_columns) / power(p.log_code);
    let pad_cells = pads::cells(channel, plan) as f64;
    let grind = f64::from(p.grind);
    let mut found = alloc::vec![
        field(degree.fold(0.0, f64::max).max(1.0)),
        field(f64::from(plan.group_bits.max(1))),
        field(f64::from(rounds.max(1))),
        field(f64::from(point.max(1))),
        field((EINSUM_DEGREE * plan.einsum_rounds() + 1) as f64),
        field(claims as f64),
        field(f64::from((2 * folded).max(1))),
        field(f64::from(folded + 1) * power(p.log_code)),
        grind + query_bits(p.queries, masked),
        field((constraints + channel.triples.len() + 2) as f64),
        field(power(p.pads_log_code)),
        grind + query_bits(p.pads_queries, pad_cells / power(p.pads_log_code)),
    ];
    for (what, shown) in shown.iter().enumerate() {
        let sizes = column_sizes(plan, what);
        if !matches!(shown, Shown::Nothing) {
            found.push(field(
                sizes.len() as f64 + f64::from(form_variables(&sizes)),
            ));
        }
        if let Shown::Digest(_) = shown {
            let code = Code::of(cells_of(&sizes), p);
            found.push(field(power(code.log_code)));
            found.push(grind + query_bits(code.queries, code.rate()));
        }
    }
    let mut queries = p.queries;
    for level in &p.levels {
        let rate = power(level.log_cells - level.fold) / power(level.log_code);
        found.push(field((queries + 1) as f64 + f64::from(2 * level.fold)));
        found.push(field(f64::from(level.fold) * power(level.log_code)));
        found.push(f64::from(level.grind) + query_bits(level.queries, rate));
        queries = level.queries;
    }
    if let Some(last) = p.levels.last() {
        let left = f64::from(2 * (last.log_cells - last.fold));
        found.push(field((queries + 1) as f64 + left));
    }
    found
}
