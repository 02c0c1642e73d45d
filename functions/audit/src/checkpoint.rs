//! Checkpoints: what was promised of a chain, and how far the chain itself has come.

use api::{Answer, App, Caller, Problem};
use axum::extract::State;
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::note::{Note, VerifierKey};

use crate::wire::{CheckpointBody, HeadBody, SignedCheckpointBody};

/// A checkpoint as it was signed.
pub(crate) struct Signed {
    /// What it promises.
    pub(crate) checkpoint: Checkpoint,
    /// The note that promises it.
    pub(crate) note: Note,
    /// The text of the note.
    pub(crate) text: String,
    /// The key that verifies it, where the deployment knows it.
    pub(crate) key: Option<VerifierKey>,
}

/// The latest signed checkpoint of a chain. Every answer that needs one asks here: publishing on demand
/// belongs before the read.
pub(crate) async fn latest(app: &App, tenant: &TenantId) -> Result<Option<Signed>, Problem> {
    let Some(text) = app.store.ledger_signed(tenant).await? else { return Ok(None) };
    let unreadable = |reason: &dyn std::fmt::Display| {
        Problem::defect(format!("the checkpoint of `{tenant}` cannot be read: {reason}"))
    };
    let note = Note::parse(&text).map_err(|error| unreadable(&error))?;
    let checkpoint =
        Checkpoint::parse(note.unverified_text()).map_err(|error| unreadable(&error))?;
    Ok(Some(Signed { checkpoint, note, text, key: None }))
}

/// The latest signed checkpoint; 409 where it promises fewer records than these.
pub(crate) async fn covering(app: &App, tenant: &TenantId, size: u64) -> Result<Signed, Problem> {
    let signed = latest(app, tenant).await?;
    let promised = signed.as_ref().map_or(0, |signed| signed.checkpoint.size);
    signed.filter(|_| promised >= size).ok_or_else(|| {
        let detail = format!(
            "the record has sequence {size}, and the latest signed checkpoint {promised} records; \
             repeat the request once the next one is published"
        );
        Problem::conflict("checkpoint_behind", detail)
    })
}

pub(crate) async fn read(State(app): State<App>, caller: Caller) -> Result<Answer, Problem> {
    let tenant = &caller.tenant_id;
    let signed = latest(&app, tenant).await?;
    // Read after the checkpoint, so that the end is never before what was promised.
    let last = app.store.ledger_last(tenant).await?;
    Ok(Answer::ok(&CheckpointBody {
        signed: signed.as_ref().map(SignedCheckpointBody::of),
        head: HeadBody::of(last.as_ref()),
    }))
}
