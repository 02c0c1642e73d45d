//! Entities: create, list, get, patch, archive, restore.

mod docs;
mod wire;

use api::{
    Answer, App, Caller, Fields, Listing, Mutation, PathParameters, Problem, Routes, get, patch,
    post, text,
};
use axum::extract::State;
use domain::capability::{ENTITY_ARCHIVE, ENTITY_CREATE, ENTITY_READ, ENTITY_UPDATE};
use domain::change::Change;
use domain::document::Document;
use domain::entity::{Entity, EntityDraft, EntityPatch, Status};
use domain::id::{EntityId, TenantId};
use domain::lineage::{LINEAGE_DEPTH_MAX, Lineage};
use domain::refusal::Refusal;
use domain::text::EntityName;
use domain::time::Timestamp;
use futures::FutureExt;
use store::{EntityFilter, Graph, Guard, Placed};

pub use wire::{EntityBody, EntityCreate, EntityUpdate};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "entities",
        endpoints: vec![
            post("/api/v1/entities", ENTITY_CREATE, create, docs::create),
            get("/api/v1/entities", ENTITY_READ, list, docs::list),
            get("/api/v1/entities/{id}", ENTITY_READ, read, docs::read),
            patch("/api/v1/entities/{id}", ENTITY_UPDATE, update, docs::update),
            post("/api/v1/entities/{id}/archive", ENTITY_ARCHIVE, archive, docs::archive),
            post("/api/v1/entities/{id}/restore", ENTITY_ARCHIVE, restore, docs::restore),
        ],
    }
}

async fn create(
    State(app): State<App>,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let draft = draft(&app, fields)?;
    let lineage = match &draft.parent_id {
        Some(parent) => line_under(&app, &act.tenant_id, parent, &draft.id, 1).await?,
        None => Lineage::default(),
    };
    let change = Entity::create(act.tenant_id.clone(), draft, act.at);
    let location = format!("/api/v1/entities/{}", change.after.id);
    let answer =
        Answer::created(location, &EntityBody::of(&change.after)).version(change.after.version);
    let created = app.store.entity_create(&mutation.intent(&answer), &change, &lineage).await;
    created.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let kinds = listing.every("type", |name| app.entity_types.parse(name));
    let parent_id = listing.one("parent_id", EntityId::parse);
    let status = listing.one("status", Status::parse);
    listing.finish()?;
    let mut filter = EntityFilter { kinds: kinds?, parent_id: parent_id?, status: status? };
    if filter.kinds.is_empty() && filter.parent_id.is_none() {
        filter.kinds = app.entity_types.names().cloned().collect();
    }
    let after = listing.after(&app.store, &caller).await?;
    let page = app.store.entity_list(&caller.tenant_id, &filter, after, listing.limit()).await?;
    listing.answer(&app.store, &caller, page, EntityBody::of).await
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let entity = find(&app, &caller.tenant_id, &id(&path)?).await?.entity;
    Ok(Answer::ok(&EntityBody::of(&entity)).version(entity.version))
}

async fn update(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    fields: Fields,
) -> Result<Answer, Problem> {
    let (id, patch) = (id(&path)?, patch_of(fields)?);
    mutation.settle(|| update_once(&app, &mutation, &id, patch.clone()).boxed()).await
}

