//! How tokenizers cut a text into words before they encode it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::classes::{LETTERS, NUMBERS};

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// What becomes of a text at which words are cut.
#[derive(Clone, Copy)]
pub enum Behaviour {
    Isolated,
    Removed,
    MergedWithPrevious,
}

pub enum Cut {
    /// At a text.
    At(String, Behaviour),
    /// GPT-2's regular expression.
    Gpt2,
    /// Llama 3's and Qwen 2's, with at most so many digits in a word.
    Later(usize),
    /// Numbers, each alone or those that follow one another.
    Digits(bool),
    /// Nowhere: a space is put before words that begin with none.
    Space,
    /// Nowhere: bytes become characters.
    Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

/// Runs of characters: the first of each, and the one behind it.
type Runs = Vec<(u32, u32)>;

pub struct Cutter {
    letters: Runs,
    numbers: Runs,
    cuts: Vec<Cut>,
}

impl Cutter {
    pub fn new(cuts: Vec<Cut>) -> Cutter {
        Cutter {
            letters: runs(&LETTERS),
            numbers: runs(&NUMBERS),
            cuts,
        }
    }

    /// The words of a text, by one cut after the other.
    pub fn words(&self, text: &str) -> Vec<String> {
        let mut words = Vec::from([text.to_string()]);
        for cut in &self.cuts {
            let mut shorter = Vec::new();
            for word in &words {
                self.cut(cut, word, &mut shorter);
            }
            shorter.retain(|word| !word.is_empty());
            words = shorter;
        }
        words
    }

    fn cut(&self, cut: &Cut, mut text: &str, out: &mut Vec<String>) {
        match cut {
            Cut::At(at, behaviour) => return cut_at(text, at, *behaviour, out),
            Cut::Bytes => return out.push(text.bytes().map(character).collect()),
            Cut::Space if !text.starts_with(' ') => return out.push(String::from(" ") + text),
            _ => {}
        }
        while !text.is_empty() {
            let length = match cut {
                Cut::Gpt2 => self.gpt2(text),
                Cut::Later(digits) => self.later(text, *digits),
                Cut::Digits(alone) => {
                    let number = self.class_at(text) == Some(Class::Number);
                    if number && *alone {
                        first(text)
                    } else {
                        run(text, &|c| (self.class(c) == Class::Number) == number)
                    }
                }
                _ => text.len(),
            };
            let (word, rest) = text.split_at(length);
            out.push(word.to_string());
            text = rest;
        }
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    fn gpt2(&self, text: &str) -> usize {
        if let Some(found) = CONTRACTIONS.iter().find(|own| text.starts_with(**own)) {
            return found.len();
        }
        let space = usize::from(text.starts_with(' '));
        match self.class_at(&text[space..]) {
            None | Some(Class::Space) => self.spaces(text),
            Some(class) => space + self.run(&text[space..], class),
        }
    }

    /// `(?i:'s|..)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    fn later(&self, text: &str, digits: usize) -> usize {
        for own in CONTRACTIONS {
            let long: Vec<char> = text.chars().take(own.len()).collect();
            if long.len() == own.len() && long.iter().zip(own.chars()).all(|(&c, d)| lower(c) == d)
            {
                return long.iter().map(|c| c.len_utf8()).sum();
            }
        }
        let class = self.class_at(text);
        let skipped = match class {
            Some(Class::Letter) => 0,
            Some(Class::Number) => {
                let own = self.run(text, Class::Number);
                return text[..own].chars().take(digits).map(char::len_utf8).sum();
            }
            _ if text.starts_with(&LINE_ENDS[..]) => 0,
            _ => first(text),
        };
        let letters = self.run(&text[skipped..], Class::Letter);
        if letters > 0 {
            return skipped + letters;
        }
        let space = usize::from(text.starts_with(' '));
        let others = self.run(&text[space..], Class::Other);
        if others > 0 {
            let end = space + others;
            return end + run(&text[end..], &|c| LINE_ENDS.contains(&c));
        }
        let spaces = self.run(text, Class::Space);
        match text[..spaces].rfind(&LINE_ENDS[..]) {
            Some(last) => last + 1,
            None => self.spaces(text),
        }
    }

