//! Assign, list, get, revoke.

use api::{Answer, App, Caller, Faulty, Fields, Listing, Mutation, PathParameters, Problem, text};
use axum::extract::State;
use domain::assignment::{AssignRefusal, Assigned, Assignment, AssignmentDraft};
use domain::capability::canonical;
use domain::condition::Condition;
use domain::entity::Entity;
use domain::grants::Gives;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::text::Reason;
use domain::time::Timestamp;
use futures::FutureExt;
use serde_json::json;
use std::sync::Arc;
use store::{AssignmentFilter, Guard};

use crate::or_user;
use crate::wire::AssignmentBody;

/// What a request to assign says.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) draft: AssignmentDraft,
    pub(crate) what: Assigned,
    pub(crate) entity_id: Option<EntityId>,
}

pub(crate) async fn create(
    State(app): State<App>,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let wanted = wanted(&app, fields)?;
    assign(&app, &mutation, wanted).await
}

/// Assigns, whichever way it was asked for.
pub(crate) async fn assign(
    app: &App,
    mutation: &Mutation,
    wanted: Wanted,
) -> Result<Answer, Problem> {
    mutation.settle(|| assign_once(app, mutation, wanted.clone()).boxed()).await
}

async fn assign_once(app: &App, mutation: &Mutation, wanted: Wanted) -> Result<Answer, Problem> {
    let act = mutation.act();
    let Wanted { draft, what, entity_id } = wanted;
    let (gives, entity) = read_named(app, &act.tenant_id, &what, entity_id.as_ref()).await?;
    let assigned =
        Assignment::create(act.tenant_id.clone(), draft.clone(), &gives, entity.as_ref(), act.at);
    let change = assigned.map_err(|refusal| match refusal {
        AssignRefusal::Scope(refusal) => Problem::invalid_at("/role_id", &refusal),
        AssignRefusal::Window(refusal) => Problem::invalid_at("/expires_at", &refusal),
    })?;
    let location = format!("/api/v1/assignments/{}", change.after.id);
    let answer = Answer::created(location, &AssignmentBody::of(&change.after));
    match app.store.assignment_create(&mutation.intent(&answer), &change).await {
        Ok(()) => Ok(answer),
        Err(store::Error::Conflict(Guard::Tuple)) => {
            already_assigned(app, mutation, &draft, &what, entity_id.as_ref()).await
        }
        Err(store::Error::Conflict(Guard::Id)) => Err(Problem::conflict(
            "id_taken",
            format!("an assignment with the id `{}` already exists", change.after.id),
        )),
        Err(other) => Err(other.into()),
    }
}

/// The principal holds it here already: 200 with that assignment where it gives what was asked for, 409 where
/// its times, its condition or its reason are others, because to answer "done" would be untrue.
async fn already_assigned(
    app: &App,
    mutation: &Mutation,
    draft: &AssignmentDraft,
    what: &Assigned,
    entity: Option<&EntityId>,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let found = app.store.assignment_find(&act.tenant_id, &draft.principal, what, entity).await?;
    match found {
        Some(found) if found.already_gives(draft, act.at) => {
            mutation.unchanged(&app.store, Answer::ok(&AssignmentBody::of(&found))).await
        }
        Some(found) => Err(Problem::conflict(
            "assigned_otherwise",
            format!(
                "assignment `{}` gives this {} from {} until {}{}; revoke it first to give other times, another condition or another reason",
                found.id,
                if found.what.role().is_some() { "role" } else { "permission" },
                found.effective_at,
                found.expires_at.map_or_else(|| "revoked".to_owned(), |at| at.to_string()),
                if found.condition.is_some() { ", on a condition" } else { "" },
            ),
        )),
        // Revoked between the two: assign once more.
        None => Err(store::Error::Conflict(Guard::Version).into()),
    }
}

