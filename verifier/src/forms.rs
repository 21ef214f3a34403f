//! Linear forms on committed cells: sums of tensor products over index bits, each on one aligned block.
//!
//! A cell's index is (slab, column, row), top bit first; a slab with fewer rows than others has only rows whose index is
//! a multiple of a power of two.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::claims::Claim;
use crate::error::Result;
use crate::field::{Ext, F};
use crate::plan::{Placed, Plan};
use crate::weights::{Pair, Weight, BITS};
use crate::work::{require_few, Work, FORMS, NUMBERS};

/// A coefficient times the product of pairs[k][bit k] on the cells from ``start`` on; zero elsewhere.
struct Form {
    coefficient: Ext,
    start: u64,
    pairs: Vec<Pair>,
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
        let slabs: Vec<u32> = plan.all_slabs().collect();
        let (mut forms, mut searched) = (Vec::new(), 0);
        for ((column, weights), coefficient) in alike {
            let numbers: usize = weights.iter().map(Weight::length).sum();
            searched += plan.placed[column].len() * (8 + numbers);
            require_few(searched, NUMBERS, "parts of a circuit")?;
            if coefficient.is_zero() {
                continue;
            }
            for block in &plan.placed[column] {
                let shift = row_bits - slabs[block.slab];
                let base = (block.slab as u64) << cell_bits;
                on_block(block, weights, coefficient, base, shift, &mut forms)?;
            }
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
        let count = challenges.len();
        self.bits -= count as u32;
        for form in &mut self.forms {
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

/// A read of a column as forms on one of its blocks.
fn on_block(
    block: &Placed,
    weights: &[Weight],
    coefficient: Ext,
    base: u64,
    shift: u32,
    forms: &mut Vec<Form>,
) -> Work {
    let mut choices: Vec<(Ext, Vec<Pair>)> = vec![(coefficient, Vec::new())];
    let axes = weights
        .iter()
        .zip(&block.piece.offsets)
        .zip(&block.piece.bits);
    for ((weight, &offset), &bits) in axes {
        let options = on_piece(weight, offset, bits);
        require_few(
            forms.len() + choices.len() * options.len(),
            FORMS,
            "parts of a circuit",
        )?;
        let longer = choices.iter().flat_map(|(before, pairs)| {
            options.iter().map(move |(scale, low)| {
                let mut pairs = pairs.clone();
                pairs.extend_from_slice(low);
                (*before * *scale, pairs)
            })
        });
        choices = longer.collect();
    }
    for (coefficient, mut pairs) in choices {
        if coefficient.is_zero() {
            continue;
        }
        pairs.extend((0..shift).map(|_| BITS[0]));
        let mut start = base + ((block.start as u64) << shift);
        let fixed = pairs.iter().take_while(|pair| BITS.contains(pair)).count();
        for (at, pair) in pairs[..fixed].iter().enumerate() {
            if *pair == BITS[1] {
                start += 1 << (pairs.len() - 1 - at);
            }
        }
        pairs.drain(..fixed);
        forms.push(Form {
            coefficient,
            start,
            pairs,
        });
    }
    require_few(forms.len(), FORMS, "parts of a circuit")
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
