//! Circuits from bytes: the one encoding of each, with limits, and what a circuit has to satisfy.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::array::{Array, Part};
use crate::circuit::{
    Axis, Circuit, Column, Einsum, Expr, Gather, Home, Index, IndexKind, Linear, Lookup, Product,
    PublicKind, Size, Table, Term,
};
use crate::error::{unusable, Result};
use crate::field::P;
use crate::function::{is_tensor, MOST_TENSORS, OUTPUT};
use crate::layout::Band;
use crate::msgpack::{read_canonical, Value};
use crate::statement::NAMES;

const VERSION: i128 = 6;
/// Lists and what they hold.
const MOST_ITEMS: usize = 1 << 17;
/// Of all tables and public columns together.
pub const MOST_CELLS: usize = 1 << 24;
const LONGEST_AXIS: i128 = 1 << 20;
const LONGEST_EXTENT: i128 = 1 << 16;
const MOST_EXTENTS: usize = 16;
const MOST_AXES: usize = 64;
const MOST_PARTS: usize = 1 << 12;
const MOST_NAMED: usize = 1 << 14;
const MOST_DIMENSIONS: usize = 16;
const PRIME: i128 = P as i128;
/// Further back than any position.
const FARTHEST: i128 = 1 << 31;

/// The circuit that bytes encode.
pub fn decode(raw: &[u8]) -> Result<Circuit> {
    let value = match read_canonical(raw, MOST_ITEMS) {
        Some(value) => value,
        None => return malformed("it is not in canonical form"),
    };
    let items = list(&value)?;
    match items {
        [Value::Text("circuit"), Value::Int(VERSION), fields @ ..] if fields.len() == 11 => {
            Reader::default().circuit(fields)
        }
        _ => malformed("it is of another kind or version"),
    }
}

fn malformed<T>(what: &str) -> Result<T> {
    unusable(format!("the circuit is malformed: {what}"))
}

fn list<'v, 'a>(value: &'v Value<'a>) -> Result<&'v [Value<'a>]> {
    match value.list() {
        Some(items) => Ok(items),
        None => malformed("a list is missing"),
    }
}

fn fields<'v, 'a, const N: usize>(value: &'v Value<'a>) -> Result<&'v [Value<'a>; N]> {
    match list(value)?.try_into() {
        Ok(items) => Ok(items),
        Err(_) => malformed("a part has another number of fields"),
    }
}

fn int(value: &Value) -> Result<i128> {
    match value.int() {
        Some(value) => Ok(value),
        None => malformed("an integer is missing"),
    }
}

fn text<'a>(value: &Value<'a>) -> Result<&'a str> {
    match value.text() {
        Some(value) => Ok(value),
        None => malformed("a text is missing"),
    }
}

fn named<T: Copy>(value: &Value, options: &[(&str, T)]) -> Result<T> {
    let name = text(value)?;
    match options.iter().find(|(own, _)| *own == name) {
        Some(&(_, found)) => Ok(found),
        None => malformed("a name of a kind is unknown"),
    }
}

fn each<'a, T>(value: &Value<'a>, mut read: impl FnMut(&Value<'a>) -> Result<T>) -> Result<Vec<T>> {
    let items = list(value)?;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        found.push(read(item)?);
    }
    Ok(found)
}

/// Of few numbers.
fn distinct(numbers: &[usize]) -> bool {
    let mut found = numbers.iter().enumerate();
    found.all(|(place, number)| !numbers[..place].contains(number))
}

fn require(fits: bool, what: &str) -> Result<()> {
    if fits {
        Ok(())
    } else {
        malformed(what)
    }
}

fn few(count: usize, most: usize, what: &str) -> Result<()> {
    require(count <= most, &format!("more than {most} {what}"))
}

