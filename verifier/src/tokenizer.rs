//! The tokenizer of a key: byte-pair encoding as the `tokenizers` library does it, of the parts that Gemma's, Llama's,
//! GPT-2's, Qwen's and SmolLM's are made of. What else there may be in a key is named, and not read.

use alloc::borrow::Cow;
use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::json::{Json, Value};
use crate::vocabulary::{Merges, Vocabulary};
use crate::words::{byte, replaced, Behaviour, Cut, Cutter};

const COMPACT: u8 = 1;
const HEADER: usize = 9;
/// The limits of `docs/formats.md`.
const MOST_TOKENS: usize = 1 << 20;
const MOST_MERGES: usize = 1 << 21;
const MOST_BYTES: usize = 1 << 24;
const MOST_REST: usize = 1 << 20;
const MOST_JSON: usize = 1 << 25;
const MOST_VALUES: usize = 1 << 22;
const MOST_WHOLE: usize = 1 << 19;
const MOST_ADDED: usize = 1 << 14;
const LONGEST_ADDED: usize = 255;
const MOST_PARTS: usize = 8;
const LONGEST: usize = 32;
/// Bytes of a text, and of one at any step of decoding or encoding.
const MOST_TEXT: usize = 1 << 17;
const MOST_STEP: usize = 1 << 20;
/// Flags of added tokens: that they take spaces, or stand for themselves as words; that they are looked for in what
/// the normalizer makes of a text.
const STRIPPING: u64 = 0b111;
const NORMALIZED: u64 = 0b1000;
const FLAGS: [&str; 5] = ["single_word", "lstrip", "rstrip", "normalized", "special"];
/// The regular expressions of Llama 3 and Qwen 2 around how many digits are a word, and GPT-2's.
const LATER: [&str; 2] = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
];
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// Why a tokenizer is not read, or not used on a text: what of it this program does not know.
pub type Reading<T> = Result<T, String>;

enum Normal {
    Replace(String, String),
    Prepend(String),
}

enum Decode {
    Replace(String, String),
    /// Tokens that name bytes.
    Bytes,
    Fuse,
    Strip(char, usize, usize),
    ByteLevel,
}

/// Tokens that are found in a text before it is cut.
struct Added {
    tokens: Vocabulary<'static>,
    ids: Vec<u32>,
    /// Bytes of the longest one, and those that one begins with.
    most: usize,
    begins: [bool; 256],
}

pub struct Tokenizer<'a> {
    vocabulary: Vocabulary<'a>,
    merges: Merges<'a>,
    /// What stands for characters without a token.
    unknown: Option<u32>,
    fuse_unknown: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    /// Added tokens that are not in the vocabulary.
    others: Vec<(u32, String)>,
    /// Those that are looked for first, and those that are looked for in what is left then.
    added: [Added; 2],
    normal: Vec<Normal>,
    cutter: Cutter,
    decode: Option<Vec<Decode>>,
    /// What stands before and behind the tokens of every text.
    frame: [Vec<u32>; 2],
}

