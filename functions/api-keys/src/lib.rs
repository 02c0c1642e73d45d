//! What callers prove themselves by: API keys (create, list, get, revoke, delete) and impersonations (start, stop).
//!
//! **Invariant:** the secret of a key is in the first answer to the request that made it, and nowhere else: the
//! receipt, the event, the audit entry and every later answer are made of the key without it.

mod docs;
mod impersonation;
mod wire;

use api::{
    Answer, App, Caller, Faulty, Fields, Listing, Mutation, PathParameters, Problem, Routes,
    delete, get, post, text,
};
use axum::extract::State;
use domain::api_key::{
    ApiKey, ApiKeyDraft, KEY_ID_BYTES, KEY_SCOPES_MAX, KEY_SECONDS_DEFAULT, KEY_SECONDS_MAX,
    KEY_SECRET_BYTES, KeyText, parse_scope,
};
use domain::capability::{
    ADMIN_IMPERSONATE, API_KEY_CREATE, API_KEY_DELETE, API_KEY_READ, API_KEY_REVOKE, canonical,
};
use domain::id::{ApiKeyId, PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::text::ApiKeyName;
use domain::time::Timestamp;
use futures::FutureExt;
use serde_json::json;
use store::StoredKey;

pub use wire::{
    ApiKeyBody, ApiKeyCreate, ApiKeyDeleted, ImpersonationBody, ImpersonationStart,
    ImpersonationStop,
};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "api-keys",
        endpoints: vec![
            post("/api/v1/api-keys", API_KEY_CREATE, create, docs::create),
            get("/api/v1/api-keys", API_KEY_READ, list, docs::list),
            get("/api/v1/api-keys/{id}", API_KEY_READ, read, docs::read),
            post("/api/v1/api-keys/{id}/revoke", API_KEY_REVOKE, revoke, docs::revoke),
            delete("/api/v1/api-keys/{id}", API_KEY_DELETE, forget, docs::forget),
            post("/admin/impersonate/start", ADMIN_IMPERSONATE, impersonation::start, docs::start),
            post("/admin/impersonate/stop", ADMIN_IMPERSONATE, impersonation::stop, docs::stop),
        ],
    }
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    // It would outlast the impersonation.
    caller.check_is_itself()?;
    let (id, secret) = (random::<KEY_ID_BYTES>()?, random::<KEY_SECRET_BYTES>()?);
    let key = KeyText::of(act.tenant_id.clone(), id, secret).map_err(|refusal| defect(&refusal))?;
    let draft = draft(&caller, &key, act.at, fields)?;
    let change = ApiKey::create(act.tenant_id.clone(), draft, act.at);
    let location = format!("/api/v1/api-keys/{}", change.after.id);
    let answer = |secret| {
        let body = ApiKeyBody { key: secret, ..ApiKeyBody::of(&change.after) };
        Answer::created(location.clone(), &body).version(change.after.version)
    };
    // What a receipt remembers could be read by whoever reads the table.
    let remembered = answer(None);
    app.store.api_key_create(&mutation.intent(&remembered), &change, key.digest()).await?;
    Ok(answer(Some(key.reveal())))
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    listing.finish()?;
    let after = listing.after(&app.store, &caller).await?;
    let limit = listing.limit();
    let page = app.store.api_key_list(&caller.tenant_id, after.as_deref(), limit).await?;
    listing.answer(&app.store, &caller, page, ApiKeyBody::of).await
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    Ok(answer(&find(&app, &caller.tenant_id, &id(&path)?).await?.key))
}

async fn revoke(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    mutation.settle(|| revoke_once(&app, &mutation, &id).boxed()).await
}

async fn revoke_once(app: &App, mutation: &Mutation, id: &ApiKeyId) -> Result<Answer, Problem> {
    let act = mutation.act();
    let before = find(app, &act.tenant_id, id).await?;
    mutation.check_version(before.key.version)?;
    let Some(change) = before.key.revoke(act.at) else {
        return mutation.unchanged(&app.store, answer(&before.key)).await;
    };
    let answer = answer(&change.after);
    app.store.api_key_replace(&mutation.intent(&answer), &before, &change).await?;
    Ok(answer)
}

