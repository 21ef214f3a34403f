//! LogUp-GKR: every looked-up cell is a row of its source.
//!
//! A leaf of a lookup is the fraction 1/(alpha - fingerprint), one of a source -multiplicity/(alpha - fingerprint), and
//! where there is no leaf (0, 1). Layers of sums of two fractions are reduced by sumcheck, from the root to the leaves.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::circuit::Expr;
use crate::claims::{reads_of, Claim};
use crate::error::Result;
use crate::field::Ext;
use crate::layout::bits_of;
use crate::plan::{Leaf, Plan};
use crate::public::{index_value, table_value};
use crate::sumcheck::{eq_at, masked_round};
use crate::weights::{eq, eq_pairs, within, Expander, Pair, Read, Weight, Weights};

/// What fingerprints are made with.
pub struct Challenges {
    alpha: Ext,
    /// One for each component of a tuple, the first is 1.
    pub betas: Vec<Ext>,
    tag: Ext,
    /// Where gathered rows are evaluated; of shorter ones at the last of these.
    row: Vec<Ext>,
}

/// A point in the trees' leaves: in a tree, and among the trees.
pub struct Place {
    pub node: Vec<Ext>,
    pub group: Vec<Ext>,
}

/// What the lookups leave: claims on numerators and denominators, the second without defined columns.
pub struct Reduced {
    pub numerators: Claim,
    pub denominators: Claim,
    pub challenges: Challenges,
    pub place: Place,
}

fn draw(channel: &mut Channel, plan: &Plan) -> Challenges {
    let arity = plan.lookups.iter().map(|lookup| lookup.exprs.len());
    let arity = arity.max().unwrap_or(1);
    let count = arity + 1 + plan.carried_bits as usize;
    let drawn = channel.transcript.challenges(count);
    let mut betas = Vec::with_capacity(arity);
    betas.push(Ext::ONE);
    betas.extend_from_slice(&drawn[2..arity + 1]);
    Challenges {
        alpha: drawn[0],
        betas,
        tag: drawn[1],
        row: drawn[arity + 1..].to_vec(),
    }
}

/// eq of a point and the bits of an index.
pub fn select(index: usize, point: &[Ext]) -> Ext {
    let bits = point.iter().rev().enumerate();
    bits.fold(Ext::ONE, |out, (k, &z)| {
        out * if index >> k & 1 == 1 { z } else { Ext::ONE - z }
    })
}

pub fn verify(channel: &mut Channel, plan: &Plan, expander: &mut Expander) -> Result<Reduced> {
    let challenges = draw(channel, plan);
    let mut point = channel.transcript.challenges(plan.group_bits as usize);
    let root = channel.masked("lookup root", 2)?;
    let (mut p, mut q) = (root[0], root[1]);
    channel.require_zero("lookup: the sum of fractions", p)?;
    for _ in 0..plan.lookup_depth {
        let lambda = channel.challenge();
        let mut claim = channel.combine(&[(Ext::ONE, p), (lambda, q)]);
        let mut bound = Vec::with_capacity(point.len() + 1);
        for _ in 0..point.len() {
            let (next, r) = masked_round(channel, "lookup round", claim, 3)?;
            claim = next;
            bound.push(r);
        }
        let children = channel.masked("lookup children", 4)?;
        let (p0, p1, q0, q1) = (children[0], children[1], children[2], children[3]);
        let products = [
            channel.product(p0, q1),
            channel.product(p1, q0),
            channel.product(q0, q1),
        ];
        let weight = -eq_at(&point, &bound);
        let layer = channel.combine(&[
            (Ext::ONE, claim),
            (weight, products[0]),
            (weight, products[1]),
            (weight * lambda, products[2]),
        ]);
        channel.require_zero("lookup: a layer of fractions", layer)?;
        let c = channel.challenge();
        p = channel.combine(&[(Ext::ONE - c, p0), (c, p1)]);
        q = channel.combine(&[(Ext::ONE - c, q0), (c, q1)]);
        point = core::iter::once(c).chain(bound).collect();
    }
    let group = point.split_off(plan.lookup_depth as usize);
    let place = Place { node: point, group };
    let (numerators, denominators) =
        leaf_claims(channel, plan, expander, &challenges, &place, p, q)?;
    Ok(Reduced {
        numerators,
        denominators,
        challenges,
        place,
    })
}

