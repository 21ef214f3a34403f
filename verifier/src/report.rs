//! A verdict as JSON, under the names that `zklemma verify --json` has.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::disclosure::Shown;
use crate::error::{Error, Result};
use crate::function::Tensor;
use crate::key::Key;
use crate::statement::{NAMES, OUTPUT, PROMPT};
use crate::verify::{hex, Found, Inference, Options, Verified};

/// A field's name, and its value as JSON.
type Field = (&'static str, String);

/// A verdict under a key, with more fields of what was found.
pub fn report<T>(
    key: &Key,
    options: &Options,
    verdict: &Result<T>,
    more: impl FnOnce(&T) -> Vec<Field>,
) -> String {
    let usable = !matches!(verdict, Err(Error::Unusable(_)));
    let reason = match verdict {
        Ok(_) => "null".to_string(),
        Err(Error::Invalid(reason) | Error::Unusable(reason)) => quote(reason),
    };
    let id = key.id();
    let mut fields = alloc::vec![
        ("valid", verdict.is_ok().to_string()),
        ("usable", usable.to_string()),
        ("reason", reason),
        ("name", quote(&key.name)),
        ("model_id", quote(&hex(&id))),
    ];
    if let Ok(found) = verdict {
        let older = options.model_id.filter(|wanted| *wanted != id);
        let older = older.map_or("null".to_string(), |wanted| quote(&hex(&wanted)));
        fields.push(("rotated_from", older));
        let ranges = if options.skip_ranges {
            "null"
        } else {
            "\"checked\""
        };
        fields.push(("ranges", ranges.to_string()));
        fields.extend(more(found));
    }
    object(&fields)
}

/// A statement that was proved.
pub fn said(key: &Key, found: &Found) -> Vec<Field> {
    match found {
        Found::Text(verified) => generated(key, verified),
        Found::Tensors(inference) => inferred(key, inference),
    }
}

fn inferred(key: &Key, found: &Inference) -> Vec<Field> {
    let statement = &found.statement;
    let mut seen = alloc::vec![("weights", private(key.parameters.hiding))];
    let (mut told, mut digests) = (Vec::new(), Vec::new());
    for tensor in &key.signature {
        let (role, name) = tensor.named();
        let mut reveals = key.circuit.reveals.iter();
        let place = reveals.position(|(what, _)| *what == tensor.what);
        let place = place.unwrap_or_default();
        let (own, digest) = match &statement.tensors[place] {
            Shown::Cells(_) => ("public", None),
            Shown::Digest(digest) => ("digest", Some(quote(&hex(digest)))),
            Shown::Nothing => ("private", None),
        };
        seen.push((name, quote(own)));
        if let Some(digest) = &digest {
            digests.push((tensor.what.as_str(), digest.clone()));
        }
        let null = || "null".to_string();
        let numbers = found.numbers[place].as_deref();
        let mut sizes = alloc::vec![statement.batch];
        sizes.extend_from_slice(&tensor.shape);
        let labels = numbers.filter(|_| !tensor.labels.is_empty());
        told.push(object(&[
            ("name", quote(name)),
            ("role", quote(role)),
            ("shape", list(sizes.iter().map(usize::to_string))),
            ("bits", tensor.bits.to_string()),
            ("fraction_bits", tensor.frac.to_string()),
            ("ids", tensor.ids.map_or_else(null, |ids| ids.to_string())),
            ("visibility", quote(own)),
            ("digest", digest.unwrap_or_else(null)),
            (
                "revealed",
                found.revealed.contains(&tensor.what).to_string(),
            ),
            (
                "values",
                numbers.map_or_else(null, |all| nested(&sizes, tensor, all)),
            ),
            (
                "labels",
                labels.map_or_else(null, |all| largest(tensor, all)),
            ),
        ]));
    }
    let mut fields = alloc::vec![
        ("examples", statement.batch.to_string()),
        ("tensors", list(told.into_iter())),
        ("visibility", object(&seen)),
        ("digests", object(&digests)),
        (
            "revealed",
            list(found.revealed.iter().map(|what| quote(what)))
        ),
    ];
    let own = (&statement.nonce[..], statement.hiding, found.security_bits);
    fields.extend(closing(own, &found.unchecked));
    fields
}

/// Real numbers, or ids, in nested lists of these sizes.
fn nested(sizes: &[usize], tensor: &Tensor, numbers: &[i64]) -> String {
    match sizes {
        [] if tensor.ids.is_some() => numbers[0].to_string(),
        [] => real(numbers[0], tensor.frac),
        [size, rest @ ..] => {
            let parts = numbers.chunks_exact(numbers.len() / size);
            list(parts.map(|part| nested(rest, tensor, part)))
        }
    }
}

/// integer / 2^frac, with all of its digits.
fn real(integer: i64, frac: i32) -> String {
    let magnitude = u128::from(integer.unsigned_abs()) << (-frac).max(0);
    let bits = frac.max(0) as u32;
    let (whole, mut rest) = (magnitude >> bits, magnitude & ((1 << bits) - 1));
    let mut out = format!("{}{whole}.", if integer < 0 { "-" } else { "" });
    loop {
        rest *= 10;
        out.push(char::from(b'0' + (rest >> bits) as u8));
        rest &= (1 << bits) - 1;
        if rest == 0 {
            return out;
        }
    }
}

/// The label of the largest number, the first of several, at each place along the other axes.
fn largest(tensor: &Tensor, numbers: &[i64]) -> String {
    let rows = numbers.chunks_exact(tensor.labels.len());
    list(rows.map(|row| {
        let most = row.iter().max();
        let best = row.iter().position(|x| Some(x) == most);
        quote(&tensor.labels[best.unwrap_or_default()])
    }))
}

fn private(private: bool) -> String {
    quote(if private { "private" } else { "public" })
}

/// What is said of every proof: its nonce, whether it hides, how sure it is, and what was not checked.
fn closing((nonce, hiding, bits): (&[u8], bool, i64), unchecked: &[String]) -> [Field; 4] {
    [
        ("nonce", quote(&hex(nonce))),
        ("hiding", hiding.to_string()),
        ("security_bits", bits.to_string()),
        ("unchecked", list(unchecked.iter().map(|what| quote(what)))),
    ]
}

fn generated(key: &Key, verified: &Verified) -> Vec<Field> {
    let statement = &verified.statement;
    let [prompt, output] = statement.digests.map(|digest| private(digest.is_some()));
    let weights = private(key.parameters.hiding);
    let visibility = [("weights", weights), ("prompt", prompt), ("output", output)];
    let digests = NAMES.iter().zip(statement.digests);
    let digests = digests.filter_map(|(&name, digest)| Some((name, quote(&hex(&digest?)))));
    let revealed = NAMES.iter().zip(verified.revealed).filter(|(_, own)| *own);
    let count = statement.prompt + statement.generated;
    let mut fields = alloc::vec![
        ("tokens", count.to_string()),
        ("prompt_tokens", statement.prompt.to_string()),
        ("generated", statement.generated.to_string()),
        ("prompt_ids", ids(&verified.tokens[PROMPT])),
        ("output_ids", ids(&verified.tokens[OUTPUT])),
        ("ends", list(key.ends.iter().map(usize::to_string))),
        ("visibility", object(&visibility)),
        ("digests", object(&digests.collect::<Vec<_>>())),
        ("revealed", list(revealed.map(|(name, _)| quote(name)))),
        (
            "canonical_prompt",
            verified
                .canonical
                .map_or("null".to_string(), |found| found.to_string())
        ),
    ];
    let own = (
        &statement.nonce[..],
        statement.hiding,
        verified.security_bits,
    );
    fields.extend(closing(own, &verified.unchecked));
    fields
}

/// What is said of input that can not be used.
pub fn refusal(reason: &str) -> String {
    let no = || "false".to_string();
    object(&[("valid", no()), ("usable", no()), ("reason", quote(reason))])
}

fn ids(tokens: &Option<Vec<u64>>) -> String {
    match tokens {
        Some(ids) => list(ids.iter().map(u64::to_string)),
        None => "null".to_string(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn object(fields: &[(&str, String)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{}: {value}", quote(name)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// A text as JSON writes it, with nothing but ASCII characters that can be seen.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}