async fn forget(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    mutation.settle(|| forget_once(&app, &mutation, &id).boxed()).await
}

async fn forget_once(app: &App, mutation: &Mutation, id: &ApiKeyId) -> Result<Answer, Problem> {
    let act = mutation.act();
    let key = find(app, &act.tenant_id, id).await?.key;
    mutation.check_version(key.version)?;
    if key.is_active(act.at) {
        let detail = format!("API key `{id}` may still be in use; revoke it first");
        return Err(Problem::conflict("key_active", detail));
    }
    let answer = Answer::ok(&json!({"status": "deleted", "api_key_id": id}));
    app.store.api_key_delete(&mutation.intent(&answer), &key.delete()).await?;
    Ok(answer)
}

/// A refusal of what was made here and not sent by anyone.
fn defect(refusal: &Refusal) -> Problem {
    Problem::defect(refusal.reason().to_owned())
}

/// Random bytes.
fn random<const BYTES: usize>() -> Result<[u8; BYTES], Problem> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::defect(format!("no randomness: {error}")))?;
    Ok(bytes)
}

fn draft(
    caller: &Caller,
    key: &KeyText,
    now: Timestamp,
    mut fields: Fields,
) -> Result<ApiKeyDraft, Problem> {
    let name = fields.required("name", text(ApiKeyName::parse));
    let principal_id = fields.optional("principal_id", text(PrincipalId::parse));
    let principal_type = fields.optional("principal_type", text(caller_type));
    let scopes = scopes(&mut fields, caller);
    let expires_at = fields.optional("expires_at", text(|time| expiry(time, now)));
    fields.finish()?;
    let (name, scopes) = (name?, scopes?);
    let principal = match (principal_id?, principal_type?) {
        (Some(id), kind) => Principal { kind: kind.unwrap_or_else(PrincipalType::user), id },
        (None, kind) => {
            let Principal { kind: own, id } = caller.principal.clone();
            Principal { kind: kind.unwrap_or(own), id }
        }
    };
    Ok(ApiKeyDraft {
        id: key.id().clone(),
        name,
        principal,
        scopes,
        expires_at: expires_at?.unwrap_or_else(|| now.plus_seconds(KEY_SECONDS_DEFAULT)),
    })
}

/// What a key is limited to: never to more than the caller is, and to as much where nothing is said.
fn scopes(fields: &mut Fields, caller: &Caller) -> Result<Option<Vec<String>>, Faulty> {
    let within = |scope: &str| {
        let scope = parse_scope(scope)?;
        if caller.is_limited_to_others_than(&canonical(&scope)) {
            return Err(Refusal::new(format!("`{scope}` is not among the caller's own scopes")));
        }
        Ok(scope)
    };
    let named = fields.texts("scopes", KEY_SCOPES_MAX, within)?;
    Ok(named.or_else(|| caller.scopes.clone()))
}

/// A type of principal that calls.
fn caller_type(text: &str) -> Result<PrincipalType, Refusal> {
    let kind = PrincipalType::parse(text)?;
    if kind.is_group() {
        Err(Refusal::new("must not be `group`: a group does not call"))
    } else {
        Ok(kind)
    }
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let time = Timestamp::parse(text)?;
    if time <= now || time > now.plus_seconds(KEY_SECONDS_MAX) {
        return Err(Refusal::new("must be in the future, and within five years"));
    }
    Ok(time)
}

fn id(path: &PathParameters) -> Result<ApiKeyId, Problem> {
    path.read("id", "API key", ApiKeyId::parse)
}

async fn find(app: &App, tenant: &TenantId, id: &ApiKeyId) -> Result<StoredKey, Problem> {
    let found = app.store.api_key_read(tenant, id).await?;
    found.ok_or_else(|| Problem::not_found("API key", id.as_str()))
}

fn answer(key: &ApiKey) -> Answer {
    Answer::ok(&ApiKeyBody::of(key)).version(key.version)
}
