//! Openings of private prompts and outputs, and of tensors: all that a digest commits to, encoded and hashed again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::commitment::{leaf_digest, node_digest, Digest, SALT_WORDS};
use crate::container::OPENING;
use crate::disclosure::{Code, MASKS, ROWS};
use crate::error::{invalid, unusable, Result};
use crate::field::{root_of_unity, F, GENERATOR, P};
use crate::function::is_tensor;
use crate::hash::little_endian;
use crate::msgpack::{read_canonical, Value};
use crate::parameters::Parameters;
use crate::statement::{Statement, NAMES, PROMPT};

const MOST_FACTS: usize = 1 << 7;

/// What is behind one digest: rows of cells and masks, and the salts of the leaves, in words.
pub struct Opened {
    pub what: String,
    rows: Vec<u64>,
    salts: Vec<u64>,
}

/// The openings in a file's contents.
pub fn read(data: &[u8]) -> Result<Vec<Opened>> {
    let sections = OPENING.sections(data)?;
    match items(sections[0], sections[1], sections[2]) {
        Some(found) => Ok(found),
        None => unusable("the opening is malformed"),
    }
}

fn items(meta: &[u8], mut rows: &[u8], mut salts: &[u8]) -> Option<Vec<Opened>> {
    let mut found: Vec<Opened> = Vec::new();
    for item in read_canonical(meta, MOST_FACTS)?.list()? {
        let (name, cells, length) = match item.list()? {
            [Value::Text(name), Value::Int(cells), Value::Int(length)] => (name, cells, length),
            _ => return None,
        };
        // The prompt comes before the output, tensors come by their names.
        let rising = found
            .last()
            .map_or(true, |before| match NAMES.contains(name) {
                true => before.what == NAMES[PROMPT] && *name != NAMES[PROMPT],
                false => is_tensor(&before.what) && *before.what < **name,
            });
        let known = NAMES.contains(name) || is_tensor(name);
        if !rising || !known || *cells < 1 || *length < 1 {
            return None;
        }
        let split = |from: &mut &[u8], count: usize, each: i128| {
            let bytes = usize::try_from(each).ok()?.checked_mul(8 * count)?;
            let own = from.get(..bytes)?;
            *from = &from[bytes..];
            Some(own.chunks_exact(8).map(little_endian).collect::<Vec<u64>>())
        };
        found.push(Opened {
            what: name.to_string(),
            rows: split(&mut rows, ROWS, *cells)?,
            salts: split(&mut salts, SALT_WORDS, *length)?,
        });
    }
    if rows.is_empty() && salts.is_empty() {
        Some(found)
    } else {
        None
    }
}

impl Opened {
    /// The token ids behind the digest of a statement that was proved.
    pub fn tokens(&self, statement: &Statement, parameters: &Parameters) -> Result<Vec<u64>> {
        let what = NAMES.iter().position(|&name| name == self.what);
        let wanted = what.and_then(|what| statement.digests[what].as_ref());
        let cells = if what == Some(PROMPT) {
            1 + statement.rows()
        } else {
            statement.generated
        };
        let own = self.cells(wanted, cells, parameters)?;
        if what != Some(PROMPT) {
            return Ok(own.to_vec());
        }
        let length = usize::try_from(own[0]).unwrap_or(cells).min(cells - 1);
        Ok(own[1..1 + length].to_vec())
    }

    /// The integers behind the digest of a tensor, of so many cells; those from half of the field on are negative.
    pub fn integers(
        &self,
        wanted: Option<&Digest>,
        cells: usize,
        parameters: &Parameters,
    ) -> Result<Vec<i64>> {
        let signed = |&cell: &u64| cell.wrapping_sub(if cell > P / 2 { P } else { 0 }) as i64;
        let own = self.cells(wanted, cells, parameters)?;
        Ok(own.iter().map(signed).collect())
    }

    /// So many cells, if they are what the statement has this digest of.
    fn cells(
        &self,
        wanted: Option<&Digest>,
        cells: usize,
        parameters: &Parameters,
    ) -> Result<&[u64]> {
        let name = &self.what;
        match wanted {
            None => invalid(format!(
                "the statement has no digest of the {name}: there is nothing to reveal"
            )),
            Some(wanted) if self.digest(cells, parameters)? == *wanted => Ok(&self.rows[..cells]),
            _ => invalid(format!(
                "this does not open the digest of the proof's {name}"
            )),
        }
    }

    fn digest(&self, cells: usize, parameters: &Parameters) -> Result<Digest> {
        let code = Code::of(cells, parameters);
        let length = 1 << code.log_code;
        if self.rows.len() != ROWS * (cells + MASKS) || self.salts.len() != SALT_WORDS * length {
            return invalid("the opening is not of the size that the statement says");
        }
        let words = self.rows.iter().chain(&self.salts);
        let words: Option<Vec<F>> = words.map(|&word| F::canonical(word)).collect();
        let words = match words {
            Some(words) => words,
            None => return invalid("non-canonical field element"),
        };
        let (rows, salts) = words.split_at(self.rows.len());
        let mut matrix: Vec<Vec<F>> = rows
            .chunks_exact(code.dimension())
            .map(|row| encode(row, code.log_code))
            .collect();
        matrix.extend(salts.chunks_exact(length).map(<[F]>::to_vec));
        let mut layer: Vec<Digest> = (0..length)
            .map(|position| {
                let words = matrix
                    .iter()
                    .flat_map(|row| row[position].value().to_le_bytes());
                leaf_digest(&words.collect::<Vec<u8>>())
            })
            .collect();
        while layer.len() > 1 {
            let pairs = layer.chunks_exact(2);
            layer = pairs.map(|pair| node_digest(&pair[0], &pair[1])).collect();
        }
        Ok(layer[0])
    }
}

/// The values of a polynomial at the points 7 w^j of a code, by a transform of its coefficients.
fn encode(coefficients: &[F], log_code: u32) -> Vec<F> {
    let length = 1usize << log_code;
    let mut values = vec![F::ZERO; length];
    let mut power = F::ONE;
    for (j, &coefficient) in coefficients.iter().enumerate() {
        // In bit-reversed order, from which decimation in time leads to the natural one.
        values[j.reverse_bits() >> (usize::BITS - log_code)] = coefficient * power;
        power = power * F::from(GENERATOR);
    }
    for level in 1..=log_code {
        let (root, half) = (root_of_unity(level), 1 << (level - 1));
        for block in values.chunks_exact_mut(2 * half) {
            let mut twiddle = F::ONE;
            let (low, high) = block.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                let turned = *b * twiddle;
                (*a, *b) = (*a + turned, *a - turned);
                twiddle = twiddle * root;
            }
        }
    }
    values
}
