//! Code parameters: what prover and verifier agree on beyond the circuit.

use alloc::vec::Vec;

use crate::msgpack::{Value, Writer};

/// Bits that the queries of one commitment give, work included.
pub const TARGET_BITS: u32 = 105;
const MOST_GRIND: i128 = 32;
const MOST_QUERIES: i128 = 1 << 12;
const MOST_PADS_MASKS: i128 = 1 << 12;
const MOST_LAST: i128 = 12;
/// log2 of the most mask cells of a row.
const LOG_MASKS: u32 = 17;

/// A step of the opening: 2^log_cells cells as 2^fold rows, each encoded to 2^log_code positions.
#[derive(Clone)]
pub struct Level {
    pub log_cells: u32,
    pub fold: u32,
    pub log_code: u32,
    pub queries: usize,
    pub grind: u32,
}

#[derive(Clone)]
pub struct Parameters {
    pub row_bits: u32,
    pub log_columns: u32,
    pub log_code: u32,
    pub queries: usize,
    pub grind: u32,
    pub levels: Vec<Level>,
    pub pads_masks: usize,
    pub pads_log_code: u32,
    pub pads_queries: usize,
    pub group_bits: u32,
    pub hiding: bool,
    encoded: Vec<u8>,
}

impl Parameters {
    /// The parameters that a list gives; `None` if they make no sense.
    pub fn read(items: &[Value]) -> Option<Parameters> {
        if items.len() != 11 {
            return None;
        }
        let number = |i: usize| items[i].int();
        let (row_bits, log_columns, log_code) = (number(0)?, number(1)?, number(2)?);
        let (queries, grind) = (number(3)?, number(4)?);
        let (pads_masks, pads_log_code, pads_queries) = (number(6)?, number(7)?, number(8)?);
        let (group_bits, hiding) = (number(9)?, number(10)?);
        let within = |x: i128, low: i128, high: i128| low <= x && x <= high;
        let fits = within(row_bits, 0, 16)
            && within(log_columns, 2, 31)
            && within(log_code, log_columns + 1, 32)
            && within(queries, 1, MOST_QUERIES)
            && within(grind, 0, MOST_GRIND)
            && within(pads_masks, 0, MOST_PADS_MASKS)
            && within(pads_log_code, 0, 24)
            && within(pads_queries, 1, MOST_QUERIES)
            && within(group_bits, 1, 32)
            && within(hiding, 0, 1);
        if !fits {
            return None;
        }
        let (mut levels, mut cells, mut opened) = (Vec::new(), log_columns, pads_queries + queries);
        let mut writer = Writer::default();
        writer.list(11);
        for item in &items[..5] {
            writer.int(item.int()?);
        }
        let rows = items[5].list()?;
        writer.list(rows.len());
        for row in rows {
            let row = row.list()?;
            if row.len() != 5 {
                return None;
            }
            writer.list(5);
            for item in row {
                writer.int(item.int()?);
            }
            let (fold, log_code) = (row[1].int()?, row[2].int()?);
            let (queries, grind) = (row[3].int()?, row[4].int()?);
            let fits = row[0].int()? == cells
                && within(fold, 1, cells)
                && within(log_code, cells - fold + 1, 32)
                && within(queries, 1, MOST_QUERIES)
                && within(grind, 0, MOST_GRIND);
            if !fits {
                return None;
            }
            levels.push(Level {
                log_cells: cells as u32,
                fold: fold as u32,
                log_code: log_code as u32,
                queries: queries as usize,
                grind: grind as u32,
            });
            cells -= fold;
            opened += queries;
        }
        for item in &items[6..] {
            writer.int(item.int()?);
        }
        let found = Parameters {
            row_bits: row_bits as u32,
            log_columns: log_columns as u32,
            log_code: log_code as u32,
            queries: queries as usize,
            grind: grind as u32,
            levels,
            pads_masks: pads_masks as usize,
            pads_log_code: pads_log_code as u32,
            pads_queries: pads_queries as usize,
            group_bits: group_bits as u32,
            hiding: hiding == 1,
            encoded: writer.data,
        };
        let masked = found.mask_columns() >= found.queries && pads_masks >= pads_queries;
        let fits = masked && opened <= MOST_QUERIES && cells <= MOST_LAST;
        if fits && !found.levels.is_empty() {
            Some(found)
        } else {
            None
        }
    }

    /// The list that was read, as msgpack.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    pub fn mask_columns(&self) -> usize {
        1 << LOG_MASKS.min(self.log_columns - 2)
    }

    pub fn data_columns(&self) -> usize {
        (1 << self.log_columns) - self.mask_columns()
    }
}
