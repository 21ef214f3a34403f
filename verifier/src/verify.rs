//! From a key and a proof to the statement that is proved, or to a reason why none is.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::circuit::BATCH;
use crate::container;
use crate::derived;
use crate::disclosure::Shown;
use crate::error::{invalid, Error, Result};
use crate::function::{cells, FunctionStatement};
use crate::key::Key;
use crate::opened::{self, Opened};
use crate::statement::{Statement, NAMES, OUTPUT, PROMPT};
use crate::subject::{self, Subject};
use crate::tokenizer::{Reading, Tokenizer};
use crate::weights::Inputs;

const UNMASKED: &str = "the key's weights are committed without masks, so no proof hides them";

/// What else whoever asks wants.
#[derive(Default)]
pub struct Options<'a> {
    /// The model that the key must be of, or must have been rotated from.
    pub model_id: Option<[u8; 32]>,
    /// The bytes that the statement must carry.
    pub nonce: Option<Vec<u8>>,
    /// The contents of a file that opens a private prompt or output.
    pub opening: Option<&'a [u8]>,
    /// Whether the ranges of the weights were found to be proved before.
    pub skip_ranges: bool,
    /// Whether a prompt may be other tokens than the tokenizer makes of its text.
    pub allow_noncanonical: bool,
}

/// A statement that was proved, of either kind of key.
pub enum Found {
    Text(Verified),
    Tensors(Inference),
}

/// What a function gives.
pub struct Inference {
    pub statement: FunctionStatement,
    pub security_bits: i64,
    /// The integers of each tensor, in the order of the circuit's, where they are shown or were revealed.
    pub numbers: Vec<Option<Vec<i64>>>,
    /// "input NAME" or "output NAME" each.
    pub revealed: Vec<String>,
    pub unchecked: Vec<String>,
}

/// What a language model says.
pub struct Verified {
    pub statement: Statement,
    pub security_bits: i64,
    /// The ids of prompt and output, where they are public or were revealed.
    pub tokens: [Option<Vec<u64>>; 2],
    pub revealed: [bool; 2],
    /// Whether the prompt's tokens are those that the tokenizer makes of their text, where that is known.
    pub canonical: Option<bool>,
    /// What the statement means beyond this check, and was not looked at.
    pub unchecked: Vec<String>,
}

/// A key that proofs are checked under, and what it is looked at for once.
pub struct Verifier<'a> {
    key: &'a Key<'a>,
    options: &'a Options<'a>,
    opened: Vec<Opened>,
    ranges: Option<Result<()>>,
    tokenizer: Option<Reading<Tokenizer<'a>>>,
}

