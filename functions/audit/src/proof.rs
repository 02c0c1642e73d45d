//! Proofs: that a record is in the chain, and that the chain only grew.

use api::{Answer, App, Caller, File, Listing, PathParameters, Problem, TEXT};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ledger::proof::{verify_consistency, verify_inclusion};
use domain::ledger::receipt::Receipt;
use domain::refusal::Refusal;

use crate::wire::{ConsistencyBody, Format, InclusionBody};
use crate::{checkpoint, find, number};

pub(crate) async fn inclusion(
    State(app): State<App>,
    caller: Caller,
    format: Format,
    path: PathParameters,
) -> Result<Response, Problem> {
    let tenant = &caller.tenant_id;
    let record = find(&app, tenant, &path).await?;
    let sequence = record.record.sequence;
    let signed = checkpoint::covering(&app, tenant, sequence).await?;
    let promised = &signed.checkpoint;
    let index = sequence.saturating_sub(1);
    let proof = app.store.ledger_inclusion(tenant, index, promised.size).await?;
    // What does not hold is not handed out as a proof: someone has changed what was promised.
    verify_inclusion(&record.leaf, index, promised.size, &promised.root, &proof).map_err(
        |error| {
            Problem::defect(format!("record {sequence} of `{tenant}` has lost its proof: {error}"))
        },
    )?;
    Ok(match format {
        Format::Json => Answer::ok(&InclusionBody::of(&record, &signed, &proof)).into_response(),
        Format::Receipt => {
            let receipt = Receipt { extra: None, index, proof, checkpoint: signed.note };
            File::new(TEXT, receipt.to_string()).into_response()
        }
    })
}

pub(crate) async fn consistency(
    State(app): State<App>,
    caller: Caller,
    mut query: Listing,
) -> Result<Answer, Problem> {
    let from = query.required("from", number);
    let to = query.required("to", number);
    query.finish_unpaged()?;
    let (from, to) = (from?, to?);
    if from > to {
        let refusal = Refusal::new(format!("must be at most `to`, which is {to}"));
        return Err(Problem::invalid_at("from", &refusal));
    }
    let tenant = &caller.tenant_id;
    let size = app.store.ledger_last(tenant).await?.map_or(0, |last| last.last());
    if to > size {
        let refusal =
            Refusal::new(format!("must be at most the size of the chain, which is {size}"));
        return Err(Problem::invalid_at("to", &refusal));
    }
    let proof = app.store.ledger_consistency(tenant, from, to).await?;
    verify_consistency(from, &proof.old_root, to, &proof.new_root, &proof.hashes).map_err(
        |error| Problem::defect(format!("the chain of `{tenant}` contradicts itself: {error}")),
    )?;
    Ok(Answer::ok(&ConsistencyBody {
        from,
        from_root: proof.old_root,
        to,
        to_root: proof.new_root,
        hashes: proof.hashes,
    }))
}
