//! The ledger from outside: committed vectors, tampered chains, and other people's verifiers.

mod chain;
mod foreign;
mod tampering;
mod vectors;