/// (key, value) pairs in the order of their keys.
fn pairs<'v, 'a>(value: &'v Value<'a>) -> Result<Vec<(&'a str, &'v Value<'a>)>> {
    let mut found: Vec<(&'a str, &'v Value<'a>)> = Vec::new();
    for pair in list(value)? {
        let [key, value] = fields(pair)?;
        found.push((text(key)?, value));
    }
    let rising = found.windows(2).all(|pair| pair[0].0 < pair[1].0);
    require(rising, "keys are not in order")?;
    Ok(found)
}

/// Numbers of what has a name.
type Names<'a> = BTreeMap<&'a str, usize>;

/// Reads parts in the order in which they refer to each other.
#[derive(Default)]
struct Reader<'a> {
    axes: Names<'a>,
    columns: Names<'a>,
    tables: Names<'a>,
    relations: Names<'a>,
    terms: usize,
    /// Axes that expressions and their terms name.
    named: usize,
}

fn enter<'a>(names: &mut Names<'a>, name: &'a str) -> Result<()> {
    let fresh = names.insert(name, names.len()).is_none();
    require(fresh, "two parts share a name")
}

fn number(names: &Names, value: &Value) -> Result<usize> {
    match names.get(text(value)?) {
        Some(&found) => Ok(found),
        None => malformed(&format!("unknown name {}", text(value)?)),
    }
}

