//! The whole conversation about a circuit under committed weights.

use alloc::format;
use alloc::vec::Vec;

use crate::channel::{Channel, Reader};
use crate::circuit::Circuit;
use crate::commitment::Digest;
use crate::deferred;
use crate::disclosure::{self, Shown};
use crate::einsum;
use crate::error::{invalid, Result};
use crate::lookup;
use crate::opening;
use crate::pads;
use crate::parameters::Parameters;
use crate::plan::Plan;
use crate::soundness::{security_bits, LEAST_BITS};
use crate::transcript::Transcript;
use crate::weights::{Expander, Inputs};

const PROTOCOL: &str = "zklemma protocol 1: Goldilocks, BLAKE2b, unique decoding";

/// What a conversation is about: all that both sides know before the first message.
pub struct Subject<'a> {
    pub circuit: &'a Circuit,
    pub parameters: &'a Parameters,
    /// Of the weights and, if there are any, of the renewed ones.
    pub roots: Vec<Digest>,
    pub extents: Vec<(&'a str, usize)>,
    /// The statement's tokens, if the circuit takes them as inputs.
    pub inputs: Option<Inputs>,
    /// What the statement says of what the circuit reveals.
    pub shown: &'a [Shown],
    pub hiding: bool,
    /// What the transcript absorbs first, by label.
    pub identity: Vec<(&'a str, &'a [u8])>,
}

/// The bits of security with which a proof proves the subject.
pub fn verify(subject: Subject, proof: &[u8]) -> Result<i64> {
    let plan = Plan::new(subject.circuit, subject.parameters, &subject.extents)?;
    let mut expander = Expander::new(plan.circuit, &plan.sizes, &plan.bits, subject.inputs);
    let mut transcript = Transcript::new(PROTOCOL);
    for (label, data) in subject.identity {
        transcript.absorb(label, data);
    }
    let mut channel = Channel::new(transcript, Reader::new(proof), subject.hiding);
    let witness_root = channel.root("witness root")?;
    let pads_root = channel.root("pads root")?;
    let reduced = lookup::verify(&mut channel, &plan, &mut expander)?;
    let sums = deferred::weights(&plan, &mut expander, &reduced.challenges, &reduced.place)?;
    let mut claims = alloc::vec![reduced.numerators];
    claims.extend(einsum::verify(
        &mut channel,
        &plan,
        &mut expander,
        reduced.denominators,
        &sums,
    )?);
    claims.extend(disclosure::verify(&mut channel, &plan, subject.shown)?);
    let mut roots = subject.roots;
    roots.push(witness_root);
    opening::verify(&mut channel, &plan, &claims, &roots)?;
    pads::verify(&mut channel, &plan, &pads_root)?;
    channel.reader.finish()?;
    let bits = security_bits(&plan, &channel, subject.shown);
    if bits < LEAST_BITS {
        return invalid(format!(
            "the key's parameters give only {bits} bits of security"
        ));
    }
    Ok(bits)
}
