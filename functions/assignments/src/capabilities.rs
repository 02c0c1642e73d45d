//! The registry of capabilities, which of them a principal effectively holds and by what, and direct grants by name.
//!
//! A direct grant is an assignment of a permission. It is made and ended here and by the endpoints of assignments
//! alike, and either sees what the other did.

pub(crate) mod docs;
mod held;
mod wire;

use api::{Answer, App, Caller, Fields, Listing, Mutation, PathParameters, Problem, text};
use axum::extract::State;
use domain::assignment::{Assigned, AssignmentDraft};
use domain::capability::Capability;
use domain::decision::{Decision, Question, Subject, decide};
use domain::id::{EntityId, PrincipalId, TenantId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use futures::FutureExt;
use store::{Attributes, Inputs, Page, Wanted};

use crate::assignments::{Wanted as Assigning, assign, end, permission, reason, time};
use crate::capabilities::held::{Holding, holdings};
use crate::or_user;

pub use wire::{
    CapabilityBody, CapabilityCheck, CapabilityChecked, CapabilityGrant, CapabilityRevoke,
    HeldBody, WayBody,
};

pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let category = listing.one("category", category);
    let is_system = listing.one("is_system", |text| {
        text.parse().map_err(|_| Refusal::new("must be `true` or `false`"))
    });
    listing.finish()?;
    let (category, is_system): (Option<&str>, Option<bool>) = (category?, is_system?);
    let after = listing.after(&app.store, &caller).await?;
    let mut all: Vec<_> = Capability::all()
        .filter(|one| category.is_none_or(|category| one.category == category))
        .filter(|one| is_system.is_none_or(|wanted| one.is_system() == wanted))
        .collect();
    all.sort_unstable_by_key(|one| one.action);
    let page = page(all, |one| one.action, after, listing.limit());
    listing.answer(&app.store, &caller, page, |one| CapabilityBody::of(one)).await
}

/// One of the categories that there are.
fn category(name: &str) -> Result<&'static str, Refusal> {
    let categories = wire::categories();
    categories
        .iter()
        .copied()
        .find(|category| *category == name)
        .ok_or_else(|| Refusal::new(format!("must be one of {}", categories.join(", "))))
}

pub(crate) async fn mine(
    State(app): State<App>,
    caller: Caller,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    listing.finish()?;
    let holder = caller.principal.clone();
    answer_held(&app, &caller, &listing, &holder, caller.scopes.as_deref()).await
}

pub(crate) async fn of_user(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
    mut listing: Listing,
) -> Result<Answer, Problem> {
    let kind = listing.one("principal_type", PrincipalType::parse);
    listing.finish()?;
    let holder = Principal { kind: or_user(kind?), id: user_id(&path)? };
    answer_held(&app, &caller, &listing, &holder, None).await
}

