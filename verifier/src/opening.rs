//! The opening: all claims on all committed cells become one, and that one is opened.

use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::claims::Claim;
use crate::commitment::{draw_positions, open_columns, points, Digest};
use crate::error::{invalid, Result};
use crate::field::{eq_table, Ext, F};
use crate::forms::Forms;
use crate::plan::Plan;
use crate::sumcheck::{clear_round, masked_round};

const FOLD_DEGREE: usize = 2;

/// What the masked part leaves: the form on columns, y', and the weights by which rows fold.
struct Folded {
    forms: Forms,
    y: Ext,
    rows: Vec<Ext>,
}

/// That the columns under ``roots``, the witness's last, satisfy the claims.
pub fn verify(
    channel: &mut Channel,
    plan: &Plan,
    claims: &[Claim],
    roots: &[Digest],
) -> Result<()> {
    let folded = masked(channel, plan, claims)?;
    clear(channel, plan, folded, roots)
}

fn masked(channel: &mut Channel, plan: &Plan, claims: &[Claim]) -> Result<Folded> {
    let parameters = plan.parameters;
    let gamma = channel.challenge();
    let (scales, mut forms) = Forms::combined(plan, claims, gamma)?;
    let terms = scales
        .into_iter()
        .zip(claims.iter().map(|claim| claim.value));
    let mut sigma = channel.combine(&terms.collect::<Vec<_>>());
    let mut fold = |label, count: u32| -> Result<Vec<Ext>> {
        let mut point = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let (next, r) = masked_round(channel, label, sigma, FOLD_DEGREE)?;
            sigma = next;
            point.push(r);
        }
        Ok(point)
    };
    let row = fold("row round", parameters.row_bits)?;
    let mut point = fold("slab round", plan.slab_bits())?;
    forms.bind_low(&row);
    forms.bind_high(&point);
    let rho = channel.masked_one("mask")?;
    let eta = channel.challenge();
    let y = channel.clear("opened value", 1)?[0];
    let masked = channel.combine(&[(Ext::ONE, rho), (eta, sigma), (-y, Affine::known(Ext::ONE))]);
    channel.require_zero("opening: the masked claim", masked)?;
    point.extend(row);
    Ok(Folded {
        forms,
        y,
        rows: row_weights(plan, &point, eta),
    })
}

/// eta times eq of the point, on every committed row: those of slabs one after the other.
fn row_weights(plan: &Plan, point: &[Ext], eta: Ext) -> Vec<Ext> {
    let (slab_point, row_point) = point.split_at(plan.slab_bits() as usize);
    let of_slab = eq_table(slab_point);
    let of_row = eq_table(row_point);
    let slabs = plan.all_slabs().zip(of_slab);
    slabs
        .flat_map(|(bits, weight)| {
            let step = 1 << (plan.parameters.row_bits - bits);
            of_row
                .iter()
                .step_by(step)
                .map(move |&row| row * weight * eta)
        })
        .collect()
}

fn clear(channel: &mut Channel, plan: &Plan, folded: Folded, roots: &[Digest]) -> Result<()> {
    let parameters = plan.parameters;
    let (mut forms, mut claim) = (folded.forms, folded.y);
    let mut root = channel.root("folded root")?;
    let positions = draw_positions(
        channel,
        parameters.queries,
        parameters.grind,
        parameters.log_code,
    )?;
    let values = columns(channel, plan, &folded.rows, roots, &positions)?;
    let own = points(&positions, parameters.log_code);
    claim = add_queries(channel, claim, &mut forms, &values, &own);
    for (number, level) in parameters.levels.iter().enumerate() {
        let mut row = Vec::with_capacity(level.fold as usize);
        for _ in 0..level.fold {
            let (next, r) = clear_round(channel, "fold round", claim, FOLD_DEGREE)?;
            claim = next;
            row.push(r);
        }
        forms.bind_high(&row);
        let mut last = None;
        let mut next_root = root;
        if number + 1 == parameters.levels.len() {
            let left = level.log_cells - level.fold;
            last = Some(channel.clear("final", 1 << left)?);
        } else {
            next_root = channel.root("folded root")?;
        }
        let positions = draw_positions(channel, level.queries, level.grind, level.log_code)?;
        let count = 1 << level.fold;
        let opened = open_columns(channel, &root, &positions, level.log_code, 2 * count)?;
        let weights = eq_table(&row);
        let fold = |column: &[F]| {
            let cells = column[..count].iter().zip(&column[count..]);
            let terms = cells.zip(&weights).map(|((&a, &b), &w)| Ext::new(a, b) * w);
            terms.fold(Ext::ZERO, |sum, x| sum + x)
        };
        let values: Vec<Ext> = opened.chunks_exact(2 * count).map(fold).collect();
        let own = points(&positions, level.log_code);
        claim = add_queries(channel, claim, &mut forms, &values, &own);
        root = next_root;
        if let Some(vector) = last {
            finish(channel, claim, &mut forms, &vector)?;
        }
    }
    Ok(())
}

/// Fold the vector that was sent with its form, down to one product.
fn finish(channel: &mut Channel, mut claim: Ext, forms: &mut Forms, vector: &[Ext]) -> Result<()> {
    let mut point = Vec::new();
    for _ in 0..forms.bits() {
        let (next, r) = clear_round(channel, "final round", claim, FOLD_DEGREE)?;
        claim = next;
        point.push(r);
    }
    let weights = eq_table(&point).into_iter().zip(vector);
    let value = weights.fold(Ext::ZERO, |sum, (w, &x)| sum + w * x);
    forms.bind_high(&point);
    if value * forms.total() != claim {
        return invalid("opening: the folded vector does not satisfy the claims");
    }
    Ok(())
}

/// f' at the opened positions: R + eta times the fold of the columns of all commitments.
fn columns(
    channel: &mut Channel,
    plan: &Plan,
    rows: &[Ext],
    roots: &[Digest],
    positions: &[u64],
) -> Result<Vec<Ext>> {
    let mut values = alloc::vec![Ext::ZERO; positions.len()];
    let mut from = 0;
    for (number, (root, slabs)) in roots.iter().zip(&plan.slabs).enumerate() {
        let count: usize = slabs.iter().map(|bits| 1 << bits).sum();
        // R lies below the witness.
        let below = if number + 1 == roots.len() { 2 } else { 0 };
        let words = count + below;
        let log_code = plan.parameters.log_code;
        let opened = open_columns(channel, root, positions, log_code, words)?;
        let own = &rows[from..from + count];
        for (value, column) in values.iter_mut().zip(opened.chunks_exact(words)) {
            for (&cell, &weight) in column.iter().zip(own) {
                *value += weight.scale(cell);
            }
            if below > 0 {
                *value += Ext::new(column[count], column[count + 1]);
            }
        }
        from += count;
    }
    Ok(values)
}

/// Batch the claim with one evaluation for each opened position.
fn add_queries(
    channel: &mut Channel,
    claim: Ext,
    forms: &mut Forms,
    values: &[Ext],
    points: &[F],
) -> Ext {
    let gamma = channel.challenge();
    let powers = core::iter::successors(Some(gamma), |&power| Some(power * gamma));
    let scales: Vec<Ext> = powers.take(values.len()).collect();
    forms.add_queries(&scales, points);
    let terms = scales
        .iter()
        .zip(values)
        .map(|(&scale, &value)| scale * value);
    terms.fold(claim, |sum, x| sum + x)
}
