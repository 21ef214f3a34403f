//! The tokens of byte-pair encoding by text and by number, and which pairs of them are merged.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

/// Places that a token may be away from where its hash puts it.
const FARTHEST: usize = 1 << 8;

pub struct Vocabulary<'a> {
    /// All tokens, and where each begins and ends.
    pub bytes: Cow<'a, [u8]>,
    pub places: Vec<(u32, u32)>,
    /// Numbers of tokens, one more, by the hashes of their texts; 0 where there is none.
    slots: Vec<u32>,
}

/// The hash (FNV) of nothing.
const START: u32 = 0x811c_9dc5;

fn hash(start: u32, bytes: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(start, step)
}

impl<'a> Vocabulary<'a> {
    /// `None` if a token occurs twice, or many have the same hash.
    pub fn new(bytes: Cow<'a, [u8]>, places: Vec<(u32, u32)>) -> Option<Vocabulary<'a>> {
        let size = (4 * places.len()).next_power_of_two();
        let mut found = Vocabulary {
            bytes,
            places,
            slots: vec![0; size],
        };
        for number in 0..found.places.len() {
            let token = found.token(number as u32);
            match found.slot(hash(START, token), token, &[])? {
                (_, Some(_)) => return None,
                (slot, None) => found.slots[slot] = number as u32 + 1,
            }
        }
        Some(found)
    }

    /// The text of a token, which must be one.
    pub fn token(&self, number: u32) -> &[u8] {
        let (start, end) = self.places[number as usize];
        &self.bytes[start as usize..end as usize]
    }

    /// The token whose text is that of two parts.
    pub fn find(&self, first: &[u8], second: &[u8]) -> Option<u32> {
        self.slot(hash(hash(START, first), second), first, second)?
            .1
    }

    /// The longest of these tokens with which a text begins.
    pub fn longest(&self, text: &[u8], most: usize) -> Option<u32> {
        let (mut hashed, mut found) = (START, None);
        for at in 0..most.min(text.len()) {
            hashed = hash(hashed, &text[at..=at]);
            let own = self.slot(hashed, &text[..=at], &[]);
            found = own.and_then(|(_, number)| number).or(found);
        }
        found
    }

    /// Where a text is or could be put, and the number that is there.
    fn slot(&self, hash: u32, first: &[u8], second: &[u8]) -> Option<(usize, Option<u32>)> {
        let start = (hash ^ hash >> 15) as usize;
        for step in 0..FARTHEST {
            let slot = start.wrapping_add(step) & (self.slots.len() - 1);
            let number = match self.slots[slot].checked_sub(1) {
                Some(number) => number,
                None => return Some((slot, None)),
            };
            let token = self.token(number);
            if token.len() == first.len() + second.len()
                && token.starts_with(first)
                && token.ends_with(second)
            {
                return Some((slot, Some(number)));
            }
        }
        None
    }
}

/// Merges, each known by the token that it makes and the length of its left part, token by token.
pub struct Merges<'a> {
    /// Where those of each token begin.
    pub first: Vec<u32>,
    /// Lengths, of merges that come earlier first.
    pub left: Cow<'a, [u8]>,
    /// How late each comes; as they are listed, if there are none.
    pub ranks: Vec<u32>,
}

impl Merges<'_> {
    /// How late a merge comes, the last one if it is given twice; `None` if there is none.
    pub fn rank(&self, made: u32, left: usize) -> Option<u32> {
        let (from, to) = (self.first[made as usize], self.first[made as usize + 1]);
        let own = &self.left[from as usize..to as usize];
        let at = from
            + own
                .iter()
                .rposition(|&length| usize::from(length) == left)? as u32;
        Some(self.ranks.get(at as usize).map_or(at, |rank| *rank))
    }
}
