//! Weights on an axis, and how a claim on an expression becomes claims on the columns that it reads.
//!
//! A linear claim on an expression is the sum over its cells of the cell times one weight for each axis. Index maps act
//! on weights by their transposes, so the claim is a sum of claims of the same kind on columns.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;

use crate::circuit::{Circuit, Expr, Index, IndexKind, Term};
use crate::error::Result;
use crate::field::Ext;
use crate::layout::bits_of;
use crate::statement::Statement;
use crate::work::{require_few, Work, STEPS};

/// What a weight is for a bit of 0 and of 1.
pub type Pair = [Ext; 2];
pub const BITS: [Pair; 2] = [[Ext::ONE, Ext::ZERO], [Ext::ZERO, Ext::ONE]];

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// weight[i] is the product over the bits of i, top bit first, of pairs[k][bit].
    Tensor(Rc<[Pair]>),
    /// weight[i] = w for each (i, w), in rising order; zero elsewhere.
    Sparse(Rc<[(usize, Ext)]>),
}

/// Weights of axes, by their numbers.
pub type Weights = Vec<(usize, Weight)>;

pub fn find(weights: &Weights, axis: usize) -> &Weight {
    let found = weights.iter().find(|(own, _)| *own == axis);
    // Every axis of an expression has weights where it is claimed.
    &found.expect("an axis without weights").1
}

pub fn eq_pairs(point: &[Ext]) -> impl Iterator<Item = Pair> + '_ {
    point.iter().map(|&z| [Ext::ONE - z, z])
}

/// eq(point, .).
pub fn eq(point: &[Ext]) -> Weight {
    Weight::Tensor(eq_pairs(point).collect())
}

/// The sum along an axis of so many variables.
pub fn ones(bits: u32) -> Weight {
    Weight::Tensor(vec![[Ext::ONE; 2]; bits as usize].into())
}

/// ``low`` on the aligned block at ``offset`` of an axis of so many bits, zero outside.
pub fn within(offset: usize, low: &[Pair], bits: u32) -> Weight {
    let high = (low.len()..bits as usize).rev();
    let high = high.map(|k| BITS[offset >> k & 1]);
    Weight::Tensor(high.chain(low.iter().copied()).collect())
}

impl Weight {
    /// About how many numbers it is made of.
    pub fn length(&self) -> usize {
        match self {
            Weight::Tensor(pairs) => pairs.len(),
            Weight::Sparse(entries) => entries.len(),
        }
    }

    pub fn dense(&self, size: usize) -> Vec<Ext> {
        match self {
            Weight::Sparse(entries) => {
                let mut out = vec![Ext::ZERO; size];
                entries.iter().for_each(|&(i, w)| out[i] = w);
                out
            }
            Weight::Tensor(pairs) => {
                let mut table = vec![Ext::ONE];
                for (k, pair) in pairs.iter().enumerate() {
                    // Those that lead to indices below the size.
                    let last = (size - 1) >> (pairs.len() - 1 - k);
                    let next = (0..=last).map(|i| {
                        let above = table[i >> 1];
                        if above.is_zero() {
                            above
                        } else {
                            above * pair[i & 1]
                        }
                    });
                    table = next.collect();
                }
                table
            }
        }
    }

    /// The products that this takes, about; a zero takes much less.
    pub fn dense_steps(&self, size: usize) -> usize {
        match self {
            Weight::Sparse(entries) => entries.len() + size / 16,
            Weight::Tensor(pairs) => {
                let nonzero = |pair: &Pair| pair.iter().filter(|w| !w.is_zero()).count();
                size / 16 + 2 * pairs.iter().map(nonzero).product::<usize>()
            }
        }
    }

    /// The sum of weight[i] for i < end.
    pub fn prefix(&self, end: usize) -> Ext {
        match self {
            Weight::Sparse(entries) => {
                let below = entries.iter().filter(|(i, _)| *i < end);
                below.fold(Ext::ZERO, |sum, (_, w)| sum + *w)
            }
            Weight::Tensor(pairs) => {
                let all = |product, [a, b]: &Pair| product * (*a + *b);
                if end >> pairs.len() > 0 {
                    return pairs.iter().fold(Ext::ONE, all);
                }
                let (mut total, mut whole) = (Ext::ZERO, Ext::ONE);
                for (k, [a, b]) in pairs.iter().rev().enumerate() {
                    total = if end >> k & 1 == 1 {
                        *a * whole + *b * total
                    } else {
                        *a * total
                    };
                    whole = all(whole, &[*a, *b]);
                }
                total
            }
        }
    }

