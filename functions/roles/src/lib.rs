//! Roles: create, list, get, patch.

mod docs;
mod wire;

use api::{
    Answer, App, Caller, Faulty, Fields, Listing, Mutation, PathParameters, Problem, Routes, get,
    patch, post, text,
};
use axum::extract::State;
use domain::capability::{ROLE_CREATE, ROLE_READ, ROLE_UPDATE};
use domain::condition::Condition;
use domain::id::{RESERVED_PREFIX, RoleId, TenantId};
use domain::permission::{Action, Entry, Permissions};
use domain::refusal::Refusal;
use domain::role::{ROLE_PERMISSIONS_MAX, Role, RoleDraft, RolePatch};
use domain::text::{Description, RoleName};
use futures::FutureExt;
use serde_json::Value;
use store::Guard;

pub use wire::{ConditionalPermission, Permission, RoleBody, RoleCreate, RoleUpdate};

/// Most scope types of one role.
const SCOPE_TYPES_MAX: usize = 100;

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "roles",
        endpoints: vec![
            post("/api/v1/roles", ROLE_CREATE, create, docs::create),
            get("/api/v1/roles", ROLE_READ, list, docs::list),
            get("/api/v1/roles/{id}", ROLE_READ, read, docs::read),
            patch("/api/v1/roles/{id}", ROLE_UPDATE, update, docs::update),
        ],
    }
}

async fn create(
    State(app): State<App>,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let change = Role::create(act.tenant_id.clone(), draft(&app, fields)?, act.at);
    let location = format!("/api/v1/roles/{}", change.after.id);
    let answer =
        Answer::created(location, &RoleBody::of(&change.after)).version(change.after.version);
    let created = app.store.role_create(&mutation.intent(&answer), &change).await;
    created.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    listing.finish()?;
    let after = listing.after(&app.store, &caller).await?;
    let page = app.store.role_list(&caller.tenant_id, after.as_deref(), listing.limit()).await?;
    listing.answer(&app.store, &caller, page, RoleBody::of).await
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let role = find(&app, &caller.tenant_id, &id(&path)?).await?;
    Ok(answer(&role))
}

async fn update(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    fields: Fields,
) -> Result<Answer, Problem> {
    let (id, patch) = (id(&path)?, patch_of(&app, fields)?);
    mutation.settle(|| update_once(&app, &mutation, &id, patch.clone()).boxed()).await
}

