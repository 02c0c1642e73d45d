//! The audit ledger: an append-only chain of records for each tenant that a stranger can verify.
//!
//! **Invariant:** nothing here stores, signs or reads a clock. A store feeds it bytes and keeps what it
//! answers; a key outside signs the text it gives.

pub mod canonical;
pub mod checkpoint;
pub mod commit;
pub mod frontier;
pub mod hash;
pub mod message;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod record;
pub mod segment;
pub mod tile;
