//! The audit ledger as an operator reads it: where it is, and what it is held against.

pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod promise;
pub(crate) mod segments;
