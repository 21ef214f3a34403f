//! Files: the frame of a proof, and containers of keys and openings.

use alloc::format;
use alloc::vec::Vec;

use crate::error::{invalid, unusable, Result};
use crate::hash::{little_endian, Sha256};

/// A kind of file: what people call it, its magic, its version, its sections in order, the most bytes it may have.
pub struct Kind {
    pub noun: &'static str,
    magic: &'static [u8; 4],
    version: u16,
    tags: &'static [&'static [u8; 4]],
    most: usize,
}

pub const KEY: Kind = Kind {
    noun: "verifying key",
    magic: b"ZKLV",
    version: 3,
    tags: &[
        b"META", b"ROOT", b"CIRC", b"CIRP", b"FUNC", b"TOKN", b"RNGE", b"LINK",
    ],
    most: 1 << 27,
};

pub const PROOF: Kind = Kind {
    noun: "proof",
    magic: b"ZKLP",
    version: 1,
    tags: &[],
    most: 1 << 25,
};

pub const OPENING: Kind = Kind {
    noun: "opening",
    magic: b"ZKLO",
    version: 1,
    tags: &[b"META", b"ROWS", b"SALT"],
    most: 1 << 26,
};

const HEADER: usize = 8;
const ENTRY: usize = 16;
const ALIGNMENT: usize = 64;
const DIGEST: usize = 32;
const PROOF_HEADER: usize = 48;

impl Kind {
    /// That a file starts as this kind does, and is no longer than it may be.
    pub fn identify(&self, data: &[u8]) -> Result<()> {
        let noun = self.noun;
        if data.len() < HEADER || &data[..4] != self.magic {
            return unusable(format!("this is no {noun}"));
        }
        if data.len() > self.most {
            return unusable(format!("a {noun} of more than {} MiB", self.most >> 20));
        }
        let version = u16::from_le_bytes([data[4], data[5]]);
        if version != self.version {
            return unusable(format!(
                "{noun} of format version {version}, this program reads version {}",
                self.version
            ));
        }
        Ok(())
    }

    /// The sections of a container, in the order of the kind.
    pub fn sections<'a>(&self, data: &'a [u8]) -> Result<Vec<&'a [u8]>> {
        self.identify(data)?;
        let noun = self.noun;
        let damaged = || unusable(format!("the {noun} is damaged"));
        let mut offset = HEADER + ENTRY * self.tags.len();
        if data.len() < offset + DIGEST || usize::from(data[6]) != self.tags.len() || data[7] != 0 {
            return damaged();
        }
        let mut found = Vec::with_capacity(self.tags.len());
        for (entry, tag) in data[HEADER..].chunks_exact(ENTRY).zip(self.tags) {
            if &entry[..4] != *tag || entry[4..8] != [0; 4] {
                return damaged();
            }
            let length = usize::try_from(little_endian(&entry[8..])).unwrap_or(usize::MAX);
            let start = (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            let end = start.saturating_add(length);
            if end > data.len() - DIGEST || data[offset..start].iter().any(|&byte| byte != 0) {
                return damaged();
            }
            found.push(&data[start..end]);
            offset = end;
        }
        if offset + DIGEST != data.len() || Sha256::of(&data[..offset])[..] != data[offset..] {
            return damaged();
        }
        Ok(found)
    }
}

/// The model id that a proof's file is claimed for, and the proof.
pub fn proof(data: &[u8]) -> Result<(&[u8], &[u8])> {
    PROOF.identify(data)?;
    if data.len() < PROOF_HEADER {
        return invalid("the proof is truncated");
    }
    if data[6..8] != [0; 2] {
        return invalid("the header of the proof is damaged");
    }
    let content = &data[PROOF_HEADER..];
    if little_endian(&data[40..48]) != content.len() as u64 {
        return invalid("the proof is truncated or followed by extra bytes");
    }
    Ok((&data[8..40], content))
}
