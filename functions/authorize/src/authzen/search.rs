//! The three searches, with pages.

use api::{Answer, App, Fields, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Problem, natural};
use axum::extract::State;
use domain::id::TenantId;
use domain::principal::PrincipalType;
use serde_json::{Value, json};
use store::{Attributes, Wanted};

use crate::asked::Sent;
use crate::authzen::reading::{Reader, action};
use crate::authzen::tenant::Own;
use crate::check::not_read;
use crate::search::{Asked, Found, Paging};

pub(crate) async fn subjects(
    State(app): State<App>,
    Own(caller): Own,
    fields: Fields,
) -> Result<Answer, Problem> {
    let mut reader = Reader::new(fields.members());
    let (kind, of_subject) = reader.searched("subject");
    let (name, of_action) = reader.action();
    let (resource, of_resource) = reader.named("resource");
    let (context, paging) = (reader.context(), paging(&mut reader));
    reader.finish()?;
    let sent = Sent { subject: of_subject, action: of_action, resource: of_resource, context };
    let question = json!([kind, name, resource.kind, resource.id]);
    let asked = asked(&app, &caller.tenant_id, "subject", &question, sent, paging);
    let (Ok(kind), Some(action)) = (PrincipalType::parse(&kind), action(&name)) else {
        return nothing(&asked).await;
    };
    let after = asked.after().await?;
    let resources: Vec<_> = resource.entity().into_iter().collect();
    let wanted = Wanted::fresh(&caller.tenant_id, &[], &resources, Attributes::Read);
    let on = resource.on(&app.store.inputs_read(wanted).await?);
    let found = asked.search().principals(&action, &on, &kind, after).await?;
    answer(&asked, found, |who| json!({"type": who.kind, "id": who.id})).await
}

pub(crate) async fn resources(
    State(app): State<App>,
    Own(caller): Own,
    fields: Fields,
) -> Result<Answer, Problem> {
    let mut reader = Reader::new(fields.members());
    let (subject, of_subject) = reader.named("subject");
    let (name, of_action) = reader.action();
    let (kind, of_resource) = reader.searched("resource");
    let (context, paging) = (reader.context(), paging(&mut reader));
    reader.finish()?;
    let sent = Sent { subject: of_subject, action: of_action, resource: of_resource, context };
    let question = json!([subject.kind, subject.id, name, kind]);
    let asked = asked(&app, &caller.tenant_id, "resource", &question, sent, paging);
    let (Some(who), Some(action), Ok(kind)) =
        (subject.who(), action(&name), app.entity_types.parse(&kind))
    else {
        return nothing(&asked).await;
    };
    let after = asked.after().await?;
    let found = asked.search().resources(&who, &action, &kind, after).await?;
    answer(&asked, found, |id| json!({"type": kind, "id": id})).await
}

pub(crate) async fn actions(
    State(app): State<App>,
    Own(caller): Own,
    fields: Fields,
) -> Result<Answer, Problem> {
    let mut reader = Reader::new(fields.members());
    let (subject, of_subject) = reader.named("subject");
    let (resource, of_resource) = reader.named("resource");
    let (context, paging) = (reader.context(), paging(&mut reader));
    reader.finish()?;
    let sent = Sent { subject: of_subject, action: None, resource: of_resource, context };
    let question = json!([subject.kind, subject.id, resource.kind, resource.id]);
    let asked = asked(&app, &caller.tenant_id, "action", &question, sent, paging);
    let Some(who) = subject.who() else { return nothing(&asked).await };
    let after = asked.after().await?;
    let resources: Vec<_> = resource.entity().into_iter().collect();
    let principals = std::slice::from_ref(&who.principal);
    let wanted = Wanted::fresh(&caller.tenant_id, principals, &resources, Attributes::Read);
    let inputs = app.store.inputs_read(wanted).await?;
    let grants = inputs.grants(&who.principal).ok_or_else(not_read)?;
    let on = resource.on(&inputs);
    let found = asked.search().actions(&who, &on, grants, after).await?;
    answer(&asked, found, |action| json!({ "name": action })).await
}

async fn answer<T>(
    asked: &Asked<'_>,
    found: Found<T>,
    show: impl Fn(T) -> Value,
) -> Result<Answer, Problem> {
    let token = asked.cursor(&found).await?;
    let results: Vec<Value> = found.items.into_iter().map(show).collect();
    let page = json!({"next_token": token.unwrap_or_default(), "count": results.len()});
    Ok(Answer::ok(&json!({"results": results, "page": page})))
}

/// The answer where nothing here can be of the type that is asked about.
async fn nothing(asked: &Asked<'_>) -> Result<Answer, Problem> {
    asked.after().await?;
    answer(asked, Found { items: Vec::<Value>::new(), next: None }, |nothing| nothing).await
}

/// A search with a name that holds everything that was asked, so that a token is good for nothing else.
fn asked<'a>(
    app: &'a App,
    tenant: &'a TenantId,
    what: &str,
    question: &Value,
    sent: Sent,
    paging: Paging,
) -> Asked<'a> {
    let Sent { subject, action, resource, context } = &sent;
    let name =
        format!("access/search/{what} {question} {}", json!([subject, action, resource, context]));
    Asked { app, tenant, sent, paging, name }
}

/// Reads `page`. More than there may be on a page is as good as all that may; an empty token is none.
fn paging(reader: &mut Reader<'_>) -> Paging {
    let mut paging = Paging { limit: PAGE_ITEMS_DEFAULT, cursor: None, pointer: "/page/token" };
    let Some(page) = reader.object("page") else { return paging };
    match page.get("token") {
        None | Some(Value::Null) => {}
        Some(Value::String(token)) if token.is_empty() => {}
        Some(Value::String(token)) => paging.cursor = Some(token.clone()),
        Some(_) => reader.refuse("/page/token", "must be a text"),
    }
    match page.get("limit") {
        None | Some(Value::Null) => {}
        Some(limit) => match natural(limit) {
            Some(limit @ 1..) => {
                let limit = usize::try_from(limit).unwrap_or(PAGE_ITEMS_MAX);
                paging.limit = limit.min(PAGE_ITEMS_MAX);
            }
            _ => reader.refuse("/page/limit", "must be a number from 1 on"),
        },
    }
    paging
}
