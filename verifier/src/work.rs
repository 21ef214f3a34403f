//! How much a key may ask of whoever verifies under it; work is counted before it is done.

use alloc::format;

use crate::error::{unusable, Result};

pub type Work<T = ()> = Result<T>;

/// Pieces of tensors and leaves of lookups; groups of lookups; rows of all slabs of a commitment, padded to full.
pub const BLOCKS: usize = 1 << 15;
pub const GROUPS: usize = 1 << 12;
pub const ROWS: usize = 1 << 16;
/// Groups that are looked at to find one for each block; numbers, to find the blocks that claims are about.
pub const SEARCHES: usize = 1 << 22;
pub const NUMBERS: usize = 1 << 23;
/// Sums of products in one sumcheck, and terms of both sides.
pub const SUMS: usize = 1 << 14;
/// What evaluating and expanding claims takes, in products of single elements of K.
pub const STEPS: usize = 1 << 21;
/// Linear forms on blocks that the claims of a proof become.
pub const FORMS: usize = 1 << 16;

/// That there are not more than so many of something.
pub fn require_few(count: usize, most: usize, what: &str) -> Work {
    if count > most {
        return unusable(format!(
            "the key is of no use: it makes for more than {most} {what}"
        ));
    }
    Ok(())
}
