//! What circuit, parameters and sizes fix before anything is said: where cells lie, what lookups look up where, and the
//! sums of the einsums.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::circuit::{Axis, Circuit, Expr, Home, Product, Size};
use crate::error::{invalid, unusable, Result};
use crate::layout::{bits_of, cut_up, parts, pieces, Piece};
use crate::parameters::Parameters;
use crate::work::{require_few, Work, BLOCKS, GROUPS, ROWS, SEARCHES, SUMS};

/// The degree of each round of the einsums' sumcheck.
pub const EINSUM_DEGREE: usize = 4;
/// The longest axis along which pieces of a defined column are one claim.
const LISTED: usize = 256;
pub const PARTS: &str = "parts of a circuit";

/// A piece of a committed column at cell ``start`` of a slab.
#[derive(Clone, Debug)]
pub struct Placed {
    pub piece: Piece,
    pub slab: usize,
    pub start: usize,
}

/// Where lookups find rows: a table, or the rows (i, entries[i]). Its tag is its number plus one.
pub struct Source<'a> {
    pub rows: usize,
    pub entries: Option<&'a Expr>,
}

impl Source<'_> {
    /// The axis that a row of entries is over, if it is more than a number.
    pub fn carried(&self) -> Option<usize> {
        self.entries.and_then(|expr| expr.axes.get(1).copied())
    }
}

/// A lookup or a gather: tuples of expressions that are rows of a source.
pub struct Looked<'a> {
    pub source: usize,
    pub exprs: Vec<&'a Expr>,
}

/// 2^log_size leaves from ``start``: a piece of a lookup or, where that is ``None``, of the source.
#[derive(Clone)]
pub struct Leaf {
    pub lookup: Option<usize>,
    pub source: usize,
    pub piece: Piece,
    pub start: usize,
}

/// Lookups with multiplicities, and an identity, of their own.
pub struct Group {
    pub sources: Vec<usize>,
    pub leaves: Vec<Leaf>,
}

/// A leaf that a claim on a defined column comes from.
pub struct Weighted {
    pub group: usize,
    pub leaf: Leaf,
    /// The place of the expression in the tuple, and the coefficient of the column in it.
    pub place: usize,
    pub coefficient: i128,
}

/// A claim on the column that an einsum defines. Its leaves' pieces agree along all axes but the first, if it is listed.
pub struct Deferred {
    pub einsum: usize,
    pub axes: Vec<usize>,
    pub leaves: Vec<Weighted>,
    pub listed: bool,
}

impl Deferred {
    /// The offset and the log2 of the length of the pieces along an axis that they agree on.
    pub fn span(&self, axis: usize) -> Option<(usize, u32)> {
        let piece = &self.leaves[0].leaf.piece;
        let agreed = usize::from(self.listed)..self.axes.len();
        let place = agreed.clone().find(|&place| self.axes[place] == axis)?;
        Some((piece.offsets[place], piece.bits[place]))
    }
}

/// The sum of one product of an einsum.
pub struct Instance<'a> {
    pub einsum: usize,
    pub product: &'a Product,
    /// The axes that are summed over, and how many variables each has.
    pub variables: Vec<usize>,
    pub bits: Vec<u32>,
    /// Those of them that the left side has.
    pub shared: Vec<usize>,
    pub deferred: Option<usize>,
}

impl Instance<'_> {
    pub fn rounds(&self) -> usize {
        self.bits.iter().sum::<u32>() as usize
    }

    /// The distinct factors, in order.
    pub fn factors(&self) -> Vec<&Expr> {
        let mut found: Vec<&Expr> = Vec::new();
        for factor in &self.product.factors {
            if !found.contains(&factor) {
                found.push(factor);
            }
        }
        found
    }
}

/// The static side of one proof.
pub struct Plan<'a> {
    pub circuit: &'a Circuit,
    pub parameters: &'a Parameters,
    /// Of each axis.
    pub sizes: Vec<usize>,
    pub bits: Vec<u32>,
    pub sources: Vec<Source<'a>>,
    pub lookups: Vec<Looked<'a>>,
    pub groups: Vec<Group>,
    /// log2 of the leaves of each group's tree, and of the number of groups.
    pub lookup_depth: u32,
    pub group_bits: u32,
    /// Variables of the longest row that is gathered.
    pub carried_bits: u32,
    /// The blocks of each committed column; behind the circuit's come the multiplicities, group by group.
    pub placed: Vec<Vec<Placed>>,
    /// log2 of the rows of each commitment's slabs: the weights', the renewed ones', the witness's.
    pub slabs: Vec<Vec<u32>>,
    pub defined: Vec<Option<usize>>,
    pub deferred: Vec<Deferred>,
    pub relations: Vec<usize>,
    pub instances: Vec<Instance<'a>>,
    pub point_axes: Vec<usize>,
}

