//! Where cells live: tensors cut into boxes with power-of-two sides, and bands of the square of two axes.

use alloc::vec;
use alloc::vec::Vec;

use crate::work::{require_few, Work, BLOCKS};

/// The least m with 2^m >= size, for a positive size: the variables of an axis of that size.
pub fn bits_of(size: usize) -> u32 {
    usize::BITS - (size - 1).leading_zeros()
}

/// A box: for each axis its offset and the log2 of its side.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Piece {
    pub offsets: Vec<usize>,
    pub bits: Vec<u32>,
}

impl Piece {
    pub fn log_size(&self) -> u32 {
        self.bits.iter().sum()
    }

    /// Both halves along an axis that is longer than one.
    fn halves(&self, axis: usize) -> [Piece; 2] {
        let mut first = self.clone();
        first.bits[axis] -= 1;
        let mut second = first.clone();
        second.offsets[axis] += 1 << first.bits[axis];
        [first, second]
    }

    /// The parts that are left when it is halved along its first axes until none has more than 2^limit cells.
    fn halved(self, limit: u32, out: &mut Vec<Piece>) {
        match self.bits.iter().position(|&bits| bits > 0) {
            Some(axis) if self.log_size() > limit => {
                let [first, second] = self.halves(axis);
                first.halved(limit, out);
                second.halved(limit, out);
            }
            _ => out.push(self),
        }
    }
}

/// Of the square of two axes of one extent, the blocks in which a position sees another that is not behind a window.
#[derive(Clone, Debug)]
pub struct Band {
    pub rows: usize,
    pub columns: usize,
    /// How far back a position sees; any distance if it is 0.
    pub window: usize,
    /// log2 of a block's side.
    pub block: u32,
}

impl Band {
    /// Whether all, none or some (`None`) of the cells of a square are in the band.
    fn holds(&self, i: (usize, usize), j: (usize, usize)) -> Option<bool> {
        let (first_i, last_i) = (i.0 >> self.block, (i.1 - 1) >> self.block);
        let (first_j, last_j) = (j.0 >> self.block, (j.1 - 1) >> self.block);
        let behind = if self.window > 0 {
            self.window.saturating_add((1 << self.block) - 2) >> self.block
        } else {
            last_i
        };
        if last_i < first_j || first_i > last_j.saturating_add(behind) {
            Some(false)
        } else if first_i >= last_j && last_i <= first_j.saturating_add(behind) {
            Some(true)
        } else {
            None
        }
    }

    fn within(&self, piece: Piece, row: usize, column: usize, out: &mut Vec<Piece>) -> Work {
        let side = |axis: usize| {
            let start: usize = piece.offsets[axis];
            (start, start + (1 << piece.bits[axis]))
        };
        match self.holds(side(row), side(column)) {
            Some(false) => Ok(()),
            Some(true) => {
                out.push(piece);
                require_few(out.len(), BLOCKS, "parts of a circuit")
            }
            None => {
                let longer = piece.bits[row] >= piece.bits[column];
                for half in piece.halves(if longer { row } else { column }) {
                    self.within(half, row, column, out)?;
                }
                Ok(())
            }
        }
    }
}

/// (offset, log2 of the length) of the powers of two in a size, largest first.
fn cut(size: usize) -> Vec<(usize, u32)> {
    let mut offset = 0;
    let mut parts = Vec::new();
    for bit in (0..usize::BITS).rev().filter(|bit| size >> bit & 1 == 1) {
        parts.push((offset, bit));
        offset += 1 << bit;
    }
    parts
}

/// All pieces of a tensor of these sizes, in row-major order of their offsets.
pub fn pieces(sizes: &[usize]) -> Work<Vec<Piece>> {
    let mut found = vec![Piece {
        offsets: Vec::new(),
        bits: Vec::new(),
    }];
    for &size in sizes {
        let parts = cut(size);
        require_few(found.len() * parts.len(), BLOCKS, "parts of a circuit")?;
        found = found
            .iter()
            .flat_map(|piece| {
                parts.iter().map(move |&(offset, bits)| {
                    let mut longer = piece.clone();
                    longer.offsets.push(offset);
                    longer.bits.push(bits);
                    longer
                })
            })
            .collect();
    }
    Ok(found)
}

/// The pieces of a tensor over axes: all, or what is in the band of two of them.
pub fn parts(bands: &[Band], axes: &[usize], sizes: &[usize]) -> Work<Vec<Piece>> {
    let place = |axis: usize| axes.iter().position(|&other| other == axis);
    let whole = pieces(sizes)?;
    for band in bands {
        if let (Some(row), Some(column)) = (place(band.rows), place(band.columns)) {
            let mut found = Vec::new();
            for piece in whole {
                band.within(piece, row, column, &mut found)?;
            }
            return Ok(found);
        }
    }
    Ok(whole)
}

/// Pieces, halved until none has more than 2^limit cells.
pub fn cut_up(whole: &[Piece], limit: u32) -> Work<Vec<Piece>> {
    let mut found = Vec::new();
    for piece in whole {
        let count = 1usize << piece.log_size().saturating_sub(limit).min(31);
        require_few(found.len() + count, BLOCKS, "parts of a circuit")?;
        piece.clone().halved(limit, &mut found);
    }
    Ok(found)
}