async fn update_once(
    app: &App,
    mutation: &Mutation,
    id: &EntityId,
    patch: EntityPatch,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    // Read before the lines it guards, so that of two moves at once the later meets a newer version.
    // Leaving a parent closes no cycle and needs no guard.
    let tree = match patch.parent_id {
        Some(Some(_)) => Some(app.store.graph_version(&act.tenant_id, Graph::Entities).await?),
        _ => None,
    };
    let before = find(app, &act.tenant_id, id).await?;
    mutation.check_version(before.entity.version)?;
    let Some(change) = before.entity.patch(patch, act.at) else {
        return mutation.unchanged(&app.store, answer(&before.entity)).await;
    };
    let answer = answer(&change.after);
    let intent = mutation.intent(&answer);
    let stored = if change.after.parent_id == before.entity.parent_id {
        app.store.entity_replace(&intent, &before, &change).await
    } else {
        let lineage = line_of_move(app, &before, &change).await?;
        app.store.entity_move(&intent, &before, &change, &lineage, tree).await
    };
    stored.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

async fn archive(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    change_status(&app, &mutation, &path, Entity::archive).await
}

async fn restore(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    change_status(&app, &mutation, &path, Entity::restore).await
}

async fn change_status(
    app: &App,
    mutation: &Mutation,
    path: &PathParameters,
    decide: fn(&Entity, Timestamp) -> Option<Change<Entity>>,
) -> Result<Answer, Problem> {
    let id = id(path)?;
    mutation.settle(|| change_status_once(app, mutation, &id, decide).boxed()).await
}

async fn change_status_once(
    app: &App,
    mutation: &Mutation,
    id: &EntityId,
    decide: fn(&Entity, Timestamp) -> Option<Change<Entity>>,
) -> Result<Answer, Problem> {
    let act = mutation.act();
    let before = find(app, &act.tenant_id, id).await?;
    mutation.check_version(before.entity.version)?;
    let Some(change) = decide(&before.entity, act.at) else {
        return mutation.unchanged(&app.store, answer(&before.entity)).await;
    };
    let answer = answer(&change.after);
    app.store.entity_replace(&mutation.intent(&answer), &before, &change).await?;
    Ok(answer)
}

fn draft(app: &App, mut fields: Fields) -> Result<EntityDraft, Problem> {
    let id = fields.optional("id", text(EntityId::parse));
    let name = fields.required("name", text(EntityName::parse));
    let kind = fields.required("type", text(|name| app.entity_types.parse(name)));
    let status = fields.optional("status", text(Status::parse));
    let parent_id = fields.optional("parent_id", text(EntityId::parse));
    let attributes = fields.optional("attributes", Document::from_value);
    fields.finish()?;
    Ok(EntityDraft {
        id: id?.unwrap_or_else(|| app.ids.mint()),
        name: name?,
        kind: kind?,
        status: status?.unwrap_or_default(),
        parent_id: parent_id?,
        attributes: attributes?.unwrap_or_default(),
    })
}

fn patch_of(mut fields: Fields) -> Result<EntityPatch, Problem> {
    fields.only(&["name", "status", "parent_id", "attributes"]);
    fields.not_null(&["name", "status", "attributes"]);
    let name = fields.optional("name", text(EntityName::parse));
    let status = fields.optional("status", text(Status::parse));
    let parent_id = fields.cleared("parent_id", text(EntityId::parse));
    let attributes = fields.optional("attributes", Document::from_value);
    fields.finish()?;
    Ok(EntityPatch { name: name?, status: status?, parent_id: parent_id?, attributes: attributes? })
}

fn id(path: &PathParameters) -> Result<EntityId, Problem> {
    path.read("id", "entity", EntityId::parse)
}

async fn find(app: &App, tenant: &TenantId, id: &EntityId) -> Result<Placed, Problem> {
    app.store
        .entity_read(tenant, id)
        .await?
        .ok_or_else(|| Problem::not_found("entity", id.as_str()))
}

fn answer(entity: &Entity) -> Answer {
    Answer::ok(&EntityBody::of(entity)).version(entity.version)
}

/// The line of an entity under a parent that must exist.
async fn line_under(
    app: &App,
    tenant: &TenantId,
    parent: &EntityId,
    entity: &EntityId,
    height: usize,
) -> Result<Lineage, Problem> {
    let refuse = |refusal: &Refusal| Problem::invalid_at("/parent_id", refusal);
    let found = app.store.entity_read(tenant, parent).await?;
    let found = found
        .ok_or_else(|| refuse(&Refusal::new(format!("names no entity: there is no `{parent}`"))))?;
    let above_parent = app.store.lineage_read(tenant, &found).await?;
    above_parent.under(parent, entity, height).map_err(|refusal| refuse(&refusal))
}

/// The line of an entity after a move. The subtree comes along, so its height counts where it goes deeper.
async fn line_of_move(
    app: &App,
    before: &Placed,
    change: &Change<Entity>,
) -> Result<Lineage, Problem> {
    let Entity { id, tenant_id, parent_id, .. } = &change.after;
    let Some(parent) = parent_id else { return Ok(Lineage::default()) };
    let line = line_under(app, tenant_id, parent, id, 1).await?;
    if line.depth() <= app.store.lineage_read(tenant_id, before).await?.depth() {
        return Ok(line);
    }
    let room = LINEAGE_DEPTH_MAX + 1 - line.depth();
    match app.store.subtree_height(tenant_id, id, room + 1).await? {
        Some(height) if height <= room => Ok(line),
        Some(_) => Err(Problem::invalid_at(
            "/parent_id",
            &Refusal::new(format!(
                "would put what is below `{id}` deeper than {LINEAGE_DEPTH_MAX} levels"
            )),
        )),
        None => Err(Problem::invalid_at(
            "/parent_id",
            &Refusal::new(format!(
                "is deeper, and there is too much below `{id}` to move it at once; move its parts"
            )),
        )),
    }
}

fn taken(error: store::Error, entity: &Entity) -> Problem {
    match error {
        store::Error::Conflict(Guard::Name) => Problem::conflict(
            "name_taken",
            format!("entity `{}` of type `{}` already exists", entity.name, entity.kind),
        ),
        store::Error::Conflict(Guard::Id) => Problem::conflict(
            "id_taken",
            format!("an entity with the id `{}` already exists", entity.id),
        ),
        other => other.into(),
    }
}
