//! The audit ledger: an append-only chain of records for each tenant that a stranger can verify.
//!
//! **Invariant:** nothing here stores, signs or reads a clock. A store feeds it bytes and keeps what it
//! answers; a key outside signs the text it gives.
//!
//! Reading order: a producer's [`message`] becomes a [`record`], whose [`canonical`] bytes are hashed
//! ([`hash`]) into a chain and into the Merkle tree of RFC 6962 ([`frontier`], [`proof`], [`tile`]). Up to
//! 256 records are stored as one [`segment`] under one [`commit`]. A signed [`checkpoint`] (a [`note`])
//! makes a promise of the whole, a [`receipt`] one of a single record; [`watch`] holds checkpoints against
//! one another, and [`verify`] holds the records against them, with [`fault`] for what can be wrong.

pub mod canonical;
pub mod checkpoint;
pub mod commit;
pub mod fault;
pub mod frontier;
pub mod hash;
pub mod inspect;
pub mod line;
pub mod message;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod record;
pub mod scan;
pub mod segment;
pub mod tile;
pub mod verify;
pub mod watch;
