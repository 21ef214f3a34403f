//! A verdict as JSON, under the names that `zklemma verify --json` has.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::key::Key;
use crate::statement::{NAMES, OUTPUT, PROMPT};
use crate::verify::{hex, Options, Verified};

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
pub fn said(key: &Key, verified: &Verified) -> Vec<Field> {
    let statement = &verified.statement;
    let private = |private: bool| quote(if private { "private" } else { "public" });
    let [prompt, output] = statement.digests.map(|digest| private(digest.is_some()));
    let weights = private(key.parameters.hiding);
    let visibility = [("weights", weights), ("prompt", prompt), ("output", output)];
    let digests = NAMES.iter().zip(statement.digests);
    let digests = digests.filter_map(|(&name, digest)| Some((name, quote(&hex(&digest?)))));
    let revealed = NAMES.iter().zip(verified.revealed).filter(|(_, own)| *own);
    let count = statement.prompt + statement.generated;
    alloc::vec![
        ("tokens", count.to_string()),
        ("prompt_tokens", statement.prompt.to_string()),
        ("generated", statement.generated.to_string()),
        ("prompt_ids", ids(&verified.tokens[PROMPT])),
        ("output_ids", ids(&verified.tokens[OUTPUT])),
        ("ends", list(key.ends.iter().map(usize::to_string))),
        ("visibility", object(&visibility)),
        ("digests", object(&digests.collect::<Vec<_>>())),
        ("revealed", list(revealed.map(|(name, _)| quote(name)))),
        ("nonce", quote(&hex(&statement.nonce))),
        ("hiding", statement.hiding.to_string()),
        ("security_bits", verified.security_bits.to_string()),
        (
            "canonical_prompt",
            verified
                .canonical
                .map_or("null".to_string(), |found| found.to_string())
        ),
        (
            "unchecked",
            list(verified.unchecked.iter().map(|what| quote(what)))
        ),
    ]
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
