//! Linear claims on committed columns, to which every part of the conversation reduces its relations.

use alloc::vec::Vec;

use crate::channel::{Affine, Channel};
use crate::circuit::Expr;
use crate::error::Result;
use crate::field::Ext;
use crate::public::split_public;
use crate::weights::{Expander, Read, Weights};

/// The committed columns' reads sum to a value.
pub struct Claim {
    pub value: Affine,
    pub reads: Vec<Read>,
}

/// What an expression is at weights but for its committed columns, and these.
pub fn reads_of(
    expander: &mut Expander,
    expr: &Expr,
    weights: &Weights,
) -> Result<(Ext, Vec<Read>)> {
    let (constant, reads) = expander.expand(expr, weights)?;
    let (public, reads) = split_public(expander, reads)?;
    Ok((public + constant, reads))
}

/// That an expression has a value at weights, as a claim on committed columns.
pub fn claim_on(
    channel: &mut Channel,
    expander: &mut Expander,
    expr: &Expr,
    weights: &Weights,
    value: Affine,
) -> Result<Claim> {
    let (known, reads) = reads_of(expander, expr, weights)?;
    let value = channel.combine(&[(Ext::ONE, value), (-Ext::ONE, Affine::known(known))]);
    Ok(Claim { value, reads })
}