impl<'a> Reader<'a> {
    fn circuit(mut self, items: &[Value<'a>]) -> Result<Circuit> {
        for (at, most) in [(0, MOST_AXES), (1, MOST_PARTS), (2, MOST_PARTS)] {
            few(list(&items[at])?.len(), most, "parts of a kind")?;
        }
        let mut relations = 0;
        for at in [3, 4, 5, 8] {
            relations += list(&items[at])?.len();
        }
        few(relations, MOST_PARTS, "relations")?;
        let mut extents = Vec::new();
        for (name, most) in pairs(&items[6])? {
            let most = int(most)?;
            require(0 < most && most <= LONGEST_EXTENT, "an extent's size")?;
            extents.push((name.to_string(), most as usize));
        }
        few(extents.len(), MOST_EXTENTS, "extents")?;
        let mut data = arrays(&items[10])?;
        let mut circuit = Circuit {
            extents,
            ..Circuit::default()
        };
        circuit.axes = each(&items[0], |item| {
            let [name, size] = fields(item)?;
            enter(&mut self.axes, text(name)?)?;
            axis(text(name)?, size, &circuit.extents)
        })?;
        circuit.columns = each(&items[1], |item| self.column(item, &circuit, &mut data))?;
        circuit.tables = each(&items[2], |item| self.table(item, &mut data))?;
        let whole = data.values().all(|array| array.parts.len() == 1);
        require(whole, "parts of an array")?;
        circuit.einsums = each(&items[3], |item| self.einsum(item))?;
        circuit.lookups = each(&items[4], |item| self.lookup(item, &circuit))?;
        circuit.linears = each(&items[5], |item| self.linear(item))?;
        circuit.bands = each(&items[7], |item| self.band(item))?;
        circuit.gathers = each(&items[8], |item| self.gather(item))?;
        self.reveals(&items[9], &mut circuit)?;
        let products: usize = circuit.einsums.iter().map(|e| e.products.len()).sum();
        few(products, MOST_PARTS, "products")?;
        few(self.terms, MOST_PARTS, "terms")?;
        few(self.named, MOST_NAMED, "axes of expressions")?;
        check_indices(&circuit)?;
        check_bands(&circuit)?;
        check_defined(&circuit)?;
        check_reveals(&circuit)?;
        Ok(circuit)
    }

    fn relation(&mut self, name: &Value<'a>) -> Result<String> {
        let name = text(name)?;
        enter(&mut self.relations, name)?;
        Ok(name.to_string())
    }

    fn axes_of(&self, value: &Value<'a>) -> Result<Vec<usize>> {
        let axes = each(value, |name| number(&self.axes, name))?;
        few(axes.len(), MOST_DIMENSIONS, "axes of one part")?;
        Ok(axes)
    }

    fn column(
        &mut self,
        item: &Value<'a>,
        circuit: &Circuit,
        data: &mut BTreeMap<&'a str, Array>,
    ) -> Result<Column> {
        let [name, axes, home, low, high, origin, kind, windows] = fields(item)?;
        let homes = [
            ("param", Home::Param),
            ("witness", Home::Witness),
            ("public", Home::Public),
        ];
        let kinds = [
            ("data", PublicKind::Data),
            ("mask", PublicKind::Mask),
            ("below-next", PublicKind::BelowNext),
        ];
        let name = text(name)?;
        enter(&mut self.columns, name)?;
        let free = !name.starts_with("multiplicity.");
        require(free, "a column has a name of proofs")?;
        let mut column = Column {
            name: name.to_string(),
            axes: self.axes_of(axes)?,
            home: named(home, &homes)?,
            low: int(low)?,
            high: int(high)?,
            origin: text(origin)?.to_string(),
            kind: named(kind, &kinds)?,
            windows: Vec::new(),
            data: None,
        };
        let windows = each(windows, int)?;
        let sizes = column.axes.iter().map(|&axis| &circuit.axes[axis].size);
        let sizes: Vec<&Size> = sizes.collect();
        let fixed = |size: &&Size| matches!(size, Size::Number(_));
        require(
            -(PRIME / 2) < column.low && column.low <= column.high && column.high < PRIME / 2,
            "a column's range",
        )?;
        let weights = column.home == Home::Param;
        require(
            !weights || sizes.iter().all(fixed),
            "weights over an extent",
        )?;
        if column.home == Home::Public {
            match column.kind {
                PublicKind::Mask => {
                    let fits = match sizes[..] {
                        [Size::Number(layers), rows, side] => {
                            *layers == windows.len() && rows == side && !fixed(&side)
                        }
                        _ => false,
                    };
                    require(fits, "a mask over other axes")?;
                    require(windows.iter().all(|&x| x >= 0), "a mask's windows")?;
                }
                PublicKind::BelowNext => {
                    let fits = match sizes[..] {
                        [Size::Extent(rows), Size::Number(_)] => rows == "generated",
                        _ => false,
                    };
                    require(fits, "below-next over other axes")?;
                }
                PublicKind::Data => {
                    let array = data.remove(name);
                    let sizes = sizes.iter().map(|size| largest(size, circuit));
                    require(
                        array.as_ref().map_or(false, |found| {
                            found.parts.len() == 1 && sizes.eq(found.shape.iter().copied())
                        }),
                        "contents of a column",
                    )?;
                    let (low, high) = array
                        .as_ref()
                        .map_or((0, 0), |found| found.parts[0].range());
                    let inside = column.low <= low.into() && i128::from(high) <= column.high;
                    require(inside, "contents outside of their range")?;
                    column.data = array;
                }
            }
        }
        column.windows = windows;
        Ok(column)
    }

    fn table(&mut self, item: &Value<'a>, data: &mut BTreeMap<&'a str, Array>) -> Result<Table> {
        let [name, arity, rows, expression] = fields(item)?;
        let (name, arity, rows) = (text(name)?, int(arity)?, int(rows)?);
        enter(&mut self.tables, name)?;
        let free = !name.starts_with("rows of ");
        require(free, "a table has a name of proofs")?;
        let array = match data.remove(name) {
            Some(array) => array,
            None => return malformed("a table without contents"),
        };
        let fits = match array.shape[..] {
            [found, columns] => {
                rows == found as i128
                    && arity == columns as i128
                    && array.parts.len() == columns
                    && found > 0
            }
            _ => false,
        };
        require(fits, "contents of a table")?;
        Ok(Table {
            name: name.to_string(),
            rows: rows as usize,
            expression: text(expression)?.to_string(),
            data: array,
        })
    }

    fn index(&self, item: &Value<'a>) -> Result<Index> {
        let [kind, axis, table] = fields(item)?;
        let axis = match text(axis)? {
            "" => None,
            _ => Some(number(&self.axes, axis)?),
        };
        Ok(Index {
            kind: named(kind, &IndexKind::NAMES)?,
            axis,
            table: each(table, int)?.into(),
        })
    }

    fn expr(&mut self, item: &Value<'a>) -> Result<Expr> {
        let [axes, terms, constant] = fields(item)?;
        let axes = self.axes_of(axes)?;
        require(distinct(&axes), "an axis stands twice")?;
        let terms = each(terms, |term| {
            let [coefficient, column, indices] = fields(term)?;
            let indices = each(indices, |index| self.index(index))?;
            few(indices.len(), MOST_DIMENSIONS, "axes of one part")?;
            self.named += indices.len();
            Ok(Term {
                coefficient: int(coefficient)?,
                column: number(&self.columns, column)?,
                indices,
            })
        })?;
        self.terms += terms.len();
        self.named += axes.len();
        Ok(Expr {
            axes,
            terms,
            constant: int(constant)?,
        })
    }

    fn einsum(&mut self, item: &Value<'a>) -> Result<Einsum> {
        let [name, lhs, products, bound, origin, defines] = fields(item)?;
        let name = self.relation(name)?;
        let lhs = self.expr(lhs)?;
        let products = each(products, |product| {
            let [coefficient, factors] = fields(product)?;
            let factors = each(factors, |factor| self.expr(factor))?;
            let covered = |axis: &usize| factors.iter().any(|f: &Expr| f.axes.contains(axis));
            let few = (1..=3).contains(&factors.len());
            require(few && lhs.axes.iter().all(covered), "factors of a product")?;
            Ok(Product {
                coefficient: int(coefficient)?,
                factors,
            })
        })?;
        require_bound(bound)?;
        text(origin)?;
        let defines = match text(defines)? {
            "" => None,
            _ => Some(number(&self.columns, defines)?),
        };
        Ok(Einsum {
            name,
            lhs,
            products,
            defines,
        })
    }

    fn lookup(&mut self, item: &Value<'a>, circuit: &Circuit) -> Result<Lookup> {
        let [name, table, exprs, origin] = fields(item)?;
        let name = self.relation(name)?;
        let table = number(&self.tables, table)?;
        let exprs = each(exprs, |expr| self.expr(expr))?;
        let arity = circuit.tables[table].data.parts.len();
        let alike = exprs.iter().all(|expr| expr.axes == exprs[0].axes);
        require(exprs.len() == arity && alike, "a looked-up tuple")?;
        Ok(Lookup {
            name,
            table,
            exprs,
            origin: text(origin)?.to_string(),
        })
    }

    fn linear(&mut self, item: &Value<'a>) -> Result<Linear> {
        let [name, expr, bound, origin] = fields(item)?;
        Ok(Linear {
            name: self.relation(name)?,
            expr: self.expr(expr)?,
            bound: require_bound(bound)?,
            origin: text(origin)?.to_string(),
        })
    }

    fn band(&mut self, item: &Value<'a>) -> Result<Band> {
        let [rows, columns, window, block] = fields(item)?;
        let (window, block) = (int(window)?, int(block)?);
        require(window >= 0 && (4..=20).contains(&block), "a band's sizes")?;
        Ok(Band {
            rows: number(&self.axes, rows)?,
            columns: number(&self.axes, columns)?,
            window: window.min(FARTHEST) as usize,
            block: block as u32,
        })
    }

    fn gather(&mut self, item: &Value<'a>) -> Result<Gather> {
        let [name, index, value, source, origin] = fields(item)?;
        text(origin)?;
        let found = Gather {
            name: self.relation(name)?,
            index: self.expr(index)?,
            value: self.expr(value)?,
            source: self.expr(source)?,
        };
        let rows = found.source.axes.len();
        require(
            (1..=2).contains(&rows) && !found.index.axes.is_empty(),
            "rows that are gathered",
        )?;
        let wanted = found.index.axes.iter().chain(&found.source.axes[1..]);
        require(found.value.axes.iter().eq(wanted), "a gathered value")?;
        Ok(found)
    }

    fn reveals(&mut self, item: &Value<'a>, circuit: &mut Circuit) -> Result<()> {
        for (what, names) in pairs(item)? {
            let columns = each(names, |name| number(&self.columns, name))?;
            circuit.reveals.push((what.to_string(), columns));
        }
        if circuit.batch() == 0 {
            // The prompt comes before the output.
            circuit.reveals.reverse();
        }
        Ok(())
    }
}

fn require_bound(value: &Value) -> Result<i128> {
    let bound = int(value)?;
    require(0 < bound && bound < PRIME, "a bound that may wrap")?;
    Ok(bound)
}

fn axis(name: &str, size: &Value, extents: &[(String, usize)]) -> Result<Axis> {
    let size = match size {
        Value::Int(size) if 0 < *size && *size <= LONGEST_AXIS => Size::Number(*size as usize),
        Value::Text(extent) if extents.iter().any(|(own, _)| own == extent) => {
            Size::Extent(extent.to_string())
        }
        _ => return malformed("an axis's size"),
    };
    require(!name.is_empty(), "an axis without a name")?;
    Ok(Axis {
        name: name.to_string(),
        size,
    })
}

fn largest(size: &Size, circuit: &Circuit) -> usize {
    match size {
        Size::Number(size) => *size,
        Size::Extent(name) => circuit.extent(name).unwrap_or(0),
    }
}

fn arrays<'a>(value: &Value<'a>) -> Result<BTreeMap<&'a str, Array>> {
    let mut left = MOST_CELLS;
    let mut found = BTreeMap::new();
    for (name, told) in pairs(value)? {
        let [shape, parts] = fields(told)?;
        let sizes = each(shape, int)?;
        few(sizes.len(), MOST_DIMENSIONS, "axes of one part")?;
        let mut count = 1usize;
        for &size in &sizes {
            require(0 < size && size <= left as i128, "cells of arrays")?;
            count = count.saturating_mul(size as usize);
        }
        require(!sizes.is_empty() && count <= left, "cells of arrays")?;
        left -= count;
        let parts = list(parts)?;
        require(
            !parts.is_empty() && (parts.len() == 1 || sizes.last() == Some(&(parts.len() as i128))),
            "parts of an array",
        )?;
        let parts = parts
            .iter()
            .map(|part| Part::read(part, count / parts.len()));
        let parts = match parts.collect::<Option<Vec<Part>>>() {
            Some(parts) => parts,
            None => return malformed("contents of an array"),
        };
        let shape = sizes.iter().map(|&size| size as usize).collect();
        found.insert(name, Array { shape, parts });
    }
    Ok(found)
}