    /// The sum of weight[i] times the tensor's.
    pub fn inner(&self, pairs: &[Pair]) -> Ext {
        match self {
            Weight::Tensor(own) => {
                let both = |([a, b], [c, d]): (&Pair, &Pair)| *a * *c + *b * *d;
                let terms = own.iter().zip(pairs).map(both);
                terms.fold(Ext::ONE, |product, x| product * x)
            }
            Weight::Sparse(entries) => {
                let at = |i: usize| {
                    let bits = pairs.iter().rev().enumerate();
                    bits.fold(Ext::ONE, |product, (k, pair)| product * pair[i >> k & 1])
                };
                let terms = entries.iter().map(|&(i, w)| w * at(i));
                terms.fold(Ext::ZERO, |sum, x| sum + x)
            }
        }
    }
}

/// A coefficient times the claim on a column with one weight for each of its axes.
#[derive(Clone, Debug)]
pub struct Read {
    pub coefficient: Ext,
    pub column: usize,
    pub weights: Vec<Weight>,
}

/// What indices read of a statement whose tokens are inputs of the circuit.
pub struct Inputs {
    /// The id at each position, zeros at the end.
    pub at: Vec<usize>,
    /// The ids of the tokens before each generated one, and of these.
    pub previous: Vec<usize>,
    pub next: Vec<usize>,
    /// The position of the token before the first generated one.
    pub last: usize,
}

impl Inputs {
    pub fn of(statement: &Statement) -> Inputs {
        let (ids, prompt) = (&statement.tokens, statement.prompt);
        let mut at = ids.clone();
        at.resize(statement.rows(), 0);
        Inputs {
            at,
            previous: ids[prompt - 1..ids.len() - 1].to_vec(),
            next: ids[prompt..].to_vec(),
            last: prompt - 1,
        }
    }
}

/// Turns claims on expressions into claims on columns, for one circuit, its sizes and its inputs.
pub struct Expander<'a> {
    pub circuit: &'a Circuit,
    pub sizes: &'a [usize],
    pub bits: &'a [u32],
    pub inputs: Option<Inputs>,
    mapped: BTreeMap<(Index, Weight, usize), Weight>,
    /// Claims on public columns that were evaluated before, by column, a window of a mask, and weights.
    pub evaluated: BTreeMap<(usize, i128, Vec<Weight>), Ext>,
    steps: usize,
}