/// p and q at the leaves, as linear claims on committed columns.
fn leaf_claims(
    channel: &mut Channel,
    plan: &Plan,
    expander: &mut Expander,
    challenges: &Challenges,
    place: &Place,
    p: Affine,
    q: Affine,
) -> Result<(Claim, Claim)> {
    let node = &place.node;
    let on_node: Vec<Pair> = eq_pairs(node).collect();
    let (mut p_public, mut q_public) = (Ext::ZERO, Ext::ONE);
    let (mut p_reads, mut q_reads) = (Vec::new(), Vec::new());
    // Groups share the point in their leaves, and most hold the same tables at the same places.
    let mut known: BTreeMap<(usize, &crate::layout::Piece), Vec<Ext>> = BTreeMap::new();
    let committed: Vec<Vec<Expr>> = plan
        .lookups
        .iter()
        .map(|lookup| {
            let exprs = lookup.exprs.iter();
            let committed = |column: usize| plan.defined[column].is_some();
            exprs.map(|expr| expr.without(committed)).collect()
        })
        .collect();
    for (number, group) in plan.groups.iter().enumerate() {
        let of_group = select(number, &place.group);
        for leaf in &group.leaves {
            let size = leaf.piece.log_size();
            let split = node.len() - size as usize;
            let (high, low) = node.split_at(split);
            let chosen = of_group * select(leaf.start >> size, high);
            let source = &plan.sources[leaf.source];
            let tag = Ext::from(leaf.source as i128 + 1);
            q_public += chosen * (challenges.alpha - challenges.tag * tag - Ext::ONE);
            let weights = piece_weights(plan, leaf, &on_node[split..]);
            let mut axes: Weights = Vec::new();
            if let Some(axis) = source.carried() {
                let bits = plan.bits[axis] as usize;
                let row = &challenges.row;
                axes.push((axis, eq(&row[row.len() - bits..])));
            }
            let mut components: Vec<(Ext, &Expr)> = Vec::new();
            match (leaf.lookup, source.entries) {
                (Some(lookup), _) => {
                    p_public += chosen;
                    let exprs = &committed[lookup];
                    components.extend(challenges.betas.iter().copied().zip(exprs));
                    axes.extend(exprs[0].axes.iter().copied().zip(weights));
                }
                (None, entries) => {
                    p_reads.push(Read {
                        coefficient: -chosen,
                        column: plan.multiplicity(number, leaf.source),
                        weights: weights.clone(),
                    });
                    let start = leaf.piece.offsets[0];
                    if let Some(entries) = entries {
                        let index = index_value(low) + Ext::from(start as i128);
                        q_public = q_public - chosen * index;
                        components.push((challenges.betas[1], entries));
                        axes.extend(entries.axes[..1].iter().copied().zip(weights));
                    } else {
                        let parts = &plan.circuit.tables[leaf.source].data.parts;
                        let values = known.entry((leaf.source, &leaf.piece)).or_insert_with(|| {
                            let value = |part| table_value(part, start, low);
                            parts.iter().map(value).collect()
                        });
                        for (&beta, &value) in challenges.betas.iter().zip(values.iter()) {
                            q_public = q_public - chosen * value * beta;
                        }
                    }
                }
            }
            for (beta, expr) in components {
                let factor = -chosen * beta;
                let (constant, reads) = reads_of(expander, expr, &axes)?;
                q_public += factor * constant;
                q_reads.extend(reads.into_iter().map(|read| Read {
                    coefficient: factor * read.coefficient,
                    ..read
                }));
            }
        }
    }
    let mut claim = |value, public, reads| Claim {
        value: channel.combine(&[(Ext::ONE, value), (-Ext::ONE, Affine::known(public))]),
        reads,
    };
    Ok((claim(p, p_public, p_reads), claim(q, q_public, q_reads)))
}

/// The weights that restrict a domain to a leaf's piece, with the weights ``low`` inside it.
fn piece_weights(plan: &Plan, leaf: &Leaf, low: &[Pair]) -> Vec<Weight> {
    let whole: Vec<u32> = match leaf.lookup {
        None => alloc::vec![bits_of(plan.sources[leaf.source].rows)],
        Some(number) => {
            let axes = plan.lookups[number].exprs[0].axes.iter();
            axes.map(|&axis| plan.bits[axis]).collect()
        }
    };
    let mut at = 0;
    let spans = leaf.piece.offsets.iter().zip(&leaf.piece.bits).zip(whole);
    spans
        .map(|((&offset, &bits), total)| {
            let own = &low[at..at + bits as usize];
            at += bits as usize;
            within(offset, own, total)
        })
        .collect()
}
