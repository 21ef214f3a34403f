//! Fiat-Shamir: challenges are hashes of everything that was said before them.

use alloc::vec::Vec;

use crate::field::{Ext, F};
use crate::hash::{little_endian, Blake2b};

/// What both sides have said, as a running hash of labelled items.
pub struct Transcript {
    hash: Blake2b,
}

impl Transcript {
    pub fn new(protocol: &str) -> Transcript {
        let mut found = Transcript {
            hash: Blake2b::new(64, b"", b"zklemma.script"),
        };
        found.absorb("protocol", protocol.as_bytes());
        found
    }

    /// An item: the lengths of its label and its contents, then both.
    pub fn absorb(&mut self, label: &str, data: &[u8]) {
        self.hash.update(&[label.len() as u8]);
        self.hash.update(&(data.len() as u64).to_le_bytes());
        self.hash.update(label.as_bytes());
        self.hash.update(data);
    }

    /// The hash of all items so far.
    pub fn state(&self) -> [u8; 64] {
        self.hash.clone().digest()
    }

    /// A stream of words that the state fixes; the state moves on.
    fn draw(&mut self) -> Words {
        let key = self.state();
        self.absorb("draw", &key);
        Words {
            key,
            counter: 0,
            block: [0; 64],
            at: 64,
        }
    }

    /// So many independent elements of K; the state stays if that is none.
    pub fn challenges(&mut self, count: usize) -> Vec<Ext> {
        if count == 0 {
            return Vec::new();
        }
        let mut words = self.draw();
        (0..count)
            .map(|_| {
                let a = words.element();
                Ext::new(a, words.element())
            })
            .collect()
    }

    pub fn challenge(&mut self) -> Ext {
        self.challenges(1)[0]
    }

    /// The distinct ones of so many indices below 2^bits, in rising order.
    pub fn positions(&mut self, count: usize, bits: u32) -> Vec<u64> {
        let mut words = self.draw();
        let mask = (1 << bits) - 1;
        let mut found: Vec<u64> = (0..count).map(|_| words.word() & mask).collect();
        found.sort();
        found.dedup();
        found
    }

    /// What a proof of work over the present state is about.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed.copy_from_slice(&self.state()[..32]);
        self.absorb("seed", &seed);
        seed
    }
}

struct Words {
    key: [u8; 64],
    counter: u64,
    block: [u8; 64],
    at: usize,
}

impl Words {
    fn word(&mut self) -> u64 {
        if self.at == 64 {
            let mut hash = Blake2b::new(64, &self.key, b"zklemma.draw");
            hash.update(&self.counter.to_le_bytes());
            self.block = hash.digest();
            self.counter += 1;
            self.at = 0;
        }
        self.at += 8;
        little_endian(&self.block[self.at - 8..self.at])
    }

    /// The next word that is an element of F.
    fn element(&mut self) -> F {
        loop {
            if let Some(found) = F::canonical(self.word()) {
                return found;
            }
        }
    }
}

/// Whether a nonce shows so many bits of work over a seed.
pub fn check_work(seed: &[u8; 32], nonce: &[u8; 8], bits: u32) -> bool {
    let mut hash = Blake2b::new(8, b"", b"zklemma.grind");
    hash.update(seed);
    hash.update(nonce);
    little_endian(&hash.digest()[..8]) & ((1 << bits) - 1) == 0
}
