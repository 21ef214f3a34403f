//! The statement that a proof begins with: lengths, tokens or digests of them, whether it hides, a nonce.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::channel::Reader;
use crate::commitment::Digest;
use crate::error::{invalid, Result};
use crate::msgpack::{read_canonical, Value};

const VERSION: i128 = 3;
pub const MOST_NONCE: usize = 64;
/// Parts of the list, of which tokens are most.
const MOST_PARTS: usize = 1 << 17;
/// Bytes of a statement: of a token at most, and of all else.
const TOKEN_BYTES: usize = 5;
const OTHER_BYTES: usize = 256;

/// What is private or public: each is a prompt or an output.
pub const PROMPT: usize = 0;
pub const OUTPUT: usize = 1;
pub const NAMES: [&str; 2] = ["prompt", "output"];

pub struct Statement {
    /// The prompt's length, or the bound on it if it is private.
    pub prompt: usize,
    pub generated: usize,
    /// The ids of the prompt and of the output, of those that are public.
    pub tokens: Vec<usize>,
    pub hiding: bool,
    /// Of prompt and output, where they are private.
    pub digests: [Option<Digest>; 2],
    pub nonce: Vec<u8>,
    pub encoded: Vec<u8>,
}

impl Statement {
    /// The statement that a proof begins with, and where it ends; of at most so many tokens, of a vocabulary.
    pub fn read(proof: &[u8], vocabulary: usize, most: usize) -> Result<(Statement, usize)> {
        let data = framed(proof, TOKEN_BYTES * most + OTHER_BYTES, || too_many(most))?;
        let statement = match read_canonical(data, MOST_PARTS) {
            Some(Value::List(items)) => Statement::from_items(&items, data, vocabulary, most)?,
            _ => return invalid("the statement is malformed"),
        };
        Ok((statement, 4 + data.len()))
    }

    fn from_items(
        items: &[Value],
        data: &[u8],
        vocabulary: usize,
        most: usize,
    ) -> Result<Statement> {
        use Value::{Bool, Bytes, Int, List};
        let (prompt, generated, tokens, hiding, digests, nonce) = match items {
            [Int(version), Int(prompt), Int(generated), List(tokens), Bool(hiding), Bytes(first), Bytes(second), Bytes(nonce)] =>
            {
                if *version != VERSION {
                    return invalid("the proof follows another version of the protocol");
                }
                (prompt, generated, tokens, hiding, [first, second], nonce)
            }
            _ => return invalid("the statement is malformed"),
        };
        if *prompt < 1 || *generated < 1 {
            return invalid("a statement has at least one prompt token and one generated token");
        }
        let most_tokens = most as i128;
        if *prompt > most_tokens || *generated > most_tokens || prompt + generated > most_tokens {
            return invalid(too_many(most));
        }
        let (prompt, generated) = (*prompt as usize, *generated as usize);
        let mut ids = Vec::with_capacity(tokens.len());
        for token in tokens {
            match token {
                Int(id) if 0 <= *id && *id < vocabulary as i128 => ids.push(*id as usize),
                Int(_) => return invalid("a token of the statement is outside the vocabulary"),
                _ => return invalid("the statement is malformed"),
            }
        }
        let mut found = [None; 2];
        for (place, digest) in found.iter_mut().zip(digests) {
            if !digest.is_empty() {
                *place = Some(digest_of(digest)?);
            }
        }
        if nonce.len() > MOST_NONCE {
            return invalid("the statement's nonce is longer than 64 bytes");
        }
        let statement = Statement {
            prompt,
            generated,
            tokens: ids,
            hiding: *hiding,
            digests: found,
            nonce: nonce.to_vec(),
            encoded: data.to_vec(),
        };
        statement.check(most)?;
        Ok(statement)
    }

    /// That lengths, tokens and positions fit each other and the key.
    fn check(&self, most: usize) -> Result<()> {
        let public = [self.prompt, self.generated]
            .iter()
            .zip(&self.digests)
            .filter(|(_, digest)| digest.is_none())
            .map(|(length, _)| length)
            .sum::<usize>();
        if self.tokens.len() != public {
            return invalid("the statement's tokens do not fit its lengths");
        }
        // The bound is the longest prompt that as many positions have room for.
        let bound = positions(self.prompt + 1, self.generated) - self.generated;
        if self.digests[PROMPT].is_some() && self.prompt != bound {
            return invalid("the statement's bound on the prompt is not what its positions bound");
        }
        if self.rows() > most {
            return invalid(too_many(most));
        }
        Ok(())
    }

    /// Whether prompt or output is in columns of the witness.
    pub fn committed(&self) -> bool {
        self.digests.iter().any(Option::is_some)
    }

    /// The length that positions are counted from: committed tokens take one more, so that each has its own.
    pub fn prompt_positions(&self) -> usize {
        self.prompt + usize::from(self.committed())
    }

    /// The number of positions.
    pub fn rows(&self) -> usize {
        positions(self.prompt_positions(), self.generated)
    }

    /// The ids of what is public.
    pub fn public(&self, what: usize) -> Option<&[usize]> {
        if self.digests[what].is_some() {
            return None;
        }
        if what == PROMPT {
            return Some(&self.tokens[..self.prompt]);
        }
        let hidden = self.digests[PROMPT].is_some();
        Some(&self.tokens[if hidden { 0 } else { self.prompt }..])
    }

    /// The cells of the columns that hold what is public, column after column.
    pub fn cells(&self, what: usize) -> Option<Vec<i64>> {
        let ids = self.public(what)?;
        let mut cells: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
        if what == OUTPUT {
            return Some(cells);
        }
        cells.insert(0, ids.len() as i64);
        cells.resize(1 + self.rows(), 0);
        Some(cells)
    }
}

/// The statement's bytes at the start of a proof, behind their length, if they are at most so many.
pub fn framed(proof: &[u8], most: usize, too_many: impl FnOnce() -> String) -> Result<&[u8]> {
    let mut reader = Reader::new(proof);
    let head = reader.take(4)?;
    let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if size > most {
        return invalid(too_many());
    }
    reader.take(size)
}

pub fn digest_of(bytes: &[u8]) -> Result<Digest> {
    match bytes.try_into() {
        Ok(digest) => Ok(digest),
        Err(_) => invalid("a digest of the statement is not of 32 bytes"),
    }
}

/// The positions of a causal pass over a prompt and all chosen tokens but the last, rounded up to at most three ones
/// in binary.
fn positions(prompt: usize, generated: usize) -> usize {
    let exact = prompt + generated - 1;
    let bits = usize::BITS - exact.leading_zeros();
    let unit = 1 << bits.saturating_sub(3);
    (exact + unit - 1) / unit * unit
}

fn too_many(most: usize) -> String {
    format!("the statement has more tokens than the key allows ({most})")
}
