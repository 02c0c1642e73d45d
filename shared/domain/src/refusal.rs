//! Why a value was not accepted, in words for the person who sent it.

use std::borrow::Cow;

/// One refused value.
///
/// The text is lower case, without a full stop, and quotes what was sent in backticks, so that it can
/// stand alone or after a field's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(Cow<'static, str>);

impl Refusal {
    /// A refusal with its reason.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}