impl<'a> Verifier<'a> {
    pub fn new(key: &'a Key<'a>, options: &'a Options<'a>) -> Result<Verifier<'a>> {
        Ok(Verifier {
            key,
            options,
            opened: options.opening.map_or(Ok(Vec::new()), opened::read)?,
            ranges: None,
            tokenizer: None,
        })
    }

    /// That the key is of the model that is asked for, and that its weights lie in their ranges.
    pub fn check_key(&mut self) -> Result<()> {
        self.check_identity()?;
        self.check_ranges()
    }

    /// The statement that a proof file's contents prove.
    pub fn verify(&mut self, proof: &[u8]) -> Result<Found> {
        let key = self.key;
        self.check_identity()?;
        let (claimed, content) = container::proof(proof)?;
        if claimed != key.id() {
            return invalid(format!(
                "the proof is one of model {}, not of this key's",
                hex(claimed)
            ));
        }
        self.check_ranges()?;
        if !key.signature.is_empty() {
            let (statement, security_bits) = outputs(key, content)?;
            self.check_nonce(&statement.nonce)?;
            return tell_tensors(key, statement, security_bits, &self.opened).map(Found::Tensors);
        }
        let (statement, security_bits) = answer(key, content)?;
        self.check_nonce(&statement.nonce)?;
        self.tell(statement, security_bits).map(Found::Text)
    }

    fn check_nonce(&self, carried: &[u8]) -> Result<()> {
        match &self.options.nonce {
            Some(nonce) if nonce != carried => invalid(format!(
                "the proof carries another nonce ({})",
                hex(carried)
            )),
            _ => Ok(()),
        }
    }

    fn check_identity(&self) -> Result<()> {
        let wanted = self.options.model_id.as_ref();
        wanted.map_or(Ok(()), |model_id| identity(self.key, model_id))
    }

    fn check_ranges(&mut self) -> Result<()> {
        if self.options.skip_ranges {
            return Ok(());
        }
        let key = self.key;
        self.ranges.get_or_insert_with(|| ranges(key)).clone()
    }

    fn tell(&mut self, statement: Statement, security_bits: i64) -> Result<Verified> {
        let public = |what| {
            let ids = statement.public(what)?;
            Some(ids.iter().map(|&id| id as u64).collect())
        };
        let (mut tokens, mut revealed) = ([public(PROMPT), public(OUTPUT)], [false; 2]);
        for own in &self.opened {
            let found = own.tokens(&statement, &self.key.parameters)?;
            let what = usize::from(own.what != NAMES[PROMPT]);
            tokens[what] = Some(found);
            revealed[what] = true;
        }
        let (mut canonical, mut unchecked) = (None, Vec::new());
        if let Some(prompt) = &tokens[PROMPT] {
            match self.fault(prompt) {
                Ok(Some(why)) if !self.options.allow_noncanonical => {
                    return invalid(format!("{why}; allow noncanonical prompts to see its tokens"))
                }
                Ok(found) => canonical = Some(found.is_none()),
                Err(why) => unchecked.push(format!(
                    "that the prompt's tokens are those that the tokenizer makes of their text: this verifier does not read {why}"
                )),
            }
        }
        unchecked.extend(names_unchecked(self.key));
        Ok(Verified {
            statement,
            security_bits,
            tokens,
            revealed,
            canonical,
            unchecked,
        })
    }

    /// Why a prompt is not canonical, if that can be said; the tokenizer is read for the first prompt.
    fn fault(&mut self, prompt: &[u64]) -> Reading<Option<String>> {
        let data = self.key.tokenizer;
        let tokenizer = self.tokenizer.get_or_insert_with(|| Tokenizer::read(data));
        match tokenizer {
            Ok(tokenizer) => tokenizer.fault(prompt),
            Err(why) => Err(why.clone()),
        }
    }
}

fn tell_tensors(
    key: &Key,
    statement: FunctionStatement,
    security_bits: i64,
    opened: &[Opened],
) -> Result<Inference> {
    let numbers = statement.tensors.iter().map(|said| match said {
        Shown::Cells(numbers) => Some(numbers.clone()),
        _ => None,
    });
    let mut numbers: Vec<Option<Vec<i64>>> = numbers.collect();
    for own in opened {
        let mut reveals = key.circuit.reveals.iter();
        let place = reveals.position(|(what, _)| *what == own.what);
        let digest = place.and_then(|place| match &statement.tensors[place] {
            Shown::Digest(digest) => Some(digest),
            _ => None,
        });
        let cells = cells(&key.circuit, &own.what, statement.batch);
        let found = own.integers(digest, cells, &key.parameters)?;
        numbers[place.unwrap_or_default()] = Some(found);
    }
    Ok(Inference {
        statement,
        security_bits,
        numbers,
        revealed: opened.iter().map(|own| own.what.clone()).collect(),
        unchecked: names_unchecked(key),
    })
}

fn names_unchecked(key: &Key) -> Vec<String> {
    if key.plain_names() {
        Vec::new()
    } else {
        vec!["that each character of the model's name, and of labels, can be seen".into()]
    }
}