impl<'a> Tokenizer<'a> {
    pub fn read(data: &'a [u8]) -> Reading<Tokenizer<'a>> {
        if data.first() == Some(&COMPACT) {
            compact(data)
        } else {
            whole(data)
        }
    }

    /// Why a prompt's tokens are not canonical, `None` if they are: the first one that differs from those of its text.
    pub fn fault(&self, prompt: &[u64]) -> Reading<Option<String>> {
        let wanted = self.encode(&self.text(prompt)?)?;
        let wanted: Vec<u64> = wanted.into_iter().map(u64::from).collect();
        if wanted == prompt {
            return Ok(None);
        }
        let same = wanted.iter().zip(prompt).take_while(|(a, b)| a == b);
        let at = same.count();
        let name = |ids: &[u64]| ids.get(at).map_or("none".to_string(), u64::to_string);
        Ok(Some(format!(
            "the prompt's tokens are not those that the tokenizer makes of its text: number {} is {}, not {}",
            at + 1,
            name(prompt),
            name(&wanted)
        )))
    }

    /// The text of a prompt, without what stands around every text.
    pub fn text(&self, ids: &[u64]) -> Reading<String> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| id.try_into().ok()).collect();
        let [start, end] = &self.frame;
        let inner = ids
            .strip_prefix(&start[..])
            .and_then(|rest| rest.strip_suffix(&end[..]));
        self.decode(inner.unwrap_or(&ids))
    }

    fn token(&self, id: u32) -> Option<&str> {
        if (id as usize) < self.vocabulary.places.len() {
            return core::str::from_utf8(self.vocabulary.token(id)).ok();
        }
        let own = self.others.iter().find(|(other, _)| *other == id);
        own.map(|(_, text)| &text[..])
    }

    fn decode(&self, ids: &[u32]) -> Reading<String> {
        let tokens = ids.iter().filter_map(|&id| self.token(id));
        let mut texts: Vec<String> = tokens.map(String::from).collect();
        let steps = match &self.decode {
            None => return short(texts.join(" "), MOST_TEXT),
            Some(steps) => steps,
        };
        for step in steps {
            texts = step.apply(texts);
            require_short(texts.iter().map(String::len).sum(), MOST_STEP)?;
        }
        short(texts.concat(), MOST_TEXT)
    }

    /// The tokens of a text, with those around it.
    pub fn encode(&self, text: &str) -> Reading<Vec<u32>> {
        let [start, end] = &self.frame;
        let mut out = start.clone();
        self.added[0].split(text, &mut out, &mut |part, out| {
            let mut normal = part.to_string();
            for step in &self.normal {
                normal = match step {
                    Normal::Replace(from, to) => replaced(&normal, from, to),
                    Normal::Prepend(_) if normal.is_empty() => normal,
                    Normal::Prepend(text) => text.clone() + &normal,
                };
                require_short(normal.len(), MOST_STEP)?;
            }
            self.added[1].split(&normal, out, &mut |part, out| {
                for word in self.cutter.words(part) {
                    self.encode_word(&word, out);
                }
                Ok(())
            })
        })?;
        out.extend(end);
        Ok(out)
    }

    fn encode_word(&self, word: &str, out: &mut Vec<u32>) {
        let whole = self.vocabulary.find(word.as_bytes(), &[]);
        if let (true, Some(token)) = (self.ignore_merges, whole) {
            return out.push(token);
        }
        let mut letters = Vec::with_capacity(word.len());
        // Unknown characters wait for one that is known: those that bytes stand for go before them.
        let mut waiting = None;
        let mut buffer = [0; 4];
        for c in word.chars() {
            let c = &*c.encode_utf8(&mut buffer);
            if let Some(token) = self.vocabulary.find(c.as_bytes(), &[]) {
                letters.extend(waiting.take());
                letters.push(token);
                continue;
            }
            if self.byte_fallback {
                let start = letters.len();
                let names = c.bytes().map(|byte| format!("<0x{byte:02X}>"));
                letters.extend(names.filter_map(|name| self.vocabulary.find(name.as_bytes(), &[])));
                if letters.len() == start + c.len() {
                    continue;
                }
                letters.truncate(start);
            }
            if self.unknown.is_some() {
                if !self.fuse_unknown {
                    letters.extend(waiting);
                }
                waiting = self.unknown;
            }
        }
        letters.extend(waiting);
        self.merge(letters, out);
    }

    /// Merge neighbours, the pair that ranks first and then stands first before others, until none is left.
    fn merge(&self, mut tokens: Vec<u32>, out: &mut Vec<u32>) {
        let count = tokens.len();
        let mut next: Vec<usize> = (1..=count).collect();
        // A number more, so that zero stands for none.
        let mut before: Vec<usize> = (0..count).collect();
        let mut gone = vec![false; count];
        let mut queue = BinaryHeap::with_capacity(count);
        let push = |queue: &mut BinaryHeap<_>, tokens: &[u32], at: usize, other: usize| {
            if let Some((rank, made)) = self.pair(tokens[at], tokens[other]) {
                queue.push(Reverse((rank, at, made)));
            }
        };
        for at in 1..count {
            push(&mut queue, &tokens, at - 1, at);
        }
        while let Some(Reverse((_, at, made))) = queue.pop() {
            let right = next[at];
            if gone[at] || right == count {
                continue;
            }
            // A pair of which one was merged meanwhile is another pair, unless it makes the same token.
            if !matches!(self.pair(tokens[at], tokens[right]), Some((_, now)) if now == made) {
                continue;
            }
            tokens[at] = made;
            gone[right] = true;
            next[at] = next[right];
            if next[at] < count {
                before[next[at]] = at + 1;
                push(&mut queue, &tokens, at, next[at]);
            }
            if let Some(left) = before[at].checked_sub(1) {
                push(&mut queue, &tokens, left, at);
            }
        }
        let left = tokens.into_iter().zip(gone).filter(|(_, gone)| !gone);
        out.extend(left.map(|(token, _)| token));
    }

    fn pair(&self, first: u32, second: u32) -> Option<(u32, u32)> {
        let parts = [first, second].map(|token| self.vocabulary.token(token));
        let made = self.vocabulary.find(parts[0], parts[1])?;
        Some((self.merges.rank(made, parts[0].len())?, made))
    }
}

