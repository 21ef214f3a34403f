//! msgpack: lists, integers, texts, byte strings, booleans and nil, in the shortest encoding of each.
//!
//! What is read may be any msgpack; whether it was in the shortest encoding is told beside it, as formats of ours ask
//! for that. Maps and floats are no part of them.

use alloc::vec::Vec;
use core::str;

/// Longer than any list of a real file.
const LONGEST_LIST: usize = 1 << 16;
/// Lists inside of one another.
const DEEPEST: usize = 1024;

#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i128),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    /// What is msgpack, but no part of a format of ours.
    Other,
}

impl<'a> Value<'a> {
    pub fn list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn int(&self) -> Option<i128> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&'a str> {
        match self {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(value) => Some(value),
            _ => None,
        }
    }
}

/// The value that bytes encode, if lists and what they hold are at most ``most``, and whether there is no other
/// encoding that is as short.
pub fn read(data: &[u8], most: usize) -> Option<(Value<'_>, bool)> {
    let mut parser = Parser {
        data,
        at: 0,
        left: most,
        longest: most.min(LONGEST_LIST),
        shortest: true,
    };
    let value = parser.value(0)?;
    if parser.at == data.len() {
        Some((value, parser.shortest))
    } else {
        None
    }
}

/// The value of an encoding that is the only one.
pub fn read_canonical(data: &[u8], most: usize) -> Option<Value<'_>> {
    match read(data, most) {
        Some((value, true)) => Some(value),
        _ => None,
    }
}

struct Parser<'a> {
    data: &'a [u8],
    at: usize,
    left: usize,
    longest: usize,
    shortest: bool,
}

impl<'a> Parser<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let found = self.data.get(self.at..end)?;
        self.at = end;
        Some(found)
    }

    /// A big-endian number of so many bytes, of which none of ``shorter`` would do.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let found = self.take(bytes)?;
        Some(found.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    }

    /// A length of so many bytes; shorter headers hold all that are below ``least``.
    fn length(&mut self, bytes: usize, least: u64) -> Option<usize> {
        let found = self.number(bytes)?;
        self.shortest &= found >= least;
        usize::try_from(found).ok()
    }

    fn unsigned(&mut self, bytes: usize, least: u64) -> Option<Value<'a>> {
        let found = self.number(bytes)?;
        self.shortest &= found >= least;
        Some(Value::Int(found.into()))
    }

    fn signed(&mut self, bytes: usize, below: i64) -> Option<Value<'a>> {
        let shift = 64 - 8 * bytes;
        let found = (self.number(bytes)? << shift) as i64 >> shift;
        self.shortest &= found < below;
        Some(Value::Int(found.into()))
    }

    fn text(&mut self, length: usize) -> Option<Value<'a>> {
        str::from_utf8(self.take(length)?).ok().map(Value::Text)
    }

    fn list(&mut self, length: usize, depth: usize) -> Option<Value<'a>> {
        self.count(length)?;
        let mut items = Vec::with_capacity(length.min(self.data.len() - self.at));
        for _ in 0..length {
            items.push(self.value(depth + 1)?);
        }
        Some(Value::List(items))
    }

    fn map(&mut self, length: usize, depth: usize) -> Option<Value<'a>> {
        self.count(length)?;
        for _ in 0..length {
            match self.value(depth + 1)? {
                Value::Text(_) | Value::Bytes(_) => {}
                _ => return None,
            }
            self.value(depth + 1)?;
        }
        self.other()
    }

    fn count(&mut self, length: usize) -> Option<()> {
        if length > self.longest {
            return None;
        }
        self.left = self.left.checked_sub(1 + length)?;
        Some(())
    }

    fn other(&mut self) -> Option<Value<'a>> {
        self.shortest = false;
        Some(Value::Other)
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        if depth > DEEPEST {
            return None;
        }
        let first = self.take(1)?[0];
        match first {
            0..=0x7f => Some(Value::Int(first.into())),
            0xe0..=0xff => Some(Value::Int((first as i8).into())),
            0x80..=0x8f => self.map(usize::from(first & 15), depth),
            0x90..=0x9f => self.list(usize::from(first & 15), depth),
            0xa0..=0xbf => self.text(usize::from(first & 31)),
            0xc2 => Some(Value::Bool(false)),
            0xc3 => Some(Value::Bool(true)),
            0xc4 => {
                let length = self.length(1, 0)?;
                self.take(length).map(Value::Bytes)
            }
            0xc5 => {
                let length = self.length(2, 1 << 8)?;
                self.take(length).map(Value::Bytes)
            }
            0xc6 => {
                let length = self.length(4, 1 << 16)?;
                self.take(length).map(Value::Bytes)
            }
            0xcc => self.unsigned(1, 1 << 7),
            0xcd => self.unsigned(2, 1 << 8),
            0xce => self.unsigned(4, 1 << 16),
            0xcf => self.unsigned(8, 1 << 32),
            0xd0 => self.signed(1, -0x20),
            0xd1 => self.signed(2, -0x80),
            0xd2 => self.signed(4, -0x8000),
            0xd3 => self.signed(8, -0x8000_0000),
            0xd9 => {
                let length = self.length(1, 1 << 5)?;
                self.text(length)
            }
            0xda => {
                let length = self.length(2, 1 << 8)?;
                self.text(length)
            }
            0xdb => {
                let length = self.length(4, 1 << 16)?;
                self.text(length)
            }
            0xdc => {
                let length = self.length(2, 1 << 4)?;
                self.list(length, depth)
            }
            0xdd => {
                let length = self.length(4, 1 << 16)?;
                self.list(length, depth)
            }
            0xc0 => Some(Value::Nil),
            0xca => {
                self.take(4)?;
                self.other()
            }
            0xcb => {
                self.take(8)?;
                self.other()
            }
            0xde => {
                let length = self.length(2, 1 << 4)?;
                self.map(length, depth)
            }
            0xdf => {
                let length = self.length(4, 1 << 16)?;
                self.map(length, depth)
            }
            _ => None,
        }
    }
}