impl<'a> Plan<'a> {
    /// ``extents``: the sizes that the statement gives, by name.
    pub fn new(
        circuit: &'a Circuit,
        parameters: &'a Parameters,
        extents: &[(&str, usize)],
    ) -> Result<Plan<'a>> {
        let sizes = sizes(circuit, extents)?;
        let bits = sizes.iter().map(|&size| bits_of(size)).collect();
        let (sources, lookups) = looked_up(circuit, &sizes);
        let mut plan = Plan {
            circuit,
            parameters,
            sizes,
            bits,
            sources,
            lookups,
            groups: Vec::new(),
            lookup_depth: 0,
            group_bits: 0,
            carried_bits: 0,
            placed: Vec::new(),
            slabs: Vec::new(),
            defined: circuit.defined(),
            deferred: Vec::new(),
            relations: Vec::new(),
            instances: Vec::new(),
            point_axes: Vec::new(),
        };
        let carried = plan.sources.iter().filter_map(|source| source.carried());
        plan.carried_bits = carried.map(|axis| plan.bits[axis]).max().unwrap_or(0);
        plan.groups = plan.make_groups()?;
        let ends = plan.groups.iter().filter_map(|group| group.leaves.last());
        let ends = ends.map(|leaf| leaf.start + (1 << leaf.piece.log_size()));
        plan.lookup_depth = bits_of(ends.max().unwrap_or(1));
        plan.group_bits = bits_of(plan.groups.len().max(1));
        plan.place_all()?;
        plan.deferred = plan.make_deferred()?;
        let relation = |&number: &usize| circuit.einsums[number].defines.is_none();
        plan.relations = (0..circuit.einsums.len()).filter(relation).collect();
        plan.instances = plan.make_instances()?;
        let lhs = plan.relations.iter().map(|&n| &circuit.einsums[n].lhs);
        let claimed = lhs.chain(circuit.linears.iter().map(|linear| &linear.expr));
        let mut used = vec![false; circuit.axes.len()];
        claimed
            .flat_map(|expr| &expr.axes)
            .for_each(|&axis| used[axis] = true);
        plan.point_axes = (0..used.len()).filter(|&axis| used[axis]).collect();
        Ok(plan)
    }

    pub fn sizes_of(&self, axes: &[usize]) -> Vec<usize> {
        axes.iter().map(|&axis| self.sizes[axis]).collect()
    }

    /// The pieces of what is over these axes.
    fn parts(&self, axes: &[usize]) -> Work<Vec<Piece>> {
        parts(&self.circuit.bands, axes, &self.sizes_of(axes))
    }

    /// The number, among committed columns, of what counts the uses of a source's rows in a group.
    pub fn multiplicity(&self, group: usize, source: usize) -> usize {
        let before = self.groups[..group].iter();
        let before: usize = before.map(|group| group.sources.len()).sum();
        let own = &self.groups[group].sources;
        let place = own.iter().position(|&other| other == source).unwrap_or(0);
        self.circuit.columns.len() + before + place
    }

    /// Pieces of lookups by source, first come first served, into groups of 2^group_bits leaves with their sources.
    fn make_groups(&self) -> Work<Vec<Group>> {
        let capacity = 1usize << self.parameters.group_bits;
        let limit = self.parameters.group_bits.saturating_sub(3);
        let mut items = Vec::new();
        for source in 0..self.sources.len() {
            for (number, lookup) in self.lookups.iter().enumerate() {
                if lookup.source == source {
                    let whole = self.parts(&lookup.exprs[0].axes)?;
                    for piece in cut_up(&whole, limit)? {
                        items.push((number, source, piece));
                    }
                    require_few(items.len(), BLOCKS, PARTS)?;
                }
            }
        }
        struct Bin {
            sources: Vec<usize>,
            members: Vec<(usize, usize, Piece)>,
            used: usize,
        }
        let (mut bins, mut searched): (Vec<Bin>, usize) = (Vec::new(), 0);
        let count = items.len();
        for (number, source, piece) in items {
            searched += 1 + bins.len();
            require_few(searched, SEARCHES, PARTS)?;
            let size = 1 << piece.log_size();
            let rows = self.sources[source].rows;
            let need = |bin: &Bin| {
                let known = bin.sources.contains(&source);
                size + if known { 0 } else { rows }
            };
            let found = bins.iter_mut().find(|bin| bin.used + need(bin) <= capacity);
            match found {
                Some(bin) => {
                    bin.used += need(bin);
                    if !bin.sources.contains(&source) {
                        bin.sources.push(source);
                    }
                    bin.members.push((number, source, piece));
                }
                None => bins.push(Bin {
                    sources: vec![source],
                    used: size + rows,
                    members: vec![(number, source, piece)],
                }),
            }
            require_few(bins.len(), GROUPS, PARTS)?;
        }
        let sources = bins.iter().flat_map(|bin| &bin.sources);
        let own = sources.map(|&source| self.sources[source].rows.count_ones() as usize);
        require_few(count + own.sum::<usize>(), BLOCKS, PARTS)?;
        bins.into_iter()
            .map(|bin| self.group(bin.sources, bin.members))
            .collect()
    }

    fn group(&self, sources: Vec<usize>, members: Vec<(usize, usize, Piece)>) -> Work<Group> {
        let lookups = members
            .into_iter()
            .map(|(n, source, p)| (Some(n), source, p));
        let mut members: Vec<_> = lookups.collect();
        for &source in &sources {
            for piece in pieces(&[self.sources[source].rows])? {
                members.push((None, source, piece));
            }
        }
        members.sort_by_key(|(_, _, piece)| core::cmp::Reverse(piece.log_size()));
        let mut start = 0;
        let leaf = |(lookup, source, piece): (Option<usize>, usize, Piece)| {
            let leaf = Leaf {
                lookup,
                source,
                start,
                piece,
            };
            start += 1 << leaf.piece.log_size();
            leaf
        };
        Ok(Group {
            sources,
            leaves: members.into_iter().map(leaf).collect(),
        })
    }

    /// Of the product of a group's leaves: one a leaf, and one more for each variable of the row that it holds.
    pub fn degree(&self, group: &Group) -> f64 {
        let leaf = |leaf: &Leaf| {
            let carried = self.sources[leaf.source].carried();
            let each = 1 + carried.map_or(0, |axis| self.bits[axis]);
            f64::from(each) * (1u64 << leaf.piece.log_size()) as f64
        };
        group.leaves.iter().map(leaf).sum()
    }

    fn place_all(&mut self) -> Work {
        let mut placed = vec![Vec::new(); self.circuit.columns.len()];
        let mut first = 0;
        for home in [Home::Param, Home::Renewed] {
            let columns: Vec<usize> = self.circuit.home(home).collect();
            if home == Home::Renewed && columns.is_empty() {
                continue;
            }
            let sizes = |&n: &usize| self.sizes_of(&self.circuit.columns[n].axes);
            let tensors: Work<Vec<_>> = columns
                .iter()
                .map(|n| Ok((*n, pieces(&sizes(n))?)))
                .collect();
            let slabs = place(tensors?, first, self.parameters, &mut placed)?;
            first += slabs.len();
            self.slabs.push(slabs);
        }
        let mut tensors = Vec::new();
        for number in self.circuit.home(Home::Witness) {
            if self.defined[number].is_none() {
                tensors.push((number, self.parts(&self.circuit.columns[number].axes)?));
            }
        }
        for group in &self.groups {
            for &source in &group.sources {
                tensors.push((placed.len(), pieces(&[self.sources[source].rows])?));
                placed.push(Vec::new());
            }
        }
        let slabs = place(tensors, first, self.parameters, &mut placed)?;
        self.slabs.push(slabs);
        self.placed = placed;
        Ok(())
    }

    /// The claims on defined columns, in the order of the leaves that begin them.
    fn make_deferred(&self) -> Work<Vec<Deferred>> {
        // What each lookup reads of defined columns, by its place in the tuple.
        let mut reads: Vec<Vec<(usize, usize, i128)>> = Vec::new();
        for lookup in &self.lookups {
            let mut found: Vec<(usize, usize, i128)> = Vec::new();
            for (place, expr) in lookup.exprs.iter().enumerate() {
                for term in &expr.terms {
                    if self.defined[term.column].is_some() {
                        let own = |&&mut (p, c, _): &&mut (usize, usize, i128)| {
                            (p, c) == (place, term.column)
                        };
                        match found.iter_mut().find(own) {
                            Some(known) => known.2 += term.coefficient,
                            None => found.push((place, term.column, term.coefficient)),
                        }
                    }
                }
            }
            reads.push(found);
        }
        let mut number = BTreeMap::new();
        let (mut claims, mut count): (Vec<Deferred>, usize) = (Vec::new(), 0);
        for (group, leaf) in self.lookup_leaves() {
            let lookup = leaf.lookup.unwrap_or(0);
            count += reads[lookup].len();
            require_few(count, BLOCKS, PARTS)?;
            for &(place, column, coefficient) in &reads[lookup] {
                let axes = &self.lookups[lookup].exprs[place].axes;
                let listed = axes
                    .first()
                    .map_or(true, |&axis| self.sizes[axis] <= LISTED);
                let from = usize::from(listed).min(axes.len());
                let span = (&leaf.piece.offsets[from..], &leaf.piece.bits[from..]);
                let at = *number
                    .entry((lookup, place, column, span))
                    .or_insert_with(|| {
                        claims.push(Deferred {
                            einsum: self.defined[column].unwrap_or(0),
                            axes: axes.clone(),
                            leaves: Vec::new(),
                            listed,
                        });
                        claims.len() - 1
                    });
                claims[at].leaves.push(Weighted {
                    group,
                    leaf: leaf.clone(),
                    place,
                    coefficient,
                });
            }
        }
        Ok(claims)
    }

    /// The leaves that hold pieces of lookups, with the numbers of their groups.
    fn lookup_leaves(&self) -> impl Iterator<Item = (usize, &Leaf)> {
        let groups = self.groups.iter().enumerate();
        groups.flat_map(|(number, group)| {
            let leaves = group.leaves.iter().filter(|leaf| leaf.lookup.is_some());
            leaves.map(move |leaf| (number, leaf))
        })
    }

    /// Of the relations, then of the deferred claims.
    fn make_instances(&self) -> Work<Vec<Instance<'a>>> {
        let circuit: &'a Circuit = self.circuit;
        let deferred = self.deferred.iter().enumerate();
        let deferred = deferred.map(|(number, claim)| (claim.einsum, Some(number)));
        let relations = self.relations.iter().map(|&number| (number, None));
        let claimed: Vec<(usize, Option<usize>)> = relations.chain(deferred).collect();
        let named = |&(number, _): &(usize, Option<usize>)| {
            let einsum = &circuit.einsums[number];
            let factors = einsum.products.iter().flat_map(|p| &p.factors);
            let terms = factors.chain([&einsum.lhs]).map(|expr| expr.terms.len());
            einsum.products.len() + terms.sum::<usize>()
        };
        let sums = claimed.iter().map(named).sum();
        require_few(sums, SUMS, "sums of products and terms in them")?;
        let mut found = Vec::new();
        for (number, deferred) in claimed {
            for product in &circuit.einsums[number].products {
                found.push(self.instance(number, product, deferred));
            }
        }
        Ok(found)
    }

    fn instance(
        &self,
        einsum: usize,
        product: &'a Product,
        deferred: Option<usize>,
    ) -> Instance<'a> {
        let uses = |&axis: &usize| {
            let factors = product.factors.iter();
            factors.filter(|factor| factor.axes.contains(&axis)).count()
        };
        let axes = 0..self.circuit.axes.len();
        let variables: Vec<usize> = axes.filter(|axis| uses(axis) > 1).collect();
        let left = &self.circuit.einsums[einsum].lhs.axes;
        let bits = |&axis: &usize| {
            let span = deferred.and_then(|number| self.deferred[number].span(axis));
            span.map_or(self.bits[axis], |(_, bits)| bits)
        };
        Instance {
            einsum,
            product,
            bits: variables.iter().map(bits).collect(),
            shared: variables
                .iter()
                .copied()
                .filter(|axis| left.contains(axis))
                .collect(),
            variables,
            deferred,
        }
    }

    pub fn einsum_rounds(&self) -> usize {
        let rounds = self.instances.iter().map(|instance| instance.rounds());
        rounds.max().unwrap_or(0)
    }

    /// log2 of the rows of all slabs, as they are numbered.
    pub fn all_slabs(&self) -> impl Iterator<Item = u32> + '_ {
        self.slabs.iter().flatten().copied()
    }

    /// Variables that choose among all slabs.
    pub fn slab_bits(&self) -> u32 {
        bits_of(self.all_slabs().count())
    }
}

