//! Checkpoints: what was promised of a chain, and how far the chain itself has come.

use api::ledger::{PublishError, publish};
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

/// The latest signed checkpoint of a chain, which is published now where the chain has grown since: so a
/// reader is never shown an old one for want of the verifier's next run.
pub(crate) async fn latest(app: &App, tenant: &TenantId) -> Result<Option<Signed>, Problem> {
    let Some(text) = published(app, tenant).await? else { return Ok(None) };
    let unreadable = |reason: &dyn std::fmt::Display| {
        Problem::defect(format!("the checkpoint of `{tenant}` cannot be read: {reason}"))
    };
    let note = Note::parse(&text).map_err(|error| unreadable(&error))?;
    let checkpoint =
        Checkpoint::parse(note.unverified_text()).map_err(|error| unreadable(&error))?;
    let key = match &app.notary {
        Some(notary) => notary.key(tenant).await.ok(),
        None => None,
    };
    let key = key.filter(|key| note.verified(key).is_ok());
    Ok(Some(Signed { checkpoint, note, text, key }))
}

/// Publishes what is new, and gives the latest note. What keeps a new one from being signed, such as a
/// fault of the chain, is the verifier's to tell; the last one stands.
async fn published(app: &App, tenant: &TenantId) -> Result<Option<String>, Problem> {
    match publish(app, tenant).await {
        Ok(published) => Ok(published.map(|published| published.note)),
        Err(PublishError::Store(error)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(tenant_id = %tenant, %error, "no checkpoint was published on demand");
            Ok(app.store.ledger_signed(tenant).await?)
        }
    }
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