/// Every expression, with whether it is a left side, whether a lookup's.
fn expressions(circuit: &Circuit) -> impl Iterator<Item = (&Expr, Option<&Einsum>, bool)> {
    let einsums = circuit.einsums.iter().flat_map(|einsum| {
        let factors = einsum.products.iter().flat_map(|product| &product.factors);
        core::iter::once((&einsum.lhs, Some(einsum), false))
            .chain(factors.map(|factor| (factor, None, false)))
    });
    let lookups = circuit.lookups.iter().flat_map(|lookup| &lookup.exprs);
    let linears = circuit.linears.iter().map(|linear| &linear.expr);
    let gathers = circuit.gathers.iter();
    let gathers = gathers.flat_map(|gather| [&gather.index, &gather.value, &gather.source]);
    einsums
        .chain(lookups.map(|expr| (expr, None, true)))
        .chain(linears.chain(gathers).map(|expr| (expr, None, false)))
}

fn check_indices(circuit: &Circuit) -> Result<()> {
    for (expr, ..) in expressions(circuit) {
        for term in &expr.terms {
            let axes = &circuit.columns[term.column].axes;
            require(
                term.indices.len() == axes.len(),
                "a column read with other axes",
            )?;
            for (index, &source) in term.indices.iter().zip(axes) {
                check_index(circuit, expr, index, &circuit.axes[source].size)?;
            }
            let reads = |axis| {
                term.indices
                    .iter()
                    .filter(|index| index.axis == axis)
                    .count()
            };
            let alone = |index: &Index| {
                index.axis.is_none() || index.kind.picks() || reads(index.axis) == 1
            };
            require(
                term.indices.iter().all(alone),
                "an axis read by several indices, one of them not entry by entry",
            )?;
        }
    }
    Ok(())
}