    /// `\s+(?!\S)|\s+`: what comes before something else does not get the last space, unless that is all.
    fn spaces(&self, text: &str) -> usize {
        let all = self.run(text, Class::Space);
        let last = text[..all].chars().last().map_or(0, char::len_utf8);
        if all == text.len() || all == last {
            all
        } else {
            all - last
        }
    }

    fn run(&self, text: &str, class: Class) -> usize {
        run(text, &|c| self.class(c) == class)
    }

    fn class_at(&self, text: &str) -> Option<Class> {
        text.chars().next().map(|c| self.class(c))
    }

    fn class(&self, c: char) -> Class {
        if within(&self.letters, c) {
            Class::Letter
        } else if within(&self.numbers, c) {
            Class::Number
        } else if c.is_whitespace() {
            Class::Space
        } else {
            Class::Other
        }
    }
}

const LINE_ENDS: [char; 2] = ['\r', '\n'];

fn cut_at(text: &str, at: &str, behaviour: Behaviour, out: &mut Vec<String>) {
    let mut before = None;
    for (part, matched) in parts(text, at) {
        match (behaviour, out.last_mut()) {
            (Behaviour::Removed, _) if matched => {}
            (Behaviour::MergedWithPrevious, Some(last)) if matched && before == Some(false) => {
                last.push_str(part);
            }
            _ => out.push(part.to_string()),
        }
        before = Some(matched);
    }
}

/// A text cut where another one stands in it: each part, and whether it is that one.
fn parts<'a>(text: &'a str, at: &str) -> Vec<(&'a str, bool)> {
    let (mut found, mut start, mut end) = (Vec::new(), 0, 0);
    while end < text.len() {
        let next = end + at.len();
        if text.as_bytes()[end..].starts_with(at.as_bytes()) {
            if start < end {
                found.push((&text[start..end], false));
            }
            found.push((&text[end..next], true));
            start = next;
            end = next;
        } else {
            end += 1;
        }
    }
    if start < end {
        found.push((&text[start..], false));
    }
    found
}

/// A text with another one in the place of each that stands in it.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (part, matched) in parts(text, from) {
        out.push_str(if matched { to } else { part });
    }
    out
}

/// Bytes of the characters that a text begins with and a test finds.
fn run(text: &str, test: &dyn Fn(char) -> bool) -> usize {
    text.find(|c| !test(c)).unwrap_or(text.len())
}

/// Bytes of a text's first character.
fn first(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// A small letter, as regular expressions that look at neither size compare them.
fn lower(c: char) -> char {
    match c {
        'ſ' => 's',
        _ => c.to_ascii_lowercase(),
    }
}

fn runs(mut packed: &[u8]) -> Runs {
    let (mut found, mut end) = (Vec::new(), 0);
    while !packed.is_empty() {
        let start = end + number(&mut packed);
        end = start + number(&mut packed);
        found.push((start, end));
    }
    found
}

fn number(packed: &mut &[u8]) -> u32 {
    let (mut found, mut shift) = (0, 0);
    while let Some((&byte, rest)) = packed.split_first() {
        *packed = rest;
        found |= u32::from(byte & 0x7F) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    found
}

fn within(runs: &Runs, c: char) -> bool {
    let after = runs.partition_point(|&(start, _)| start <= c as u32);
    after > 0 && (c as u32) < runs[after - 1].1
}

/// The character that GPT-2's tokenizer writes a byte as: itself where it can be seen.
pub fn character(byte: u8) -> char {
    let code = match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => u32::from(byte),
        0..=b' ' => 0x100 + u32::from(byte),
        0x7F..=0xA0 => 0x100 + u32::from(byte) - 0x5E,
        0xAD => 0x143,
    };
    char::from_u32(code).unwrap_or_default()
}

/// The byte that it writes as a character.
pub fn byte(c: char) -> Option<u8> {
    (0..=255).find(|&byte| character(byte) == c)
}