/// The role, where there is one, and the entity of an assignment, read side by side; both must exist.
async fn read_named(
    app: &App,
    tenant: &TenantId,
    what: &Assigned,
    entity_id: Option<&EntityId>,
) -> Result<(Gives, Option<Entity>), Problem> {
    let read_gives = async {
        Ok(match what {
            Assigned::Role(id) => {
                app.store.role_read(tenant, id).await?.map(|role| Gives::Role(Arc::new(role)))
            }
            Assigned::Permission(action) => Some(Gives::Permission(action.clone())),
        })
    };
    let read_entity = async {
        match entity_id {
            Some(id) => app.store.entity_read(tenant, id).await,
            None => Ok(None),
        }
    };
    let (gives, entity) = futures::try_join!(read_gives, read_entity)?;
    let role_id = what.role().map(RoleId::as_str).unwrap_or_default();
    let gives = gives.ok_or_else(|| Problem::not_found("role", role_id))?;
    let entity = entity.map(|placed| placed.entity);
    match entity_id {
        Some(id) if entity.is_none() => Err(Problem::invalid_at(
            "/entity_id",
            &Refusal::new(format!("names no entity: there is no `{id}`")),
        )),
        _ => Ok((gives, entity)),
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let principal_id = listing.one("principal_id", PrincipalId::parse_or_every);
    let principal_type = listing.one("principal_type", PrincipalType::parse);
    let entity_id = listing.one("entity_id", EntityId::parse);
    let role_id = listing.one("role_id", RoleId::parse);
    let permission = listing.one("permission", permission);
    listing.finish()?;
    let what = match (role_id?, permission?) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_at(
                "permission",
                &Refusal::new("must not come with `role_id`: no assignment has both"),
            ));
        }
        (role, permission) => role.map(Assigned::Role).or(permission.map(Assigned::Permission)),
    };
    let principal = match (principal_id?, principal_type?) {
        (Some(id), kind) => Some(Principal { kind: or_user(kind), id }),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(Problem::invalid_at(
                "principal_id",
                &Refusal::new("is required with `principal_type`"),
            ));
        }
    };
    let filter = AssignmentFilter { principal, entity_id: entity_id?, what };
    let after = listing.after(&app.store, &caller).await?;
    let page =
        app.store.assignment_list(&caller.tenant_id, &filter, after, listing.limit()).await?;
    listing.answer(&app.store, &caller, page, AssignmentBody::of).await
}

pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    Ok(Answer::ok(&AssignmentBody::of(&find(&app, &caller.tenant_id, &id(&path)?).await?)))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    mutation.settle(|| revoke_once(&app, &mutation, &id).boxed()).await
}

async fn revoke_once(app: &App, mutation: &Mutation, id: &AssignmentId) -> Result<Answer, Problem> {
    end(app, mutation, &find(app, &mutation.act().tenant_id, id).await?).await
}

/// Revokes an assignment as it was read.
pub(crate) async fn end(
    app: &App,
    mutation: &Mutation,
    assignment: &Assignment,
) -> Result<Answer, Problem> {
    let change = assignment.revoke();
    let answer = Answer::ok(&json!({"status": "revoked", "assignment_id": assignment.id}));
    app.store.assignment_delete(&mutation.intent(&answer), &change).await?;
    Ok(answer)
}

fn wanted(app: &App, mut fields: Fields) -> Result<Wanted, Problem> {
    let id = fields.optional("id", text(AssignmentId::parse));
    let principal_id = fields.required("principal_id", text(PrincipalId::parse_or_every));
    let principal_type = fields.optional("principal_type", text(PrincipalType::parse));
    let what = what(&mut fields);
    let entity_id = fields.optional("entity_id", text(EntityId::parse));
    let effective_at = time(&mut fields, "effective_at");
    let expires_at = time(&mut fields, "expires_at");
    let condition = fields.optional("condition", text(Condition::parse));
    let reason = reason(&mut fields);
    fields.finish()?;
    let draft = AssignmentDraft {
        id: id?.unwrap_or_else(|| app.ids.mint()),
        principal: Principal { kind: or_user(principal_type?), id: principal_id? },
        effective_at: effective_at?,
        expires_at: expires_at?,
        condition: condition?,
        reason: reason?,
    };
    Ok(Wanted { draft, what: what?, entity_id: entity_id? })
}

/// A role or a permission, exactly one of the two.
fn what(fields: &mut Fields) -> Result<Assigned, Faulty> {
    let role = fields.optional("role_id", text(RoleId::parse))?;
    let permission = fields.optional("permission", text(permission))?;
    match (role, permission) {
        (Some(id), None) => Ok(Assigned::Role(id)),
        (None, Some(action)) => Ok(Assigned::Permission(action)),
        (None, None) => {
            fields.refuse("/role_id".to_owned(), &Refusal::new("is required, or `permission` is"))
        }
        (Some(_), Some(_)) => fields.refuse(
            "/permission".to_owned(),
            &Refusal::new("must not come with `role_id`: assign each by itself"),
        ),
    }
}

/// A permission by any of its names, in its canonical spelling.
pub(crate) fn permission(name: &str) -> Result<Action, Refusal> {
    Action::parse(&canonical(name))
}

pub(crate) fn reason(fields: &mut Fields) -> Result<Option<Reason>, Faulty> {
    fields.optional("reason", text(Reason::parse))
}

pub(crate) fn time(fields: &mut Fields, name: &str) -> Result<Option<Timestamp>, Faulty> {
    fields.optional(name, text(Timestamp::parse))
}

fn id(path: &PathParameters) -> Result<AssignmentId, Problem> {
    path.read("id", "assignment", AssignmentId::parse)
}

async fn find(app: &App, tenant: &TenantId, id: &AssignmentId) -> Result<Assignment, Problem> {
    app.store
        .assignment_read(tenant, id)
        .await?
        .ok_or_else(|| Problem::not_found("assignment", id.as_str()))
}