fn sizes(circuit: &Circuit, extents: &[(&str, usize)]) -> Result<Vec<usize>> {
    let given = |name: &str| extents.iter().find(|(own, _)| *own == name);
    let known = |(name, most): &(alloc::string::String, usize)| match given(name) {
        Some((_, size)) => size <= most,
        None => false,
    };
    if extents.len() != circuit.extents.len() || !circuit.extents.iter().all(known) {
        return invalid(
            "the key's circuit leaves other sizes to its proofs than the statement gives",
        );
    }
    let size = |axis: &Axis| match &axis.size {
        Size::Number(size) => *size,
        Size::Extent(name) => given(name).map_or(1, |(_, size)| *size),
    };
    Ok(circuit.axes.iter().map(size).collect())
}

/// Tables, then what is gathered from; lookups, then gathers.
fn looked_up<'a>(circuit: &'a Circuit, sizes: &[usize]) -> (Vec<Source<'a>>, Vec<Looked<'a>>) {
    let mut sources: Vec<Source> = circuit
        .tables
        .iter()
        .map(|table| Source {
            rows: table.rows,
            entries: None,
        })
        .collect();
    let mut lookups: Vec<Looked> = circuit
        .lookups
        .iter()
        .map(|lookup| Looked {
            source: lookup.table,
            exprs: lookup.exprs.iter().collect(),
        })
        .collect();
    for gather in &circuit.gathers {
        let known = sources
            .iter()
            .position(|s| s.entries == Some(&gather.source));
        let source = known.unwrap_or_else(|| {
            sources.push(Source {
                rows: sizes[gather.source.axes[0]],
                entries: Some(&gather.source),
            });
            sources.len() - 1
        });
        lookups.push(Looked {
            source,
            exprs: vec![&gather.index, &gather.value],
        });
    }
    (sources, lookups)
}

