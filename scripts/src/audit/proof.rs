//! `epr audit proof` and `epr audit verify-proof`: that one record is in a chain, with no one to ask.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::ledger::canonical;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::hash::Hash;
use domain::ledger::note::{Note, VerifierKey};
use domain::ledger::proof::verify_inclusion;
use domain::ledger::receipt::{Receipt, ReceiptError};
use domain::ledger::record::RECORD_BYTES_MAX;
use serde_json::Value;

use super::checkpoint::signed;
use super::output::put;
use super::place::{Ledger, Place};
use super::promise::{key, text};
use crate::verify::{Stop, tell};

/// Most bytes of a record's file: spaces and escapes may make it longer than the record.
const RECORD_FILE_BYTES_MAX: u64 = 16 * RECORD_BYTES_MAX as u64;

/// What the API shows of a record beside the record: it is no part of what is hashed.
const DERIVED: [&str; 4] = ["segment", "leaf_hash", "previous_hash", "entry_hash"];

/// What `epr audit proof` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The proof holds for the latest checkpoint, which is part of it. It does not hold the record: --record writes
that, too, in the form that is hashed.

Examples:
  epr audit proof 6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a
  epr audit proof 6f4e1a2c-cc1b-4f79-b803-b0f7d8b7f02a --out it.tlog-proof --record it.json")]
pub(crate) struct Arguments {
    /// The event of the record
    event_id: String,
    /// Write the proof to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write the record, to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// What `epr audit verify-proof` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The record is what `epr audit proof --record` writes, a line of an export, or what the API answers for it.

Exit codes: 0 the record is in the chain; 1 the proof does not show it; 2 it could not be tried.

Example:
  epr audit verify-proof it.tlog-proof it.json --key epr.vkey")]
pub(crate) struct VerifyArguments {
    /// The proof
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// The record
    #[arg(value_name = "RECORD.json")]
    record: PathBuf,
    /// The key that verifies its checkpoint: `name+id+base64`, or a file with it
    #[arg(long, value_name = "VKEY_OR_FILE")]
    key: String,
}

/// Writes a proof.
pub(super) async fn run(arguments: &Arguments) -> Result<(), String> {
    let Arguments { event_id, out, record: record_out, place } = arguments;
    let ledger = place.open().await?;
    let Ledger { store, tenant, .. } = &ledger;
    let note = signed(&ledger).await?;
    let found = store.ledger_find(tenant, event_id).await.map_err(|error| ledger.said(&error))?;
    let Some(found) = found else {
        return Err(format!("no record of the event `{event_id}` is in the chain of `{tenant}`"));
    };
    let not = |error: &dyn std::fmt::Display| format!("the published checkpoint: {error}");
    let note = Note::parse(&note).map_err(|error| not(&error))?;
    let Checkpoint { size, root, .. } =
        Checkpoint::parse(note.unverified_text()).map_err(|error| not(&error))?;
    let sequence = found.record.sequence;
    if sequence > size {
        return Err(format!(
            "record {sequence} is newer than the latest checkpoint, of {size} records: try again when \
             the next one is published"
        ));
    }
    let index = sequence - 1;
    let proof = ledger.store.ledger_inclusion(&ledger.tenant, index, size).await;
    let proof = proof.map_err(|error| ledger.said(&error))?;
    verify_inclusion(&found.leaf, index, size, &root, &proof).map_err(|error| {
        format!("record {sequence} is not what the checkpoint has ({error}): verify-audit-chain")
    })?;
    let receipt = Receipt { extra: None, index, proof, checkpoint: note };
    if let Some(file) = record_out {
        put(Some(file), &[found.line.as_slice(), b"\n"].concat())?;
    }
    put(out.as_deref(), receipt.to_string().as_bytes())
}

/// Verifies a proof.
pub(crate) fn verify_proof(arguments: &VerifyArguments) -> Result<(), Stop> {
    let key = key(&arguments.key)?;
    let file = arguments.proof.display();
    let receipt = Receipt::parse(&text(&arguments.proof)?)
        .map_err(|error| Stop::Unable(format!("`{file}`: {error}")))?;
    let (checkpoint, leaf) = proven(&receipt, &record(&arguments.record)?, &key)
        .map_err(|error| Stop::Damaged(format!("`{file}` does not prove it: {error}")))?;
    let Checkpoint { origin, size, .. } = checkpoint;
    tell(&format!(
        "OK: the record stands at sequence {} of the {size} of `{origin}`\n  leaf         {leaf}\n",
        receipt.index + 1
    ));
    Ok(())
}

/// Holds for one of the texts that the record can have: its own, and its canonical one.
fn proven(
    receipt: &Receipt,
    texts: &[Vec<u8>],
    key: &VerifierKey,
) -> Result<(Checkpoint, Hash), ReceiptError> {
    let mut refused = ReceiptError::Malformed("no record");
    for text in texts {
        match receipt.verify(text, key) {
            Ok(checkpoint) => return Ok((checkpoint, Hash::of_leaf(text))),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// The texts of a record's file: as it is, and in canonical form.
fn record(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let failed = |reason: &str| format!("`{}` cannot be read: {reason}", file.display());
    let bytes = fs::metadata(file).map_err(|error| failed(&error.to_string()))?.len();
    if bytes > RECORD_FILE_BYTES_MAX {
        return Err(failed("it is larger than any record"));
    }
    let text = fs::read(file).map_err(|error| failed(&error.to_string()))?;
    let line = text.strip_suffix(b"\n").unwrap_or(&text).to_vec();
    Ok([Some(line), rewritten(&text)].into_iter().flatten().collect())
}

/// The canonical form of a record as the API or anybody else writes it.
fn rewritten(text: &[u8]) -> Option<Vec<u8>> {
    let Ok(Value::Object(mut members)) = canonical::parse(text) else { return None };
    members.retain(|name, _| !DERIVED.contains(&name.as_str()));
    canonical::to_bytes(&members).ok()
}
