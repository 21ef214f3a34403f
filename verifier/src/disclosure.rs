//! Prompt and output where they are columns, tied to what the statement shows of them or to a digest.

use alloc::format;
use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::claims::Claim;
use crate::commitment::{draw_positions, evaluate, open_columns, points, Digest};
use crate::error::{invalid, Result};
use crate::field::{eq_table, Ext};
use crate::layout::bits_of;
use crate::parameters::{Parameters, TARGET_BITS};
use crate::plan::Plan;
use crate::soundness::query_bits;
use crate::statement::NAMES;
use crate::weights::{eq, Read};

/// Q, and the components of Q'.
pub const ROWS: usize = 3;
/// Mask cells of each.
pub const MASKS: usize = 128;

/// The code of a digest of some cells.
pub struct Code {
    pub cells: usize,
    pub log_code: u32,
    pub queries: usize,
}

impl Code {
    pub fn of(cells: usize, parameters: &Parameters) -> Code {
        let log_code = bits_of(16 * (cells + MASKS));
        let mut code = Code {
            cells,
            log_code,
            queries: 0,
        };
        // The least number of queries that gives as many bits.
        let wanted = f64::from(TARGET_BITS.saturating_sub(parameters.grind));
        let enough = |&count: &usize| query_bits(count, code.rate()) >= wanted;
        code.queries = (0..MASKS).find(enough).unwrap_or(MASKS);
        code
    }

    pub fn dimension(&self) -> usize {
        self.cells + MASKS
    }

    pub fn rate(&self) -> f64 {
        self.dimension() as f64 / (1u64 << self.log_code) as f64
    }
}

/// What a statement says of prompt or output.
pub enum Shown {
    Cells(Vec<usize>),
    Digest(Digest),
}

/// How many cells each column has that holds prompt or output.
pub fn column_sizes(plan: &Plan, what: usize) -> Vec<usize> {
    let columns = plan.circuit.reveals[what].iter();
    let cells = |&number: &usize| {
        let axes = &plan.circuit.columns[number].axes;
        plan.sizes_of(axes).iter().product()
    };
    columns.map(cells).collect()
}

/// The claims on the columns that hold prompt and output, if there are any.
pub fn verify(channel: &mut Channel, plan: &Plan, shown: &[Shown]) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for (what, shown) in shown.iter().enumerate() {
        let (form, reads) = draw(channel, plan, what);
        let value = match shown {
            Shown::Digest(digest) => private(channel, plan, NAMES[what], &form, digest)?,
            Shown::Cells(cells) => {
                let cells = cells.iter().map(|&cell| Ext::from(cell as i128));
                let terms = form.iter().zip(cells).map(|(&w, x)| w * x);
                Affine::known(terms.fold(Ext::ZERO, |sum, x| sum + x))
            }
        };
        claims.push(Claim { value, reads });
    }
    Ok(claims)
}

/// A random linear form, as weights of all cells and as reads of the columns.
fn draw(channel: &mut Channel, plan: &Plan, what: usize) -> (Vec<Ext>, Vec<Read>) {
    let sizes = column_sizes(plan, what);
    let longest = sizes.iter().map(|&size| bits_of(size)).max().unwrap_or(0);
    let drawn = channel.transcript.challenges(1 + longest as usize);
    let (kappa, point) = (drawn[0], &drawn[1..]);
    let (mut form, mut reads, mut power) = (Vec::new(), Vec::new(), Ext::ONE);
    for (&column, &size) in plan.circuit.reveals[what].iter().zip(&sizes) {
        let own = &point[point.len() - bits_of(size) as usize..];
        let axes = plan.circuit.columns[column].axes.iter();
        reads.push(Read {
            coefficient: power,
            column,
            weights: axes.map(|_| eq(own)).collect(),
        });
        let cells = eq_table(own).into_iter().take(size);
        form.extend(cells.map(|weight| weight * power));
        power = power * kappa;
    }
    (form, reads)
}

fn private(
    channel: &mut Channel,
    plan: &Plan,
    name: &str,
    form: &[Ext],
    digest: &Digest,
) -> Result<Affine> {
    let code = Code::of(form.len(), plan.parameters);
    let values = channel.masked(&format!("{name} values"), 2)?;
    let (y, tau) = (values[0], values[1]);
    let eta = channel.challenge();
    let star = channel.clear(&format!("{name} masked"), code.dimension())?;
    let terms = form.iter().zip(&star).map(|(&w, &x)| w * x);
    let value = terms.fold(Ext::ZERO, |sum, x| sum + x);
    let difference =
        channel.combine(&[(Ext::ONE, tau), (eta, y), (-value, Affine::known(Ext::ONE))]);
    channel.require_zero(&format!("the digest of the {name}"), difference)?;
    let grind = plan.parameters.grind;
    let positions = draw_positions(channel, code.queries, grind, code.log_code)?;
    let opened = open_columns(channel, digest, &positions, code.log_code, ROWS)?;
    let own = points(&positions, code.log_code);
    for (point, column) in own.into_iter().zip(opened.chunks_exact(ROWS)) {
        let uniform = Ext::new(column[1], column[2]);
        if uniform + eta.scale(column[0]) != evaluate(&star, point) {
            return invalid(format!(
                "the {name} is not the one that its digest commits to"
            ));
        }
    }
    Ok(y)
}
