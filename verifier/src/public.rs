//! Claims on public columns and tables, which the verifier evaluates by itself.

use alloc::vec;
use alloc::vec::Vec;

use crate::array::{Array, Part};
use crate::circuit::{Home, PublicKind};
use crate::error::Result;
use crate::field::{eq_table, Ext, F};
use crate::weights::{Expander, Read, Weight};

/// The sum of what is read of public columns, and the other reads.
pub fn split_public(expander: &mut Expander, reads: Vec<Read>) -> Result<(Ext, Vec<Read>)> {
    let (mut total, mut rest) = (Ext::ZERO, Vec::with_capacity(reads.len()));
    for read in reads {
        if is_public(expander, read.column) {
            total += evaluate(expander, read.column, &read.weights)? * read.coefficient;
        } else {
            rest.push(read);
        }
    }
    Ok((total, rest))
}

fn is_public(expander: &Expander, column: usize) -> bool {
    let columns = &expander.circuit.columns;
    columns
        .get(column)
        .map_or(false, |c| c.home == Home::Public)
}

/// The claim on a public column.
fn evaluate(expander: &mut Expander, number: usize, weights: &[Weight]) -> Result<Ext> {
    let circuit = expander.circuit;
    let column = &circuit.columns[number];
    let sizes: Vec<usize> = column
        .axes
        .iter()
        .map(|&axis| expander.sizes[axis])
        .collect();
    expander.spend(weights.iter().map(Weight::length).sum())?;
    match (column.kind, &column.data) {
        (PublicKind::Data, Some(array)) => {
            let cells: usize = sizes.iter().product();
            // A contracted row is worth so many cells.
            let steps = cells / 32 + 2 * (cells / sizes.last().unwrap_or(&1));
            let compute = |_: &mut Expander| Ok(contract(array, &sizes, weights));
            once(expander, (number, 0, weights), steps, compute)
        }
        (PublicKind::BelowNext, _) => {
            expander.spend(weights[0].dense_steps(sizes[0]))?;
            let rows = weights[0].dense(sizes[0]);
            let bits = expander.bits[column.axes[1]] as usize;
            let mut total = Ext::ZERO;
            for (row, &weight) in rows.iter().enumerate() {
                if !weight.is_zero() {
                    expander.spend(4 * bits)?;
                    let end = expander
                        .inputs
                        .as_ref()
                        .map_or(0, |inputs| inputs.next[row]);
                    total += weights[1].prefix(end) * weight;
                }
            }
            Ok(total)
        }
        _ => {
            expander.spend(weights[0].dense_steps(sizes[0]))?;
            let layers = weights[0].dense(sizes[0]);
            let mut total = Ext::ZERO;
            let mut windows: Vec<(i128, Ext)> = Vec::new();
            for (&window, &weight) in column.windows.iter().zip(&layers) {
                if !weight.is_zero() {
                    match windows.iter_mut().find(|(own, _)| *own == window) {
                        Some((_, sum)) => *sum += weight,
                        None => windows.push((window, weight)),
                    }
                }
            }
            let mut attention = None;
            for (window, factor) in windows {
                // What is put together of an axis at a time, and its cells.
                let steps = 128 + sizes[1] / 2;
                let compute = |expander: &mut Expander| {
                    if attention.is_none() {
                        expander.spend(sizes[1] + sizes[2])?;
                        attention = Some(Attention::new(&weights[1], &weights[2], &sizes[1..]));
                    }
                    Ok(attention
                        .as_ref()
                        .map_or(Ext::ZERO, |own| own.within(window)))
                };
                total += factor * once(expander, (number, window, &weights[1..]), steps, compute)?;
            }
            Ok(total)
        }
    }
}

/// What was computed before for the same column, window and weights, or is now.
fn once<'a>(
    expander: &mut Expander<'a>,
    (column, window, weights): (usize, i128, &[Weight]),
    steps: usize,
    compute: impl FnOnce(&mut Expander<'a>) -> Result<Ext>,
) -> Result<Ext> {
    let key = (column, window, weights.to_vec());
    if let Some(&known) = expander.evaluated.get(&key) {
        return Ok(known);
    }
    expander.spend(steps)?;
    let found = compute(expander)?;
    expander.evaluated.insert(key, found);
    Ok(found)
}

/// Weights of the tokens that attend, and the sums of those of what they see, up to each.
struct Attention {
    tokens: Vec<Ext>,
    running: Vec<Ext>,
}

impl Attention {
    fn new(tokens: &Weight, sources: &Weight, sizes: &[usize]) -> Attention {
        let mut running = vec![Ext::ZERO];
        for weight in sources.dense(sizes[1]) {
            running.push(running[running.len() - 1] + weight);
        }
        Attention {
            tokens: tokens.dense(sizes[0]),
            running,
        }
    }

    /// Causal attention within a window, any distance if it is 0.
    fn within(&self, window: i128) -> Ext {
        let seen = self.tokens.iter().enumerate().map(|(i, &weight)| {
            let first = if window > 0 {
                (i as i128 + 1 - window).max(0) as usize
            } else {
                0
            };
            weight * (self.running[i + 1] - self.running[first])
        });
        seen.fold(Ext::ZERO, |sum, x| sum + x)
    }
}

/// sum_cells prod_axis w[i] array[cell], over the first cells of each axis.
fn contract(array: &Array, sizes: &[usize], weights: &[Weight]) -> Ext {
    let entries = |(weight, &size): (&Weight, &usize)| -> Vec<(usize, Ext)> {
        match weight {
            Weight::Sparse(entries) => entries.to_vec(),
            Weight::Tensor(_) => weight.dense(size).into_iter().enumerate().collect(),
        }
    };
    let axes: Vec<Vec<(usize, Ext)>> = weights.iter().zip(sizes).map(entries).collect();
    along(&array.parts[0], &array.shape, &axes, 0)
}

fn along(part: &Part, shape: &[usize], axes: &[Vec<(usize, Ext)>], start: usize) -> Ext {
    let (own, rest) = match axes.split_first() {
        Some(found) => found,
        None => return F::from(i128::from(part.get(start))).into(),
    };
    let stride: usize = shape[1..].iter().product();
    if rest.is_empty() && own.iter().enumerate().all(|(k, &(i, _))| i == own[0].0 + k) {
        let weights: Vec<Ext> = own.iter().map(|&(_, weight)| weight).collect();
        return own
            .first()
            .map_or(Ext::ZERO, |&(i, _)| part.weighted(start + i, &weights));
    }
    let nonzero = own.iter().filter(|(_, weight)| !weight.is_zero());
    nonzero.fold(Ext::ZERO, |sum, &(i, weight)| {
        sum + weight * along(part, &shape[1..], rest, start + i * stride)
    })
}

/// The multilinear extension of 2^m integers from ``start`` on, at a point of m elements.
pub fn table_value(part: &Part, start: usize, point: &[Ext]) -> Ext {
    if let Part::Progression { first, step, .. } = part {
        let first = i128::from(*first) + i128::from(*step) * start as i128;
        return Ext::from(first) + index_value(point) * Ext::from(i128::from(*step));
    }
    let (high, low) = point.split_at(point.len() / 2);
    let low = eq_table(low);
    let rows = eq_table(high).into_iter().enumerate();
    rows.fold(Ext::ZERO, |sum, (row, weight)| {
        sum + weight * part.weighted(start + row * low.len(), &low)
    })
}

/// The multilinear extension of 0, 1, .. at a point, top bit first.
pub fn index_value(point: &[Ext]) -> Ext {
    point.iter().fold(Ext::ZERO, |value, &z| value + value + z)
}
