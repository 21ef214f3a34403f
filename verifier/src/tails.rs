//! Reads of a column as few parts: those that agree on its first axes are one, with an array of weights on the others.
//!
//! A window that moves over an image makes a read for each of its taps, with weights of its own along rows and columns
//! and the same along the axes before them. Where arrays begin is a matter of cost alone, as the sum of all reads stays
//! what it is; the cost is counted as the other verifier counts it, so that both have the same limits.

use alloc::vec;
use alloc::vec::Vec;

use crate::field::Ext;
use crate::plan::{Plan, PARTS};
use crate::weights::Weight;
use crate::work::{require_few, Work, NUMBERS};

/// What a form on a block costs, in products of elements of arrays.
const FORM: u128 = 1 << 12;

/// A read of one column: weights by axis, and a coefficient.
pub type Weighed<'a> = (&'a [Weight], Ext);

/// A column weighed by a product of weights over its first axes, and by an array over the others, or a coefficient.
pub struct Tail<'a> {
    pub column: usize,
    pub weights: &'a [Weight],
    /// Of the other axes.
    pub sizes: Vec<usize>,
    pub rest: Vec<Ext>,
}

/// Add the cheapest parts of the reads of a column, in the order of their weights, no two of them the same.
///
/// ``steps`` counts the products that arrays take, of all columns.
pub fn summed<'a>(
    plan: &Plan,
    column: usize,
    reads: &[Weighed<'a>],
    steps: &mut u128,
    found: &mut Vec<Tail<'a>>,
) -> Work {
    let blocks = &plan.placed[column];
    let slabs: Vec<u32> = plan.all_slabs().collect();
    let mut sizes = vec![0; blocks.first().map_or(0, |block| block.piece.bits.len())];
    for block in blocks {
        let ends = block.piece.offsets.iter().zip(&block.piece.bits);
        for (size, (offset, bits)) in sizes.iter_mut().zip(ends) {
            *size = (offset + (1 << bits)).max(*size);
        }
    }
    let of_arrays = |depth: usize| {
        let columns = blocks.iter().map(|block| {
            let bits: u32 = block.piece.bits[depth..].iter().sum();
            1u128 << bits.saturating_sub(slabs[block.slab])
        });
        columns.sum::<u128>()
    };
    let forms: Vec<u128> = (0..sizes.len()).map(of_arrays).collect();
    Branch::of(reads, &sizes, &forms, 0).parts(column, &sizes, steps, found)
}

/// Reads that agree on a column's first axes, and what becomes of them by their weights on the next.
struct Branch<'r, 'a> {
    reads: &'r [Weighed<'a>],
    depth: usize,
    below: Vec<Branch<'r, 'a>>,
    /// Products that the array of all takes, and the cost of the cheapest parts.
    steps: u128,
    cost: u128,
    /// Whether the cheapest part is the array.
    whole: bool,
}

impl<'r, 'a> Branch<'r, 'a> {
    fn of(
        reads: &'r [Weighed<'a>],
        sizes: &[usize],
        forms: &[u128],
        depth: usize,
    ) -> Branch<'r, 'a> {
        let mut found = Branch {
            reads,
            depth,
            below: Vec::new(),
            steps: 0,
            cost: 0,
            whole: false,
        };
        if depth == sizes.len() {
            let entries = reads[0].0.iter().map(|weight| match weight {
                Weight::Sparse(entries) => entries.len() as u128,
                Weight::Tensor(_) => 1,
            });
            found.cost = FORM * entries.product::<u128>();
            return found;
        }
        let mut rest = reads;
        while let Some((first, _)) = rest.first() {
            let own = &first[depth];
            let end = rest.iter().position(|(weights, _)| weights[depth] != *own);
            let (alike, others) = rest.split_at(end.unwrap_or(rest.len()));
            let branch = Branch::of(alike, sizes, forms, depth + 1);
            let entries = match own {
                Weight::Sparse(entries) => entries.len(),
                Weight::Tensor(_) => sizes[depth],
            };
            found.steps += branch.steps + cells(&sizes[depth + 1..]) * entries as u128;
            found.cost += branch.cost;
            found.below.push(branch);
            rest = others;
        }
        let array = found.steps + FORM * forms[depth];
        found.whole = array < found.cost;
        found.cost = array.min(found.cost);
        found
    }

    fn parts(
        &self,
        column: usize,
        sizes: &[usize],
        steps: &mut u128,
        found: &mut Vec<Tail<'a>>,
    ) -> Work {
        let own = &sizes[self.depth..];
        if !self.whole && !own.is_empty() {
            let mut below = self.below.iter();
            return below.try_for_each(|branch| branch.parts(column, sizes, steps, found));
        }
        if self.whole {
            *steps += self.steps + cells(own);
            let counted = usize::try_from(*steps).unwrap_or(usize::MAX);
            require_few(counted, NUMBERS, PARTS)?;
        }
        found.push(Tail {
            column,
            weights: &self.reads[0].0[..self.depth],
            rest: self.array(own),
            sizes: own.to_vec(),
        });
        Ok(())
    }

    /// The sum of the reads' weights on the other axes, times their coefficients.
    fn array(&self, sizes: &[usize]) -> Vec<Ext> {
        let (&size, rest) = match sizes.split_first() {
            Some(found) => found,
            None => return vec![self.reads[0].1],
        };
        let cells: usize = rest.iter().product();
        let mut total = vec![Ext::ZERO; size * cells];
        for branch in &self.below {
            let part = branch.array(rest);
            let mut add = |place: usize, weight: Ext| {
                let own = total.iter_mut().skip(place * cells);
                own.zip(&part).for_each(|(sum, &x)| *sum += weight * x);
            };
            match &branch.reads[0].0[self.depth] {
                Weight::Sparse(entries) => entries.iter().for_each(|&(i, w)| add(i, w)),
                weight => (0..).zip(weight.dense(size)).for_each(|(i, w)| add(i, w)),
            }
        }
        total
    }
}

fn cells(sizes: &[usize]) -> u128 {
    sizes.iter().map(|&size| size as u128).product()
}
