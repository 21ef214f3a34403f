//! A verdict as JSON, under the names that `zklemma verify --json` has.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::{Error, Result};
use crate::key::Key;
use crate::statement::{NAMES, OUTPUT, PROMPT};
use crate::verify::{hex, Options, Verified};

pub fn report(
    key: &Key,
    proof_bytes: usize,
    options: &Options,
    verdict: &Result<Verified>,
) -> String {
    let id = key.id();
    let mut fields: Vec<(&str, String)> = Vec::new();
    let usable = !matches!(verdict, Err(Error::Unusable(_)));
    let reason = match verdict {
        Ok(_) => "null".to_string(),
        Err(Error::Invalid(reason) | Error::Unusable(reason)) => quote(reason),
    };
    fields.push(("valid", verdict.is_ok().to_string()));
    fields.push(("usable", usable.to_string()));
    fields.push(("reason", reason));
    fields.push(("name", quote(&key.name)));
    fields.push(("model_id", quote(&hex(&id))));
    if let Ok(verified) = verdict {
        let statement = &verified.statement;
        let older = options.model_id.filter(|wanted| *wanted != id);
        let older = older.map_or("null".to_string(), |wanted| quote(&hex(&wanted)));
        fields.push(("rotated_from", older));
        let ranges = if options.skip_ranges {
            "null"
        } else {
            "\"checked\""
        };
        fields.push(("ranges", ranges.to_string()));
        let count = statement.prompt + statement.generated;
        fields.push(("tokens", count.to_string()));
        fields.push(("prompt_tokens", statement.prompt.to_string()));
        fields.push(("generated", statement.generated.to_string()));
        fields.push(("prompt_ids", ids(&verified.tokens[PROMPT])));
        fields.push(("output_ids", ids(&verified.tokens[OUTPUT])));
        let private = |private: bool| quote(if private { "private" } else { "public" });
        let [prompt, output] = statement.digests.map(|digest| private(digest.is_some()));
        let weights = private(key.parameters.hiding);
        let visibility = [("weights", weights), ("prompt", prompt), ("output", output)];
        fields.push(("visibility", object(&visibility)));
        let digests = NAMES.iter().zip(statement.digests);
        let digests = digests.filter_map(|(&name, digest)| Some((name, quote(&hex(&digest?)))));
        fields.push(("digests", object(&digests.collect::<Vec<_>>())));
        let revealed = NAMES.iter().zip(verified.revealed).filter(|(_, own)| *own);
        let revealed = revealed.map(|(name, _)| quote(name));
        fields.push(("revealed", list(revealed)));
        fields.push(("nonce", quote(&hex(&statement.nonce))));
        fields.push(("hiding", statement.hiding.to_string()));
        fields.push(("security_bits", verified.security_bits.to_string()));
        let unchecked = verified.unchecked.iter().map(|what| quote(what));
        fields.push(("unchecked", list(unchecked)));
    }
    fields.push(("proof_bytes", proof_bytes.to_string()));
    object(&fields)
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
