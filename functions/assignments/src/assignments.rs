//! Assign, list, get, revoke.

use api::{Answer, App, Caller, Faulty, Fields, Listing, Mutation, PathParameters, Problem, text};
use axum::extract::State;
use domain::assignment::{AssignRefusal, Assignment, AssignmentDraft};
use domain::condition::Condition;
use domain::entity::Entity;
use domain::id::{AssignmentId, EntityId, PrincipalId, RoleId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::role::Role;
use domain::time::Timestamp;
use futures::FutureExt;
use serde_json::json;
use store::{AssignmentFilter, Guard};

use crate::or_user;
use crate::wire::AssignmentBody;

/// What a request to assign says.
#[derive(Clone)]
struct Wanted {
    draft: AssignmentDraft,
    role_id: RoleId,
    entity_id: Option<EntityId>,
}

pub(crate) async fn create(
    State(app): State<App>,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let wanted = wanted(&app, fields)?;
    mutation.settle(|| create_once(&app, &mutation, wanted.clone()).boxed()).await
}

async fn create_once(app: &App, mutation: &Mutation, wanted: Wanted) -> Result<Answer, Problem> {
    let act = mutation.act();
    let Wanted { draft, role_id, entity_id } = wanted;
    let (role, entity) = role_and_entity(app, &act.tenant_id, &role_id, entity_id.as_ref()).await?;
    let assigned =
        Assignment::create(act.tenant_id.clone(), draft.clone(), &role, entity.as_ref(), act.at);
    let change = assigned.map_err(|refusal| match refusal {
        AssignRefusal::Scope(refusal) => Problem::invalid_at("/role_id", &refusal),
        AssignRefusal::Window(refusal) => Problem::invalid_at("/expires_at", &refusal),
    })?;
    let location = format!("/api/v1/assignments/{}", change.after.id);
    let answer = Answer::created(location, &AssignmentBody::of(&change.after));
    match app.store.assignment_create(&mutation.intent(&answer), &change).await {
        Ok(()) => Ok(answer),
        Err(store::Error::Conflict(Guard::Tuple)) => {
            already_assigned(app, mutation, &draft, &role_id, entity_id.as_ref()).await
        }
        Err(store::Error::Conflict(Guard::Id)) => Err(Problem::conflict(
            "id_taken",
            format!("an assignment with the id `{}` already exists", change.after.id),
        )),
        Err(other) => Err(other.into()),
    }
}

/// The principal holds the role here already: 200 with that assignment where it gives what was asked for,
/// 409 where its times or its condition are others, because to answer "done" would be untrue.
async fn already_assigned(
    app: &App,
    mutation: &Mutation,
    draft: &AssignmentDraft,
    role: &RoleId,
    entity: Option<&EntityId>,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let found = app.store.assignment_find(&act.tenant_id, &draft.principal, role, entity).await?;
    match found {
        Some(found) if found.already_gives(draft, act.at) => {
            mutation.unchanged(&app.store, Answer::ok(&AssignmentBody::of(&found))).await
        }
        Some(found) => Err(Problem::conflict(
            "assigned_otherwise",
            format!(
                "assignment `{}` gives this role from {} until {}{}; revoke it first to give other times or another condition",
                found.id,
                found.effective_at,
                found.expires_at.map_or_else(|| "revoked".to_owned(), |at| at.to_string()),
                if found.condition.is_some() { ", on a condition" } else { "" },
            ),
        )),
        // Revoked between the two: assign once more.
        None => Err(store::Error::Conflict(Guard::Version).into()),
    }
}

/// The role and the entity of an assignment, read side by side; both must exist.
async fn role_and_entity(
    app: &App,
    tenant: &TenantId,
    role_id: &RoleId,
    entity_id: Option<&EntityId>,
) -> Result<(Role, Option<Entity>), Problem> {
    let read_entity = async {
        match entity_id {
            Some(id) => app.store.entity_read(tenant, id).await,
            None => Ok(None),
        }
    };
    let (role, entity) = futures::try_join!(app.store.role_read(tenant, role_id), read_entity)?;
    let role = role.ok_or_else(|| Problem::not_found("role", role_id.as_str()))?;
    let entity = entity.map(|placed| placed.entity);
    match entity_id {
        Some(id) if entity.is_none() => Err(Problem::invalid_at(
            "/entity_id",
            &Refusal::new(format!("names no entity: there is no `{id}`")),
        )),
        _ => Ok((role, entity)),
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
    listing.finish()?;
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
    let filter = AssignmentFilter { principal, entity_id: entity_id?, role_id: role_id? };
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
    let change = find(app, &mutation.act().tenant_id, id).await?.revoke();
    let answer = Answer::ok(&json!({"status": "revoked", "assignment_id": id}));
    app.store.assignment_delete(&mutation.intent(&answer), &change).await?;
    Ok(answer)
}

fn wanted(app: &App, mut fields: Fields) -> Result<Wanted, Problem> {
    let id = fields.optional("id", text(AssignmentId::parse));
    let principal_id = fields.required("principal_id", text(PrincipalId::parse_or_every));
    let principal_type = fields.optional("principal_type", text(PrincipalType::parse));
    let role_id = fields.required("role_id", text(RoleId::parse));
    let entity_id = fields.optional("entity_id", text(EntityId::parse));
    let effective_at = time(&mut fields, "effective_at");
    let expires_at = time(&mut fields, "expires_at");
    let condition = fields.optional("condition", text(Condition::parse));
    fields.finish()?;
    let draft = AssignmentDraft {
        id: id?.unwrap_or_else(|| app.ids.mint()),
        principal: Principal { kind: or_user(principal_type?), id: principal_id? },
        effective_at: effective_at?,
        expires_at: expires_at?,
        condition: condition?,
    };
    Ok(Wanted { draft, role_id: role_id?, entity_id: entity_id? })
}

fn time(fields: &mut Fields, name: &str) -> Result<Option<Timestamp>, Faulty> {
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
