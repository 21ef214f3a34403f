//! Merkle trees over columns of codewords: positions that are drawn after work, and what is opened there.

use alloc::vec::Vec;

use crate::channel::{element, Channel};
use crate::error::{invalid, Result};
use crate::field::{domain_point, Ext, F};
use crate::hash::Blake2b;
use crate::transcript::check_work;

pub type Digest = [u8; 32];
/// Words of salt below each column.
pub const SALT_WORDS: usize = 2;

fn hash(person: &[u8], parts: [&[u8]; 2]) -> Digest {
    let mut hash = Blake2b::new(32, b"", person);
    parts.iter().for_each(|part| hash.update(part));
    let mut found = [0; 32];
    found.copy_from_slice(&hash.digest()[..32]);
    found
}

pub fn leaf_digest(words: &[u8]) -> Digest {
    hash(b"zklemma.leaf", [words, &[]])
}

pub fn node_digest(left: &Digest, right: &Digest) -> Digest {
    hash(b"zklemma.node", [left, right])
}

/// The distinct positions of so many draws, in rising order, after work of so many bits.
pub fn draw_positions(
    channel: &mut Channel,
    count: usize,
    work: u32,
    log_code: u32,
) -> Result<Vec<u64>> {
    let seed = channel.transcript.seed();
    let mut nonce = [0; 8];
    nonce.copy_from_slice(channel.raw("work", 8)?);
    if !check_work(&seed, &nonce, work) {
        return invalid("opening: the proof of work is missing");
    }
    Ok(channel.transcript.positions(count, log_code))
}

/// The columns of ``words`` elements that are opened at positions of a tree of that depth, one after the other.
pub fn open_columns(
    channel: &mut Channel,
    root: &Digest,
    positions: &[u64],
    depth: u32,
    words: usize,
) -> Result<Vec<F>> {
    let bytes = 8 * (words + SALT_WORDS);
    let start = channel.reader.rest();
    let columns = channel.reader.take(bytes * positions.len())?;
    let mut known: Vec<(u64, Digest)> = (positions.iter().copied())
        .zip(columns.chunks_exact(bytes).map(leaf_digest))
        .collect();
    for _ in 0..depth {
        let mut above: Vec<(u64, Digest)> = Vec::with_capacity(known.len());
        let missing =
            |&(i, _): &&(u64, Digest)| known.binary_search_by_key(&(i ^ 1), |&(j, _)| j).is_err();
        let count = known.iter().filter(missing).count();
        let mut siblings = channel.reader.take(32 * count)?.chunks_exact(32);
        let mut at = 0;
        while at < known.len() {
            let (i, own) = known[at];
            at += 1;
            let mut other: Digest = [0; 32];
            match known.get(at) {
                Some((j, digest)) if *j == i ^ 1 => {
                    other = *digest;
                    at += 1;
                }
                _ => other.copy_from_slice(siblings.next().unwrap_or(&[0; 32])),
            }
            let node = if i & 1 == 0 {
                node_digest(&own, &other)
            } else {
                node_digest(&other, &own)
            };
            above.push((i >> 1, node));
        }
        known = above;
    }
    if known.first().map(|(_, digest)| digest) != Some(root) {
        return invalid("an opened column is not the committed one");
    }
    let read = start.len() - channel.reader.rest().len();
    channel.transcript.absorb("columns", &start[..read]);
    let mut found = Vec::with_capacity(words * positions.len());
    for column in columns.chunks_exact(bytes) {
        for word in column[..8 * words].chunks_exact(8) {
            found.push(element(word)?);
        }
    }
    Ok(found)
}

/// The points of a code at positions.
pub fn points(positions: &[u64], log_code: u32) -> Vec<F> {
    let point = |&position: &u64| domain_point(position, log_code);
    positions.iter().map(point).collect()
}

/// A polynomial over K at a point of F.
pub fn evaluate(coefficients: &[Ext], x: F) -> Ext {
    let step = |value: Ext, &coefficient: &Ext| value.scale(x) + coefficient;
    coefficients.iter().rev().fold(Ext::ZERO, step)
}
