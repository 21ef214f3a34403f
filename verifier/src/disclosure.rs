//! Prompt and output where they are columns, or the tensors of a function, tied to what the statement shows of them or
//! to a digest.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::claims::Claim;
use crate::commitment::{draw_positions, evaluate, open_columns, points, Digest};
use crate::error::{invalid, Result};
use crate::field::{eq_table, Ext, F};
use crate::layout::bits_of;
use crate::parameters::{Parameters, TARGET_BITS};
use crate::plan::Plan;
use crate::soundness::query_bits;
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

/// What a statement says of prompt or output, or of a tensor.
pub enum Shown {
    Cells(Vec<i64>),
    Digest(Digest),
    Nothing,
}

/// The sizes of each column of what is revealed.
pub fn column_sizes(plan: &Plan, what: usize) -> Vec<Vec<usize>> {
    let (_, columns) = &plan.circuit.reveals[what];
    let sizes = |&number: &usize| plan.sizes_of(&plan.circuit.columns[number].axes);
    columns.iter().map(sizes).collect()
}

/// How many cells these have.
pub fn cells_of(sizes: &[Vec<usize>]) -> usize {
    sizes
        .iter()
        .map(|sizes| sizes.iter().product::<usize>())
        .sum()
}

/// How many variables the point of the form has: those of the column with the most.
pub fn form_variables(sizes: &[Vec<usize>]) -> u32 {
    sizes
        .iter()
        .map(|sizes| variables(sizes))
        .max()
        .unwrap_or(0)
}

fn variables(sizes: &[usize]) -> u32 {
    sizes.iter().map(|&size| bits_of(size)).sum()
}

/// The claims on the columns that hold what is said something of, if there are any.
pub fn verify(channel: &mut Channel, plan: &Plan, shown: &[Shown]) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for (what, shown) in shown.iter().enumerate() {
        let (value, reads) = match shown {
            Shown::Nothing => continue,
            Shown::Digest(digest) => {
                let (form, reads) = draw(channel, plan, what);
                (private(channel, plan, what, &form, digest)?, reads)
            }
            Shown::Cells(cells) => {
                let (form, reads) = draw(channel, plan, what);
                let cells = cells.iter().map(|&cell| F::from(i128::from(cell)));
                let terms = form.iter().zip(cells).map(|(&w, x)| w.scale(x));
                (
                    Affine::known(terms.fold(Ext::ZERO, |sum, x| sum + x)),
                    reads,
                )
            }
        };
        claims.push(Claim { value, reads });
    }
    Ok(claims)
}

/// A random linear form, as weights of all cells and as reads of the columns.
fn draw(channel: &mut Channel, plan: &Plan, what: usize) -> (Vec<Ext>, Vec<Read>) {
    let sizes = column_sizes(plan, what);
    let drawn = channel
        .transcript
        .challenges(1 + form_variables(&sizes) as usize);
    let (kappa, point) = (drawn[0], &drawn[1..]);
    let (mut form, mut reads, mut power) = (Vec::new(), Vec::new(), Ext::ONE);
    for (&column, sizes) in plan.circuit.reveals[what].1.iter().zip(&sizes) {
        let mut own = &point[point.len() - variables(sizes) as usize..];
        let (mut weights, mut over) = (Vec::new(), vec![power]);
        for &size in sizes {
            let (of_axis, rest) = own.split_at(bits_of(size) as usize);
            let along = eq_table(of_axis);
            let along = &along[..size];
            over = over
                .iter()
                .flat_map(|&before| along.iter().map(move |&weight| before * weight))
                .collect();
            weights.push(eq(of_axis));
            own = rest;
        }
        reads.push(Read {
            coefficient: power,
            column,
            weights,
        });
        form.extend(over);
        power = power * kappa;
    }
    (form, reads)
}

fn private(
    channel: &mut Channel,
    plan: &Plan,
    what: usize,
    form: &[Ext],
    digest: &Digest,
) -> Result<Affine> {
    let name = &plan.circuit.reveals[what].0;
    // What stands for it in the labels of the transcript.
    let label = if plan.circuit.batch() > 0 {
        "tensor"
    } else {
        name
    };
    let code = Code::of(form.len(), plan.parameters);
    let values = channel.masked(&format!("{label} values"), 2)?;
    let (y, tau) = (values[0], values[1]);
    let eta = channel.challenge();
    let star = channel.clear(&format!("{label} masked"), code.dimension())?;
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