fn check_index(circuit: &Circuit, expr: &Expr, index: &Index, size: &Size) -> Result<()> {
    let numbers = match index.kind {
        IndexKind::Pick => index.table.len(),
        IndexKind::Position | IndexKind::Generating | IndexKind::At => 1,
        IndexKind::Stride => 2,
        _ => 0,
    };
    require(index.table.len() == numbers, "numbers of an index")?;
    let axis = match (index.kind, index.axis) {
        (IndexKind::Sum, axis) => return require(axis.is_none(), "a sum names no axis"),
        (IndexKind::At, axis) => {
            let inside =
                matches!(size, Size::Number(n) if (0..*n as i128).contains(&index.table[0]));
            return require(axis.is_none() && inside, "an entry that an axis has");
        }
        (_, Some(axis)) if expr.axes.contains(&axis) => axis,
        _ => return malformed("an index reads an axis that the expression lacks"),
    };
    let target = &circuit.axes[axis].size;
    let extent = |size: &Size, name: &str| matches!(size, Size::Extent(own) if own == name);
    let vocabulary = *size == Size::Number(circuit.vocabulary());
    // Whether as many entries as an extent has at most, from the one on that a table says, are among n.
    let within = |name: &str, n: usize| {
        let room = circuit.extent(name).and_then(|most| n.checked_sub(most));
        let fits = |room: usize| index.table.iter().all(|&at| 0 <= at && at <= room as i128);
        room.map_or(false, fits)
    };
    let fits = match (index.kind, size) {
        (IndexKind::Before, Size::Number(_)) => target == size,
        (IndexKind::Rotate, Size::Number(n)) => target == size && n % 2 == 0,
        (IndexKind::Pick, Size::Number(n)) => {
            let inside = |&j: &i128| 0 <= j && j < *n as i128;
            index.table.iter().all(inside) && *target == Size::Number(index.table.len())
        }
        (IndexKind::Stride, Size::Number(n)) => match target {
            Size::Number(count) => {
                let (step, start) = (index.table[0], index.table[1]);
                let least = step.checked_mul(1 - *count as i128);
                step > 0 && start < *n as i128 && least.map_or(true, |least| least <= start)
            }
            Size::Extent(_) => false,
        },
        (IndexKind::Position, Size::Number(n)) => match target {
            Size::Extent(name) => within(name, *n),
            Size::Number(_) => false,
        },
        (IndexKind::Generating, Size::Number(n)) => {
            extent(target, "generated") && within("tokens", *n)
        }
        (IndexKind::Window, _) => extent(target, "generated") && extent(size, "tokens"),
        (IndexKind::Token, _) => extent(target, "tokens") && vocabulary,
        (IndexKind::Previous | IndexKind::Next, _) => extent(target, "generated") && vocabulary,
        (IndexKind::Same, _) => target == size,
        _ => false,
    };
    require(fits, "an index does not fit the sizes")
}

