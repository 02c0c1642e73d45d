//! Tenants: register, list, get, patch, suspend, resume.
//!
//! **Invariant:** only who acts across tenants comes this far (`admin:access`); and what is done here is the
//! registry's, whichever tenant the request names.

mod docs;
mod wire;

use api::{
    Answer, App, Caller, Fields, Listing, Mutation, PathParameters, Problem, Routes, get, patch,
    post, text,
};
use axum::extract::State;
use domain::capability::ADMIN_ACCESS;
use domain::id::TenantId;
use domain::slug::Slug;
use domain::tenant::{Tenant, TenantDraft, TenantPatch, Tier};
use domain::text::{ExternalReference, SuspensionReason, TenantName};
use futures::FutureExt;
use store::{Guard, Page};

pub use wire::{TenantBody, TenantCreate, TenantSuspend, TenantUpdate};

/// The endpoints.
pub fn routes() -> Routes {
    Routes {
        function: "tenants",
        endpoints: vec![
            post("/api/v1/tenants", ADMIN_ACCESS, create, docs::create),
            get("/api/v1/tenants", ADMIN_ACCESS, list, docs::list),
            get("/api/v1/tenants/{id}", ADMIN_ACCESS, read, docs::read),
            patch("/api/v1/tenants/{id}", ADMIN_ACCESS, update, docs::update),
            post("/api/v1/tenants/{id}/suspend", ADMIN_ACCESS, suspend, docs::suspend),
            post("/api/v1/tenants/{id}/resume", ADMIN_ACCESS, resume, docs::resume),
        ],
    }
}

async fn create(
    State(app): State<App>,
    mutation: Mutation,
    fields: Fields,
) -> Result<Answer, Problem> {
    let mutation = mutation.within(TenantId::registry());
    let change = Tenant::create(draft(&app, fields)?, mutation.act().at);
    let location = format!("/api/v1/tenants/{}", change.after.id);
    let answer =
        Answer::created(location, &TenantBody::of(&change.after)).version(change.after.version);
    let created = app.store.tenant_create(&mutation.intent(&answer), &change).await;
    created.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let slug = listing.one("slug", Slug::parse);
    let reference = listing.one("external_ref", ExternalReference::parse);
    listing.finish()?;
    let after = listing.after(&app.store, &caller).await?;
    let page = match (slug?, reference?) {
        (None, None) => app.store.tenant_list(after.as_deref(), listing.limit()).await?,
        (Some(slug), reference) => {
            let found = app.store.tenant_by_slug(&slug).await?;
            let is_meant =
                |tenant: &Tenant| reference.is_none() || tenant.external_ref == reference;
            one(found.filter(is_meant))
        }
        (None, Some(reference)) => one(app.store.tenant_by_reference(&reference).await?),
    };
    listing.answer(&app.store, &caller, page, TenantBody::of).await
}

async fn read(State(app): State<App>, path: PathParameters) -> Result<Answer, Problem> {
    Ok(answer(&find(&app, &id(&path)?).await?))
}

async fn update(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    fields: Fields,
) -> Result<Answer, Problem> {
    let (id, patch) = (id(&path)?, patch_of(fields)?);
    let mutation = mutation.within(TenantId::registry());
    mutation.settle(|| update_once(&app, &mutation, &id, patch.clone()).boxed()).await
}

async fn update_once(
    app: &App,
    mutation: &Mutation,
    id: &TenantId,
    patch: TenantPatch,
) -> Result<Answer, Problem> {
    let before = find(app, id).await?;
    mutation.check_version(before.version)?;
    let Some(change) = before.patch(patch, mutation.act().at) else {
        return mutation.unchanged(&app.store, answer(&before)).await;
    };
    let answer = answer(&change.after);
    let stored = app.store.tenant_replace(&mutation.intent(&answer), &before, &change).await;
    stored.map_err(|error| taken(error, &change.after))?;
    Ok(answer)
}

