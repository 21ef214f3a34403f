//! JSON as tokenizers are written in: small values whole, long ones member by member.
//!
//! Numbers are natural ones, names of an object differ, and what is read is limited.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

const DEEPEST: usize = 32;
/// Of an object that is read whole.
const MOST_MEMBERS: usize = 64;

#[derive(Debug)]
pub enum Value {
    Null,
    Flag(bool),
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.iter().find(|(own, _)| own == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }
}

/// What is left of a JSON text; `None` of any method is that it is malformed.
pub struct Json<'a> {
    text: &'a [u8],
    /// Values that may still come.
    values: usize,
    depth: usize,
}

impl<'a> Json<'a> {
    pub fn new(text: &'a str, values: usize) -> Json<'a> {
        Json {
            text: text.as_bytes(),
            values,
            depth: 0,
        }
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some((b' ' | b'\n' | b'\r' | b'\t', rest)) = self.text.split_first() {
            self.text = rest;
        }
        self.text.first().copied()
    }

    pub fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.text = &self.text[1..])
    }

    /// That nothing follows.
    pub fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// Whether the next value is a text.
    pub fn at_text(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// A text, put behind what is there.
    pub fn text(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.count()?;
        self.take(b'"')?;
        loop {
            let special = |&byte: &u8| byte < b' ' || byte == b'"' || byte == b'\\';
            let plain = self.text.iter().position(special)?;
            out.extend_from_slice(&self.text[..plain]);
            let byte = self.text[plain];
            self.text = &self.text[plain + 1..];
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let c = self.escaped()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (&byte, rest) = self.text.split_first()?;
        self.text = rest;
        Some(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if first & 0xFC00 != 0xD800 {
                    return char::from_u32(first);
                }
                self.text = self.text.strip_prefix(b"\\u")?;
                let second = self
                    .unit()?
                    .checked_sub(0xDC00)
                    .filter(|low| *low < 0x400)?;
                char::from_u32(0x10000 + ((first - 0xD800) << 10) + second)?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let (&byte, rest) = self.text.split_first()?;
            self.text = rest;
            unit = unit << 4 | (byte as char).to_digit(16)?;
        }
        Some(unit)
    }

    /// The members of an object, one by one: `each` gets a name, and reads the value.
    pub fn members(&mut self, each: &mut dyn FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        let mut name = Vec::new();
        self.listed(b'{', b'}', &mut |json| {
            name.clear();
            json.text(&mut name)?;
            json.take(b':')?;
            each(json, core::str::from_utf8(&name).ok()?)
        })
    }

    /// The items of a list, one by one.
    pub fn items(&mut self, each: &mut dyn FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.listed(b'[', b']', each)
    }

    fn listed(
        &mut self,
        begin: u8,
        end: u8,
        each: &mut dyn FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.count()?;
        self.take(begin)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        if self.take(end).is_none() {
            each(self)?;
            while self.take(b',').is_some() {
                each(self)?;
            }
            self.take(end)?;
        }
        self.depth -= 1;
        Some(())
    }

    pub fn natural(&mut self) -> Option<u64> {
        self.count()?;
        self.peek()?;
        let digits = self.text.iter().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = self.text.split_at(digits.unwrap_or(self.text.len()));
        self.text = rest;
        // No zeros in front, no fractions or exponents.
        if digits.len() > 1 && digits[0] == b'0' || matches!(rest.first(), Some(b'.' | b'e' | b'E'))
        {
            return None;
        }
        core::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.count()?;
        self.text = self.text.strip_prefix(word.as_bytes())?;
        Some(value)
    }

    /// A value with all it holds.
    pub fn value(&mut self) -> Option<Value> {
        Some(match self.peek()? {
            b'n' => self.word("null", Value::Null)?,
            b't' => self.word("true", Value::Flag(true))?,
            b'f' => self.word("false", Value::Flag(false))?,
            b'"' => {
                let mut text = Vec::new();
                self.text(&mut text)?;
                Value::Text(String::from_utf8(text).ok()?)
            }
            b'[' => {
                let mut items = Vec::new();
                self.items(&mut |json| {
                    items.push(json.value()?);
                    Some(())
                })?;
                Value::List(items)
            }
            b'{' => {
                let mut members = Vec::new();
                self.members(&mut |json, name| json.member(name, &mut members))?;
                Value::Object(members)
            }
            _ => Value::Number(self.natural()?),
        })
    }

    /// The value of a name that is not among those of an object yet.
    pub fn member(&mut self, name: &str, members: &mut Vec<(String, Value)>) -> Option<()> {
        if members.len() >= MOST_MEMBERS || members.iter().any(|(own, _)| own == name) {
            return None;
        }
        members.push((name.to_string(), self.value()?));
        Some(())
    }

    fn count(&mut self) -> Option<()> {
        self.values = self.values.checked_sub(1)?;
        Some(())
    }
}
