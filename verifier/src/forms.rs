//! Linear forms on committed cells: sums of tensor products over index bits, each on one aligned block.
//!
//! A cell's index is (slab, column, row), top bit first; a slab with fewer rows than others has only rows whose index is
//! a multiple of a power of two.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::claims::Claim;
use crate::error::Result;
use crate::field::{eq_table, Ext, F};
use crate::layout::{bits_of, Piece};
use crate::plan::{Placed, Plan, PARTS};
use crate::tails::{summed, Tail, Weighed};
use crate::weights::{Pair, Weight, BITS};
use crate::work::{require_few, Work, FORMS, NUMBERS};

/// A coefficient times the product of pairs[k][bit k] on the cells from ``start`` on; zero elsewhere.
struct Form {
    coefficient: Ext,
    start: u64,
    pairs: Vec<Pair>,
    /// Weights over bits of the row behind those of the pairs, if there are any, and how many bits are zero behind them.
    rows: Vec<Ext>,
    shift: u32,
}

/// The evaluation at a point, of the polynomial with the vector's cells as coefficients, times a value.
struct Query {
    value: Ext,
    /// x, x^2, x^4, ..
    powers: Vec<F>,
}

/// A sum of forms over so many index bits.
pub struct Forms {
    bits: u32,
    forms: Vec<Form>,
    queries: Vec<Query>,
}

impl Forms {
    /// The claims, combined with powers of gamma: the powers, and the forms.
    pub fn combined(plan: &Plan, claims: &[Claim], gamma: Ext) -> Result<(Vec<Ext>, Forms)> {
        let (mut scales, mut power) = (Vec::with_capacity(claims.len()), Ext::ONE);
        // Reads of a column with the same weights are one.
        let mut alike: BTreeMap<(usize, &[Weight]), Ext> = BTreeMap::new();
        for claim in claims {
            scales.push(power);
            for read in &claim.reads {
                let sum = alike.entry((read.column, &read.weights)).or_default();
                *sum += power * read.coefficient;
            }
            power = power * gamma;
        }
        let (row_bits, cell_bits) = (
            plan.parameters.row_bits,
            plan.parameters.row_bits + plan.parameters.log_columns,
        );
        // In the order of columns, and of their weights.
        let mut columns: Vec<(usize, Vec<Weighed>)> = Vec::new();
        for ((column, weights), coefficient) in alike {
            match columns.last_mut() {
                Some((own, reads)) if *own == column => reads.push((weights, coefficient)),
                _ => columns.push((column, vec![(weights, coefficient)])),
            }
        }
        let (mut tails, mut steps) = (Vec::new(), 0);
        for (column, reads) in columns {
            if !plan.placed[column].is_empty() {
                summed(plan, column, &reads, &mut steps, &mut tails)?;
            }
        }
        let slabs: Vec<u32> = plan.all_slabs().collect();
        let (mut forms, mut searched) = (Vec::new(), 0);
        for tail in &tails {
            let blocks = &plan.placed[tail.column];
            let numbers: usize = tail.weights.iter().map(Weight::length).sum();
            searched += blocks.len() * (8 + numbers);
            require_few(searched, NUMBERS, PARTS)?;
            let before = forms.len();
            for block in blocks {
                let height = slabs[block.slab];
                let slab = ((block.slab as u64) << cell_bits, height, row_bits - height);
                on_block(block, tail, slab, before, &mut forms)?;
            }
            require_few(forms.len(), FORMS, PARTS)?;
        }
        let found = Forms {
            bits: plan.slab_bits() + cell_bits,
            forms,
            queries: Vec::new(),
        };
        Ok((scales, found))
    }

    /// Fold the highest bits at challenges, top bit first.
    pub fn bind_high(&mut self, challenges: &[Ext]) {
        for &r in challenges {
            self.bits -= 1;
            let bit = self.bits as usize;
            for form in &mut self.forms {
                let factor = if form.pairs.len() > bit {
                    let [low, high] = form.pairs.remove(0);
                    low + r * (high - low)
                } else if form.start >> bit & 1 == 1 {
                    r
                } else {
                    Ext::ONE - r
                };
                form.coefficient = form.coefficient * factor;
            }
            for query in &mut self.queries {
                let power = Ext::from(query.powers[bit]);
                query.value = query.value * (Ext::ONE + r * (power - Ext::ONE));
            }
        }
    }

    /// Fold the lowest bits at challenges, top bit first, while there are no queries.
    pub fn bind_low(&mut self, challenges: &[Ext]) {
        self.bits -= challenges.len() as u32;
        for form in &mut self.forms {
            let challenges = form.bind_rows(challenges);
            let count = challenges.len();
            for (k, &r) in challenges.iter().enumerate() {
                let bit = count - 1 - k;
                let factor = if form.pairs.len() > bit {
                    let [low, high] = form.pairs[form.pairs.len() - 1 - bit];
                    low + r * (high - low)
                } else if form.start >> bit & 1 == 1 {
                    r
                } else {
                    Ext::ONE - r
                };
                form.coefficient = form.coefficient * factor;
            }
            form.pairs.truncate(form.pairs.len().saturating_sub(count));
            form.start >>= count;
        }
    }

    pub fn add_queries(&mut self, scales: &[Ext], points: &[F]) {
        let bits = self.bits;
        let query = |(&value, &point): (&Ext, &F)| {
            let squares = core::iter::successors(Some(point), |&x| Some(x * x));
            Query {
                value,
                powers: squares.take(bits as usize).collect(),
            }
        };
        self.queries.extend(scales.iter().zip(points).map(query));
    }

    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The sum of all once every bit is folded.
    pub fn total(&self) -> Ext {
        let forms = self.forms.iter().map(|form| form.coefficient);
        let queries = self.queries.iter().map(|query| query.value);
        forms.chain(queries).fold(Ext::ZERO, |sum, x| sum + x)
    }
}

