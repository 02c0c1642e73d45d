//! What a caller may do: the permission that a route needs, looked for in what limits the caller and in what it is
//! granted, before anything of the request is looked at.
//!
//! | the caller | needs | granted in |
//! |---|---|---|
//! | has a tenant of its own | the route's permission | its tenant: on the entity that the path names, or for all of it |
//! | has none (an operator) | the same, and `admin:access` | `system:tenants`, for all of it |
//! | acts as another | what the other needs, and all that it would need itself | as above, each of the two |
//! | is signed by IAM, or let in by `epr local` without `--auth` | nothing: the owner of the account or the machine decides | |
//!
//! Scopes of a token or key are a ceiling on each of them, and never a grant. Each use of `admin:access` is on record
//! in the ledger of `system:tenants` before it is made use of.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::capability::{ADMIN_ACCESS, ADMIN_IMPERSONATE, Capability, canonical};
use domain::change::AuditDraft;
use domain::decision::{Question, Subject, Target, decide};
use domain::id::{EntityId, TenantId};
use domain::impersonation::{Impersonation, Standing};
use domain::permission::Action;
use domain::principal::Principal;
use http::Method;
use http::request::Parts;
use serde_json::json;
use store::{Attributes, Consistency, Wanted};

use crate::app::App;
use crate::caller::{Arrived, Caller};
use crate::observe::RequestIds;
use crate::path::PathParameters;
use crate::problem::Problem;

/// What the ledger calls it that an operator speaks for a tenant.
const ADMIN_ACCESSED: &str = "admin.access";

/// Paths that begin so are about an entity.
const OF_AN_ENTITY: &str = "/api/v1/entities/{id}";

/// What stands for a tenant as a whole, where no entity is asked about. No entity can have this id, and no type this
/// name: what counts is granted everywhere, and for all types.
pub const WHOLE_TENANT: Target<'static> =
    Target { kind: "*", id: "*", ancestors: &[], stored: None, sent: None };

/// What a route needs.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    pub(crate) permission: Capability,
    pub(crate) method: Method,
    /// The path as the template has it.
    pub(crate) path: &'static str,
}