impl Added {
    /// `None` if two have one text.
    fn new(tokens: &[(String, u32)]) -> Option<Added> {
        let (mut bytes, mut places, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        let (mut most, mut begins) = (0, [false; 256]);
        for (text, id) in tokens {
            let start = bytes.len();
            bytes.extend_from_slice(text.as_bytes());
            places.push((start as u32, bytes.len() as u32));
            ids.push(*id);
            most = most.max(text.len());
            begins[usize::from(bytes[start])] = true;
        }
        Some(Added {
            tokens: Vocabulary::new(Cow::Owned(bytes), places)?,
            ids,
            most,
            begins,
        })
    }

    /// Call `between` for what stands between these tokens in a text, and put the tokens out.
    fn split(
        &self,
        text: &str,
        out: &mut Vec<u32>,
        between: &mut dyn FnMut(&str, &mut Vec<u32>) -> Reading<()>,
    ) -> Reading<()> {
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            match self.longest(&text.as_bytes()[at..]) {
                Some((length, token)) => {
                    if start < at {
                        between(&text[start..at], out)?;
                    }
                    out.push(token);
                    at += length;
                    start = at;
                }
                None => at += 1,
            }
        }
        if start < at {
            between(&text[start..], out)?;
        }
        Ok(())
    }

    /// The length and the id of the longest token with which a text begins.
    fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        if !self.begins[usize::from(text[0])] {
            return None;
        }
        let number = self.tokens.longest(text, self.most)?;
        Some((self.tokens.token(number).len(), self.ids[number as usize]))
    }
}

impl Decode {
    fn apply(&self, texts: Vec<String>) -> Vec<String> {
        match self {
            Decode::Replace(from, to) => {
                texts.iter().map(|text| replaced(text, from, to)).collect()
            }
            Decode::Fuse => vec![texts.concat()],
            Decode::Strip(c, start, stop) => texts
                .iter()
                .map(|text| strip(text, *c, *start, *stop))
                .collect(),
            Decode::ByteLevel => {
                let mut bytes = Vec::new();
                for text in texts {
                    let start = bytes.len();
                    bytes.extend(text.chars().filter_map(byte));
                    if bytes.len() - start < text.chars().count() {
                        bytes.truncate(start);
                        bytes.extend_from_slice(text.as_bytes());
                    }
                }
                vec![String::from_utf8_lossy(&bytes).into_owned()]
            }
            Decode::Bytes => {
                let (mut found, mut bytes) = (Vec::new(), Vec::new());
                for text in texts {
                    match named_byte(&text) {
                        Some(byte) => bytes.push(byte),
                        None => {
                            flush(&mut bytes, &mut found);
                            found.push(text);
                        }
                    }
                }
                flush(&mut bytes, &mut found);
                found
            }
        }
    }
}

/// Bytes as a text, or if they are none each as the sign for that.
fn flush(bytes: &mut Vec<u8>, out: &mut Vec<String>) {
    match String::from_utf8(core::mem::take(bytes)) {
        Ok(text) if text.is_empty() => {}
        Ok(text) => out.push(text),
        Err(error) => out.extend(error.as_bytes().iter().map(|_| "\u{fffd}".to_string())),
    }
}

/// The byte that a token like `<0x0A>` stands for.
fn named_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    // The library reads a sign too.
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() == 2)
}

