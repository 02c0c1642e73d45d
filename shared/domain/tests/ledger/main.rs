//! The ledger from outside: committed vectors, tampered chains, and other people's verifiers.

mod chain;
mod foreign;
mod readers;
mod tampering;
mod vectors;