impl Form {
    /// Fold the bits that arrays are over at the last of the challenges; the others, of bits before them.
    fn bind_rows<'c>(&mut self, challenges: &'c [Ext]) -> &'c [Ext] {
        if self.rows.is_empty() {
            return challenges;
        }
        let bits = bits_of(self.rows.len()) + self.shift;
        let (rest, own) = challenges.split_at(challenges.len() - bits as usize);
        let weights = eq_table(own).into_iter().step_by(1 << self.shift);
        let terms = weights.zip(&self.rows).map(|(w, &x)| w * x);
        self.coefficient = self.coefficient * terms.fold(Ext::ZERO, |sum, x| sum + x);
        self.start >>= bits;
        self.rows = Vec::new();
        rest
    }
}

/// Weights of a column as forms on one of its blocks, of a slab that begins at an index and has 2^height rows, 2^shift
/// apart; of the column's forms those from ``before`` on are there.
fn on_block(
    block: &Placed,
    tail: &Tail,
    (base, height, shift): (u64, u32, u32),
    before: usize,
    forms: &mut Vec<Form>,
) -> Work {
    let piece = &block.piece;
    let axes = tail.weights.iter().zip(&piece.offsets).zip(&piece.bits);
    let options: Vec<Vec<(Ext, Vec<Pair>)>> = axes
        .map(|((weight, &offset), &bits)| on_piece(weight, offset, bits))
        .collect();
    let ends = arrays(tail, piece, height);
    let lengths = options.iter().map(Vec::len).chain([ends.len()]);
    let count = lengths.fold(1, usize::saturating_mul);
    if count == 0 {
        return Ok(());
    }
    require_few((forms.len() - before).saturating_add(count), FORMS, PARTS)?;
    let mut choices: Vec<(Ext, Vec<Pair>)> = vec![(Ext::ONE, Vec::new())];
    for own in &options {
        let longer = choices.iter().flat_map(|(before, pairs)| {
            own.iter().map(move |(scale, low)| {
                let mut pairs = pairs.clone();
                pairs.extend_from_slice(low);
                (*before * *scale, pairs)
            })
        });
        choices = longer.collect();
    }
    for (coefficient, leading) in &choices {
        for (low, rows) in &ends {
            let mut pairs = leading.clone();
            pairs.extend_from_slice(low);
            let (mut coefficient, mut rows) = (*coefficient, rows.clone());
            let behind = if let [only] = rows[..] {
                coefficient = coefficient * only;
                rows.clear();
                pairs.extend((0..shift).map(|_| BITS[0]));
                0
            } else {
                bits_of(rows.len()) + shift
            };
            if coefficient.is_zero() {
                continue;
            }
            let mut start = base + ((block.start as u64) << shift);
            let fixed = pairs.iter().take_while(|pair| BITS.contains(pair)).count();
            for (at, pair) in pairs[..fixed].iter().enumerate() {
                if *pair == BITS[1] {
                    start += 1 << (pairs.len() - 1 - at + behind as usize);
                }
            }
            pairs.drain(..fixed);
            forms.push(Form {
                coefficient,
                start,
                pairs,
                rows,
                shift,
            });
        }
    }
    Ok(())
}

/// The rest of a tail on a piece: an array of weights for each column that it meets of a slab with so many rows, and the
/// bits that choose it.
fn arrays(tail: &Tail, piece: &Piece, height: u32) -> Vec<(Vec<Pair>, Vec<Ext>)> {
    let depth = tail.weights.len();
    let mut found = vec![0];
    for (axis, &size) in tail.sizes.iter().enumerate() {
        let (offset, bits) = (piece.offsets[depth + axis], piece.bits[depth + axis]);
        let longer = found.iter().flat_map(|&at| {
            let own = offset..offset + (1 << bits);
            own.map(move |i| at * size + i)
        });
        found = longer.collect();
    }
    let rest: Vec<Ext> = found.into_iter().map(|at| tail.rest[at]).collect();
    let rows = rest.len().min(1 << height);
    let columns = rest.chunks_exact(rows).enumerate();
    let count = bits_of(rest.len() / rows);
    columns
        .filter(|(_, own)| own.iter().any(|weight| !weight.is_zero()))
        .map(|(number, own)| {
            let bits = (0..count).rev().map(|k| BITS[number >> k & 1]);
            (bits.collect(), own.to_vec())
        })
        .collect()
}

/// A weight on [offset, offset + 2^bits): factors, each with the pairs of the low bits.
fn on_piece(weight: &Weight, offset: usize, bits: u32) -> Vec<(Ext, Vec<Pair>)> {
    match weight {
        Weight::Sparse(entries) => {
            let inside = |&&(i, _): &&(usize, Ext)| offset <= i && i - offset < 1 << bits;
            let entry = |&(i, w): &(usize, Ext)| {
                let low = (0..bits).rev().map(|k| BITS[(i - offset) >> k & 1]);
                (w, low.collect())
            };
            entries.iter().filter(inside).map(entry).collect()
        }
        Weight::Tensor(pairs) => {
            let (high, low) = pairs.split_at(pairs.len() - bits as usize);
            let chosen = high.iter().enumerate();
            let scale = chosen.fold(Ext::ONE, |scale, (k, pair)| {
                scale * pair[offset >> (pairs.len() - 1 - k) & 1]
            });
            if scale.is_zero() {
                Vec::new()
            } else {
                vec![(scale, low.to_vec())]
            }
        }
    }
}
