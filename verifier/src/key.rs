//! Verifying keys: what identifies a model, and proofs of facts about it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::circuit::{Circuit, Home};
use crate::container::KEY;
use crate::decode::decode;
use crate::error::{unusable, Result};
use crate::function::{fits, read_signature, sizes, Tensor};
use crate::hash::Sha256;
use crate::msgpack::{read, read_canonical, Value, Writer};
use crate::parameters::Parameters;

const ROOT: usize = 32;
const IDENTITY: &[u8] = b"zklemma model 1";
/// Values in a section of plain facts, links, tokens that end a text, bytes of a function's text.
const MOST_FACTS: usize = 1 << 16;
const MOST_LINKS: usize = 1 << 5;
const MOST_ENDS: usize = 1 << 8;
const MOST_FUNCTION: usize = 1 << 20;
/// Columns that a model's name takes.
const MOST_NAME: usize = 96;
/// Byte strings that circuits share are told by reference from this length on.
const LEAST_SHARED: usize = 1 << 12;
/// Of what a difference makes: bytes, parts, lists with all they hold.
const MOST_MADE: usize = 1 << 26;
const MOST_PARTS: usize = 1 << 12;
const MOST_ITEMS: usize = 1 << 17;
/// Bytes that are compared to find where byte strings begin.
const MOST_COMPARED: usize = 1 << 28;

/// A model that a key was rotated from: its root, and the proof that the next root holds the same weights.
pub struct Link<'a> {
    pub root: [u8; ROOT],
    pub proof: &'a [u8],
}

pub struct Key<'a> {
    pub name: String,
    pub parameters: Parameters,
    pub ends: Vec<usize>,
    /// The tensors of a function; none of a language model.
    pub signature: Vec<Tensor>,
    pub root: [u8; ROOT],
    pub circuit: Circuit,
    private: Vec<u8>,
    /// The tokenizer, as `tokenizer` reads it.
    pub tokenizer: &'a [u8],
    pub range_proof: &'a [u8],
    pub links: Vec<Link<'a>>,
    /// The hash of all that identifies the model, but the root.
    hashed: Sha256,
}

