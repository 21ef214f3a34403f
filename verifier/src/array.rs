//! Integers of tables and public columns, as a circuit's encoding tells them: each part in one way only.

use alloc::vec::Vec;

use crate::field::{Accumulator, Ext, F};
use crate::hash::little_endian;
use crate::msgpack::{Value, Writer};

/// The types that a part may be told in, narrowest first: name, bytes, least and greatest value.
const WIDTHS: [(&str, usize, i64, i64); 7] = [
    ("|i1", 1, i8::MIN as i64, i8::MAX as i64),
    ("|u1", 1, 0, u8::MAX as i64),
    ("<i2", 2, i16::MIN as i64, i16::MAX as i64),
    ("<u2", 2, 0, u16::MAX as i64),
    ("<i4", 4, i32::MIN as i64, i32::MAX as i64),
    ("<u4", 4, 0, u32::MAX as i64),
    ("<i8", 8, i64::MIN, i64::MAX),
];
/// Absolute values below which arrays are told by their steps.
const LARGEST_TOLD: i64 = 1 << 60;
const LARGEST_START: i128 = 1 << 62;

/// A run of integers.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// first, first + step, ..
    Progression { first: i64, step: i64, count: usize },
    /// With the least and the greatest of them.
    Values { values: Vec<i64>, range: (i64, i64) },
}

impl Part {
    pub fn len(&self) -> usize {
        match self {
            Part::Progression { count, .. } => *count,
            Part::Values { values, .. } => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, at: usize) -> i64 {
        match self {
            Part::Progression { first, step, .. } => first + step * at as i64,
            Part::Values { values, .. } => values[at],
        }
    }

    /// The least and the greatest.
    pub fn range(&self) -> (i64, i64) {
        match self {
            Part::Progression { first, count, .. } => {
                let last = self.get(count - 1);
                (last.min(*first), last.max(*first))
            }
            Part::Values { range, .. } => *range,
        }
    }

    /// The part with so many values that is told; `None` if it is not, or could be told in another way.
    pub fn read(told: &Value, count: usize) -> Option<Part> {
        match told.list()? {
            [Value::Int(first), Value::Int(step)] => {
                let reach = step.abs() * count as i128;
                if first.abs() >= LARGEST_START || reach >= LARGEST_START {
                    return None;
                }
                let (first, step) = (*first as i64, *step as i64);
                let part = Part::Progression { first, step, count };
                let (low, high) = part.range();
                let told = count > 1 && low > -LARGEST_TOLD && high < LARGEST_TOLD;
                if told {
                    Some(part)
                } else {
                    None
                }
            }
            [Value::Text(code), Value::Bytes(data)] => {
                let values = integers(code, data, count)?;
                told_as(values, Way::Plain { code })
            }
            [Value::Int(start), Value::Text(code), Value::Bytes(data)] => {
                if *code == "<i8" || start.abs() >= LARGEST_START || count < 1 {
                    return None;
                }
                let mut sum = *start as i64;
                let mut values = Vec::with_capacity(count);
                values.push(sum);
                for step in integers(code, data, count - 1)? {
                    // Steps have at most 32 bits, and there are fewer than 2^25 of them.
                    sum += step;
                    values.push(sum);
                }
                told_as(values, Way::Steps { code })
            }
            _ => None,
        }
    }

    /// The sum of the integers from ``start`` on, as many as there are weights, times these.
    pub fn weighted(&self, start: usize, weights: &[Ext]) -> Ext {
        let (low, high) = self.range();
        let small = low > -(1 << 31) && high < 1 << 31;
        let mut sum = Accumulator::default();
        let mut large = Ext::ZERO;
        for (i, &weight) in weights.iter().enumerate() {
            let value = self.get(start + i);
            if small {
                sum.add(value, weight);
            } else {
                large += weight.scale(F::from(i128::from(value)));
            }
        }
        sum.total() + large
    }
}

/// How an array is told.
#[derive(PartialEq)]
enum Way<'a> {
    Progression,
    Plain { code: &'a str },
    Steps { code: &'a str },
}

/// Values as a part, if this is the way to tell them.
fn told_as(values: Vec<i64>, told: Way) -> Option<Part> {
    let range = span(values.iter().copied());
    if way(&values, range) == told {
        Some(Part::Values { values, range })
    } else {
        None
    }
}

fn span(values: impl Iterator<Item = i64>) -> (i64, i64) {
    values.fold((i64::MAX, i64::MIN), |(low, high), x| {
        (low.min(x), high.max(x))
    })
}

fn way(values: &[i64], (low, high): (i64, i64)) -> Way<'static> {
    let own = width(low, high);
    if values.len() > 1 && low > -LARGEST_TOLD && high < LARGEST_TOLD {
        let (least, most) = span(values.windows(2).map(|pair| pair[1] - pair[0]));
        if least == most {
            return Way::Progression;
        }
        let code = width(least, most);
        if WIDTHS[code].1 < WIDTHS[own].1 {
            return Way::Steps {
                code: WIDTHS[code].0,
            };
        }
    }
    Way::Plain {
        code: WIDTHS[own].0,
    }
}

/// The first width whose integers hold all from ``low`` to ``high``.
fn width(low: i64, high: i64) -> usize {
    WIDTHS
        .iter()
        .position(|&(_, _, least, most)| least <= low && high <= most)
        .unwrap_or(WIDTHS.len() - 1)
}

fn integers(code: &str, data: &[u8], count: usize) -> Option<Vec<i64>> {
    let &(_, bytes, least, _) = WIDTHS.iter().find(|&&(name, ..)| name == code)?;
    if data.len() != count.checked_mul(bytes)? {
        return None;
    }
    let unused = 64 - 8 * bytes as u32;
    let values = data.chunks_exact(bytes).map(|chunk| {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(chunk);
        let word = little_endian(&word);
        if least < 0 {
            (word << unused) as i64 >> unused
        } else {
            word as i64
        }
    });
    Some(values.collect())
}

/// Writes the numbers from 0 to ``count`` - 1 as a circuit's encoding tells them.
pub fn write_range(writer: &mut Writer, count: usize) {
    writer.list(2);
    if count > 1 {
        writer.int(0);
        writer.int(1);
    } else {
        writer.text("|i1");
        writer.bytes(&[0]);
    }
}

/// A tensor in row-major order: one part or, of a table, one for each of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub parts: Vec<Part>,
}