fn strip(text: &str, c: char, start: usize, stop: usize) -> String {
    let mut text = text;
    for _ in 0..start {
        text = text.strip_prefix(c).unwrap_or(text);
    }
    for _ in 0..stop {
        text = text.strip_suffix(c).unwrap_or(text);
    }
    text.to_string()
}

fn short(text: String, most: usize) -> Reading<String> {
    require_short(text.len(), most)?;
    Ok(text)
}

fn require_short(length: usize, most: usize) -> Reading<()> {
    if length > most {
        return Err(format!("texts of {length} bytes"));
    }
    Ok(())
}

fn malformed() -> String {
    "a malformed tokenizer".to_string()
}

/// What must be there in a tokenizer that is well-formed.
fn there<T>(found: Option<T>) -> Reading<T> {
    found.ok_or_else(malformed)
}

fn compact(data: &[u8]) -> Reading<Tokenizer<'_>> {
    let size = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    };
    let (rest, count) = there(size(1).zip(size(5)))?;
    if rest > MOST_REST || count > MOST_TOKENS {
        return Err(malformed());
    }
    let mut at = HEADER;
    let mut take = |size: usize| {
        let part = data.get(at..at.checked_add(size)?)?;
        at += size;
        Some(part)
    };
    let rest = there(take(rest))?;
    let (lengths, numbers) = there(take(count).zip(take(count)))?;
    let merges = numbers.iter().map(|&number| usize::from(number)).sum();
    let total = lengths.iter().map(|&length| usize::from(length)).sum();
    if merges > MOST_MERGES || total > MOST_BYTES {
        return Err(malformed());
    }
    let (left, bytes) = there(take(merges).zip(take(total)))?;
    let text = there(core::str::from_utf8(bytes).ok())?;
    let mut places = Vec::with_capacity(count);
    let mut end = 0;
    for &length in lengths {
        let start = end;
        end += usize::from(length);
        if length == 0 || !text.is_char_boundary(start) {
            return Err(malformed());
        }
        places.push((start as u32, end as u32));
    }
    let mut first = vec![0];
    for &number in numbers {
        first.push(first[first.len() - 1] + u32::from(number));
    }
    if at != data.len() {
        return Err(malformed());
    }
    let mut json = Json::new(there(core::str::from_utf8(rest).ok())?, MOST_REST);
    let parts = there(json.value().filter(|_| json.end().is_some()))?;
    let vocabulary = there(Vocabulary::new(Cow::Borrowed(bytes), places))?;
    let (mut tokens, mut others) = (Vec::new(), Vec::new());
    for run in there(parts.get("added_tokens").and_then(Value::list))? {
        let (id, what, flags) = match there(run.list())? {
            [Value::Number(id), what, Value::Number(flags)] => (*id as usize, what, *flags),
            _ => return Err(malformed()),
        };
        match what {
            Value::Number(number) => {
                let end = id.checked_add(*number as usize);
                let end = there(end.filter(|&end| end <= count))?;
                for id in id..end {
                    let own = String::from_utf8_lossy(vocabulary.token(id as u32));
                    tokens.push((own.into_owned(), id as u32, flags));
                }
            }
            Value::Text(text) if id == count + others.len() => {
                others.push((id as u32, text.clone()));
                tokens.push((text.clone(), id as u32, flags));
            }
            _ => return Err(malformed()),
        }
        if tokens.len() > MOST_ADDED {
            return Err(malformed());
        }
    }
    let model = there(parts.get("model"))?;
    assemble(
        vocabulary,
        Merges {
            first,
            left: Cow::Borrowed(left),
            ranks: Vec::new(),
        },
        model,
        &parts,
        tokens,
        others,
    )
}

