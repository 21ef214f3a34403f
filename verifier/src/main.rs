//! `zklemma-verify KEY PROOF..`: a verdict on each proof as a line of JSON; without proofs, on the key alone.
//!
//! Exit status 0 if all are valid, 1 if one is not, 2 if one can not be used.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::exit;
use std::{env, fs};

use zklemma_verifier::error::{unusable, Error, Result};
use zklemma_verifier::key::Key;
use zklemma_verifier::report::{refusal, report, said};
use zklemma_verifier::verify::{Options, Verifier};

const INVALID: i32 = 1;
const UNUSABLE: i32 = 2;
const USAGE: &str = "usage: zklemma-verify KEY [PROOF..] [--model-id ID] [--nonce HEX] \
     [--reveal OPENING] [--skip-ranges] [--allow-noncanonical-prompt]";
/// Of a file of any kind.
const MOST: u64 = 1 << 27;

fn main() {
    match run() {
        Ok(status) => exit(status),
        Err(Error::Unusable(reason) | Error::Invalid(reason)) => {
            println!("{}", refusal(&reason));
            exit(UNUSABLE);
        }
    }
}

fn run() -> Result<i32> {
    let mut files: Vec<PathBuf> = Vec::new();
    let (mut options, mut opening) = (Options::default(), None);
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut following = || match arguments.next() {
            Some(value) => Ok(value),
            None => unusable(USAGE),
        };
        match argument.to_str() {
            Some("--model-id") => match unhex(following()?.to_str())?.try_into() {
                Ok(id) => options.model_id = Some(id),
                Err(_) => return unusable("a model id has 64 hexadecimal digits"),
            },
            Some("--nonce") => options.nonce = Some(unhex(following()?.to_str())?),
            Some("--reveal") => opening = Some(read(&following()?.into())?),
            Some("--skip-ranges") => options.skip_ranges = true,
            Some("--allow-noncanonical-prompt") => options.allow_noncanonical = true,
            Some(unknown) if unknown.starts_with("--") => return unusable(USAGE),
            _ => files.push(argument.into()),
        }
    }
    options.opening = opening.as_deref();
    let (key, proofs) = match files.split_first() {
        Some((key, proofs)) => (read(key)?, proofs),
        None => return unusable(USAGE),
    };
    let key = Key::read(&key)?;
    let mut verifier = Verifier::new(&key, &options)?;
    if proofs.is_empty() {
        let verdict = verifier.check_key();
        println!("{}", report(&key, &options, &verdict, |()| Vec::new()));
        return Ok(status(&verdict));
    }
    let mut worst = 0;
    for path in proofs {
        let verdict = verifier.verify(&read(path)?);
        worst = worst.max(status(&verdict));
        println!(
            "{}",
            report(&key, &options, &verdict, |found| said(&key, found))
        );
    }
    Ok(worst)
}

fn status<T>(verdict: &Result<T>) -> i32 {
    match verdict {
        Ok(_) => 0,
        Err(Error::Invalid(_)) => INVALID,
        Err(Error::Unusable(_)) => UNUSABLE,
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut data = Vec::new();
    let found = fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut data));
    match found {
        Ok(_) => Ok(data),
        Err(error) => unusable(format!("{}: cannot read: {error}", path.display())),
    }
}

fn unhex(text: Option<&str>) -> Result<Vec<u8>> {
    let text = text.unwrap_or("x");
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()),
        _ => unusable("an even number of hexadecimal digits is needed"),
    }
}
