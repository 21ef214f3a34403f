//! The verifier's end of the conversation: masked messages as affine forms in pads that it does not know.
//!
//! A masked value is its own pad and what was sent. What is computed of such values is kept on a tape, which is swept
//! backwards once at the end; checks become linear constraints on the pads, which are opened together last.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::error::{invalid, Result};
use crate::field::{Ext, F};
use crate::hash::little_endian;
use crate::transcript::Transcript;

/// A constant and a linear form in pads, a node of the tape.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    pub constant: Ext,
    node: Option<usize>,
}

impl Affine {
    pub fn known(constant: Ext) -> Affine {
        Affine {
            constant,
            node: None,
        }
    }
}

/// Takes a proof apart.
pub struct Reader<'a> {
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data }
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.data.len() {
            return invalid("the proof ends too early");
        }
        let (found, rest) = self.data.split_at(count);
        self.data = rest;
        Ok(found)
    }

    /// What was not taken yet.
    pub fn rest(&self) -> &'a [u8] {
        self.data
    }

    pub fn finish(&self) -> Result<()> {
        if self.data.is_empty() {
            Ok(())
        } else {
            invalid("the proof goes on after its end")
        }
    }
}

/// An element of F, of eight bytes.
pub fn element(bytes: &[u8]) -> Result<F> {
    match F::canonical(little_endian(bytes)) {
        Some(found) => Ok(found),
        None => invalid("non-canonical field element"),
    }
}

enum Node {
    Pad(usize),
    /// A range of the edges: coefficients and nodes.
    Sum(usize, usize),
}

/// Messages, challenges, constraints, and products of hidden values.
pub struct Channel<'a> {
    pub transcript: Transcript,
    pub reader: Reader<'a>,
    pub hiding: bool,
    pub pads: usize,
    /// (x, y, z): pad z has to be the product of pads x and y.
    pub triples: Vec<[usize; 3]>,
    constraints: Vec<Affine>,
    tape: Vec<Node>,
    edges: Vec<(Ext, usize)>,
}

impl<'a> Channel<'a> {
    pub fn new(transcript: Transcript, reader: Reader<'a>, hiding: bool) -> Channel<'a> {
        Channel {
            transcript,
            reader,
            hiding,
            pads: 0,
            triples: Vec::new(),
            constraints: Vec::new(),
            tape: Vec::new(),
            edges: Vec::new(),
        }
    }

    pub fn raw(&mut self, label: &str, count: usize) -> Result<&'a [u8]> {
        let data = self.reader.take(count)?;
        self.transcript.absorb(label, data);
        Ok(data)
    }

    /// A digest.
    pub fn root(&mut self, label: &str) -> Result<[u8; 32]> {
        let mut found = [0; 32];
        found.copy_from_slice(self.raw(label, 32)?);
        Ok(found)
    }

    /// Values that are sent as they are.
    pub fn clear(&mut self, label: &str, count: usize) -> Result<Vec<Ext>> {
        let data = self.raw(label, 16 * count)?;
        data.chunks_exact(16)
            .map(|pair| Ok(Ext::new(element(&pair[..8])?, element(&pair[8..])?)))
            .collect()
    }

    /// Values that are sent minus a pad each.
    pub fn masked(&mut self, label: &str, count: usize) -> Result<Vec<Affine>> {
        let values = self.clear(label, count)?;
        let masked = values.into_iter().map(|constant| Affine {
            constant,
            node: Some(self.pad()),
        });
        Ok(masked.collect())
    }

    /// One such value.
    pub fn masked_one(&mut self, label: &str) -> Result<Affine> {
        Ok(self.masked(label, 1)?[0])
    }

    pub fn challenge(&mut self) -> Ext {
        self.transcript.challenge()
    }

    /// The sum of coefficients times values.
    pub fn combine(&mut self, terms: &[(Ext, Affine)]) -> Affine {
        let first = self.edges.len();
        let mut constant = Ext::ZERO;
        for (coefficient, value) in terms {
            constant += *coefficient * value.constant;
            if let Some(node) = value.node {
                self.edges.push((*coefficient, node));
            }
        }
        self.sum(constant, first)
    }

    /// The product of two values as they were received, by a pad that holds the product of theirs.
    pub fn product(&mut self, x: Affine, y: Affine) -> Affine {
        let (a, b) = match (x.node, y.node) {
            (Some(a), Some(b)) => (a, b),
            _ => return Affine::known(x.constant * y.constant),
        };
        let z = self.pad();
        if let (Node::Pad(a), Node::Pad(b), Node::Pad(z)) =
            (&self.tape[a], &self.tape[b], &self.tape[z])
        {
            self.triples.push([*a, *b, *z]);
        }
        let first = self.edges.len();
        self.edges
            .extend([(x.constant, b), (y.constant, a), (Ext::ONE, z)]);
        self.sum(x.constant * y.constant, first)
    }

    /// That a value is zero. Where nothing is hidden pads are zero, so it is known at once.
    pub fn require_zero(&mut self, name: &str, value: Affine) -> Result<()> {
        if !self.hiding && !value.constant.is_zero() {
            return invalid(format!("{name} does not hold"));
        }
        self.constraints.push(value);
        Ok(())
    }

    /// The constraints, folded by powers of chi: a form on the pads and the value that it must have.
    pub fn linear_form(&self, chi: Ext) -> (Vec<Ext>, Ext) {
        let mut adjoint = vec![Ext::ZERO; self.tape.len()];
        let (mut total, mut power) = (Ext::ZERO, Ext::ONE);
        for value in &self.constraints {
            total = total - power * value.constant;
            if let Some(node) = value.node {
                adjoint[node] += power;
            }
            power = power * chi;
        }
        let mut form = vec![Ext::ZERO; self.pads];
        for (number, node) in self.tape.iter().enumerate().rev() {
            let weight = adjoint[number];
            match *node {
                Node::Pad(pad) => form[pad] = weight,
                Node::Sum(first, end) => {
                    for &(coefficient, source) in &self.edges[first..end] {
                        adjoint[source] += weight * coefficient;
                    }
                }
            }
        }
        (form, total)
    }

    /// A value whose edges are those from number ``first`` on.
    fn sum(&mut self, constant: Ext, first: usize) -> Affine {
        let end = self.edges.len();
        if first == end {
            return Affine::known(constant);
        }
        self.tape.push(Node::Sum(first, end));
        Affine {
            constant,
            node: Some(self.tape.len() - 1),
        }
    }

    fn pad(&mut self) -> usize {
        self.tape.push(Node::Pad(self.pads));
        self.pads += 1;
        self.tape.len() - 1
    }
}