fn whole(data: &[u8]) -> Reading<Tokenizer<'_>> {
    let text = there(core::str::from_utf8(data).ok())?;
    if data.len() > MOST_JSON {
        return Err(malformed());
    }
    let mut json = Json::new(text, MOST_VALUES);
    let (mut parts, mut options) = (Vec::new(), Vec::new());
    let mut bytes: Vec<u8> = Vec::new();
    // As the file has them: where each token is and its number; merges, both parts together, and their lengths.
    let mut entries: Vec<(u32, u32, u64)> = Vec::new();
    let mut pairs: Vec<u8> = Vec::new();
    let mut lengths: Vec<(u8, u32)> = Vec::new();
    let read = json.members(&mut |json, name| {
        if name != "model" {
            return json.member(name, &mut parts);
        }
        json.members(&mut |json, name| match name {
            "vocab" => {
                entries.is_empty().then_some(())?;
                json.members(&mut |json, token| {
                    let start = bytes.len() as u32;
                    bytes.extend_from_slice(token.as_bytes());
                    entries.push((start, bytes.len() as u32, json.natural()?));
                    (entries.len() <= MOST_WHOLE).then_some(())
                })
            }
            "merges" => {
                lengths.is_empty().then_some(())?;
                json.items(&mut |json| {
                    let start = pairs.len();
                    let left = merged(json, &mut pairs)?;
                    lengths.push((left, (pairs.len() - start) as u32));
                    (lengths.len() <= 2 * MOST_WHOLE).then_some(())
                })
            }
            _ => json.member(name, &mut options),
        })
    });
    there(read.and_then(|()| json.end()))?;
    let (parts, model) = (Value::Object(parts), Value::Object(options));
    if let Some(kind) = model.text("type").filter(|kind| *kind != "BPE") {
        return Err(format!("the model {kind}"));
    }
    let mut places = vec![(0, 0); entries.len()];
    for &(start, end, id) in &entries {
        match places.get_mut(id as usize) {
            Some(place) if *place == (0, 0) && start < end => *place = (start, end),
            _ => return Err("numbers of tokens that are not 0, 1 and so on".to_string()),
        }
    }
    let vocabulary = there(Vocabulary::new(Cow::Owned(bytes), places))?;
    let merges = there(merges(&vocabulary, &pairs, &lengths))?;
    let (mut tokens, mut others) = (Vec::new(), Vec::new());
    for token in there(parts.get("added_tokens").and_then(Value::list))? {
        let (id, text) = there(
            token
                .get("id")
                .and_then(Value::number)
                .zip(token.text("content")),
        )?;
        let known = vocabulary.find(text.as_bytes(), &[]);
        let next = (vocabulary.places.len() + others.len()) as u32;
        if id != u64::from(known.unwrap_or(next)) || tokens.len() == MOST_ADDED {
            return Err("numbers of added tokens that do not follow the others".to_string());
        }
        if known.is_none() {
            others.push((next, text.to_string()));
        }
        let mut flags = 0;
        for (bit, name) in FLAGS.iter().enumerate() {
            flags |= u64::from(there(token.flag(name))?) << bit;
        }
        tokens.push((text.to_string(), known.unwrap_or(next), flags));
    }
    assemble(vocabulary, merges, &model, &parts, tokens, others)
}

/// Merges by the token that each makes, of both parts together and of their lengths: of the first one, and in all.
fn merges(
    vocabulary: &Vocabulary,
    mut pairs: &[u8],
    lengths: &[(u8, u32)],
) -> Option<Merges<'static>> {
    let mut first = vec![0; vocabulary.places.len() + 1];
    let mut made = Vec::with_capacity(lengths.len());
    for &(left, length) in lengths {
        let (own, rest) = pairs.split_at(length as usize);
        pairs = rest;
        let (one, other) = own.split_at(usize::from(left));
        vocabulary.find(one, &[]).and(vocabulary.find(other, &[]))?;
        let token = vocabulary.find(own, &[])?;
        first[token as usize + 1] += 1;
        made.push(token);
    }
    for token in 1..first.len() {
        first[token] += first[token - 1];
    }
    let (mut left, mut ranks) = (vec![0; made.len()], vec![0; made.len()]);
    let mut next = first.clone();
    for (rank, (token, (length, _))) in made.into_iter().zip(lengths).enumerate() {
        let at = next[token as usize] as usize;
        next[token as usize] += 1;
        left[at] = *length;
        ranks[at] = rank as u32;
    }
    Some(Merges {
        first,
        left: Cow::Owned(left),
        ranks,
    })
}

