//! A second verifier of zklemma proofs: keys and proofs in, a statement or a reason out.
//!
//! It shares no code with the one in Python and depends on nothing but `core` and `alloc`. The documents are
//! `docs/protocol.md`, `docs/transcript.md`, `docs/specification.md` and `docs/formats.md`; modules follow their sections:
//! what proofs are made of (`field`, `hash`, `transcript`), what is read (`msgpack`, `container`, `circuit`, `key`,
//! `statement`), what both sides derive (`layout`, `plan`), and the conversation (`channel` to `pads`).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod array;
pub mod channel;
pub mod circuit;
pub mod claims;
pub mod classes;
pub mod commitment;
pub mod container;
pub mod decode;
pub mod deferred;
pub mod derived;
pub mod disclosure;
pub mod einsum;
pub mod error;
pub mod field;
pub mod forms;
pub mod function;
pub mod hash;
pub mod json;
pub mod key;
pub mod layout;
pub mod lookup;
pub mod msgpack;
pub mod opened;
pub mod opening;
pub mod pads;
pub mod parameters;
pub mod plan;
pub mod public;
pub mod report;
pub mod soundness;
pub mod statement;
pub mod subject;
pub mod sumcheck;
pub mod tails;
pub mod tokenizer;
pub mod transcript;
pub mod verify;
pub mod vocabulary;
pub mod weights;
pub mod words;
pub mod work;