/// The layer around every endpoint that is not open to everyone: a caller who may not is told what is missing, and
/// nothing of the request is looked at.
pub(crate) async fn permitted(
    State((needed, app)): State<(Needed, App)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&needed, &app, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn check(needed: &Needed, app: &App, parts: &mut Parts) -> Result<(), Problem> {
    let caller = Caller::of(parts)?;
    let permission = needed.permission;
    if caller.is_limited_to_others_than(permission.action) {
        return Err(Problem::insufficient_scope(permission.action));
    }
    if let Some(impersonation) = &caller.impersonation {
        return check_impersonated(needed, app, &caller, impersonation, parts).await;
    }
    if caller.is_the_owners() {
        return Ok(());
    }
    if caller.crosses_tenants {
        check_operator(app, &caller, permission).await?;
        return put_on_record(needed, app, &caller, parts).await;
    }
    if permission == ADMIN_ACCESS {
        // Whoever has a tenant is no operator, whatever that tenant grants.
        return Err(Problem::forbidden(permission.action));
    }
    let entity = entity_of(needed, parts).await;
    demand(app, &caller.principal, &caller.tenant_id, &[permission], entity.as_ref()).await
}

/// Whoever acts as another needs what the other needs, and all that it would need itself: the permission, and still the
/// one to impersonate.
async fn check_impersonated(
    needed: &Needed,
    app: &App,
    caller: &Caller,
    impersonation: &Impersonation,
    parts: &mut Parts,
) -> Result<(), Problem> {
    let (permission, tenant) = (needed.permission, &caller.tenant_id);
    let Impersonation { actor, subject, standing, .. } = impersonation;
    let entity = entity_of(needed, parts).await;
    let all = [ADMIN_ACCESS, ADMIN_IMPERSONATE, permission];
    match standing {
        Standing::Owner => {}
        Standing::Operator => demand(app, actor, &TenantId::registry(), &all, None).await?,
        Standing::Member => {
            demand(app, actor, tenant, &[ADMIN_IMPERSONATE], None).await?;
            demand(app, actor, tenant, &[permission], entity.as_ref()).await?;
        }
    }
    // To end it is the actor's affair.
    if permission != ADMIN_IMPERSONATE {
        if permission == ADMIN_ACCESS {
            return Err(Problem::forbidden(permission.action));
        }
        demand(app, subject, tenant, &[permission], entity.as_ref()).await?;
    }
    if *standing == Standing::Operator {
        return put_on_record(needed, app, caller, parts).await;
    }
    Ok(())
}

async fn check_operator(app: &App, caller: &Caller, permission: Capability) -> Result<(), Problem> {
    if caller.is_limited_to_others_than(ADMIN_ACCESS.action) {
        return Err(Problem::insufficient_scope(ADMIN_ACCESS.action));
    }
    demand(app, &caller.principal, &TenantId::registry(), &[ADMIN_ACCESS, permission], None).await
}

/// 403 with the first of the permissions that a principal does not hold in a tenant.
async fn demand(
    app: &App,
    principal: &Principal,
    tenant: &TenantId,
    permissions: &[Capability],
    entity: Option<&EntityId>,
) -> Result<(), Problem> {
    let actions = permissions.iter().map(|one| Action::parse(one.action));
    let actions: Vec<Action> = actions
        .collect::<Result<_, _>>()
        .map_err(|refusal| Problem::defect(refusal.to_string()))?;
    let resources: Vec<EntityId> = entity.into_iter().cloned().collect();
    let wanted = Wanted {
        consistency: if app.config.epochs_are_elsewhere {
            Consistency::Strong
        } else {
            Consistency::Fresh
        },
        ..Wanted::fresh(
            tenant,
            std::slice::from_ref(principal),
            &resources,
            Attributes::For(&actions),
        )
    };
    let inputs = app.store.inputs_read(wanted).await?;
    let grants = inputs
        .grants(principal)
        .ok_or_else(|| Problem::defect("the grants of the caller were asked for and not read"))?;
    // Of what is not there only who may read everything is told.
    let located = entity.and_then(|id| inputs.resource(id.as_str()));
    let subject = Subject { kind: principal.kind.as_str(), id: principal.id.as_str(), sent: None };
    for (action, permission) in actions.iter().zip(permissions) {
        let question = Question {
            subject,
            action,
            action_properties: None,
            target: located.map_or(WHOLE_TENANT, |located| located.target()),
            context: None,
            now: app.clock.now(),
        };
        if !decide(grants, &question).is_allowed() {
            return Err(Problem::forbidden(permission.action));
        }
    }
    Ok(())
}

/// The entity that the path names, where it is about one.
async fn entity_of(needed: &Needed, parts: &mut Parts) -> Option<EntityId> {
    if !needed.path.starts_with(OF_AN_ENTITY) {
        return None;
    }
    let path = PathParameters::from_request_parts(parts, &()).await.ok()?;
    EntityId::parse(path.find("id")?).ok()
}

/// Tells the operators' ledger that one of them speaks for a tenant. Without that it does not happen.
async fn put_on_record(
    needed: &Needed,
    app: &App,
    caller: &Caller,
    parts: &Parts,
) -> Result<(), Problem> {
    let request_id = parts.extensions.get::<RequestIds>().map(|ids| ids.request_id.clone());
    let arrived = parts.extensions.get::<Arrived>().map(|arrived| arrived.0);
    let at = arrived.unwrap_or_else(|| app.clock.now());
    let act = caller.act(TenantId::registry(), at, request_id.unwrap_or_default());
    let details = json!({
        "accessed_tenant_id": caller.tenant_id,
        "method": needed.method.as_str(),
        "path": needed.path,
        "permission": needed.permission.action,
        "via": caller.via,
    });
    let audit = AuditDraft { action: ADMIN_ACCESSED, entity: None, details };
    Ok(app.store.audit_append(&act, &audit).await?)
}

impl Caller {
    /// Whether the scopes of the caller's token or key leave a permission out, whichever way they spell it. They are
    /// a ceiling: what they include is not granted by it. The permission is named as [`canonical`] spells it.
    pub fn is_limited_to_others_than(&self, permission: &str) -> bool {
        let Some(scopes) = &self.scopes else { return false };
        !scopes.iter().any(|scope| canonical(scope) == permission)
    }
}
