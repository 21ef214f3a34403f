//! What a tokenizer makes of texts, for tests: `tokenize FILE`, the file being what a key holds.
//!
//! A line of input is a text or ids: `text HEX` is answered by ids, `ids NUMBER..` by the text in hexadecimal, and
//! `fault NUMBER..` by why they are not canonical, `none` if they are. What is not read is answered by `unread` and why.

use std::io::{stdin, BufRead};
use std::{env, fs};

use zklemma_verifier::tokenizer::Tokenizer;
use zklemma_verifier::verify::hex;

fn main() {
    let path = env::args_os().nth(1).expect("a file");
    let data = fs::read(path).expect("a file that can be read");
    let tokenizer = Tokenizer::read(&data);
    for line in stdin().lock().lines() {
        let line = line.expect("a line");
        let (kind, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let found = match &tokenizer {
            Err(why) => Err(why.clone()),
            Ok(tokenizer) => match kind {
                "text" => tokenizer.encode(&text(rest)).map(|ids| joined(&ids)),
                "ids" => tokenizer.text(&ids(rest)).map(|text| hex(text.as_bytes())),
                _ => {
                    let fault = tokenizer.fault(&ids(rest));
                    fault.map(|found| found.unwrap_or_else(|| "none".to_string()))
                }
            },
        };
        println!("{}", found.unwrap_or_else(|why| format!("unread {why}")));
    }
}

fn text(digits: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    let bytes = (0..digits.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes).expect("a text")
}

fn ids(numbers: &str) -> Vec<u64> {
    let numbers = numbers.split_ascii_whitespace();
    numbers
        .map(|number| number.parse().expect("a number"))
        .collect()
}

fn joined(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    ids.join(" ")
}