fn check_bands(circuit: &Circuit) -> Result<()> {
    let bands = circuit.bands.iter();
    let named: Vec<usize> = bands.flat_map(|band| [band.rows, band.columns]).collect();
    for band in &circuit.bands {
        let [rows, columns] = [band.rows, band.columns].map(|axis| &circuit.axes[axis].size);
        let square = rows == columns && matches!(rows, Size::Extent(_));
        require(square, "a band of other axes")?;
    }
    let few = named.len() <= 2 * MOST_AXES && distinct(&named);
    require(few, "a band of other axes")?;
    let banded = |axes: &[usize]| {
        let within = |band: &Band| axes.contains(&band.rows) && axes.contains(&band.columns);
        circuit.bands.iter().any(within)
    };
    for gather in &circuit.gathers {
        require(!banded(&gather.index.axes), "rows are gathered in a band")?;
    }
    for column in &circuit.columns {
        require(
            column.home != Home::Witness
                || (column.low <= 0 && column.high >= 0)
                || !banded(&column.axes),
            "zero, which a column is outside a band, is out of its range",
        )?;
    }
    Ok(())
}

/// That a relation gives the column that it defines at each of its cells, from what is committed.
fn check_defined(circuit: &Circuit) -> Result<()> {
    let defined = circuit.defined();
    let defining = circuit.einsums.iter().filter(|e| e.defines.is_some());
    let distinct = defined.iter().filter(|found| found.is_some()).count();
    require(
        defining.clone().count() == distinct,
        "two relations define one column",
    )?;
    for einsum in defining {
        let number = einsum.defines.unwrap_or_default();
        let column = &circuit.columns[number];
        let mut revealed = circuit.reveals.iter().flat_map(|(_, columns)| columns);
        let revealed = revealed.any(|&column| column == number);
        let own: Vec<&Term> = (einsum.lhs.terms.iter())
            .filter(|term| term.column == number)
            .collect();
        let fits = match own[..] {
            [term] => term.coefficient.abs() == 1 && einsum.lhs.whole(term),
            _ => false,
        };
        require(
            fits && column.home == Home::Witness && !revealed && !column.axes.is_empty(),
            "a column that can not be defined",
        )?;
    }
    for (expr, lhs_of, looked_up) in expressions(circuit) {
        for term in &expr.terms {
            let einsum = match defined[term.column] {
                Some(number) => &circuit.einsums[number],
                None => continue,
            };
            if lhs_of.map_or(false, |found| core::ptr::eq(found, einsum)) {
                continue;
            }
            let own = einsum
                .lhs
                .terms
                .iter()
                .find(|own| own.column == term.column);
            let as_defined = own.map_or(false, |own| own.indices == term.indices);
            require(
                looked_up && expr.whole(term) && as_defined,
                "a defined column is read otherwise than by lookups, cell by cell",
            )?;
        }
    }
    Ok(())
}

