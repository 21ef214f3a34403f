//! Functions of tensors: the signature in a key, and the statement of a proof: of each tensor its integers, a digest, or
//! nothing.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::circuit::{Circuit, Size};
use crate::disclosure::Shown;
use crate::error::{invalid, Result};
use crate::hash::little_endian;
use crate::key::can_be_seen;
use crate::msgpack::{read_canonical, Value};
use crate::statement::{digest_of, framed, MOST_NONCE};

pub const INPUT: &str = "input ";
pub const OUTPUT: &str = "output ";
pub const MOST_TENSORS: usize = 16;
const MOST_NAME: usize = 64;
const MOST_BITS: i128 = 53;
const LARGEST_FRAC: i128 = 64;
const MOST_DIMENSIONS: usize = 16;
/// Of all outputs together.
const MOST_LABELS: usize = 1 << 14;
/// Numbers that a statement shows, and that are behind its digests.
const MOST_SHOWN: usize = 1 << 19;
const MOST_SEALED: usize = 1 << 16;
/// Bytes of a statement but for those, and parts of its list.
const OTHER_BYTES: usize = 1 << 12;
const MOST_PARTS: usize = 1 << 7;

/// A tensor of a signature: its integers, of so many bits, stand for integer / 2^frac, or are ids.
pub struct Tensor {
    /// "input NAME" or "output NAME".
    pub what: String,
    /// Of one example.
    pub shape: Vec<usize>,
    pub bits: u32,
    pub frac: i32,
    /// How many ids there are, of an input of ids.
    pub ids: Option<i128>,
    /// What stands along the last axis.
    pub labels: Vec<String>,
}

impl Tensor {
    /// Its role, and its name.
    pub fn named(&self) -> (&str, &str) {
        self.what.split_once(' ').unwrap_or_default()
    }
}

/// Whether a circuit of a function may reveal something of this name.
pub fn is_tensor(what: &str) -> bool {
    let name = what.strip_prefix(INPUT);
    let name = name.or_else(|| what.strip_prefix(OUTPUT));
    let name = name.unwrap_or_default().as_bytes();
    let inside = |c: &u8| c.is_ascii_alphanumeric() || *c == b'_';
    let begins = name.first().map_or(false, u8::is_ascii_alphabetic);
    begins && name.len() <= MOST_NAME && name.iter().all(inside)
}

/// The tensors of a signature, inputs first; `None` if it can not be one.
pub fn read_signature(value: &Value) -> Option<Vec<Tensor>> {
    let mut found: Vec<Tensor> = Vec::new();
    let (inputs, outputs) = match value.list()? {
        [inputs, outputs] => (inputs.list()?, outputs.list()?),
        _ => return None,
    };
    let own = |role| move |item| (role, item);
    let all = inputs.iter().map(own(INPUT));
    for (role, item) in all.chain(outputs.iter().map(own(OUTPUT))) {
        let tensor = tensor(role, item)?;
        let other = |own: &Tensor| own.named().1 != tensor.named().1;
        if !found.iter().all(other) {
            return None;
        }
        found.push(tensor);
    }
    let labels = found.iter().map(|tensor| tensor.labels.len());
    let few = found.len() <= MOST_TENSORS && labels.sum::<usize>() <= MOST_LABELS;
    if few && !inputs.is_empty() && !outputs.is_empty() {
        Some(found)
    } else {
        None
    }
}

/// Integers that are at least so much, as sizes.
pub fn sizes(items: &[Value], least: i128) -> Option<Vec<usize>> {
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let size = item.int().filter(|&size| size >= least)?;
        found.push(usize::try_from(size).ok()?);
    }
    Some(found)
}

fn tensor(role: &str, item: &Value) -> Option<Tensor> {
    let (name, shape, bits, frac, ids, labels) = match item.list()? {
        [name, shape, bits, frac, labels] => {
            (name, shape, bits.int()?, frac.int()?, None, labels.list()?)
        }
        [name, shape, ids] => {
            let ids = ids.int().filter(|&ids| ids > 0 && role == INPUT)?;
            let bits = 1 + i128::BITS - (ids - 1).leading_zeros();
            (name, shape, bits.into(), 0, Some(ids), &[][..])
        }
        _ => return None,
    };
    let mut tensor = Tensor {
        what: role.to_string() + name.text()?,
        shape: sizes(shape.list()?, 1)?,
        bits: bits as u32,
        frac: frac as i32,
        ids,
        labels: Vec::new(),
    };
    for label in labels {
        tensor.labels.push(label.text()?.to_string());
    }
    let (count, last) = (
        tensor.labels.len(),
        tensor.shape.last().copied().unwrap_or(1),
    );
    let labelled = role == OUTPUT && count == last && tensor.labels.iter().all(|l| can_be_seen(l));
    let fits = is_tensor(&tensor.what)
        && tensor.shape.len() < MOST_DIMENSIONS
        && (1..=MOST_BITS).contains(&bits)
        && frac.abs() <= LARGEST_FRAC
        && (count == 0 || labelled);
    if fits {
        Some(tensor)
    } else {
        None
    }
}