/// A merge as two texts, or as one with a space between: both parts put behind what is there, and the first one's length.
fn merged(json: &mut Json, out: &mut Vec<u8>) -> Option<u8> {
    let start = out.len();
    if json.at_text() {
        json.text(out)?;
        let mut spaces = (start..out.len()).filter(|&at| out[at] == b' ');
        let at = spaces.next().filter(|_| spaces.next().is_none())?;
        drop(spaces);
        out.remove(at);
        return u8::try_from(at - start).ok();
    }
    let (mut left, mut count) = (0, 0);
    json.items(&mut |json| {
        json.text(out)?;
        count += 1;
        if count == 1 {
            left = out.len() - start;
        }
        Some(())
    })?;
    u8::try_from(left).ok().filter(|_| count == 2)
}

/// Added tokens: text, number and flags.
type Tokens = Vec<(String, u32, u64)>;

fn assemble<'a>(
    vocabulary: Vocabulary<'a>,
    merges: Merges<'a>,
    model: &Value,
    parts: &Value,
    tokens: Tokens,
    others: Vec<(u32, String)>,
) -> Reading<Tokenizer<'a>> {
    if model.text("type") != Some("BPE") {
        return Err("a model of an unknown kind".to_string());
    }
    for name in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
        match model.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Text(text)) if text.is_empty() => {}
            _ => return Err(format!("the model's {name}")),
        }
    }
    let unknown = match model.get("unk_token") {
        None | Some(Value::Null) => None,
        Some(Value::Text(text)) => Some(there(vocabulary.find(text.as_bytes(), &[]))?),
        _ => return Err(malformed()),
    };
    let mut normal = Vec::new();
    for (part, kind) in sequence(parts, "normalizer", "normalizers")? {
        normal.push(match kind {
            "Replace" => replacement(part).map(|(from, to)| Normal::Replace(from, to)),
            "Prepend" => part
                .text("prepend")
                .map(|text| Normal::Prepend(text.to_string())),
            _ => None,
        });
        named(normal.last().and_then(Option::as_ref), "normalizer", kind)?;
    }
    let mut added = [Vec::new(), Vec::new()];
    for (text, id, flags) in tokens {
        if text.is_empty() || text.len() > LONGEST_ADDED {
            return Err(malformed());
        }
        if flags & STRIPPING != 0 || flags & NORMALIZED != 0 && !normal.is_empty() {
            return Err("added tokens that take spaces or are normalized".to_string());
        }
        added[usize::from(flags & NORMALIZED != 0)].push((text, id));
    }
    let [exact, normalized] = added;
    let added = [there(Added::new(&exact))?, there(Added::new(&normalized))?];
    let mut cuts = Vec::new();
    for (part, kind) in sequence(parts, "pre_tokenizer", "pretokenizers")? {
        named(cut(part, kind, &mut cuts), "pre-tokenizer", kind)?;
    }
    let mut decode = Vec::new();
    for (part, kind) in sequence(parts, "decoder", "decoders")? {
        decode.push(named(decoder(part, kind), "decoder", kind)?);
    }
    let mut frame = [Vec::new(), Vec::new()];
    for (part, kind) in sequence(parts, "post_processor", "processors")? {
        let found = match kind {
            "ByteLevel" => Some(()),
            "TemplateProcessing" => template(part, &mut frame),
            _ => None,
        };
        named(found, "post-processor", kind)?;
    }
    let option = |name| model.flag(name).unwrap_or(false);
    Ok(Tokenizer {
        fuse_unknown: option("fuse_unk"),
        byte_fallback: option("byte_fallback"),
        ignore_merges: option("ignore_merges"),
        vocabulary,
        merges,
        unknown,
        others,
        added,
        normal: normal.into_iter().flatten().collect(),
        cutter: Cutter::new(cuts),
        decode: parts
            .get("decoder")
            .filter(|part| !matches!(part, Value::Null))
            .map(|_| decode),
        frame,
    })
}

/// A part that is known, or the name of one that is not.
fn named<T>(found: Option<T>, what: &str, kind: &str) -> Reading<T> {
    found.ok_or_else(|| format!("the {what} {kind}, or its settings"))
}

