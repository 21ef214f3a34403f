//! The pads, opened last: the constraints and the products hold for what was committed.

use crate::channel::Channel;
use crate::commitment::{draw_positions, evaluate, open_columns, points, Digest};
use crate::error::{invalid, Result};
use crate::field::Ext;
use crate::plan::Plan;

/// The components of P and of P'.
const ROWS: usize = 4;

/// Cells of each pad vector: the pads, a spare one, and the masks.
pub fn cells(channel: &Channel, plan: &Plan) -> usize {
    channel.pads + 1 + plan.parameters.pads_masks
}

pub fn verify(channel: &mut Channel, plan: &Plan, root: &Digest) -> Result<()> {
    let parameters = plan.parameters;
    let chi = channel.challenge();
    let (form, sigma) = channel.linear_form(chi);
    let psi = channel.challenge();
    let sums = channel.clear("pad sums", 3)?;
    let (tau, u, v) = (sums[0], sums[1], sums[2]);
    let eta = channel.challenge();
    let count = cells(channel, plan);
    let star = channel.clear("pads", count)?;
    let terms = form.iter().zip(&star).map(|(&l, &x)| l * x);
    if terms.fold(Ext::ZERO, |sum, x| sum + x) != tau + eta * sigma {
        return invalid("the relations do not hold for the committed pads");
    }
    let (mut total, mut power) = (star[channel.pads], Ext::ONE);
    for &[x, y, z] in &channel.triples {
        total += power * (star[x] * star[y] - eta * star[z]);
        power = power * psi;
    }
    if total != u + eta * v {
        return invalid("a product of pads is wrong");
    }
    let log_code = parameters.pads_log_code;
    let positions = draw_positions(channel, parameters.pads_queries, parameters.grind, log_code)?;
    let opened = open_columns(channel, root, &positions, log_code, ROWS)?;
    for (point, column) in points(&positions, log_code)
        .into_iter()
        .zip(opened.chunks_exact(ROWS))
    {
        let (pad, uniform) = (
            Ext::new(column[0], column[1]),
            Ext::new(column[2], column[3]),
        );
        if uniform + eta * pad != evaluate(&star, point) {
            return invalid("the pads sent are not the committed ones");
        }
    }
    if !channel.hiding && star.iter().any(|pad| !pad.is_zero()) {
        return invalid("a proof that does not hide has pads");
    }
    Ok(())
}
