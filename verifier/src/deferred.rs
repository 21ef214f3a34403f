//! Claims on columns that einsums define, which lookups leave to the einsums' sumcheck.
//!
//! Such a column is in no commitment. Each of its cells is, but for a sign, the einsum's products there less the rest of
//! the left side, so a claim on cells becomes one on the products, weighted as the cells were, and one on the rest.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::error::Result;
use crate::field::{eq_table, Ext};
use crate::lookup::{select, Challenges, Place};
use crate::plan::{Deferred, Plan};
use crate::weights::{eq_pairs, within, Expander, Pair, Weight, Weights};

/// ``scale`` times the sum of a defined column's cells with these weights.
pub struct WeightedSum {
    pub scale: Ext,
    pub weights: Weights,
}

/// Of each of the plan's deferred claims, at the point in the trees' leaves.
pub fn weights(
    plan: &Plan,
    expander: &mut Expander,
    challenges: &Challenges,
    place: &Place,
) -> Result<Vec<WeightedSum>> {
    for claim in &plan.deferred {
        let listed = claim.leaves.iter().filter(|_| claim.listed);
        let listed: usize = listed.map(|own| 4 << own.leaf.piece.bits[0]).sum();
        expander.spend(8 * claim.leaves.len() + listed)?;
    }
    let sum = |claim| weighted(plan, claim, challenges, place);
    Ok(plan.deferred.iter().map(sum).collect())
}

fn weighted(plan: &Plan, claim: &Deferred, challenges: &Challenges, place: &Place) -> WeightedSum {
    let mut along: BTreeMap<usize, Ext> = BTreeMap::new();
    let (mut total, mut found) = (Ext::ZERO, Weights::new());
    for own in &claim.leaves {
        let (piece, size) = (&own.leaf.piece, own.leaf.piece.log_size());
        let (high, low) = place.node.split_at(place.node.len() - size as usize);
        let factor = -Ext::from(own.coefficient)
            * challenges.betas[own.place]
            * select(own.group, &place.group)
            * select(own.leaf.start >> size, high);
        total += factor;
        let pairs: Vec<Pair> = eq_pairs(low).collect();
        let mut at = 0;
        found.clear();
        for ((&axis, &offset), &bits) in claim.axes.iter().zip(&piece.offsets).zip(&piece.bits) {
            let inside = &pairs[at..at + bits as usize];
            found.push((axis, within(offset, inside, plan.bits[axis])));
            at += bits as usize;
        }
        if claim.listed {
            let first = eq_table(&low[..piece.bits[0] as usize]);
            for (i, weight) in first.into_iter().enumerate() {
                *along.entry(piece.offsets[0] + i).or_default() += factor * weight;
            }
        }
    }
    if !claim.listed {
        return WeightedSum {
            scale: total,
            weights: found,
        };
    }
    found[0].1 = Weight::Sparse(along.into_iter().collect());
    WeightedSum {
        scale: Ext::ONE,
        weights: found,
    }
}