/// The answer with what someone effectively holds, by name; within the scopes, where there are some.
async fn answer_held(
    app: &App,
    caller: &Caller,
    listing: &Listing,
    holder: &Principal,
    scopes: Option<&[String]>,
) -> Result<Answer, Problem> {
    let after = listing.after(&app.store, caller).await?;
    let tenant = &caller.tenant_id;
    let inputs = inputs(app, tenant, holder, &[], Attributes::Unread).await?;
    let grants = inputs.grants(holder).ok_or_else(not_read)?;
    let held = holdings(grants, scopes, app.clock.now());
    let page = page(held, |one| one.code.as_str(), after, listing.limit());
    listing.answer(&app.store, caller, page, |one: &Holding<'_>| HeldBody::of(one)).await
}

pub(crate) async fn check(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
    mut listing: Listing,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let user = user(&path, &mut listing)?;
    let code = fields.required("capability_code", text(permission));
    let entity = fields.optional("entity_id", text(EntityId::parse));
    fields.finish()?;
    let (code, entities) = (code?, Vec::from_iter(entity?));
    let attributes = Attributes::For(std::slice::from_ref(&code));
    let inputs = inputs(&app, &caller.tenant_id, &user, &entities, attributes).await?;
    let grants = inputs.grants(&user).ok_or_else(not_read)?;
    let target = match entities.first() {
        None => api::WHOLE_TENANT,
        Some(id) => inputs.resource(id.as_str()).ok_or_else(|| no_entity(id))?.target(),
    };
    let question = Question {
        subject: Subject { kind: user.kind.as_str(), id: user.id.as_str(), sent: None },
        action: &code,
        action_properties: None,
        target,
        context: None,
        now: app.clock.now(),
    };
    let granted_via = match decide(grants, &question) {
        Decision::Allow { by, .. } => Some(WayBody::of(by, &code)),
        Decision::Deny { .. } => None,
    };
    Ok(Answer::ok(&CapabilityChecked::of(&user, &code, granted_via)))
}

pub(crate) async fn grant(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut listing: Listing,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let user = user(&path, &mut listing)?;
    let code = fields.required("capability_code", text(registered));
    let entity_id = fields.optional("entity_id", text(EntityId::parse));
    let expires_at = time(&mut fields, "expires_at");
    let reason = reason(&mut fields);
    fields.finish()?;
    let draft = AssignmentDraft {
        id: app.ids.mint(),
        principal: user,
        effective_at: None,
        expires_at: expires_at?,
        condition: None,
        reason: reason?,
    };
    let what = Assigned::Permission(code?);
    assign(&app, &mutation, Assigning { draft, what, entity_id: entity_id? }).await
}

pub(crate) async fn revoke(
    State(app): State<App>,
    mutation: Mutation,
    path: PathParameters,
    mut listing: Listing,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let user = user(&path, &mut listing)?;
    let code = fields.required("capability_code", text(permission));
    let entity_id = fields.optional("entity_id", text(EntityId::parse));
    fields.finish()?;
    let (what, entity_id) = (Assigned::Permission(code?), entity_id?);
    mutation.settle(|| revoke_once(&app, &mutation, &user, &what, entity_id.as_ref()).boxed()).await
}

async fn revoke_once(
    app: &App,
    mutation: &Mutation,
    user: &Principal,
    what: &Assigned,
    entity: Option<&EntityId>,
) -> Result<Answer, Problem> {
    let found = app.store.assignment_find(&mutation.act().tenant_id, user, what, entity).await?;
    let code = what.permission().map(Action::as_str).unwrap_or_default();
    end(app, mutation, &found.ok_or_else(|| Problem::not_found("direct grant of", code))?).await
}

/// A registered capability by any of its names. What is misspelled here would be a grant of nothing.
fn registered(name: &str) -> Result<Action, Refusal> {
    let capability = Capability::named(name).ok_or_else(|| {
        Refusal::new(
            "names no registered capability; any other permission is granted by an assignment with `permission`",
        )
    })?;
    Action::parse(capability.action)
}

async fn inputs(
    app: &App,
    tenant: &TenantId,
    of: &Principal,
    on: &[EntityId],
    attributes: Attributes<'_>,
) -> Result<Inputs, Problem> {
    let wanted = Wanted::fresh(tenant, std::slice::from_ref(of), on, attributes);
    Ok(app.store.inputs_read(wanted).await?)
}

/// One page of what is at hand, in the order of its names.
fn page<T>(all: Vec<T>, name: impl Fn(&T) -> &str, after: Option<String>, limit: usize) -> Page<T> {
    let rest = all.into_iter().filter(|one| after.as_deref().is_none_or(|after| name(one) > after));
    let mut items: Vec<T> = rest.take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| name(last).to_owned());
    Page { items, next }
}

/// Who is meant by the path and the query.
fn user(path: &PathParameters, listing: &mut Listing) -> Result<Principal, Problem> {
    let id = user_id(path)?;
    let kind = listing.one("principal_type", PrincipalType::parse);
    listing.finish_unpaged()?;
    Ok(Principal { kind: or_user(kind?), id })
}

fn user_id(path: &PathParameters) -> Result<PrincipalId, Problem> {
    path.read("id", "principal", PrincipalId::parse)
}

fn no_entity(id: &EntityId) -> Problem {
    Problem::invalid_at("/entity_id", &Refusal::new(format!("names no entity: there is no `{id}`")))
}

fn not_read() -> Problem {
    Problem::defect("the grants of a principal were asked for and not read")
}
