//! Impersonation: start and stop.

use api::{
    Answer, App, Caller, Fields, Mutation, Problem, impersonation_cookie,
    impersonation_cookie_gone, text,
};
use axum::extract::State;
use domain::api_key::{KEY_ID_BYTES, KEY_SECRET_BYTES};
use domain::id::{ImpersonationId, PrincipalId};
use domain::impersonation::{Impersonation, ImpersonationDraft, ImpersonationText};
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::text::Reason;
use futures::FutureExt;

use crate::wire::ImpersonationBody;
use crate::{caller_type, defect, random};

pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    mutation: Mutation,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let id = fields.required("user_id", text(|id| another(id, &caller)));
    let kind = fields.optional("user_type", text(caller_type));
    let reason = fields.required("reason", text(Reason::parse));
    fields.finish()?;
    let (id, kind, reason) = (id?, kind?, reason?);
    caller.check_is_itself()?;
    let act = mutation.act();
    let (number, secret) = (random::<KEY_ID_BYTES>()?, random::<KEY_SECRET_BYTES>()?);
    let token = ImpersonationText::of(act.tenant_id.clone(), number, secret)
        .map_err(|refusal| defect(&refusal))?;
    let draft = ImpersonationDraft {
        id: token.id().map_err(|refusal| defect(&refusal))?,
        actor: caller.principal.clone(),
        standing: caller.standing(),
        subject: Principal { kind: kind.unwrap_or_else(PrincipalType::user), id },
        reason,
        scopes: caller.scopes.clone(),
    };
    let change = Impersonation::start(act.tenant_id.clone(), draft, act.at);
    let answer =
        |token| Answer::ok(&ImpersonationBody { token, ..ImpersonationBody::of(&change.after) });
    // What a receipt remembers could be read by whoever reads the table.
    let remembered = answer(None);
    app.store.impersonation_start(&mutation.intent(&remembered), &change, token.digest()).await?;
    Ok(answer(Some(token.reveal())).cookie(impersonation_cookie(&token)))
}

pub(crate) async fn stop(
    State(app): State<App>,
    caller: Caller,
    mutation: Mutation,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let own = caller.impersonation.as_ref().map(|own| &own.id);
    let named = fields.optional("impersonation_id", text(|id| among(id, own)));
    fields.finish()?;
    let id = named?.or_else(|| own.cloned()).ok_or_else(|| {
        let refusal = Refusal::new("is required of who does not act as someone else");
        Problem::invalid_at("/impersonation_id", &refusal)
    })?;
    let stopped = mutation.settle(|| stop_once(&app, &mutation, &id).boxed()).await?;
    Ok(stopped.cookie(impersonation_cookie_gone()))
}

async fn stop_once(
    app: &App,
    mutation: &Mutation,
    id: &ImpersonationId,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let found = app.store.impersonation_read(&act.tenant_id, id).await?;
    let before = found.ok_or_else(|| Problem::not_found("impersonation", id.as_str()))?;
    let answer = |of| Answer::ok(&ImpersonationBody::of(of));
    let Some(change) = before.impersonation.stop(act.at) else {
        return mutation.unchanged(&app.store, answer(&before.impersonation)).await;
    };
    let answer = answer(&change.after);
    app.store.impersonation_stop(&mutation.intent(&answer), &before, &change).await?;
    Ok(answer)
}

/// Someone else than who asks.
fn another(id: &str, caller: &Caller) -> Result<PrincipalId, Refusal> {
    let id = PrincipalId::parse(id)?;
    if id == caller.actor().id {
        return Err(Refusal::new("must be someone else than the caller"));
    }
    Ok(id)
}

/// An impersonation, which of who acts within one can only be that.
fn among(id: &str, own: Option<&ImpersonationId>) -> Result<ImpersonationId, Refusal> {
    let id = ImpersonationId::parse(id)?;
    if own.is_some_and(|own| *own != id) {
        return Err(Refusal::new("must be the impersonation that the caller acts within"));
    }
    Ok(id)
}