/// That the key is of a model, or was rotated from it.
fn identity(key: &Key, model_id: &[u8; 32]) -> Result<()> {
    if *model_id == key.id() {
        return Ok(());
    }
    let ancestor = |link: &crate::key::Link| key.id_under(&link.root) == *model_id;
    let first = match key.links.iter().position(ancestor) {
        Some(first) => first,
        None => {
            return invalid(format!(
                "the key is that of model {}, not of {} or one rotated from it",
                hex(&key.id()),
                hex(model_id)
            ))
        }
    };
    let circuit = derived::link(&key.circuit);
    let digest = derived::digest(&circuit);
    for number in first..key.links.len() {
        let old = key.links[number].root;
        let new = key.links.get(number + 1).map_or(key.root, |link| link.root);
        let subject = Subject {
            circuit: &circuit,
            parameters: &key.parameters,
            roots: vec![old, new],
            extents: Vec::new(),
            inputs: None,
            shown: &[],
            hiding: key.parameters.hiding,
            identity: vec![
                ("link", &digest),
                ("parameters", key.parameters.encoded()),
                ("old weights", &old),
                ("new weights", &new),
            ],
        };
        let of = format!("the key's link {} of {}", number + 1, key.links.len());
        about(&of, subject::verify(subject, key.links[number].proof))?;
    }
    Ok(())
}

/// That all weights lie in their ranges.
fn ranges(key: &Key) -> Result<()> {
    let circuit = derived::ranges(&key.circuit)?;
    let digest = derived::digest(&circuit);
    let subject = Subject {
        circuit: &circuit,
        parameters: &key.parameters,
        roots: vec![key.root],
        extents: Vec::new(),
        inputs: None,
        shown: &[],
        hiding: key.parameters.hiding,
        identity: vec![
            ("ranges", &digest),
            ("parameters", key.parameters.encoded()),
            ("weights", &key.root),
        ],
    };
    about(
        "the ranges of the weights",
        subject::verify(subject, key.range_proof),
    )
}

/// A verdict whose reason says what it is about.
fn about(what: &str, verdict: Result<i64>) -> Result<()> {
    match verdict {
        Ok(_) => Ok(()),
        Err(Error::Invalid(reason)) => invalid(format!("{what}: {reason}")),
        Err(error) => Err(error),
    }
}

/// The statement of a proof, and the bits of security with which it is proved.
fn answer(key: &Key, content: &[u8]) -> Result<(Statement, i64)> {
    let (most, vocabulary) = (key.circuit.longest(), key.circuit.vocabulary());
    let (statement, start) = Statement::read(content, vocabulary, most)?;
    let committed = statement.committed();
    let private = if committed {
        Some(key.private_circuit()?)
    } else {
        None
    };
    if statement.hiding && !(key.parameters.hiding || committed) {
        return invalid(UNMASKED);
    }
    let shown = |what: usize| match (statement.digests[what], statement.cells(what)) {
        (None, Some(cells)) => Shown::Cells(cells),
        (digest, _) => Shown::Digest(digest.unwrap_or_default()),
    };
    let shown = if committed {
        vec![shown(PROMPT), shown(OUTPUT)]
    } else {
        Vec::new()
    };
    let id = key.id();
    let subject = Subject {
        circuit: private.as_ref().unwrap_or(&key.circuit),
        parameters: &key.parameters,
        roots: vec![key.root],
        extents: vec![
            ("generated", statement.generated),
            ("tokens", statement.rows()),
        ],
        inputs: if committed {
            None
        } else {
            Some(Inputs::of(&statement))
        },
        shown: &shown,
        hiding: statement.hiding,
        identity: vec![
            ("key", &id),
            ("weights", &key.root),
            ("statement", &statement.encoded),
        ],
    };
    let bits = subject::verify(subject, &content[start..])?;
    Ok((statement, bits))
}

/// The statement of a proof about a function, and the bits of security with which it is proved.
fn outputs(key: &Key, content: &[u8]) -> Result<(FunctionStatement, i64)> {
    let (statement, start) = FunctionStatement::read(content, &key.circuit)?;
    let shown = |said: &Shown| matches!(said, Shown::Cells(_));
    if statement.hiding && !key.parameters.hiding && statement.tensors.iter().all(shown) {
        return invalid(UNMASKED);
    }
    let id = key.id();
    let subject = Subject {
        circuit: &key.circuit,
        parameters: &key.parameters,
        roots: vec![key.root],
        extents: vec![(BATCH, statement.batch)],
        inputs: None,
        shown: &statement.tensors,
        hiding: statement.hiding,
        identity: vec![
            ("key", &id),
            ("weights", &key.root),
            ("statement", &statement.encoded),
        ],
    };
    let bits = subject::verify(subject, &content[start..])?;
    Ok((statement, bits))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
