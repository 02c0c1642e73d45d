//! Keys and checkpoints: what a chain is held against, and whether it was signed.

use std::fs;
use std::path::Path;

use domain::id::TenantId;
use domain::ledger::checkpoint::{Checkpoint, CheckpointError};
use domain::ledger::note::{NOTE_BYTES_MAX, Note, NoteError, VerifierKey};

use crate::verify::Stop;

/// A checkpoint that a chain must extend.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) checkpoint: Checkpoint,
    /// Where it comes from, in words.
    pub(crate) source: String,
    /// Whether its signature was verified.
    pub(crate) is_signed: bool,
}

/// A verifier key, given as it is or by the file that has it.
pub(crate) fn key(given: &str) -> Result<VerifierKey, String> {
    let text = match fs::metadata(given) {
        Ok(_) => text(Path::new(given))?,
        Err(_) => given.to_owned(),
    };
    VerifierKey::parse(text.trim()).map_err(|refusal| {
        format!("the key `{given}` is neither a file nor a key that verifies: it {refusal}")
    })
}

/// The text of a small file.
pub(crate) fn text(file: &Path) -> Result<String, String> {
    let failed = |reason: &str| format!("`{}` cannot be read: {reason}", file.display());
    let bytes = fs::metadata(file).map_err(|error| failed(&error.to_string()))?.len();
    if bytes > NOTE_BYTES_MAX as u64 {
        return Err(failed("it is larger than 64 KiB"));
    }
    fs::read_to_string(file).map_err(|error| failed(&error.to_string()))
}

/// The tenant that the file of a checkpoint speaks of, whoever signed it.
pub(crate) fn tenant_in(file: &Path) -> Option<TenantId> {
    let note = Note::parse(&text(file).ok()?).ok()?;
    let checkpoint = Checkpoint::parse(note.unverified_text()).ok()?;
    TenantId::parse(named(&checkpoint)).ok()
}

/// The tenant in the name of a checkpoint's chain.
fn named(checkpoint: &Checkpoint) -> &str {
    checkpoint.origin.rsplit('/').next().unwrap_or_default()
}

impl Promise {
    /// Reads the file of a checkpoint.
    pub(crate) fn of_file(
        file: &Path,
        key: Option<&VerifierKey>,
        tenant: &TenantId,
    ) -> Result<Self, Stop> {
        let source = format!("`{}`", file.display());
        Self::of_note(&text(file)?, source, key, tenant)
    }

    /// Reads the note of a checkpoint. With a key its signature must be the key's, without one it is
    /// anybody's claim; either way it must be of this tenant's chain.
    pub(crate) fn of_note(
        text: &str,
        source: String,
        key: Option<&VerifierKey>,
        tenant: &TenantId,
    ) -> Result<Self, Stop> {
        let read = || -> Result<Checkpoint, CheckpointError> {
            let note = Note::parse(text)?;
            match key {
                Some(key) => Checkpoint::verified(&note, key),
                None => Checkpoint::parse(note.unverified_text()),
            }
        };
        let checkpoint = read().map_err(|error| {
            let reason = format!("the checkpoint {source}: {error}");
            match error {
                CheckpointError::Note(NoteError::Malformed(_)) | CheckpointError::Malformed(_) => {
                    Stop::Unable(reason)
                }
                _ => Stop::Damaged(reason),
            }
        })?;
        if named(&checkpoint) != tenant.as_str() {
            let origin = &checkpoint.origin;
            let reason = format!("the checkpoint {source} is of another chain, `{origin}`");
            return Err(Stop::Damaged(reason));
        }
        Ok(Self { checkpoint, source, is_signed: key.is_some() })
    }
}
