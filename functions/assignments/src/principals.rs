//! The stored properties of principals.

use api::{Answer, App, Caller, Fields, Mutation, PathParameters, Problem};
use axum::extract::State;
use domain::document::Document;
use domain::id::PrincipalId;
use domain::principal::{Principal, PrincipalType, Profile};
use futures::FutureExt;
use serde_json::json;

use crate::wire::PrincipalBody;

pub(crate) async fn write(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let principal = principal(&path)?;
    let properties = fields.required("properties", Document::from_value);
    fields.finish()?;
    let properties = properties?;
    mutation.settle(|| write_once(&app, &mutation, &principal, properties.clone()).boxed()).await
}

async fn write_once(
    app: &App,
    mutation: &Mutation,
    principal: &Principal,
    properties: Document,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let before = app.store.profile_read(&act.tenant_id, principal).await?;
    let change = match &before {
        None => {
            mutation.check_absent()?;
            Profile::create(act.tenant_id.clone(), principal.clone(), properties, act.at)
        }
        Some(before) => {
            mutation.check_version(before.version)?;
            match before.replace(properties, act.at) {
                Some(change) => change,
                None => return mutation.unchanged(&app.store, answer(before)).await,
            }
        }
    };
    let answer = match &before {
        None => Answer::created(location(principal), &PrincipalBody::of(&change.after)).version(1),
        Some(_) => answer(&change.after),
    };
    app.store.profile_write(&mutation.intent(&answer), before.as_ref(), &change).await?;
    Ok(answer)
}

pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let principal = principal(&path)?;
    let profile = app.store.profile_read(&caller.tenant_id, &principal).await?;
    Ok(answer(&profile.ok_or_else(|| no_properties(&principal))?))
}

pub(crate) async fn delete(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let principal = principal(&path)?;
    mutation.settle(|| delete_once(&app, &mutation, &principal).boxed()).await
}

async fn delete_once(
    app: &App,
    mutation: &Mutation,
    principal: &Principal,
) -> Result<Answer, Problem> {
    let before = app.store.profile_read(&mutation.act().tenant_id, principal).await?;
    let before = before.ok_or_else(|| no_properties(principal))?;
    mutation.check_version(before.version)?;
    let change = before.delete();
    let answer = Answer::ok(&json!({
        "status": "deleted",
        "principal_id": principal.id,
        "principal_type": principal.kind,
    }));
    app.store.profile_delete(&mutation.intent(&answer), &change).await?;
    Ok(answer)
}

fn principal(path: &PathParameters) -> Result<Principal, Problem> {
    Ok(Principal {
        kind: path.read("type", "principal", PrincipalType::parse)?,
        id: path.read("id", "principal", PrincipalId::parse)?,
    })
}

fn no_properties(principal: &Principal) -> Problem {
    Problem::not_found("stored property of principal", &principal.to_string())
}

fn location(principal: &Principal) -> String {
    format!("/api/v1/principals/{}/{}", principal.kind, principal.id)
}

fn answer(profile: &Profile) -> Answer {
    Answer::ok(&PrincipalBody::of(profile)).version(profile.version)
}