impl<'a> Expander<'a> {
    pub fn new(
        circuit: &'a Circuit,
        sizes: &'a [usize],
        bits: &'a [u32],
        inputs: Option<Inputs>,
    ) -> Expander<'a> {
        Expander {
            circuit,
            sizes,
            bits,
            inputs,
            mapped: BTreeMap::new(),
            evaluated: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Count work that is about to be done, in products of single elements.
    pub fn spend(&mut self, steps: usize) -> Work {
        self.steps = self.steps.saturating_add(steps);
        require_few(self.steps, STEPS, "steps of work")
    }

    /// The constant part of a claim on an expression, and what it reads of columns.
    pub fn expand(&mut self, expr: &Expr, weights: &Weights) -> Result<(Ext, Vec<Read>)> {
        let variables = |axis: &usize| self.bits[*axis] as usize;
        let all: usize = expr.axes.iter().map(variables).sum();
        self.spend(all)?;
        let mut constant = Ext::from(expr.constant);
        if expr.constant != 0 {
            for &axis in &expr.axes {
                constant = constant * find(weights, axis).prefix(self.sizes[axis]);
            }
        }
        let mut reads = Vec::new();
        for term in &expr.terms {
            let used = |axis: usize| term.indices.iter().any(|index| index.axis == Some(axis));
            let unread: Vec<usize> = expr.axes.iter().copied().filter(|&a| !used(a)).collect();
            let variables: usize = unread.iter().map(|&axis| self.bits[axis] as usize).sum();
            self.spend(8 + 4 * variables)?;
            let mut coefficient = Ext::from(term.coefficient);
            for axis in unread {
                coefficient = coefficient * find(weights, axis).prefix(self.sizes[axis]);
            }
            if !coefficient.is_zero() {
                self.read(coefficient, term, weights, &mut reads)?;
            }
        }
        Ok((constant, reads))
    }

    /// Axes that one index reads are mapped; an axis that several read is gone through entry by entry.
    fn read(
        &mut self,
        coefficient: Ext,
        term: &Term,
        weights: &Weights,
        reads: &mut Vec<Read>,
    ) -> Work {
        let circuit: &'a Circuit = self.circuit;
        let sources = &circuit.columns[term.column].axes;
        let readers = |axis| {
            let own = term.indices.iter().filter(move |index| index.axis == axis);
            own.count()
        };
        let mut coefficient = coefficient;
        let mut mapped: Vec<Option<Weight>> = Vec::with_capacity(sources.len());
        let mut joint: Vec<usize> = Vec::new();
        for (index, &source) in term.indices.iter().zip(sources) {
            mapped.push(match index.axis {
                None if index.kind == IndexKind::At => {
                    Some(self.map(index, &ones(0), 1, source)?.1)
                }
                None => Some(ones(self.bits[source])),
                Some(axis) if readers(Some(axis)) == 1 => {
                    let count = self.sizes[axis];
                    let (factor, found) = self.map(index, find(weights, axis), count, source)?;
                    coefficient = coefficient * factor;
                    Some(found)
                }
                Some(axis) => {
                    if !joint.contains(&axis) {
                        joint.push(axis);
                    }
                    None
                }
            });
        }
        let lengths = mapped.iter().flatten().map(Weight::length);
        self.spend(lengths.sum())?;
        let mut entries: Vec<Vec<(usize, Ext)>> = Vec::new();
        for &axis in &joint {
            let weight = find(weights, axis);
            self.spend(weight.dense_steps(self.sizes[axis]))?;
            let dense = weight.dense(self.sizes[axis]).into_iter().enumerate();
            entries.push(dense.filter(|(_, w)| !w.is_zero()).collect());
        }
        if !joint.is_empty() {
            let count = entries.iter().map(Vec::len).fold(1, usize::saturating_mul);
            self.spend(count.saturating_mul(8 * sources.len()))?;
        }
        // Combinations of an entry of each such axis: what it weighs, and the entries.
        let mut choices: Vec<(Ext, Vec<usize>)> = vec![(coefficient, Vec::new())];
        for own in &entries {
            let longer = choices.iter().flat_map(|(weight, chosen)| {
                own.iter().map(move |&(i, w)| {
                    let mut chosen = chosen.clone();
                    chosen.push(i);
                    (*weight * w, chosen)
                })
            });
            choices = longer.collect();
        }
        for (total, chosen) in choices {
            let weights = mapped.iter().zip(&term.indices).map(|(known, index)| {
                known.clone().unwrap_or_else(|| {
                    let place = joint.iter().position(|&axis| Some(axis) == index.axis);
                    let entry = self.source(index, chosen[place.unwrap_or(0)]);
                    Weight::Sparse(Rc::from([(entry, Ext::ONE)]))
                })
            });
            reads.push(Read {
                coefficient: total,
                column: term.column,
                weights: weights.collect(),
            });
        }
        Ok(())
    }

    /// The entry that an index reads at i, for those that read one.
    fn source(&self, index: &Index, i: usize) -> usize {
        let inputs = self.inputs.as_ref();
        let of = |choose: fn(&Inputs) -> &[usize]| inputs.map_or(0, |found| choose(found)[i]);
        match index.kind {
            IndexKind::Window => inputs.map_or(0, |found| found.last + i),
            IndexKind::Token => of(|inputs| &inputs.at),
            IndexKind::Previous => of(|inputs| &inputs.previous),
            IndexKind::Next => of(|inputs| &inputs.next),
            IndexKind::Pick => index.table[i] as usize,
            IndexKind::Position => i + index.table[0] as usize,
            IndexKind::Generating => {
                inputs.map_or(0, |found| found.last + i) + index.table[0] as usize
            }
            _ => i,
        }
    }

    /// The weights of a column's axis that an index turns those of so many entries of an expression's axis into, and a
    /// factor.
    fn map(
        &mut self,
        index: &Index,
        weight: &Weight,
        count: usize,
        source: usize,
    ) -> Result<(Ext, Weight)> {
        let size = self.sizes[source];
        match (index.kind, weight) {
            (IndexKind::Same, _) => return Ok((Ext::ONE, weight.clone())),
            (IndexKind::Rotate, Weight::Tensor(pairs)) if size == 1 << pairs.len() => {
                let [a, b] = pairs[0];
                let first = core::iter::once([b, -a]);
                let turned = first.chain(pairs[1..].iter().copied());
                return Ok((Ext::ONE, Weight::Tensor(turned.collect())));
            }
            (IndexKind::Stride, Weight::Tensor(pairs)) => {
                if let Some(found) = moved(&index.table, pairs, count, size) {
                    return Ok(found);
                }
            }
            _ => {}
        }
        self.spend(weight.length() + index.table.len() / 16)?;
        let key = (index.clone(), weight.clone(), source);
        if let Some(known) = self.mapped.get(&key) {
            return Ok((Ext::ONE, known.clone()));
        }
        self.spend(weight.dense_steps(count))?;
        let found = self.transposed(index, &weight.dense(count), size);
        self.mapped.insert(key, found.clone());
        Ok((Ext::ONE, found))
    }

    fn transposed(&self, index: &Index, weights: &[Ext], size: usize) -> Weight {
        let mut found: Vec<(usize, Ext)> = Vec::new();
        match index.kind {
            IndexKind::At => found.push((index.table[0] as usize, weights[0])),
            IndexKind::Before => {
                let mut tail = Ext::ZERO;
                for i in (1..size).rev() {
                    tail += weights[i];
                    found.push((i - 1, tail));
                }
                found.reverse();
            }
            IndexKind::Stride => {
                let places = weights.iter().enumerate().filter_map(|(i, &weight)| {
                    let moved = index.table[0].checked_mul(i as i128)?;
                    let place = moved.checked_add(index.table[1])?;
                    (0..size as i128)
                        .contains(&place)
                        .then_some((place as usize, weight))
                });
                found.extend(places);
            }
            IndexKind::Rotate => {
                let half = size / 2;
                let turned = (0..size).map(|j| {
                    if j < half {
                        weights[half + j]
                    } else {
                        -weights[j - half]
                    }
                });
                found.extend(turned.enumerate());
            }
            _ => {
                let mut sums: BTreeMap<usize, Ext> = BTreeMap::new();
                for (i, &weight) in weights.iter().enumerate() {
                    if !weight.is_zero() {
                        *sums.entry(self.source(index, i)).or_default() += weight;
                    }
                }
                found.extend(sums);
                return Weight::Sparse(found.into());
            }
        }
        found.retain(|(_, weight)| !weight.is_zero());
        Weight::Sparse(found.into())
    }
}

/// What a stride turns a product into, where it is one: where the start is less than a step that is a power of two, the
/// bits of i move up and those of the start are below them, unless an i behind the last would read an entry.
fn moved(table: &[i128], pairs: &[Pair], count: usize, size: usize) -> Option<(Ext, Weight)> {
    let (step, start) = (table[0], table[1]);
    let beyond = count < 1 << pairs.len() && step * (count as i128) + start < size as i128;
    if step & (step - 1) != 0 || !(0..step).contains(&start) || beyond {
        return None;
    }
    let (up, bits) = (step.trailing_zeros() as usize, bits_of(size) as usize);
    let excess = (pairs.len() + up).saturating_sub(bits);
    if excess > pairs.len() {
        return None;
    }
    // Bits above the column's are zero; it may have more than i has.
    let zeros = pairs[..excess].iter().map(|pair| pair[0]);
    let factor = zeros.fold(Ext::ONE, |product, x| product * x);
    let high = (pairs.len() + up..bits).map(|_| BITS[0]);
    let low = (0..up).rev().map(|k| BITS[(start >> k & 1) as usize]);
    let own = pairs[excess..].iter().copied();
    Some((factor, Weight::Tensor(high.chain(own).chain(low).collect())))
}