async fn suspend(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    let reason = fields.optional("reason", text(SuspensionReason::parse));
    fields.finish()?;
    let status = Wanted::Suspended(reason?);
    let mutation = mutation.within(TenantId::registry());
    mutation.settle(|| move_once(&app, &mutation, &id, status.clone()).boxed()).await
}

async fn resume(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
) -> Result<Answer, Problem> {
    let id = id(&path)?;
    let mutation = mutation.within(TenantId::registry());
    mutation.settle(|| move_once(&app, &mutation, &id, Wanted::Active).boxed()).await
}

/// The status that a tenant is to have.
#[derive(Clone)]
enum Wanted {
    Active,
    Suspended(Option<SuspensionReason>),
}

async fn move_once(
    app: &App,
    mutation: &Mutation,
    id: &TenantId,
    wanted: Wanted,
) -> Result<Answer, Problem> {
    let at = mutation.act().at;
    let before = find(app, id).await?;
    mutation.check_version(before.version)?;
    let change = match wanted {
        Wanted::Active => before.resume(at),
        Wanted::Suspended(reason) => before.suspend(reason, at),
    };
    let Some(change) = change else {
        return mutation.unchanged(&app.store, answer(&before)).await;
    };
    let answer = answer(&change.after);
    app.store.tenant_replace(&mutation.intent(&answer), &before, &change).await?;
    Ok(answer)
}

fn draft(app: &App, mut fields: Fields) -> Result<TenantDraft, Problem> {
    let id = fields.optional("id", text(Tenant::parse_id));
    let slug = fields.required("slug", text(Slug::parse));
    let name = fields.required("name", text(TenantName::parse));
    let external_ref = fields.optional("external_ref", text(ExternalReference::parse));
    let tier = fields.optional("tier", text(Tier::parse));
    fields.finish()?;
    Ok(TenantDraft {
        id: id?.unwrap_or_else(|| app.ids.mint()),
        slug: slug?,
        name: name?,
        external_ref: external_ref?,
        tier: tier?.unwrap_or_default(),
    })
}

fn patch_of(mut fields: Fields) -> Result<TenantPatch, Problem> {
    fields.only(&["slug", "name", "external_ref", "tier"]);
    fields.not_null(&["slug", "name", "tier"]);
    let slug = fields.optional("slug", text(Slug::parse));
    let name = fields.optional("name", text(TenantName::parse));
    let external_ref = fields.cleared("external_ref", text(ExternalReference::parse));
    let tier = fields.optional("tier", text(Tier::parse));
    fields.finish()?;
    Ok(TenantPatch { slug: slug?, name: name?, external_ref: external_ref?, tier: tier? })
}

fn id(path: &PathParameters) -> Result<TenantId, Problem> {
    path.read("id", "tenant", TenantId::parse)
}

async fn find(app: &App, id: &TenantId) -> Result<Tenant, Problem> {
    let found = app.store.tenant_read(id).await?;
    found.ok_or_else(|| Problem::not_found("tenant", id.as_str()))
}

/// The page of a list that has one item at most.
fn one(found: Option<Tenant>) -> Page<Tenant> {
    Page { items: found.into_iter().collect(), next: None }
}

fn answer(tenant: &Tenant) -> Answer {
    Answer::ok(&TenantBody::of(tenant)).version(tenant.version)
}

fn taken(error: store::Error, tenant: &Tenant) -> Problem {
    let Tenant { id, slug, external_ref, .. } = tenant;
    match (error, external_ref) {
        (store::Error::Conflict(Guard::Name), _) => {
            Problem::conflict("slug_taken", format!("a tenant with the slug `{slug}` exists"))
        }
        (store::Error::Conflict(Guard::Reference), Some(reference)) => {
            let detail = format!("a tenant with the external reference `{reference}` exists");
            Problem::conflict("external_ref_taken", detail)
        }
        (store::Error::Conflict(Guard::Id), _) => {
            Problem::conflict("id_taken", format!("a tenant with the id `{id}` exists"))
        }
        (other, _) => other.into(),
    }
}