/// First fit of pieces, largest first, into slabs of 2^row_bits rows of data columns, of which the last has as few rows
/// as it needs; ``first`` is the number of the first slab. Returns the log2 of each slab's rows.
fn place(
    tensors: Vec<(usize, Vec<Piece>)>,
    first: usize,
    parameters: &Parameters,
    placed: &mut [Vec<Placed>],
) -> Work<Vec<u32>> {
    let (columns, row_bits) = (parameters.data_columns(), parameters.row_bits);
    let capacity = match columns.checked_mul(1 << row_bits) {
        Some(capacity) => capacity,
        None => {
            return unusable("the key is of no use: a slab has more cells than are counted here")
        }
    };
    let limit = usize::BITS - 1 - capacity.leading_zeros();
    let mut found = Vec::new();
    for (number, whole) in tensors {
        found.extend(
            cut_up(&whole, limit)?
                .into_iter()
                .map(|piece| (number, piece)),
        );
        require_few(found.len(), BLOCKS, PARTS)?;
    }
    let log_size = |piece: &Piece| piece.log_size().max(row_bits);
    found.sort_by_key(|(_, piece)| core::cmp::Reverse(log_size(piece)));
    let mut filled: Vec<usize> = Vec::new();
    let (mut slab, mut before) = (0, 0);
    for (number, piece) in found {
        let size = 1 << log_size(&piece);
        // A slab without room for a piece has none for the next of that size.
        slab = if size == before { slab } else { 0 };
        while slab < filled.len() && size > capacity - filled[slab] {
            slab += 1;
        }
        if slab == filled.len() {
            filled.push(0);
            require_few(filled.len() << row_bits, ROWS, PARTS)?;
        }
        placed[number].push(Placed {
            piece,
            slab: first + slab,
            start: filled[slab],
        });
        filled[slab] += size;
        before = size;
    }
    let mut bits = vec![row_bits; filled.len().saturating_sub(1)];
    let last = filled
        .last()
        .map_or(1, |&cells| (cells + columns - 1) / columns);
    bits.push(bits_of(last));
    Ok(bits)
}