/// Writes values, each in its shortest encoding.
#[derive(Default)]
pub struct Writer {
    pub data: Vec<u8>,
}

impl Writer {
    fn head(&mut self, first: u8, value: u64, bytes: usize) {
        self.data.push(first);
        self.data
            .extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
    }

    /// The header of a list of so many values, which follow.
    pub fn list(&mut self, length: usize) {
        match length {
            0..=15 => self.data.push(0x90 | length as u8),
            16..=0xffff => self.head(0xdc, length as u64, 2),
            _ => self.head(0xdd, length as u64, 4),
        }
    }

    /// An integer from -2^63 to 2^64 - 1.
    pub fn int(&mut self, value: i128) {
        let word = value as u64;
        match value {
            -0x20..=0x7f => self.data.push(value as u8),
            0x80..=0xff => self.head(0xcc, word, 1),
            0x100..=0xffff => self.head(0xcd, word, 2),
            0x1_0000..=0xffff_ffff => self.head(0xce, word, 4),
            -0x80..=-0x21 => self.head(0xd0, word, 1),
            -0x8000..=-0x81 => self.head(0xd1, word, 2),
            -0x8000_0000..=-0x8001 => self.head(0xd2, word, 4),
            _ if value < 0 => self.head(0xd3, word, 8),
            _ => self.head(0xcf, word, 8),
        }
    }

    pub fn text(&mut self, value: &str) {
        match value.len() {
            length @ 0..=31 => self.data.push(0xa0 | length as u8),
            length @ 32..=0xff => self.head(0xd9, length as u64, 1),
            length @ 0x100..=0xffff => self.head(0xda, length as u64, 2),
            length => self.head(0xdb, length as u64, 4),
        }
        self.data.extend_from_slice(value.as_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        match value.len() {
            length @ 0..=0xff => self.head(0xc4, length as u64, 1),
            length @ 0x100..=0xffff => self.head(0xc5, length as u64, 2),
            length => self.head(0xc6, length as u64, 4),
        }
        self.data.extend_from_slice(value);
    }
}
