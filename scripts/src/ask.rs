//! `epr check`, `epr who-can`, `epr what-can`: questions to a running system.

mod principal;
mod tree;

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::remote::{Call, Place, Remote};
use crate::{plain, say};

pub(crate) use principal::Principal;

/// Exit code of a check that says no.
const DENIED: u8 = 1;
/// Exit code where no answer could be had.
const UNABLE: u8 = 2;

/// What `epr check` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with exit code 0 for yes, 1 for no, and 2 when there is no answer.

Examples:
  epr check jonas document:verify mesa-solar --explain
  epr check group:compliance document:verify mesa-solar
  epr check alice doc:edit acme --context '{\"ip\": \"10.0.0.1\"}'")]
pub(crate) struct Check {
    /// Who: an id of a user, or a type and an id as in `group:compliance`
    principal: Principal,
    /// What it wants to do
    action: String,
    /// The entity it wants to do it on
    resource: String,
    /// Draw what decided: from the resource up to the entity, and down to the principal
    #[arg(long)]
    explain: bool,
    /// What else a condition may look at: a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    context: Option<Value>,
    #[command(flatten)]
    place: Place,
}

/// What `epr who-can` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  epr who-can document:verify mesa-solar
  epr who-can document:verify mesa-solar --type group")]
pub(crate) struct WhoCan {
    /// What they want to do
    action: String,
    /// The entity they want to do it on
    resource: String,
    /// The type of the principals
    #[arg(long = "type", value_name = "TYPE", default_value = "user")]
    kind: String,
    /// What else a condition may look at: a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    context: Option<Value>,
    #[command(flatten)]
    place: Place,
}

/// What `epr what-can` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  epr what-can priya harbour-tower                              what she can do there
  epr what-can priya --type offering --action offering:publish  where she can do that")]
pub(crate) struct WhatCan {
    /// Who: an id of a user, or a type and an id as in `group:compliance`
    principal: Principal,
    /// The entity: every action there is listed
    #[arg(required_unless_present = "kind", conflicts_with = "kind")]
    resource: Option<String>,
    /// The type of entities: every one of it is listed
    #[arg(long = "type", value_name = "TYPE", requires = "action")]
    kind: Option<String>,
    /// What it wants to do on them
    #[arg(long, requires = "kind")]
    action: Option<String>,
    /// What else a condition may look at: a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    context: Option<Value>,
    #[command(flatten)]
    place: Place,
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(error) => Err(format!("is not JSON: {error}")),
    }
}

/// Says yes or no, by the exit code too.
pub(crate) async fn check(arguments: Check) -> ExitCode {
    match answer(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DENIED),
        Err(reason) => {
            crate::failed(&reason);
            ExitCode::from(UNABLE)
        }
    }
}

async fn answer(arguments: &Check) -> Result<bool, String> {
    let Check { principal, action, resource, explain, context, place } = arguments;
    let remote = Remote::open(place).await?;
    let body = json!({
        "user_id": principal.id, "principal_type": principal.kind, "action": action,
        "resource_id": resource, "context": context, "explain": explain,
    });
    let answer = ask(&remote, "/api/v1/authorize", &body).await?;
    let authorized = answer.get("authorized").and_then(Value::as_bool);
    let authorized = authorized.ok_or("the answer does not say whether it is allowed")?;
    let (word, may) = if authorized { ("yes", "may") } else { ("no", "may not") };
    say(&plain(&format!("{word}: {principal} {may} {action} on {resource}")));
    say("\n");
    if let Some(decision) = answer.get("decision") {
        say(&tree::drawn(decision, resource, &principal.to_string()));
    }
    Ok(authorized)
}

/// Lists the principals who may.
pub(crate) async fn who_can(arguments: WhoCan) -> Result<(), String> {
    let WhoCan { action, resource, kind, context, place } = arguments;
    let body = json!({
        "principal_type": kind, "action": action, "resource_id": resource, "context": context,
    });
    list(&Remote::open(&place).await?, "principals", body).await
}

/// Lists what a principal may do on an entity, or where it may do something.
pub(crate) async fn what_can(arguments: WhatCan) -> Result<(), String> {
    let WhatCan { principal, resource, kind, action, context, place } = arguments;
    let mut body =
        json!({"user_id": principal.id, "principal_type": principal.kind, "context": context});
    let more = match (resource, kind) {
        (Some(resource), _) => json!({ "resource_id": resource }),
        (None, kind) => json!({"type": kind, "action": action}),
    };
    let what = if more.get("type").is_some() { "resources" } else { "actions" };
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    list(&Remote::open(&place).await?, what, body).await
}

/// Shows everything that a search finds, page by page, one thing a line.
async fn list(remote: &Remote, what: &str, mut body: Value) -> Result<(), String> {
    let path = format!("/api/v1/authorize/search/{what}");
    loop {
        let answer = ask(remote, &path, &body).await?;
        for item in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            let line = match (text("type"), text("id"), item.as_str()) {
                (Some(kind), Some(id), _) if what == "principals" => format!("{kind}:{id}"),
                (_, Some(id), _) => id.to_owned(),
                (_, None, action) => action.unwrap_or_default().to_owned(),
            };
            say(&format!("{}\n", plain(&line)));
        }
        match answer.get("next_cursor").filter(|cursor| !cursor.is_null()) {
            Some(cursor) => {
                let body = body.as_object_mut().ok_or("a search is an object")?;
                body.insert("cursor".to_owned(), cursor.clone());
            }
            None => return Ok(()),
        }
    }
}

async fn ask(remote: &Remote, path: &str, body: &Value) -> Result<Value, String> {
    let call = Call {
        method: Method::POST,
        path,
        query: Vec::new(),
        body: Some(body),
        idempotency_key: None,
    };
    Ok(remote.call(&call).await?.body)
}
