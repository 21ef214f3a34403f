//! Why there is no statement.

use alloc::borrow::Cow;

/// What a verifier says instead of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The input can not be used: it is no key or proof at all, or asks for too much.
    Unusable(Cow<'static, str>),
    /// The proof does not prove its statement.
    Invalid(Cow<'static, str>),
}

pub type Result<T> = core::result::Result<T, Error>;

pub fn unusable<T>(reason: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::Unusable(reason.into()))
}

pub fn invalid<T>(reason: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::Invalid(reason.into()))
}