/// Whether a signature's tensors are those that a circuit reveals.
pub fn fits(signature: &[Tensor], circuit: &Circuit) -> bool {
    let revealed = |tensor: &Tensor| {
        let mut reveals = circuit.reveals.iter();
        let (_, columns) = reveals.find(|(what, _)| *what == tensor.what)?;
        let column = &circuit.columns[columns[0]];
        let axes = column.axes[1..].iter().zip(&tensor.shape);
        let alike = column.axes.len() == 1 + tensor.shape.len()
            && axes
                .into_iter()
                .all(|(&axis, &size)| circuit.axes[axis].size == Size::Number(size));
        let end = 1 << (tensor.bits - 1);
        let (low, end) = tensor.ids.map_or((-end, end), |ids| (0, ids));
        Some(alike && low <= column.low && column.high < end)
    };
    circuit.batch() > 0
        && signature.len() == circuit.reveals.len()
        && signature
            .iter()
            .all(|tensor| revealed(tensor) == Some(true))
}

pub struct FunctionStatement {
    /// The number of examples.
    pub batch: usize,
    /// Of each tensor, in the order of the circuit's.
    pub tensors: Vec<Shown>,
    pub hiding: bool,
    pub nonce: Vec<u8>,
    pub encoded: Vec<u8>,
}

impl FunctionStatement {
    /// The statement about a circuit's function that a proof begins with, and where it ends.
    pub fn read(proof: &[u8], circuit: &Circuit) -> Result<(FunctionStatement, usize)> {
        let too_many = "the statement is about more numbers than are allowed";
        let data = framed(proof, 8 * MOST_SHOWN + OTHER_BYTES, || too_many.to_string())?;
        let value = read_canonical(data, MOST_PARTS);
        let items = value.as_ref().and_then(Value::list);
        use Value::{Bool, Bytes, Int, List, Text};
        let (version, batch, told, hiding, nonce) = match items {
            Some(
                [Text("function"), Int(version), Int(batch), List(told), Bool(hiding), Bytes(nonce)],
            ) => (*version, *batch, told, *hiding, nonce),
            _ => return invalid("the statement is no function's, or malformed"),
        };
        if version != 1 {
            return invalid("the proof follows another version of the protocol");
        }
        if batch < 1 || batch > circuit.batch() as i128 {
            return invalid("the statement is about more examples than the key serves, or none");
        }
        if nonce.len() > MOST_NONCE {
            return invalid("the statement's nonce is longer than 64 bytes");
        }
        let batch = batch as usize;
        if told.len() != circuit.reveals.len() {
            return invalid("the statement is about other tensors than the key's function has");
        }
        let (mut tensors, mut shown, mut sealed) = (Vec::new(), 0usize, 0usize);
        for (pair, (what, _)) in told.iter().zip(&circuit.reveals) {
            let said = match pair.list() {
                Some([Text(name), said]) if name == what => said,
                _ => {
                    return invalid(
                        "the statement is about other tensors than the key's function has",
                    )
                }
            };
            let count = cells(circuit, what, batch);
            tensors.push(match said {
                Value::Nil => Shown::Nothing,
                Bytes(digest) => {
                    sealed = sealed.saturating_add(count);
                    Shown::Digest(digest_of(digest)?)
                }
                _ => {
                    shown = shown.saturating_add(count);
                    Shown::Cells(numbers(said)?)
                }
            });
            if shown > MOST_SHOWN || sealed > MOST_SEALED {
                return invalid(too_many);
            }
        }
        for (said, (what, columns)) in tensors.iter().zip(&circuit.reveals) {
            let column = &circuit.columns[columns[0]];
            if let Shown::Cells(numbers) = said {
                let inside = |&x: &i64| (column.low..=column.high).contains(&x.into());
                if numbers.len() != cells(circuit, what, batch) || !numbers.iter().all(inside) {
                    return invalid("the statement's numbers are not those of its tensors' cells");
                }
            }
        }
        let statement = FunctionStatement {
            batch,
            tensors,
            hiding,
            nonce: nonce.to_vec(),
            encoded: data.to_vec(),
        };
        Ok((statement, 4 + data.len()))
    }
}

/// The numbers of a tensor of so many examples, as many as are counted.
pub fn cells(circuit: &Circuit, what: &str, batch: usize) -> usize {
    let found = circuit.reveals.iter().find(|(own, _)| own == what);
    let axes = found.map_or(&[][..], |(_, columns)| {
        &circuit.columns[columns[0]].axes[1..]
    });
    axes.iter()
        .fold(batch, |count, &axis| match circuit.axes[axis].size {
            Size::Number(size) => count.saturating_mul(size),
            Size::Extent(_) => count,
        })
}

/// [w, integers of w bytes each], with the least w that holds them.
fn numbers(told: &Value) -> Result<Vec<i64>> {
    let malformed = "the statement is malformed";
    let (width, data) = match told.list() {
        Some([Value::Int(width @ (1 | 2 | 4 | 8)), Value::Bytes(data)]) => (*width as usize, data),
        _ => return invalid(malformed),
    };
    let unused = 64 - 8 * width as u32;
    let number = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..width].copy_from_slice(chunk);
        (little_endian(&word) << unused) as i64 >> unused
    };
    let found: Vec<i64> = data.chunks_exact(width).map(number).collect();
    // More bits than half of these have.
    let unused = 64 - 4 * width as u32;
    let wide = width == 1 || found.iter().any(|&x| x << unused >> unused != x);
    if data.len() % width == 0 && wide {
        Ok(found)
    } else {
        invalid(malformed)
    }
}