async fn update_once(
    app: &App,
    mutation: &Mutation,
    id: &RoleId,
    patch: RolePatch,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let before = find(app, &act.tenant_id, id).await?;
    if before.is_system {
        return Err(Problem::conflict(
            "system_role",
            format!("role `{id}` is built in and cannot be changed"),
        ));
    }
    mutation.check_version(before.version)?;
    let Some(change) = before.patch(patch, act.at) else {
        return mutation.unchanged(&app.store, answer(&before)).await;
    };
    let answer = answer(&change.after);
    let stored = app.store.role_replace(&mutation.intent(&answer), &before, &change).await;
    stored.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

fn draft(app: &App, mut fields: Fields) -> Result<RoleDraft, Problem> {
    let id = fields.optional("id", text(own_id));
    let name = fields.required("name", text(own_name));
    let description = fields.optional("description", text(Description::parse));
    let permissions = permissions(&mut fields);
    let scope_types =
        fields.texts("scope_types", SCOPE_TYPES_MAX, |name| app.entity_types.parse(name));
    fields.finish()?;
    Ok(RoleDraft {
        id: id?.unwrap_or_else(|| app.ids.mint()),
        name: name?,
        description: description?,
        permissions: permissions?.unwrap_or_else(|| Permissions::exact(Vec::new())),
        scope_types: scope_types?.unwrap_or_default(),
    })
}

fn patch_of(app: &App, mut fields: Fields) -> Result<RolePatch, Problem> {
    fields.only(&["name", "description", "permissions", "scope_types"]);
    fields.not_null(&["name", "permissions", "scope_types"]);
    let name = fields.optional("name", text(own_name));
    let description = fields.cleared("description", text(Description::parse));
    let permissions = permissions(&mut fields);
    let scope_types =
        fields.texts("scope_types", SCOPE_TYPES_MAX, |name| app.entity_types.parse(name));
    fields.finish()?;
    Ok(RolePatch {
        name: name?,
        description: description?,
        permissions: permissions?,
        scope_types: scope_types?,
    })
}

fn permissions(fields: &mut Fields) -> Result<Option<Permissions>, Faulty> {
    let Some(entries) = fields.items("permissions", ROLE_PERMISSIONS_MAX, entry)? else {
        return Ok(None);
    };
    match Role::permissions(entries) {
        Ok(permissions) => Ok(Some(permissions)),
        Err((None, refusal)) => fields.refuse("/permissions".to_owned(), &refusal),
        Err((Some(place), refusal)) => fields.refuse(format!("/permissions/{place}"), &refusal),
    }
}

/// One permission: an action, or an object of an action and its condition.
fn entry(value: &Value) -> Result<Entry, Vec<(&'static str, Refusal)>> {
    let members = match value {
        Value::String(action) => {
            return Action::parse(action).map(Entry::from).map_err(|refusal| vec![("", refusal)]);
        }
        Value::Object(members) => members,
        _ => return Err(vec![("", Refusal::new("must be a text or an object"))]),
    };
    let mut refusals = Vec::new();
    if members.keys().any(|name| !matches!(name.as_str(), "action" | "condition")) {
        refusals.push(("", Refusal::new("must hold `action` and `condition` only")));
    }
    let action = match members.get("action") {
        None => Err(Refusal::new("is required")),
        Some(action) => text(Action::parse)(action),
    };
    let action = action.map_err(|refusal| refusals.push(("/action", refusal)));
    let condition = members.get("condition").filter(|condition| !condition.is_null());
    let condition = condition.map(text(Condition::parse)).transpose();
    let condition = condition.map_err(|refusal| refusals.push(("/condition", refusal)));
    match (action, condition) {
        (Ok(action), Ok(condition)) if refusals.is_empty() => Ok(Entry { action, condition }),
        _ => Err(refusals),
    }
}

/// An id that a client may choose.
fn own_id(id: &str) -> Result<RoleId, Refusal> {
    let id = RoleId::parse(id)?;
    not_built_in(id.as_str())?;
    Ok(id)
}

/// A name that a client may choose. Built-in roles are not stored, so no guard holds their names.
fn own_name(name: &str) -> Result<RoleName, Refusal> {
    let name = RoleName::parse(name)?;
    not_built_in(name.as_str())?;
    Ok(name)
}

fn not_built_in(text: &str) -> Result<(), Refusal> {
    if text.starts_with(RESERVED_PREFIX) {
        return Err(Refusal::new(format!(
            "must not begin with `{RESERVED_PREFIX}`: such roles are built in"
        )));
    }
    Ok(())
}

fn id(path: &PathParameters) -> Result<RoleId, Problem> {
    path.read("id", "role", RoleId::parse)
}

async fn find(app: &App, tenant: &TenantId, id: &RoleId) -> Result<Role, Problem> {
    app.store.role_read(tenant, id).await?.ok_or_else(|| Problem::not_found("role", id.as_str()))
}

fn answer(role: &Role) -> Answer {
    Answer::ok(&RoleBody::of(role)).version(role.version)
}

fn taken(error: store::Error, role: &Role) -> Problem {
    match error {
        store::Error::Conflict(Guard::Name) => {
            Problem::conflict("name_taken", format!("role `{}` already exists", role.name))
        }
        store::Error::Conflict(Guard::Id) => Problem::conflict(
            "id_taken",
            format!("a role with the id `{}` already exists", role.id),
        ),
        other => other.into(),
    }
}
