//! The decision: may this principal do this here, and why. Also the health of the service.

mod docs;
mod wire;

use api::{Answer, App, Caller, Fields, Problem, Routes, ask, boolean, text};
use axum::extract::State;
use domain::decision::{Decision, Denial, decide};
use domain::id::{EntityId, PrincipalId};
use domain::permission::Action;
use domain::principal::{Principal, PrincipalType};
use serde_json::json;
use store::Inputs;

pub use wire::{AuthorizeAnswer, AuthorizeRequest, Explanation};

/// The endpoints.
pub fn routes() -> Routes {
    let mut endpoints = vec![ask("/api/v1/authorize", authorize, docs::authorize)];
    endpoints.extend(api::health::endpoints());
    Routes { function: "authorize", endpoints }
}

async fn authorize(
    State(app): State<App>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Answer, Problem> {
    let user_id = fields.required("user_id", text(PrincipalId::parse));
    let kind = fields.optional("principal_type", text(PrincipalType::parse));
    let action = fields.required("action", text(Action::parse));
    let resource = fields.required("resource_id", text(EntityId::parse));
    let explain = fields.optional("explain", boolean);
    fields.finish()?;
    let principal = Principal { kind: kind?.unwrap_or_else(PrincipalType::user), id: user_id? };
    let (action, resource) = (action?, resource?);

    let inputs = app.store.inputs_read(&caller.tenant_id, &principal, &resource).await?;
    let inputs = inputs.ok_or_else(|| unknown_resource(&resource))?;
    let decision = decision(&inputs, &action, app.clock.now());
    Ok(Answer::ok(&if explain?.unwrap_or(false) {
        json!({"authorized": decision.is_allowed(), "decision": Explanation::of(&decision, &inputs)})
    } else {
        json!({"authorized": decision.is_allowed()})
    }))
}

/// Decides, and tells a principal of whom nothing is stored from one who holds nothing.
fn decision<'a>(inputs: &'a Inputs, action: &Action, now: domain::time::Timestamp) -> Decision<'a> {
    match decide(inputs.held(), inputs.target(), action, now) {
        Decision::Deny { reason: Denial::NoAssignment, nearest } if !inputs.is_known => {
            Decision::Deny { reason: Denial::UnknownPrincipal, nearest }
        }
        decided => decided,
    }
}

fn unknown_resource(resource: &EntityId) -> Problem {
    Problem { code: "unknown_resource", ..Problem::not_found("entity", resource.as_str()) }
}