impl<'a> Key<'a> {
    /// The key in a file's contents.
    pub fn read(data: &'a [u8]) -> Result<Key<'a>> {
        let sections = KEY.sections(data)?;
        let [meta, root, first, told, function, tokenizer, range_proof, links]: [&'a [u8]; 8] =
            match sections.try_into() {
                Ok(sections) => sections,
                Err(_) => return malformed(),
            };
        let (name, code, ends, signature) = match facts(meta) {
            Some(found) => found,
            None => return malformed(),
        };
        let (root, links) = match (root.try_into(), read_links(links)) {
            (Ok(root), Some(links)) => (root, links),
            _ => return malformed(),
        };
        if function.len() > MOST_FUNCTION {
            return malformed();
        }
        require_name(&name)?;
        let private = restore(told, first)?;
        let of_function = !signature.is_empty();
        if of_function && !(ends.is_empty() && private.is_empty() && tokenizer.is_empty()) {
            return unusable("a function has no tokens");
        }
        let mut hashed = Sha256::default();
        hashed.update(IDENTITY);
        for part in [meta, first, &private, function, tokenizer] {
            hashed.update(&(part.len() as u64).to_le_bytes());
            hashed.update(part);
        }
        let parameters = match code {
            Some(parameters) => parameters,
            None => return unusable("the code parameters are malformed"),
        };
        let circuit = decode(first)?;
        if of_function && !fits(&signature, &circuit) {
            return unusable("the circuit is not of the signature's function");
        }
        if !of_function && !circuit.reveals.is_empty() {
            return unusable("the circuit does not take tokens as inputs");
        }
        Ok(Key {
            name,
            parameters,
            ends,
            signature,
            root,
            circuit,
            private,
            tokenizer,
            range_proof,
            links,
            hashed,
        })
    }

    /// The model id under a root of the weights.
    pub fn id_under(&self, root: &[u8; ROOT]) -> [u8; 32] {
        let mut hash = self.hashed.clone();
        hash.update(&(ROOT as u64).to_le_bytes());
        hash.update(root);
        hash.digest()
    }

    pub fn id(&self) -> [u8; 32] {
        self.id_under(&self.root)
    }

    /// The circuit that holds tokens in columns.
    pub fn private_circuit(&self) -> Result<Circuit> {
        let circuit = decode(&self.private)?;
        if circuit.reveals.is_empty() {
            return unusable("the private circuit does not hold tokens in columns");
        }
        if !alike(&circuit, &self.circuit) {
            return unusable("the two circuits are about different models");
        }
        Ok(circuit)
    }

    /// Whether every character of the name, and of labels, is known to be one that is seen, and how wide.
    pub fn plain_names(&self) -> bool {
        let mut labels = self.signature.iter().flat_map(|tensor| &tensor.labels);
        self.name.is_ascii() && labels.all(|label| label.is_ascii())
    }
}

fn malformed<T>() -> Result<T> {
    unusable("the verifying key is malformed")
}

type Facts = (String, Option<Parameters>, Vec<usize>, Vec<Tensor>);

fn facts(meta: &[u8]) -> Option<Facts> {
    let value = read_canonical(meta, MOST_FACTS)?;
    let (facts, signature) = match value.list()? {
        [facts @ .., signature] if facts.len() == 4 => (facts, read_signature(signature)?),
        facts => (facts, Vec::new()),
    };
    match facts {
        [Value::Text(name), Value::Int(_), Value::List(code), Value::List(ends)] => {
            let ends = sizes(ends, 0)?;
            let rising = ends.windows(2).all(|pair| pair[0] < pair[1]);
            if !rising || ends.len() > MOST_ENDS {
                return None;
            }
            Some((name.to_string(), Parameters::read(code), ends, signature))
        }
        _ => None,
    }
}

fn read_links(data: &[u8]) -> Option<Vec<Link<'_>>> {
    let value = read_canonical(data, MOST_FACTS)?;
    let items = match value {
        Value::List(items) if items.len() <= MOST_LINKS => items,
        _ => return None,
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let pair = match item {
            Value::List(pair) => pair,
            _ => return None,
        };
        match pair[..] {
            [Value::Bytes(root), Value::Bytes(proof)] => found.push(Link {
                root: root.try_into().ok()?,
                proof,
            }),
            _ => return None,
        }
    }
    Some(found)
}

/// That a model can be called so.
fn require_name(name: &str) -> Result<()> {
    if !can_be_seen(name) {
        return unusable(format!(
            "a model's name has 1 to {MOST_NAME} printable characters"
        ));
    }
    Ok(())
}

/// Whether a name is one for people: of other characters than ASCII's only the number is looked at.
pub fn can_be_seen(name: &str) -> bool {
    let seen = |c: char| !c.is_ascii() || c == ' ' || c.is_ascii_graphic();
    !name.is_empty() && name.chars().count() <= MOST_NAME && name.chars().all(seen)
}

/// What a difference from ``old`` tells, if it is the one way to tell it.
fn restore(told: &[u8], old: &[u8]) -> Result<Vec<u8>> {
    match made(told, old) {
        Some(new) if difference(&new, old)? == told => Ok(new),
        _ => malformed(),
    }
}

fn made(told: &[u8], old: &[u8]) -> Option<Vec<u8>> {
    let (value, _) = read(told, MOST_PARTS)?;
    let mut new = Vec::new();
    for part in value.list()? {
        let run = match part {
            Value::Bytes(run) => run,
            Value::List(pair) => match pair[..] {
                [Value::Int(start), Value::Int(length)] => {
                    let (start, length) = (start.try_into().ok()?, usize::try_from(length).ok()?);
                    old.get(start..length.checked_add(start)?)?
                }
                _ => return None,
            },
            _ => return None,
        };
        if new.len() + run.len() > MOST_MADE {
            return None;
        }
        new.extend_from_slice(run);
    }
    Some(new)
}

/// ``new``, its long byte strings told by where ``old`` has them.
fn difference(new: &[u8], old: &[u8]) -> Result<Vec<u8>> {
    let known: BTreeMap<&[u8], usize> = strings(old)?
        .into_iter()
        .map(|(start, run)| (run, start))
        .collect();
    let (mut parts, mut done) = (Vec::new(), 0);
    for (start, run) in strings(new)? {
        if let Some(&there) = known.get(run) {
            parts.push((&new[done..start], there, run.len()));
            done = start + run.len();
        }
    }
    let mut writer = Writer::default();
    writer.list(2 * parts.len() + 1);
    for (before, there, length) in parts {
        writer.bytes(before);
        writer.list(2);
        writer.int(there as i128);
        writer.int(length as i128);
    }
    writer.bytes(&new[done..]);
    Ok(writer.data)
}

/// The long byte strings of a msgpack value, in order, and where each first begins behind the one before.
fn strings(data: &[u8]) -> Result<Vec<(usize, &[u8])>> {
    let mut runs = Vec::new();
    if let Some((value, _)) = read(data, MOST_ITEMS) {
        long(&value, &mut runs);
    }
    let (mut found, mut done, mut compared) = (Vec::new(), 0, 0);
    for run in runs {
        let mut start = done;
        while data[start..start + run.len()] != *run {
            let same = data[start..].iter().zip(run).take_while(|(x, y)| x == y);
            compared += 1 + same.count();
            if compared > MOST_COMPARED {
                return unusable("the circuits' byte strings take too long to find");
            }
            start += 1;
        }
        done = start + run.len();
        found.push((start, run));
    }
    Ok(found)
}

fn long<'a>(value: &Value<'a>, out: &mut Vec<&'a [u8]>) {
    match value {
        Value::Bytes(run) if run.len() >= LEAST_SHARED => out.push(run),
        Value::List(items) => items.iter().for_each(|item| long(item, out)),
        _ => {}
    }
}

/// Whether two circuits agree on the weights that are committed and on the limits of statements.
fn alike(one: &Circuit, other: &Circuit) -> bool {
    let weights = |circuit: &Circuit| -> Vec<_> {
        let numbers = circuit.home(Home::Param);
        numbers
            .map(|number| {
                let mut column = circuit.columns[number].clone();
                let axes = column.axes.iter().map(|&axis| &circuit.axes[axis]);
                let axes: Vec<_> = axes.map(|a| (a.name.clone(), a.size.clone())).collect();
                column.axes = Vec::new();
                (column, axes)
            })
            .collect()
    };
    one.vocabulary() == other.vocabulary()
        && one.extents == other.extents
        && weights(one) == weights(other)
}