fn check_reveals(circuit: &Circuit) -> Result<()> {
    if circuit.batch() > 0 {
        return check_tensors(circuit);
    }
    if circuit.reveals.is_empty() {
        return Ok(());
    }
    let over = |column: usize, extents: &[&str]| {
        let column = &circuit.columns[column];
        let axes = column.axes.iter().zip(extents);
        let own = |(&axis, &extent): (&usize, &&str)| match &circuit.axes[axis].size {
            Size::Extent(name) => name == extent,
            Size::Number(_) => false,
        };
        let fits = column.axes.len() == extents.len() && axes.into_iter().all(own);
        fits && column.home == Home::Witness
    };
    let fits = match &circuit.reveals[..] {
        [(first, prompt), (second, output)] => match (&prompt[..], &output[..]) {
            (&[length, ids], &[said]) => {
                [first, second] == NAMES
                    && over(length, &[])
                    && over(ids, &["tokens"])
                    && over(said, &["generated"])
            }
            _ => false,
        },
        _ => false,
    };
    require(fits, "columns that are revealed")?;
    let takes = |term: &Term| term.indices.iter().any(|index| index.kind.of_statement());
    let inputs = expressions(circuit).any(|(expr, ..)| expr.terms.iter().any(takes));
    let below = |column: &Column| column.kind == PublicKind::BelowNext;
    require(
        !inputs && !circuit.columns.iter().any(below),
        "a circuit that reveals tokens takes none as inputs",
    )
}

/// That the inputs and outputs of a function are columns over examples and axes of fixed sizes, and that nothing else is
/// taken from a statement: no index of another kind fits its extent.
fn check_tensors(circuit: &Circuit) -> Result<()> {
    let of_batch = circuit.extents.len() == 1;
    require(of_batch, "a function with another extent than its batch")?;
    let output = |(what, _): &(String, Vec<usize>)| what.starts_with(OUTPUT);
    require(
        circuit.reveals.iter().any(output) && circuit.reveals.len() <= MOST_TENSORS,
        "the number of a function's tensors",
    )?;
    for (what, columns) in &circuit.reveals {
        let fits = match columns[..] {
            [number] => {
                let column = &circuit.columns[number];
                let sizes = column.axes.iter().map(|&axis| &circuit.axes[axis].size);
                let fixed = |size: &Size| matches!(size, Size::Number(_));
                column.home == Home::Witness
                    && sizes.clone().next().map_or(false, |first| !fixed(first))
                    && sizes.skip(1).all(fixed)
            }
            _ => false,
        };
        require(fits && is_tensor(what), "a tensor's column")?;
    }
    let data = |column: &Column| column.kind == PublicKind::Data || column.home != Home::Public;
    require(circuit.columns.iter().all(data), "a function with a mask")
}
