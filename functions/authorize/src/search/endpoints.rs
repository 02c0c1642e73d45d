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
use crate::search::paging::seal;
use crate::search::{Found, Paging, Search};

/// A search as its endpoint has it: the caller's, with a name for its cursors.
struct Asked<'a> {
    app: &'a App,
    caller: &'a Caller,
    sent: Sent,
    paging: Paging,
    name: String,
}

impl Asked<'_> {
    fn search(&self) -> Search<'_> {
        Search {
            app: self.app,
            tenant: &self.caller.tenant_id,
            sent: &self.sent,
            now: self.app.clock.now(),
            limit: self.paging.limit,
        }
    }

    async fn after(&self) -> Result<Option<super::Position>, Problem> {
        self.paging.after(&self.app.store, &self.caller.tenant_id, &self.name).await
    }

    async fn answer<T>(
        &self,
        found: Found<T>,
        show: impl Fn(T) -> Value,
    ) -> Result<Answer, Problem> {
        let (store, tenant) = (&self.app.store, &self.caller.tenant_id);
        let next_cursor = seal(store, tenant, &self.name, found.next.as_ref()).await?;
        let items: Vec<Value> = found.items.into_iter().map(show).collect();
        Ok(Answer::ok(&json!({"items": items, "next_cursor": next_cursor})))
    }
}

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
    let (caller, sent) = (&caller, Sent::context(context));
    let asked = Asked { app: &app, caller, sent, paging: paging?, name };
    let after = asked.after().await?;
    let found = asked.search().resources(&Who::is(who), &action, &kind, after).await?;
    asked.answer(found, |id| json!({"type": kind, "id": id})).await
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
    let (caller, sent) = (&caller, Sent::context(context));
    let asked = Asked { app: &app, caller, sent, paging: paging?, name };
    let after = asked.after().await?;
    let resources = std::slice::from_ref(&resource);
    let wanted = Wanted::fresh(&caller.tenant_id, &[], resources, Attributes::Read);
    let inputs = app.store.inputs_read(wanted).await?;
    let located = inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(&resource))?;
    let on = On::Stored(located.clone());
    let found = asked.search().principals(&action, &on, &kind, after).await?;
    asked.answer(found, |who| json!({"type": who.kind, "id": who.id})).await
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
    let (caller, sent) = (&caller, Sent::context(context));
    let asked = Asked { app: &app, caller, sent, paging: paging?, name };
    let after = asked.after().await?;
    let (principals, resources) = (std::slice::from_ref(&who), std::slice::from_ref(&resource));
    let wanted = Wanted::fresh(&caller.tenant_id, principals, resources, Attributes::Read);
    let inputs = app.store.inputs_read(wanted).await?;
    let located = inputs.resource(resource.as_str()).ok_or_else(|| unknown_resource(&resource))?;
    let grants = inputs.grants(&who).ok_or_else(not_read)?;
    let on = On::Stored(located.clone());
    let found = asked.search().actions(&Who::is(who), &on, grants, after).await?;
    asked.answer(found, |action| json!(action)).await
}
