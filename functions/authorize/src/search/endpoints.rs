//! The three searches as EPR's own endpoints.

use api::{Answer, App, Caller, Fields, Problem, text};
use axum::extract::State;
use domain::document::Document;
use domain::id::EntityId;
use domain::permission::Action;
use domain::principal::PrincipalType;
use serde_json::{Value, json};
use store::{Attributes, Wanted};

use crate::asked::{On, Sent, Who};
use crate::check::{not_read, principal, unknown_resource};
use crate::search::{Asked, Found, Paging};

pub(crate) async fn resources(
    State(app): State<App>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let who = principal(&mut fields);
    let action = fields.required("action", text(Action::parse));
    let kind = fields.required("type", text(|text| app.entity_types.parse(text)));
    let context = fields.optional("context", Document::from_value);
    let paging = Paging::read(&mut fields);
    fields.finish()?;
    let (who, action, kind, context) = (who?, action?, kind?, context?);
    let name = format!("search/resources {}", json!([who.kind, who.id, action, kind, context]));
    let (tenant, sent) = (&caller.tenant_id, Sent::context(context));
    let asked = Asked { app: &app, tenant, sent, paging: paging?, name };
    let after = asked.after().await?;
    let found = asked.search().resources(&Who::is(who), &action, &kind, after).await?;
    answer(&asked, found, |id| json!({"type": kind, "id": id})).await
}

pub(crate) async fn principals(
    State(app): State<App>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let kind = fields.optional("principal_type", text(PrincipalType::parse));
    let action = fields.required("action", text(Action::parse));
    let resource = fields.required("resource_id", text(EntityId::parse));
    let context = fields.optional("context", Document::from_value);
    let paging = Paging::read(&mut fields);
    fields.finish()?;
    let (action, resource, context) = (action?, resource?, context?);
    let kind = kind?.unwrap_or_else(PrincipalType::user);
    let name = format!("search/principals {}", json!([kind, action, resource, context]));
    let (tenant, sent) = (&caller.tenant_id, Sent::context(context));
    let asked = Asked { app: &app, tenant, sent, paging: paging?, name };
    let after = asked.after().await?;
    let resources = std::slice::from_ref(&resource);
    let wanted = Wanted::fresh(tenant, &[], resources, Attributes::Read);
    let inputs = app.store.inputs_read(wanted).await?;
    let located = inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(&resource))?;
    let on = On::Stored(located.clone());
    let found = asked.search().principals(&action, &on, &kind, after).await?;
    answer(&asked, found, |who| json!({"type": who.kind, "id": who.id})).await
}

pub(crate) async fn actions(
    State(app): State<App>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let who = principal(&mut fields);
    let resource = fields.required("resource_id", text(EntityId::parse));
    let context = fields.optional("context", Document::from_value);
    let paging = Paging::read(&mut fields);
    fields.finish()?;
    let (who, resource, context) = (who?, resource?, context?);
    let name = format!("search/actions {}", json!([who.kind, who.id, resource, context]));
    let (tenant, sent) = (&caller.tenant_id, Sent::context(context));
    let asked = Asked { app: &app, tenant, sent, paging: paging?, name };
    let after = asked.after().await?;
    let (principals, resources) = (std::slice::from_ref(&who), std::slice::from_ref(&resource));
    let wanted = Wanted::fresh(tenant, principals, resources, Attributes::Read);
    let inputs = app.store.inputs_read(wanted).await?;
    let located = inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(&resource))?;
    let grants = inputs.grants(&who).ok_or_else(not_read)?;
    let on = On::Stored(located.clone());
    let found = asked.search().actions(&Who::is(who), &on, grants, after).await?;
    answer(&asked, found, |action| json!(action)).await
}

async fn answer<T>(
    asked: &Asked<'_>,
    found: Found<T>,
    show: impl Fn(T) -> Value,
) -> Result<Answer, Problem> {
    let next_cursor = asked.cursor(&found).await?;
    let items: Vec<Value> = found.items.into_iter().map(show).collect();
    Ok(Answer::ok(&json!({"items": items, "next_cursor": next_cursor})))
}
