//! `epr bootstrap`: the first tenant of a deployment, its admin, and a key to call with; once.
//!
//! Each step looks whether it is done already, so that a run that broke off is finished by the next one.

use clap::Args;
use domain::slug::Slug;
use domain::tenant::Tenant;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ask::Principal;
use crate::remote::{Answer, Call, Failure, Place, Remote};
use crate::say;

const TENANTS: &str = "/api/v1/tenants";
const ASSIGNMENTS: &str = "/api/v1/assignments";
const KEYS: &str = "/api/v1/api-keys";

/// The role that may do everything in its tenant.
const ADMIN_ROLE: &str = "system:admin";

/// Things of one page: as many as there may be.
const PAGE_ITEMS: &str = "200";

/// How many keys are made at most because nobody saw the one before.
const KEYS_MADE_MAX: usize = 3;

/// What `epr bootstrap` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Who calls it must be an operator: signed by IAM (`AUTHORIZER=iam`), with a token for any tenant, or on this machine.
Run it again and it makes what is missing; where nothing is, it says so and changes nothing.

Examples:
  epr bootstrap --tenant acme --name \"Acme Holdings\" --admin user:alice
  epr bootstrap --url https://abcdefghij.execute-api.eu-central-1.amazonaws.com --tenant acme")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The tenant's name in addresses; its id where none is given
    #[arg(long)]
    slug: Option<String>,
    /// What the tenant is called; its id where nothing is given
    #[arg(long)]
    name: Option<String>,
    /// Who may do everything in it: an id of a user, or a type and an id as in `service:deploy`
    #[arg(long, value_name = "PRINCIPAL", default_value = "user:admin")]
    admin: Principal,
}

/// Makes what is missing.
pub(crate) async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { place, slug, name, admin } = arguments;
    let remote = Remote::open(&place).await?;
    let id = remote.tenant.clone();
    Tenant::parse_id(&id).map_err(|refusal| format!("the tenant {refusal}"))?;
    // Also a token for any tenant is to be about this one.
    let remote = remote.of_tenant(&id);
    say(&format!("Tenant `{id}` at {}:\n", remote.url));
    let registered = register(&remote, slug.as_deref(), name.as_deref()).await?;
    say_step("tenant", registered, "registered");
    let assigned = assign(&remote, &admin).await?;
    say_step("admin", assigned, &format!("{admin} holds {ADMIN_ROLE}"));
    if let Some(key) = key_of(&remote, &admin).await? {
        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
        let which = format!("{admin} has `{}`, of {}", text("key_prefix"), text("created_at"));
        say_step("API key", false, &which);
        let done =
            if registered || assigned { "Done" } else { "Already done; nothing was changed" };
        say(&format!(
            "\n{done}. A key is shown when it is made and never again; was it lost, revoke it \
             (POST {KEYS}/{}/revoke) and make another (POST {KEYS}).\n",
            text("id")
        ));
        return Ok(());
    }
    let key = make_key(&remote, &admin).await?;
    say_step("API key", true, &format!("{admin} calls with it"));
    say(&format!(
        "\nThe key is shown this once. Put it where secrets are kept; as EPR_TOKEN the other commands call with it.\n\
         \n{key}\n"
    ));
    Ok(())
}

fn say_step(what: &str, is_made: bool, how: &str) {
    let made = if is_made { "made now" } else { "there before" };
    say(&format!("  {what:<8} {made:<13} {how}\n"));
}

/// Registers the tenant; whether that was still to do.
async fn register(
    remote: &Remote,
    slug: Option<&str>,
    name: Option<&str>,
) -> Result<bool, Failure> {
    let id = remote.tenant.as_str();
    match remote.call(&Call::get(&format!("{TENANTS}/{id}"), Vec::new())).await {
        Ok(_) => return Ok(false),
        Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => {}
        Err(failure) => return Err(failure),
    }
    let slug = slug.unwrap_or(id);
    Slug::parse(slug).map_err(|refusal| {
        Failure::ours(format!(
            "`{slug}` is no slug for the tenant: it {refusal}; name one with --slug"
        ))
    })?;
    let body = json!({"id": id, "slug": slug, "name": name.unwrap_or(id)});
    match post(remote, TENANTS, Some(&body)).await {
        Ok(_) => Ok(true),
        // Someone else was doing the same.
        Err(failure) if failure.code == "id_taken" => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Gives the admin its role in the whole tenant; whether that was still to do.
async fn assign(remote: &Remote, admin: &Principal) -> Result<bool, Failure> {
    let query = [
        ("principal_type", admin.kind.clone()),
        ("principal_id", admin.id.clone()),
        ("role_id", ADMIN_ROLE.to_owned()),
    ];
    // For a time only, or on a condition: that was meant.
    let is_everywhere = |found: &Value| found.get("entity_id").is_none_or(Value::is_null);
    if find(remote, ASSIGNMENTS, &query, is_everywhere).await?.is_some() {
        return Ok(false);
    }
    let body = json!({
        "principal_type": admin.kind, "principal_id": admin.id, "role_id": ADMIN_ROLE,
    });
    Ok(post(remote, ASSIGNMENTS, Some(&body)).await?.status == StatusCode::CREATED)
}

/// A key that the admin has, revoked ones included: that it once had one is why it gets no other.
async fn key_of(remote: &Remote, admin: &Principal) -> Result<Option<Value>, Failure> {
    let is_admins = |key: &Value| {
        let is = |name: &str, value: &str| key.get(name).and_then(Value::as_str) == Some(value);
        is("principal_type", &admin.kind) && is("principal_id", &admin.id)
    };
    find(remote, KEYS, &[], is_admins).await
}

/// The first thing of a list that is meant.
async fn find(
    remote: &Remote,
    path: &str,
    filter: &[(&'static str, String)],
    is_meant: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, Failure> {
    let mut cursor: Option<String> = None;
    loop {
        let cursor_of = cursor.take().map(|cursor| ("cursor", cursor));
        let query = [("limit", PAGE_ITEMS.to_owned())].into_iter().chain(cursor_of);
        let query = query.chain(filter.iter().cloned()).collect();
        let page = remote.call(&Call::get(path, query)).await?.body;
        let items = page.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if let Some(found) = items.iter().find(|item| is_meant(item)) {
            return Ok(Some(found.clone()));
        }
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(None);
        }
    }
}

/// Makes a key; the whole of it.
async fn make_key(remote: &Remote, admin: &Principal) -> Result<String, Failure> {
    let body = json!({
        "name": "Bootstrap", "principal_type": admin.kind, "principal_id": admin.id,
    });
    for _ in 0..KEYS_MADE_MAX {
        let made = post(remote, KEYS, Some(&body)).await?.body;
        let text = |name: &str| made.get(name).and_then(Value::as_str);
        if let Some(key) = text("key") {
            return Ok(key.to_owned());
        }
        // The first answer was lost on its way and the second is without the secret: a key that nobody saw.
        let id = text("id").unwrap_or_default();
        post(remote, &format!("{KEYS}/{id}/revoke"), None).await?;
    }
    let reason =
        "a key was made and revoked again and again, because its answer was lost on its way";
    Err(Failure::ours(reason.to_owned()))
}

/// Sends something under a key of its own, so that it is done once however often it is sent.
async fn post(remote: &Remote, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
    let key = Uuid::new_v4().to_string();
    let call =
        Call { method: Method::POST, path, query: Vec::new(), body, idempotency_key: Some(&key) };
    remote.call(&call).await
}
