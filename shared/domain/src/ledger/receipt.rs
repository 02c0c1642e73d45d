//! A receipt of one record (C2SP tlog-proof): one file that proves it is in the log, with no one to ask.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::hash::Hash;
use crate::ledger::note::{Note, VerifierKey};
use crate::ledger::proof::{PROOF_HASHES_MAX, ProofError, verify_inclusion};

/// What a file's name ends with.
pub const RECEIPT_EXTENSION: &str = "tlog-proof";

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A receipt: where a record stands, the way from it to a root, and the checkpoint that holds the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of the application's own, which nothing proves.
    pub extra: Option<Vec<u8>>,
    /// The record's place, counted from 0: one less than its sequence.
    pub index: u64,
    /// The hashes beside the way up, from the leaf's neighbour on.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not a receipt.
    #[error("not a receipt: {0}")]
    Malformed(&'static str),
    /// Its checkpoint is not believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// Reads a receipt without believing it.
    pub fn parse(file: &str) -> Result<Self, ReceiptError> {
        let malformed = ReceiptError::Malformed;
        let (head, note) = file.split_once("\n\n").ok_or(malformed("no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed("its first line"));
        }
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .and_then(|line| line.strip_prefix("extra "))
            .map(|data| STANDARD.decode(data))
            .transpose()
            .map_err(|_| malformed("its extra data"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index
            .and_then(|text| text.parse::<u64>().ok().filter(|index| index.to_string() == text))
            .ok_or(malformed("its index"))?;
        let proof: Vec<Hash> =
            lines.map(Hash::from_base64).collect::<Option<_>>().ok_or(malformed("a hash"))?;
        if proof.len() > PROOF_HASHES_MAX {
            return Err(malformed("more hashes than a tree is high"));
        }
        let checkpoint = Note::parse(note).map_err(CheckpointError::from)?;
        Ok(Self { extra, index, proof, checkpoint })
    }

    /// Holds if the record with these canonical bytes is in the log of this key. Gives the checkpoint.
    pub fn verify(&self, canonical: &[u8], key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::verified(&self.checkpoint, key)?;
        let leaf = Hash::of_leaf(canonical);
        verify_inclusion(&leaf, self.index, checkpoint.size, &checkpoint.root, &self.proof)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