/// The parts of a kind, with what each is called.
fn sequence<'v>(whole: &'v Value, kind: &str, name: &str) -> Reading<Vec<(&'v Value, &'v str)>> {
    let parts = match whole.get(kind) {
        None | Some(Value::Null) => &[],
        Some(part) if part.text("type") == Some("Sequence") => {
            there(part.get(name).and_then(Value::list))?
        }
        Some(part) => core::slice::from_ref(part),
    };
    if parts.len() > MOST_PARTS {
        return Err(malformed());
    }
    let mut found = Vec::with_capacity(parts.len());
    for part in parts {
        found.push((part, there(part.text("type"))?));
    }
    Ok(found)
}

/// The text that a pattern is.
fn pattern<'v>(part: &'v Value, kind: &str) -> Option<&'v str> {
    let text = part.get("pattern")?.text(kind)?;
    (!text.is_empty() && (kind != "String" || text.len() <= LONGEST)).then_some(text)
}

fn replacement(part: &Value) -> Option<(String, String)> {
    let to = part.text("content").filter(|text| text.len() <= LONGEST)?;
    Some((pattern(part, "String")?.to_string(), to.to_string()))
}

fn cut(part: &Value, kind: &str, cuts: &mut Vec<Cut>) -> Option<()> {
    match kind {
        "Split" if part.flag("invert") == Some(false) => {
            let behaviour = match part.text("behavior")? {
                "Isolated" => Behaviour::Isolated,
                "Removed" => Behaviour::Removed,
                "MergedWithPrevious" => Behaviour::MergedWithPrevious,
                _ => return None,
            };
            cuts.push(match (pattern(part, "String"), behaviour) {
                (Some(text), _) => Cut::At(text.to_string(), behaviour),
                (None, Behaviour::Isolated) => expression(pattern(part, "Regex")?)?,
                _ => return None,
            });
        }
        "Digits" => cuts.push(Cut::Digits(part.flag("individual_digits")?)),
        "ByteLevel" => {
            if part.flag("add_prefix_space")? {
                cuts.push(Cut::Space);
            }
            if part.flag("use_regex").unwrap_or(true) {
                cuts.push(Cut::Gpt2);
            }
            cuts.push(Cut::Bytes);
        }
        _ => return None,
    }
    Some(())
}

fn expression(text: &str) -> Option<Cut> {
    if text == GPT2 {
        return Some(Cut::Gpt2);
    }
    match text.strip_prefix(LATER[0])?.strip_suffix(LATER[1])? {
        "" => Some(Cut::Later(1)),
        "{1,3}" => Some(Cut::Later(3)),
        _ => None,
    }
}

fn decoder(part: &Value, kind: &str) -> Option<Decode> {
    Some(match kind {
        "Replace" => {
            let (from, to) = replacement(part)?;
            Decode::Replace(from, to)
        }
        "ByteFallback" => Decode::Bytes,
        "Fuse" => Decode::Fuse,
        "ByteLevel" => Decode::ByteLevel,
        "Strip" => {
            let count = |name| {
                part.get(name)?
                    .number()
                    .filter(|&count| count <= LONGEST as u64)
            };
            let (start, stop) = count("start").zip(count("stop"))?;
            let content = part.text("content")?;
            let c = content
                .chars()
                .next()
                .filter(|c| c.len_utf8() == content.len())?;
            if start > 0 && stop > 0 {
                return None;
            }
            Decode::Strip(c, start as usize, stop as usize)
        }
        _ => return None,
    })
}

/// What a template puts around a text, outside of what stands there.
fn template(part: &Value, frame: &mut [Vec<u32>; 2]) -> Option<()> {
    let single = part
        .get("single")?
        .list()
        .filter(|list| list.len() <= LONGEST)?;
    let (mut around, mut behind) = ([Vec::new(), Vec::new()], 0);
    for item in single {
        if let Some(sequence) = item.get("Sequence") {
            behind += 1;
            if behind > 1 || sequence.text("id")? != "A" {
                return None;
            }
            continue;
        }
        let id = item.get("SpecialToken")?.text("id")?;
        for number in part.get("special_tokens")?.get(id)?.get("ids")?.list()? {
            around[behind].push(u32::try_from(number.number()?).ok()?);
        }
    }
    if behind != 1 {
        return None;
    }
    let [start, end] = around;
    frame[0].splice(..0, start);
    frame[1].extend(end);
    Some(())
}
